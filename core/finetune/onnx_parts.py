"""A model as ONNX: each of its parts written by PyTorch's exporter, and what onnxruntime computes with it compared with
what PyTorch does, on more and on fewer inputs than it was written with. Needs onnx, onnxscript and onnxruntime."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from core.errors import SidelightError
from core.models.vision.heads import answers

PACKAGES = ("onnx", "onnxscript", "onnxruntime")
WRITTEN_WITH, COMPARED_ON = 2, (1, 2, 5)  # inputs
TOLERANCE = 1e-3  # of the largest output


@dataclass(frozen=True)
class Part:
    """A function of a model. example: so many inputs, a tensor by name, with other lengths for another number. free:
    the axes of each that may have any length. output: what it gives."""

    module: nn.Module
    example: Callable[[int], dict[str, Tensor]]
    free: Mapping[str, tuple[int, ...]]
    output: str


class Logits(nn.Module):
    """A classifier of timm or transformers, as a function of pixel values (B, 3, H, W) to logits (B, classes)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, pixel_values: Tensor) -> Tensor:
        return answers(self.module, pixel_values)


class TextLogits(nn.Module):
    """A classifier of texts of transformers, as a function of ids and mask (B, n) to logits (B, classes)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.module(input_ids=input_ids, attention_mask=attention_mask).logits


class Encoder(nn.Module):
    """Of an encoder-decoder of transformers: ids and mask (B, n) to states (B, n, D)."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.encoder = module.get_encoder()  # type: ignore[operator]

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        return self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


class Decoder(nn.Module):
    """Of the same: ids (B, m), states (B, n, D) and mask (B, n) to logits (B, m, vocabulary). It keeps nothing from one
    call to the next."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, decoder_input_ids: Tensor, encoder_hidden_states: Tensor, attention_mask: Tensor) -> Tensor:
        return self.module(
            encoder_outputs=(encoder_hidden_states,),
            attention_mask=attention_mask,
            decoder_input_ids=decoder_input_ids,
            use_cache=False,
        ).logits


def check_packages() -> None:
    """Raises SidelightError `result.no_onnx` where a package is missing."""
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise SidelightError("result.no_onnx", packages=" ".join(missing))


def write_parts(parts: dict[str, Part], folder: Path) -> float:
    """Write `NAME.onnx` for each part, in float32, and return the largest difference from PyTorch, as a share of the
    largest output. Raises SidelightError `result.no_onnx`, `result.not_onnx` where the exporter does not know what the
    model does, `result.onnx_differs` where the difference is above TOLERANCE."""
    check_packages()
    worst = 0.0
    for name, part in parts.items():
        module, path = part.module.float().cpu().eval(), folder / f"{name}.onnx"
        given = part.example(WRITTEN_WITH)
        shapes = {key: dict.fromkeys(part.free[key], torch.export.Dim.DYNAMIC) for key in given}
        try:
            torch.onnx.export(
                module,
                kwargs=given,
                f=str(path),
                output_names=[part.output],
                dynamic_shapes=shapes,
                external_data=False,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise SidelightError(
                "result.not_onnx", reason=str(error.__cause__ or error).split("\n")[0][:200]
            ) from error
        worst = max(worst, *(_difference(part, path, count) for count in COMPARED_ON))
    if not worst <= TOLERANCE:
        raise SidelightError("result.onnx_differs", difference=f"{worst:.1g}")
    return worst


def _difference(part: Part, path: Path, count: int) -> float:
    import onnxruntime

    given = part.example(count)
    with torch.inference_mode():
        ours = part.module(**given)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = torch.from_numpy(session.run(None, {key: value.numpy() for key, value in given.items()})[0])
    return float((theirs - ours).abs().max() / ours.abs().max())
