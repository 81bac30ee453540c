"""`python -m benchmarks.unsure --data FOLDER [--write]`: does the translator know when it does not know?

Held-out captions and everyday sentences (`val`) are translated with beam 5. On every second one the thresholds are
chosen: of the sentences above the one at most 15% are bad by chrF, of the words below the other at least 80% are not in
the reference. On the others is measured what they are worth. `--write` keeps both beside the model, for the pages.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import sacrebleu

from core.finetune.parallel import TAGS, Pair, read_part
from core.models import unsure
from core.models.catalogue import default
from core.models.evidence import wilson
from core.models.translation import Translator, load_translator

EACH = 120  # sentences of a set and language
CHRF, CHRF_ZH = 35.0, 15.0  # below it a translation counts as bad; Chinese characters match more rarely
BAD, MISSING = 0.15, 0.8  # of the sentences above the threshold at most; of the words below it at least


@dataclass(frozen=True)
class Judged:
    """words: probability of each, and whether the reference lacks it."""

    set: str
    language: str
    chrf: float
    mean: float
    words: list[tuple[float, bool]]

    @property
    def bad(self) -> bool:
        return self.chrf < (CHRF_ZH if self.language == "zh" else CHRF)


def judged(model: Translator, folder: str, pair: Pair) -> Judged:
    found = model.translate(pair.source, TAGS[pair.language])
    written = unsure.words(found)
    lacks = unsure.missing([word for word, _ in written], pair.target)
    chrf = sacrebleu.sentence_chrf(found.text, [pair.target]).score
    words = [(chance, lack) for (_, chance), lack in zip(written, lacks, strict=True)]
    return Judged(folder, pair.language, chrf, unsure.mean_probability(found), words)


def chosen_pairs(data: Path) -> list[tuple[str, Pair]]:
    """In turns, so that every second one holds half of each set."""
    sets = []
    for folder in sorted(path for path in data.iterdir() if path.is_dir() and (path / "val.en.gz").exists()):
        pairs = read_part(folder, "val")
        for language in TAGS:
            own = [pair for pair in pairs if pair.language == language]
            random.Random(0).shuffle(own)
            sets.append([(folder.name, pair) for pair in own[:EACH]])
    return [one for own in sets for one in own]


def share(found: Sequence[bool]) -> str:
    low, high = wilson(sum(found), max(1, len(found)))
    return f"{sum(found)} of {len(found)}, {sum(found) / max(1, len(found)):.0%} ({low:.0%} to {high:.0%})"


def mean(found: Sequence[bool]) -> float:
    return sum(found) / max(1, len(found))


def thresholds(rows: Sequence[Judged]) -> tuple[float, float]:
    """Of sentences and of words, on the half that is not measured."""
    steps = [step / 100 for step in range(1, 100)]
    sentence = next(t for t in steps if mean([row.bad for row in rows if row.mean >= t]) <= BAD)
    words = [word for row in rows for word in row.words]
    word = max(t for t in steps if mean([lack for chance, lack in words if chance < t]) >= MISSING)
    return sentence, word


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--write", action="store_true", help="keep the thresholds with the model")
    options = parser.parse_args()
    card = default("translation")
    model = load_translator(card.key)
    rows = [judged(model, *one) for one in chosen_pairs(options.data)]
    fitted, others = rows[::2], rows[1::2]
    sentence, word = thresholds(fitted)
    marked, rest = ([row.bad for row in others if (row.mean < sentence) is below] for below in (True, False))
    words = [one for row in others for one in row.words]
    unsure_words, sure = ([lack for chance, lack in words if (chance < word) is below] for below in (True, False))
    print(f"sentences below {sentence:.2f}: {share(marked)} are bad; others: {share(rest)}")
    print(f"words below {word:.2f}: {share(unsure_words)} are not in the reference; others: {share(sure)}")
    for name in sorted({(row.set, row.language) for row in others}):
        own = [row for row in others if (row.set, row.language) == name]
        below = [row.bad for row in own if row.mean < sentence]
        print(f"  {' '.join(name)}: {share(below)}; others: {share([row.bad for row in own if row.mean >= sentence])}")
    if options.write:
        found = unsure.Measure(
            word,
            round(mean(unsure_words), 3),
            round(mean(sure), 3),
            sentence,
            round(mean(marked), 3),
            round(mean(rest), 3),
            CHRF,
            CHRF_ZH,
            len(others),
        )
        (card.folder / unsure.FILE).write_text(json.dumps(asdict(found), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
