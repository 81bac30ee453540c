"""The lines of PyTorch that compute a step, and the wrong ones that introductions print, run on a run's own tensors.

What is shown is what is run: each is a text, executed with the names that it needs; `output` is what it leaves.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from core.attention.tape import AttentionCall
from core.differences import inputs
from core.differences.mistakes import attend
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult

RIGHT, WRONG = "right", "wrong"
CODE = {
    "softmax": {
        RIGHT: "scores = q @ k.transpose(-2, -1) / math.sqrt(d_k)\nweights = scores.softmax(-1)\noutput = weights @ v",
        WRONG: "scores = q @ k.transpose(-2, -1) @ v\noutput = (scores / math.sqrt(d_k)).softmax(-1)",
    },
    "classifier": {
        RIGHT: "output = model(input_ids=source, decoder_input_ids=written).logits",
        WRONG: "states = model.get_encoder()(input_ids=source).last_hidden_state\noutput = states.mean(1) @ table.T",
    },
    "one_hot": {
        RIGHT: "x = (pixels / 255 - mean) / std  # (p, p, 3)\noutput = W @ x.permute(2, 0, 1).flatten() + b",
        WRONG: "x = F.one_hot(pixels, 256).float()  # (p, p, 3, 256)\noutput = W @ x.flatten() + b",
    },
    "missing": {
        RIGHT: "from transformers import MarianMTModel, ViTModel\noutput = ViTModel, MarianMTModel",
        WRONG: "from transformers import VisionTransformer\noutput = VisionTransformer",
    },
}
PLACE = re.compile(r" \(\S*[/\\]\S*\)$")  # where a library lies, at the end of its error


@dataclass(frozen=True)
class Ran:
    """output: what the lines left, None where they did not come to their end; error: what was raised, as Python says
    it."""

    output: Any
    error: str = ""

    @property
    def shape(self) -> str:
        return " × ".join(map(str, self.output.shape)) if isinstance(self.output, Tensor) else ""


def run(code: str, names: Mapping[str, Any]) -> Ran:
    """Execute lines of this module with these names."""
    space = {"torch": torch, "math": math, "F": nn.functional, **names}
    try:
        with torch.inference_mode():
            exec(code, space)
    except Exception as error:  # what a wrong line raises is what is to be shown
        first = str(error).splitlines()[0] if str(error) else ""
        return Ran(None, f"{type(error).__name__}: {PLACE.sub('', first)}")
    return Ran(space["output"])


def attention_names(call: AttentionCall, item: int) -> tuple[dict[str, Any], Tensor]:
    """q, k, v (H, N, d) of one layer as the model made them, and its own output (H, N, d)."""
    assert call.value is not None, "recorded with values"
    found = {"q": call.query[item], "k": call.key[item], "v": call.value[item]}
    return {**found, "d_k": call.query.shape[-1]}, attend(call, "right")[item]


def translator_names(translator: Translator, source: Tensor, translation: Translation) -> dict[str, Any]:
    """source (1, m), what was written (1, n), the table of pieces."""
    table: Any = translator.module.get_input_embeddings()
    written = torch.tensor([translation.ids[:-1]], device=source.device)
    return {"model": translator.module, "source": source, "written": written, "table": getattr(table, "weight", None)}


def patch_names(model: VisionModel, result: VisionResult, patch: int) -> dict[str, Any] | None:
    """pixels (p, p, 3) from 0 to 255, W (D, 3 p p) and b (D,); None for a model that does not begin so."""
    part = model.convolution()
    if part is None:
        return None
    pixels = inputs.raw_patch(model, result, patch).long().to(model.device)
    width = part.weight.shape[0]
    bias = part.bias if part.bias is not None else torch.zeros(width, device=model.device)
    scale = {name: torch.tensor(getattr(model, name), device=model.device) for name in ("mean", "std")}
    return {"pixels": pixels, "W": part.weight.flatten(1), "b": bias, **scale}


def off(output: Tensor, own: Tensor) -> float:
    """How far it is from the model's own: ||output - own|| / ||own||."""
    return float((output.float() - own.float()).norm() / own.float().norm().clamp_min(1e-12))
