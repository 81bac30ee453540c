"""`python -m benchmarks.translation --data FOLDER [--model FOLDER]`: how good the translator is, how it behaves.

sacreBLEU and chrF of every part under FOLDER (`val.en.gz` beside `val.de.gz`, `test_2016_flickr...`), beam 5; then what
it does with sentences that it was not made for: how many end by themselves, how many loop.
"""

import argparse
from pathlib import Path

import torch

from benchmarks.odd_sentences import ODD
from core.finetune.parallel import TAGS, read_part
from core.finetune.score import scores, translate_all
from core.models.catalogue import default
from core.models.decoding import repeats
from core.models.translation import Translator, load_translator, load_translator_folder

PARTS = ("val", "test_2016_flickr")


def quality(model: Translator, data: Path, beams: int) -> None:
    for folder in sorted(path for path in data.iterdir() if path.is_dir()):
        for part in PARTS:
            pairs = read_part(folder, part)
            for language in TAGS:
                chosen = [pair for pair in pairs if pair.language == language]
                if chosen:
                    found = scores(translate_all(model.module, model.tokenizer, chosen, beams), chosen)
                    print(
                        f"{folder.name:<16} {part:<17} {language}  BLEU {found['bleu']:.1f}  chrF {found['chrf']:.1f}",
                        flush=True,
                    )


def behaviour(model: Translator, show: bool) -> None:
    for language, tag in TAGS.items():
        looping = thrice = unended = 0
        for sentence in ODD:
            translation = model.translate(sentence, tag)
            allowed = max(2, repeats(translation.source.pieces))
            found = repeats(translation.target.pieces)
            looping += found > allowed
            thrice += found >= 3
            unended += translation.stopped_by_limit
            if show:
                print(f"  {sentence}  →  {translation.text}{f'   {found} TIMES' if found >= 3 else ''}")
        print(
            f"{language}: of {len(ODD)} odd sentences {looping} loop (a run of pieces three times in a row, or more "
            f"often than one in the source), {thrice} have a run three times, {unended} do not end",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path, help="another model than the bundled one")
    parser.add_argument("--beams", type=int, default=5)
    parser.add_argument("--show", action="store_true", help="print the odd sentences and their translations")
    options = parser.parse_args()
    model = load_translator_folder(options.model) if options.model else load_translator(default("translation").key)
    behaviour(model, options.show)
    if options.data:
        quality(model, options.data, options.beams)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
