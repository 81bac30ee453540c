"""The vocabulary of what writes: SentencePiece learnt from the training text, as MarianTokenizer reads it.

`python -m core.finetune.vocabulary --data FOLDER --model FOLDER --names 400` has a trained model cut rare names of its
sources into smaller pieces.
"""

import argparse
import io
import json
import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from transformers import MarianTokenizer

from core.finetune import parallel
from core.finetune.parallel import TAGS, WORD, Pair
from core.models.pieces import BOUNDARY


def build_vocabulary(pairs: Sequence[Pair], pieces: int, folder: Path) -> MarianTokenizer:
    """Learn `pieces` pieces shared by both sides, with one tag a language, and write them to `folder`; or read what
    lies there. A digit is a piece of its own, and from 1,024 pieces on a letter that training never showed is written
    by its bytes, so that numbers and names of any script can be copied."""
    if (folder / "vocab.json").exists():
        return MarianTokenizer.from_pretrained(folder)
    lines = [line for pair in pairs for line in (pair.source, pair.target)]
    spelling = pieces >= 4 * 256  # 256 of them are bytes
    return learn_vocabulary(
        lines, list(TAGS.values()), folder, vocab_size=pieces, byte_fallback=spelling, split_digits=True
    )


def without_rare(
    tokenizer: MarianTokenizer, pairs: Sequence[Pair], folder: Path, least: int = 0, names: int = 0
) -> MarianTokenizer:
    """The same vocabulary, written to `folder`, that cuts into smaller pieces what stands fewer than `least` times in
    this text (Sennrich et al. 2017, "The University of Edinburgh's Neural MT Systems for WMT17", section 3.1: the
    vocabulary threshold), and in sources the names that stand there fewer than `names` times and are mostly left as
    they are in translations: a model copies a name from pieces that it often met, and not one that is a rare piece.
    All ids stay."""
    before = sentencepiece.SentencePieceProcessor(model_file=str(tokenizer.spm_files[0]))
    sources, targets = (_counted(before, [getattr(pair, side) for pair in pairs]) for side in ("source", "target"))
    kept, changed = _kept(pairs)

    def is_rare(piece: str) -> bool:
        return sources[piece] + targets[piece] < least

    def is_rare_name(piece: str) -> bool:
        word = piece.strip(BOUNDARY)
        return piece[:2].istitle() and sources[piece] < names and kept[word] >= changed[word]

    tokenizer.save_pretrained(folder)
    for name, file, rules in (
        ("source.spm", tokenizer.spm_files[0], (is_rare, is_rare_name)),
        ("target.spm", tokenizer.spm_files[1], (is_rare,)),
    ):
        model: Any = getattr(sentencepiece_model_pb2, "ModelProto")()  # noqa: B009 (made at run time)
        model.ParseFromString(Path(file).read_bytes())
        for entry in model.pieces:
            is_long = len(entry.piece.strip(BOUNDARY)) > 1
            if entry.type == entry.NORMAL and is_long and any(rule(entry.piece) for rule in rules):
                entry.type = entry.UNUSED
        (folder / name).write_bytes(model.SerializeToString())
    return MarianTokenizer.from_pretrained(folder)


def _kept(pairs: Sequence[Pair]) -> tuple[Counter[str], Counter[str]]:
    """Of words with a capital letter: in how many translations into Latin letters they stand as in the source, and in
    how many they do not."""
    kept, changed = Counter[str](), Counter[str]()
    for pair in pairs:
        names, said = {word for word in WORD.findall(pair.source) if word.istitle()}, set(WORD.findall(pair.target))
        if said:
            kept.update(names & said)
            changed.update(names - said)
    return kept, changed


def _counted(vocabulary: Any, lines: Sequence[str]) -> Counter[str]:
    """How often each piece stands in these lines."""
    found = Counter[str]()
    for start in range(0, len(lines), 5000):
        for pieces in vocabulary.encode(lines[start : start + 5000], out_type=str):
            found.update(pieces)
    return found


def learn_vocabulary(lines: Sequence[str], tags: Sequence[str], folder: Path, **options: Any) -> MarianTokenizer:
    """Pieces of these lines, then a tag for each language. options: of SentencePiece's trainer."""
    folder.mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        bos_id=-1,
        pad_id=-1,
        eos_id=0,
        unk_id=1,
        num_threads=1,  # several make the result depend on their order
        minloglevel=2,
        **{"character_coverage": 0.9999} | options,
    )
    (folder / "source.spm").write_bytes(model.getvalue())
    shutil.copy(folder / "source.spm", folder / "target.spm")
    learnt = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    names = [learnt.id_to_piece(i) for i in range(len(learnt))]
    names += [f">>{tag}<<" for tag in tags] + ["<pad>"]
    vocabulary = {name: index for index, name in enumerate(names)}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False, indent=0))
    tokenizer = MarianTokenizer(
        str(folder / "source.spm"),
        str(folder / "target.spm"),
        str(folder / "vocab.json"),
        source_lang="eng",
        target_lang="mul",
    )
    tokenizer.save_pretrained(folder)
    return tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="its folder, whose vocabulary is replaced")
    parser.add_argument("--least", type=int, default=0, help="times that a piece must stand in the data")
    parser.add_argument("--names", type=int, default=0, help="times that a name must stand in its sources")
    options = parser.parse_args()
    tokenizer = MarianTokenizer.from_pretrained(options.model)
    without_rare(tokenizer, parallel.read_part(options.data, "train"), options.model, options.least, options.names)


if __name__ == "__main__":
    main()
