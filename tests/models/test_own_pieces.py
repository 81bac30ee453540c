"""What a language is written in: found in training translations, and held to by every search."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from core.finetune.own_pieces import own_pieces
from core.finetune.parallel import Pair
from core.finetune.score import translate_all
from core.models.own_pieces import FILE, held, release
from core.models.pieces import BYTE
from tests.finetune.models import tiny_translator

SENTENCE = "A dog meets Xaver."


def test_a_language_is_what_stands_often_in_its_translations() -> None:
    tokenizer = tiny_translator().tokenizer
    pairs = [Pair("A dog.", "Ein Hund.", "de")] * 3 + [Pair("A cat.", "Eine Katze.", "de"), Pair("No.", "Non.", "fr")]
    found = own_pieces(tokenizer, pairs)
    german = [set(tokenizer(text_target=text).input_ids) for text in ("Ein Hund.", "Eine Katze.")]
    spelling = {number for name, number in tokenizer.get_vocab().items() if BYTE.fullmatch(name)}
    own = {tag: set(pieces.nonzero().flatten().tolist()) for tag, pieces in found.items()}
    assert own == {">>deu<<": german[0] | spelling, ">>fra<<": spelling} and german[1] - german[0]


def test_every_search_is_held_to_the_language_and_the_source(tmp_path: Path) -> None:
    model = tiny_translator()
    module, size = model.module, len(model.tokenizer)
    source, _ = model.source_pieces(SENTENCE, "deu")
    own = torch.zeros(size, dtype=torch.uint8)
    own[[module.config.eos_token_id, *range(size // 2, size // 2 + 40)]] = 1
    may = {*own.nonzero().flatten().tolist(), *source[0].tolist()}

    def written(target: str) -> set[int]:
        source, _ = model.source_pieces(SENTENCE, target)
        return set(model.search(source, 3, 30, target=target)[0, 1:].tolist())

    assert not written("deu") <= may, "without the file it writes what it likes"
    save_file({">>deu<<": own}, tmp_path / FILE)
    held(module, model.tokenizer, tmp_path)
    assert written("deu") <= may and not written("fra") <= may
    both = [Pair(SENTENCE, "", "de"), Pair(SENTENCE, "", "fr")]
    german, french = (
        model.tokenizer(text_target=text).input_ids for text in translate_all(module, model.tokenizer, both)
    )
    alone = model.text(model.search(source, 5, 128, target="deu")[0])
    assert translate_all(module, model.tokenizer, both)[0] == alone and german != french
    release(module)
    assert not written("deu") <= may
