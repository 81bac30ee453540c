"""The vocabulary of what writes: SentencePiece learnt from the training text, as MarianTokenizer reads it."""

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

from core.finetune.parallel import TAGS, Pair
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


def without_rare(tokenizer: MarianTokenizer, pairs: Sequence[Pair], least: int, folder: Path) -> MarianTokenizer:
    """The same vocabulary, written to `folder`, that cuts into smaller pieces what stands fewer than `least` times in
    this text (Sennrich et al. 2017, "The University of Edinburgh's Neural MT Systems for WMT17", section 3.1: the
    vocabulary threshold). A rare name that is one piece is a piece that a model never learnt to copy. All ids stay."""
    model: Any = getattr(sentencepiece_model_pb2, "ModelProto")()  # noqa: B009 (made at run time)
    model.ParseFromString(Path(tokenizer.spm_files[0]).read_bytes())
    known, times = sentencepiece.SentencePieceProcessor(model_proto=model.SerializeToString()), Counter[int]()
    for ids in known.encode([line for pair in pairs for line in (pair.source, pair.target)]):
        times.update(ids)
    for piece, entry in enumerate(model.pieces):
        if entry.type == entry.NORMAL and times[piece] < least and len(entry.piece.strip(BOUNDARY)) > 1:
            entry.type = entry.UNUSED
    tokenizer.save_pretrained(folder)
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(model.SerializeToString())
    return MarianTokenizer.from_pretrained(folder)


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
