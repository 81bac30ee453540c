"""Heads switched off against the same done by hand: zeros put into the output projection, or its columns zeroed."""

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache

import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import MarianConfig, MarianMTModel

from core.attention.ablation import (
    Head,
    Without,
    all_heads,
    importance,
    importance_order,
    pruning,
    random_order,
    without,
)
from core.attention.subject import Subject
from core.models import catalogue
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import Translator
from tests.finetune.models import END_BIAS, tiny_vision, tokenizer

SENTENCES = ("A dog runs.", "Two men in red shirts are sitting on a bench in the park.", "The cat sleeps.")


@cache
def translator() -> Translator:
    """Two layers in the encoder, three in the decoder, two heads each."""
    config = MarianConfig.from_pretrained(catalogue.default("translation").folder)
    sizes = {"d_model": 32, "encoder_layers": 2, "decoder_layers": 3, "dropout": 0.0}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_attention_heads": 2, f"{side}_ffn_dim": 64}
    config.update({**sizes, "dtype": "float32", "init_std": 0.3})
    config._attn_implementation = "sdpa"
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module = MarianMTModel(config)
    module.final_logits_bias[0, config.eos_token_id] = END_BIAS
    return Translator("tiny", module.eval(), tokenizer(), ("ces", "deu", "fra"))


@cache
def sentence_subject() -> Subject:
    model = translator()
    translation = model.translate(SENTENCES[1], "deu", beams=1, max_pieces=12)
    return translation_subject(model, SENTENCES[1], "deu", translation, target=2)


def new_picture_subject() -> tuple[nn.Module, Subject]:
    torch.manual_seed(0)
    image = Image.fromarray(torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8).numpy())
    model = tiny_vision()
    return model.module, photo_subject(model, image, 64, "stretch")


@cache
def picture_subject() -> tuple[nn.Module, Subject]:
    return new_picture_subject()


def projection(module: nn.Module, kind: str, layer: int) -> nn.Linear:
    if kind == "encoder" and hasattr(module, "blocks"):
        return module.blocks[layer].attn.proj
    side = module.model.encoder if kind == "encoder" else module.model.decoder
    return side.layers[layer].encoder_attn.out_proj if kind == "cross" else side.layers[layer].self_attn.out_proj


def columns(module: nn.Module, head: Head, heads: int) -> slice:
    width = projection(module, *head[:2]).in_features // heads
    return slice(head[2] * width, (head[2] + 1) * width)


