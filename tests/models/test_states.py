"""The states that the lens reads: at the end they answer as the model does, for every form of its last norm."""

from dataclasses import replace

import pytest
import torch
from transformers import BartConfig, BartForConditionalGeneration, MBartConfig, MBartForConditionalGeneration

from core import samples
from core.attention.lens import chances_of, lens
from core.attention.tuned import fit
from core.errors import SidelightError
from core.models import catalogue
from core.models.catalogue import default
from core.models.images import open_image
from core.models.lenses import tuned_lens
from core.models.states import translation_readers, translation_states, translation_streams, vision_states
from core.models.translation import Translator, load_translator
from core.models.vision import load_vision
from tests.attention import planted

SIZES = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 16,
    "decoder_ffn_dim": 16,
    "vocab_size": 15,
    "max_position_embeddings": 20,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
    "init_std": 0.4,
}


def translated(translator: Translator, sentence: str = "w3 w1 w4") -> tuple:
    source, _ = translator.source_pieces(sentence, None)
    return source, translator.translate(sentence, beams=1, max_pieces=6)


@pytest.mark.parametrize(
    "more", [{}, {"reg_tokens": 2}, {"global_pool": "avg", "class_token": False}, {"fc_norm": True}]
)
def test_every_patch_is_read_as_the_head_reads_its_own_place(more: dict) -> None:
    model = planted.random_vision(**more)
    result = model.run(planted.random_photo(), planted.SIDE, "stretch")
    whole, each = (lens(run, model.temperature) for run in vision_states(model, result))
    assert whole.top.shape == (4, 1, 5), "the embedding and three layers"
    torch.testing.assert_close(whole.chances[-1, 0], result.probabilities[whole.top[-1, 0]])
    if not more.get("global_pool"):  # CLS stands where the head reads
        torch.testing.assert_close(whole.chances[:, 0], each.chances[:, 0], rtol=1e-4, atol=1e-5)
    assert each.top.shape == (4, len(result.axis), 5)
    assert not each.distance[-1].any() and not each.rank[-1].any()


def test_a_model_without_classes_has_nothing_to_answer() -> None:
    model = planted.random_vision()
    model.classes = ()
    with pytest.raises(SidelightError) as error:
        vision_states(model, model.run(planted.random_photo(), planted.SIDE, "stretch"))
    assert error.value.code == "lens.no_head"


def modules() -> list:
    torch.manual_seed(3)
    kinds = ((BartConfig, BartForConditionalGeneration), (MBartConfig, MBartForConditionalGeneration))
    made = [kind(config(**SIZES)).eval() for config, kind in kinds]
    return [planted.random_translator().module, *made]


@pytest.mark.parametrize("kind", [0, 1, 2], ids=["Marian, norms after", "BART, norms after", "mBART, norms before"])
def test_the_last_state_writes_what_was_written(kind: int) -> None:
    translator = Translator("tiny", modules()[kind], planted.word_tokenizer(), ())
    source, translation = translated(translator)
    found = lens(translation_states(translator, source, translation))
    chances = torch.tensor([step.alternatives[0][1] for step in translation.steps])
    torch.testing.assert_close(found.chances[-1, :, 0], chances, rtol=1e-3, atol=1e-4)
    assert found.top.shape == (3, len(translation.target), 5)


def test_a_head_that_does_more_than_a_matrix_and_a_bias_is_refused() -> None:
    """Else the table would show what no layer says: here the model gave other probabilities than its head does."""
    translator = planted.random_translator()
    source, translation = translated(translator)
    *before, last = translation.steps
    last = replace(last, alternatives=tuple((name, chance / 2) for name, chance in last.alternatives))
    with pytest.raises(SidelightError) as error:
        translation_states(translator, source, replace(translation, steps=(*before, last)))
    assert error.value.code == "lens.not_known"


@pytest.mark.parametrize("kind", [0, 2], ids=["Marian, norms after", "mBART, norms before"])
def test_a_tuned_lens_reads_what_it_learnt_from(kind: int) -> None:
    """The states that it learns from, read as it learns to, are those that the page reads; the last one is the same."""
    translator = Translator("tiny", modules()[kind], planted.word_tokenizer(), ())
    source, translation = translated(translator)
    streams = translation_streams(translator, source, torch.tensor([translation.ids]))
    read, read_last = translation_readers(translator)
    tuned = fit(streams, read, read_last, steps=30)
    plain, found = (translation_states(translator, source, translation, one) for one in (None, tuned))
    with torch.no_grad():
        torch.testing.assert_close(found.head(found.states[1]), read(tuned(1, streams[1])))
        torch.testing.assert_close(plain.head(plain.states[-1]), read_last(streams[-1]))
    assert found.states[-1].equal(plain.states[-1]) and not found.states[1].equal(plain.states[1])
    assert lens(found).distance[:-1].mean() < lens(plain).distance[:-1].mean()


def test_the_bundled_lenses_are_nearer_to_the_last_answer_than_plain_ones() -> None:
    """On inputs that they did not learn from."""
    model, photo = load_vision("vision-cifar10"), open_image(samples.photos()[0].path.read_bytes())
    result = model.run(photo, 112, "crop")
    translator = load_translator(default("translation").key)
    translation = translator.translate("A dog is running.", "deu", beams=1)
    source, _ = translator.source_pieces("A dog is running.", "deu")
    for key, made in (
        ("vision-cifar10", lambda tuned: vision_states(model, result, tuned)[0]),
        (default("translation").key, lambda tuned: translation_states(translator, source, translation, tuned)),
    ):
        tuned, gain = tuned_lens(key)
        plain, found = (lens(made(one)).distance[:-1].mean() for one in (None, tuned))
        assert found < plain and gain.mean[1] < gain.mean[0] and gain.count >= 300
        assert len(gain.plain) == len(gain.tuned) == len(tuned.bias)
    assert tuned_lens("vision-vit-s-14") is None


def test_a_lens_of_other_weights_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    card = replace(catalogue.card("vision-cifar10"), sha256="of a model that was trained again")
    monkeypatch.setattr(catalogue, "card", lambda name: card)
    assert tuned_lens("vision-cifar10") is None


@pytest.mark.parametrize(("colour", "name"), [((255, 0, 0), "red"), ((0, 0, 255), "blue")])
def test_the_lens_knows_what_is_planted_once_a_layer_has_looked_at_it(colour: tuple[int, int, int], name: str) -> None:
    model, place = planted.colour_model(), 5
    result = model.run(planted.planted_photo(place, colour), planted.SIDE, "stretch")
    whole, each = vision_states(model, result)
    wanted = torch.tensor([model.classes.index(name)])
    chances = chances_of(whole, wanted)[:, 0, 0]
    assert chances[0] == 0.5 and chances[0] < chances[1] < chances[2], "each layer takes over more of the colour"
    patches = chances_of(each, wanted)[0, 1:, 0]  # before any layer
    assert int(patches.argmax()) == place and int((patches > 0.5).sum()) == 1


def test_the_lens_knows_what_is_copied_once_the_decoder_has_looked_across() -> None:
    translator = planted.copier()
    translation, source = translator.translate("w3 w1 w4", None), translator.source_pieces("w3 w1 w4", None)[0]
    before, after = lens(translation_states(translator, source, translation)).top[:, :, 0].tolist()
    written = list(translation.ids[1:])
    assert after == written and not any(a == b for a, b in zip(before, written, strict=True))
