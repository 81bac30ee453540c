"""`python -m benchmarks.typed [--model FOLDER] [--show]`: how many of 120 typed sentences keep their meaning.

`typed.tsv` holds the sentences (kind, English, German, French; written for this project, none in the training text).
`typed_grades.tsv` holds what a reader said of each translation (language, sentence, translation, grade), who had the
reference beside it: 2 right in meaning, 1 partly (a word wrong or missing, the rest to be understood), 0 wrong. A grade
belongs to one translation: what a model says otherwise is printed as not yet graded, ready to be pasted.
"""

import argparse
from collections import defaultdict
from pathlib import Path

from core.finetune.parallel import Pair
from core.finetune.score import scores, translate_all
from core.models.catalogue import default
from core.models.translation import load_translator, load_translator_folder

HERE = Path(__file__).parent
LANGUAGES = ("de", "fr")  # the columns behind the English one
GRADES = ("wrong", "partly", "right")


def rows(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (HERE / name).read_text("utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="another model than the bundled one")
    parser.add_argument("--show", action="store_true", help="print each translation with its reference and grade")
    options = parser.parse_args()
    model = load_translator_folder(options.model) if options.model else load_translator(default("translation").key)
    sentences = rows("typed.tsv")
    graded = {(language, source, said): int(grade) for language, source, said, grade in rows("typed_grades.tsv")}
    for column, language in enumerate(LANGUAGES, start=2):
        pairs = [Pair(row[1], row[column], language) for row in sentences]
        said = translate_all(model.module, model.tokenizer, pairs, 5)
        found, kinds = [], defaultdict(list)
        for row, pair, text in zip(sentences, pairs, said, strict=True):
            grade = graded.get((language, pair.source, text))
            if grade is None or options.show:
                print(f"{language}\t{pair.source}\t{text}\t{'' if grade is None else grade}\t# {pair.target}")
            if grade is not None:
                found.append(grade)
                kinds[row[0]].append(grade)
        told = ", ".join(f"{GRADES[grade]} {found.count(grade)}" for grade in (2, 1, 0))
        against = scores(said, pairs)
        print(f"{language}: of {len(found)} graded {told}; BLEU {against['bleu']:.1f}, chrF {against['chrf']:.1f}")
        print("   right: " + ", ".join(f"{kind} {grades.count(2)}/{len(grades)}" for kind, grades in kinds.items()))


if __name__ == "__main__":
    main()
