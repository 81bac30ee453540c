"""A layer's steps against what the modules themselves give, and against the lines of PyTorch that are shown."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers as hf
from timm.layers import SwiGLU
from torch import Tensor, nn
from torch.nn import functional as F

from core import wording
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.attention.walk import Walk, walk
from core.errors import SidelightError
from core.models import vision
from core.models.subjects import photo_subject
from core.models.translation import Translator
from core.models.vision.transformers_adapter import from_transformers
from core.views.block import lines, slots
from tests.attention import planted
from tests.models.test_states import SIZES

Made = tuple[Subject, nn.Module]


def photo(model: vision.VisionModel) -> Made:
    return photo_subject(model, planted.random_photo(), planted.SIDE, "stretch", 3), model.module


def timm_vit(**more: Any) -> Made:
    return photo(planted.random_vision(**more))


def transformers_vit() -> Made:
    torch.manual_seed(5)
    sizes = {"hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 48}
    config = hf.ViTConfig(**sizes, image_size=planted.SIDE, patch_size=planted.PATCH, num_labels=5)
    processor = hf.ViTImageProcessor(size={"height": planted.SIDE, "width": planted.SIDE})
    return photo(from_transformers("tiny", hf.ViTForImageClassification(config).eval(), processor))


def sentence(translator: Translator) -> Made:
    return planted.sentence_subject(translator, "w3 w1 w4", "w2 w5", 1), translator.module


def norms_before() -> Made:
    torch.manual_seed(3)
    module = hf.MBartForConditionalGeneration(hf.MBartConfig(**SIZES)).eval()
    return sentence(Translator("tiny", module, planted.word_tokenizer(), ()))


def t5() -> Made:
    torch.manual_seed(3)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4}
    marks = {"vocab_size": 15, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1}
    module = hf.T5ForConditionalGeneration(hf.T5Config(**sizes, **marks)).eval()
    return sentence(Translator("tiny", module, planted.word_tokenizer(), ()))


def dinov2() -> Made:
    torch.manual_seed(5)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3}
    config = hf.Dinov2Config(**sizes, image_size=planted.SIDE, patch_size=planted.PATCH, num_labels=5)
    processor = hf.ViTImageProcessor(size={"height": planted.SIDE, "width": planted.SIDE})
    return photo(from_transformers("tiny", hf.Dinov2ForImageClassification(config).eval(), processor))


CASES: dict[str, tuple[Callable[[], Made], Kind, int, bool]] = {
    "timm": (timm_vit, "encoder", 2, False),
    "timm, layer scale": (lambda: timm_vit(init_values=0.5), "encoder", 2, False),
    "timm, mean of the patches": (lambda: timm_vit(global_pool="avg", class_token=False), "encoder", 2, False),
    "timm, gated": (lambda: timm_vit(mlp_layer=SwiGLU), "encoder", 2, False),
    "transformers": (transformers_vit, "encoder", 2, False),
    "Marian's encoder": (lambda: sentence(planted.random_translator()), "encoder", 1, True),
    "Marian's decoder": (lambda: sentence(planted.random_translator()), "decoder", 1, True),
    "Marian, activation written out": (
        lambda: sentence(planted.random_translator(activation_function="gelu_new")),
        "cross",
        1,
        True,
    ),
    "T5's encoder, norms of its own": (t5, "encoder", 1, False),
    "transformers, two vectors joined": (dinov2, "encoder", 1, False),
    "mBART": (norms_before, "cross", 1, False),
}


ROLES = ("norm", "qkv", "attention", "projection", "expand", "activation", "contract", "residual")
TOLD = {(part, role) for part in ("first", "cross", "mlp", "end") for role in ROLES}
TOLD = {place for place in TOLD if f"block.{'_'.join(place)}" in wording.entries()}


def outputs(subject: Subject, module: nn.Module) -> dict[str, tuple[Tensor, Tensor]]:
    """What each linear map and each norm was given, and what it gave, by its name."""
    found: dict[str, tuple[Tensor, Tensor]] = {}
    named = [(name, part) for name, part in module.named_modules() if isinstance(part, nn.Linear | nn.LayerNorm)]
    hooks = [
        part.register_forward_hook(lambda part, given, gave, name=name: found.update({name: (given[0], gave)}))
        for name, part in named
    ]
    with torch.no_grad():
        subject.run()
    for hook in hooks:
        hook.remove()
    return found


def at(tensor: Tensor, position: int) -> Tensor:
    return tensor[0, position] if tensor.dim() == 3 else tensor[0]


@pytest.mark.parametrize("name", CASES)
def test_every_step_is_what_the_module_gives(name: str) -> None:
    make, kind, layer, is_post = CASES[name]
    (subject, module), position = make(), 1
    found = walk(subject, module, kind, layer, position)
    assert found.is_post == is_post
    own = outputs(subject, module)
    told = [step for step in (*found.steps, *found.answer) if step.did.kind in ("linear", "norm")]
    for step in told:
        part = step.did.names[0].rsplit(".", 1)[0].replace("model.shared", "lm_head")
        torch.testing.assert_close(step.did.given[0], at(own[part][0], position), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(step.did.found, at(own[part][1], position), atol=1e-6, rtol=1e-5)
    for before, step in zip(found.steps, found.steps[1:], strict=False):
        if step.role == "attention":
            assert (step.is_turned, step.is_biased) == (False, "T5" in name)
        if step.role == "projection":
            torch.testing.assert_close(step.did.given[0], before.did.found)
    assert max(step.did.deviation for step in (*found.steps, *found.answer)) < 1e-5
    roles = [step.role for step in found.steps]
    assert roles.count("residual") == len(subject.writes) + 1 if kind != "encoder" else 2
    assert {"projection", "expand", "contract", "residual"} <= set(roles)
    assert ("norm" in roles) and slots(found.steps).keys() <= TOLD, "every slot has its words"
    assert ("gate" in roles) == ("gated" in name) and ("other" in roles) == ("written out" in name)


@pytest.mark.parametrize("name", ["timm", "timm, mean of the patches", "transformers", "Marian's decoder", "mBART"])
def test_the_last_step_is_the_model_s_own_logits(name: str) -> None:
    make, kind, layer, _ = CASES[name]
    subject, module = make()
    position = 1 if kind != "encoder" else int(subject.reader.argmax())
    answer = walk(subject, module, kind, layer, position).answer
    with torch.no_grad():
        asked, _ = subject.run()
    logits = answer[-1].did.found
    assert logits.isclose(asked, atol=1e-5).any() and {"head", "norm"} & {step.role for step in answer}
    if kind == "encoder":
        assert float(logits[3]) == pytest.approx(float(asked), abs=1e-5)


@pytest.mark.parametrize("name", ["timm", "timm, layer scale", "transformers", "Marian's encoder"])
def test_the_lines_that_are_shown_compute_the_layer(name: str) -> None:
    """Executed as they stand, on the stream of all positions."""
    make, kind, layer, is_post = CASES[name]
    subject, module = make()
    walks = [walk(subject, module, kind, layer, position) for position in range(len(subject.encoder.key_axis))]
    call = subject.traces[kind].calls[layer]
    stream = torch.stack([begin(one) for one in walks])[None]
    scope: dict[str, Any] = {"F": F, "torch": torch, "p": module.state_dict(), "x": stream}
    with torch.no_grad():
        exec("\n".join(lines(walks[0].steps, call.query.shape[1], call.scale, 0, is_post)), scope)
    ends = torch.stack([one.steps[-1].did.found for one in walks])[None]
    torch.testing.assert_close(scope["x"], ends, atol=1e-4, rtol=1e-4)


def begin(found: Walk) -> Tensor:
    """The stream before the layer: what is added to what its attention gave."""
    residual = next(step for step in found.steps if step.role == "residual")
    return residual.did.given[residual.stream]


def test_a_layer_without_a_stream_is_refused() -> None:
    subject, module = timm_vit()
    with pytest.raises(SidelightError) as error:
        walk(subject, module, "encoder", 7, 0)
    assert error.value.code == "walk.not_known"