@contextmanager
def zeroed_by_hand(module: nn.Module, chosen: Sequence[Head], heads: int) -> Iterator[None]:
    """The head's slice of what the output projection reads is zero."""

    def blank(head: Head):
        def hook(part: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
            read = inputs[0].clone()
            read[..., columns(module, head, heads)] = 0
            return (read, *inputs[1:])

        return hook

    hooks = [projection(module, *head[:2]).register_forward_pre_hook(blank(head)) for head in chosen]
    yield
    for hook in hooks:
        hook.remove()


def with_zero_columns(model: Translator, chosen: Sequence[Head]) -> Translator:
    """Another model: the output projections do not read these heads."""
    module = copy.deepcopy(model.module)
    for head in chosen:
        projection(module, *head[:2]).weight.data[:, columns(module, head, 2)] = 0
    return Translator("zeroed", module, model.tokenizer, model.targets)


def whole(subject: Subject, items: int = 1) -> Tensor:
    return torch.ones(items, len(subject.axis), dtype=torch.bool)


@pytest.mark.parametrize("head", [("encoder", 0, 0), ("encoder", 1, 2), ("encoder", 2, 1)])
def test_a_head_of_the_vision_transformer_is_off(head: Head) -> None:
    module, subject = picture_subject()
    kept = whole(subject, 2)
    kept[1, 5:20] = False
    with without(subject, [head]):
        found = subject.scores(kept, "blur")
        again = subject.scores(kept, "blur")  # a second pass under the same tape
    with zeroed_by_hand(module, [head], 3):
        expected = subject.scores(kept, "blur")
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(again, expected, atol=1e-6, rtol=0)
    assert float((found - subject.scores(kept, "blur")).abs().max()) > 1e-4


def test_what_is_left_is_compared_with_the_whole_model_even_when_ablation_comes_first() -> None:
    module, subject = new_picture_subject()
    heads = all_heads(subject)[:5]
    with without(subject, heads):
        found = float(subject.scores(whole(subject), "blur")[0])
    _, other = new_picture_subject()
    assert float(other.scores(whole(other), "blur")[0]) == pytest.approx(1.0, abs=1e-5)
    with without(other, heads):
        assert found == pytest.approx(float(other.scores(whole(other), "blur")[0]), abs=1e-5)
    assert found < 0.999


@pytest.mark.parametrize(
    "head",
    [
        ("encoder", 0, 1),
        ("encoder", 1, 0),
        ("decoder", 0, 0),
        ("decoder", 2, 1),
        ("cross", 0, 1),
        ("cross", 1, 0),
        ("cross", 2, 0),
    ],
)
def test_a_head_of_the_translator_is_off(head: Head) -> None:
    subject = sentence_subject()
    kept = whole(subject, 3)
    kept[1, 2:4] = kept[2, 1] = False
    for fill in subject.fills:
        with without(subject, [head]):
            found = [subject.scores(kept, fill) for _ in range(3)]
        with zeroed_by_hand(translator().module, [head], 2):
            expected = subject.scores(kept, fill)
        for scores in found:
            torch.testing.assert_close(scores, expected, atol=1e-7, rtol=1e-5)
        assert float(((found[0] - subject.scores(kept, fill)) / found[0]).abs().max()) > 1e-4


@pytest.mark.parametrize(
    "heads",
    [
        [("decoder", 0, 1)],
        [("cross", 2, 0)],
        [("encoder", 1, 1)],
        [("encoder", 0, 0), ("decoder", 2, 0), ("cross", 1, 1)],
    ],
)
@pytest.mark.parametrize("beams", [1, 3])
def test_searching_without_a_head_is_searching_with_its_columns_zeroed(heads: list[Head], beams: int) -> None:
    """Several searches of different lengths, each with the pass that reads it, all under one tape."""
    model, subject = translator(), sentence_subject()
    other = with_zero_columns(model, heads)
    with without(subject, heads):
        found = [model.translate(text, "deu", beams, max_pieces=14) for text in SENTENCES]
    expected = [other.translate(text, "deu", beams, max_pieces=14) for text in SENTENCES]
    plain = [model.translate(text, "deu", beams, max_pieces=14) for text in SENTENCES]
    assert [one.ids for one in found] == [one.ids for one in expected]
    for one, hand, before in zip(found, expected, plain, strict=True):
        assert one.score == pytest.approx(hand.score, abs=1e-5)
        assert one.score != pytest.approx(before.score, abs=1e-4)


def test_a_batch_of_sentences_of_different_lengths_is_searched_without_a_head() -> None:
    heads: list[Head] = [("encoder", 1, 0), ("cross", 0, 1)]
    model, subject = translator(), sentence_subject()
    other = with_zero_columns(model, heads).module
    batch = tokenizer()([f">>deu<< {text}" for text in SENTENCES], return_tensors="pt", padding=True)
    options = {"num_beams": 1, "max_new_tokens": 10}
    with torch.inference_mode(), without(subject, heads) as tape:
        found = [model.module.generate(**batch, **options) for _ in range(2)]
    with torch.inference_mode():
        expected = other.generate(**batch, **options)
    assert torch.equal(found[0], expected) and torch.equal(found[1], expected)
    assert not tape.calls  # a whole set may run under it


@pytest.mark.parametrize("kind", ["vision", "translation"])
def test_importance_in_batches_is_importance_one_at_a_time(kind: str) -> None:
    subject = picture_subject()[1] if kind == "vision" else sentence_subject()
    full = float(subject.scores(whole(subject), subject.fills[0])[0])
    told: list[tuple[int, int]] = []
    grids = importance(subject, batch=4, on_step=lambda done, total: told.append((done, total)))
    heads = all_heads(subject)
    assert len(heads) == (9 if kind == "vision" else 16) and told[-1] == (len(heads), len(heads))
    for name, layer, head in heads:
        with without(subject, [(name, layer, head)]):
            alone = float(subject.scores(whole(subject), subject.fills[-1])[0])
        assert float(grids[name][layer, head]) == pytest.approx(full - alone, abs=1e-6, rel=1e-4)
    assert max(float(grid.abs().max()) for grid in grids.values()) > 1e-6
    assert {name: tuple(grid.shape) for name, grid in grids.items()} == {
        name: (trace.layers, trace.heads) for name, trace in subject.traces.items()
    }


def test_a_batch_that_does_not_fit_is_refused() -> None:
    subject = picture_subject()[1]
    with Without(subject, (), each=[[("encoder", 0, 0)], []]), pytest.raises(RuntimeError, match="2 items"):
        subject.scores(whole(subject, 3), "blur")


def test_the_least_important_head_comes_first() -> None:
    grids = {"encoder": torch.tensor([[0.3, -0.1], [0.0, 0.5]]), "cross": torch.tensor([[0.0, 0.2]])}
    order = importance_order(grids)
    assert order == [
        ("encoder", 0, 1),
        ("encoder", 1, 0),
        ("cross", 0, 0),
        ("cross", 0, 1),
        ("encoder", 0, 0),
        ("encoder", 1, 1),
    ]
    shuffled = random_order(order, seed=1)
    assert sorted(shuffled) == sorted(order) and shuffled != order and shuffled == random_order(order, seed=1)


def test_pruning_evaluates_without_the_first_heads() -> None:
    module, subject = picture_subject()
    order = random_order(all_heads(subject))
    kept = whole(subject)

    def evaluate() -> float:  # several passes, as over a set
        return float(subject.scores(kept, "blur")[0] + subject.scores(kept, "mean")[0])

    found = pruning(evaluate, subject, order, [0, 2, 9])
    for count, value in found:
        with zeroed_by_hand(module, order[:count], 3):
            assert value == pytest.approx(evaluate(), abs=1e-6)
    assert [count for count, _ in found] == [0, 2, 9] and found[0][1] == pytest.approx(2.0, abs=1e-5)
    assert found[2][1] < 2.0


def test_raising_in_on_step_stops() -> None:
    def on_step(done: int, total: int) -> None:
        if done:
            raise InterruptedError

    subject, asked = picture_subject()[1], []
    with pytest.raises(InterruptedError):
        importance(subject, batch=4, on_step=on_step)
    with pytest.raises(InterruptedError):
        pruning(lambda: asked.append(1) or 1.0, subject, all_heads(subject), [0, 1, 2], on_step)
    assert len(asked) == 1
    plain = subject.scores(whole(subject), "blur")
    assert float(plain[0]) == pytest.approx(1.0, abs=1e-5)  # nothing is left switched off
