"""A probe watched while a model learns: the attention of one photo or sentence, a frame every few steps.

Vision: what CLS looks at, of every layer and head. Translation: cross-attention, teacher-forced over the translation
that the model gave before it learnt, so that all frames have the same words; captions the same over patches. Texts with
classes: self-attention.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PreTrainedModel

from core.finetune.job import write_json
from core.models.captioning import Captioner
from core.models.classification import Classifier
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel

SIDE_IN_PATCHES = 16
FRAMES = 12  # of a run, about


class PhotoFilm:
    """probe: an upright RGB photo; without one, nothing is filmed."""

    def __init__(self, folder: Path, model: VisionModel, probe: Image.Image) -> None:
        self.folder, self.model, self.probe = folder / "film", model, probe
        self.side = SIDE_IN_PATCHES * model.patch if len(model.sizes) > 1 else model.default_size
        self.folder.mkdir(exist_ok=True)

    @property
    def taken(self) -> bool:
        """Whether there is a frame: not of a model whose attention is not captured."""
        return (self.folder / "axis.json").exists()

    def take(self, step: int, module: nn.Module) -> None:
        if not self.model.one_grid:
            return
        module = module.get_base_model() if isinstance(module, PeftModel) else module  # what learns is inside
        model = replace(self.model.with_module(module), classes=())
        result = model.run(self.probe, self.side, "crop")
        if not result.traces:  # such models are not filmed, and the page says so
            return
        if not self.taken:
            result.fitted.pixels.save(self.folder / "probe.png")
            write_json(self.folder / "axis.json", {"type": "image", "grid": result.axis.grid})
        calls = [call.weights(slice(0, 1))[0, :, 0] for call in result.traces["encoder"].calls]
        _write(self.folder, step, torch.stack(calls)[..., len(result.axis.prefix) :])  # (L, H, patches)


class SentenceFilm:
    """probe: a sentence that the translator accepts."""

    def __init__(self, folder: Path, model: Translator, probe: str, target: str | None) -> None:
        self.folder, self.model, self.probe, self.target = folder / "film", model, probe, target
        self.output = model.search(model.source_pieces(probe, target)[0], target=target)
        self.folder.mkdir(exist_ok=True)

    def take(self, step: int, module: nn.Module) -> Translation:
        model = replace(self.model, module=cast(PreTrainedModel, module))
        found = model.read(*model.source_pieces(self.probe, self.target), self.output)  # with prompts, once it has some
        axes = {"type": "sentence", "source": found.source.pieces, "target": found.target.pieces}
        write_json(self.folder / "axis.json", axes)
        calls = [call.weights()[0] for call in found.traces["cross"].calls]
        _write(self.folder, step, torch.stack(calls))  # (L, H, Nq, Nk)
        return found


class TextFilm:
    """probe: a text that the model accepts. Its attention to itself, of every layer and head."""

    def __init__(self, folder: Path, model: Classifier, probe: str) -> None:
        self.folder, self.model, self.probe = folder / "film", model, probe
        self.folder.mkdir(exist_ok=True)

    def take(self, step: int, module: nn.Module) -> None:
        learnt: Any = module.get_base_model() if isinstance(module, PeftModel) else module
        found = replace(self.model, module=learnt).read(self.probe)
        pieces, (trace,) = found.axis.pieces, found.traces.values()
        write_json(self.folder / "axis.json", {"type": "sentence", "source": pieces, "target": pieces})
        _write(self.folder, step, torch.stack([call.weights()[0] for call in trace.calls]))  # (L, H, N, N)


class CaptionFilm:
    """probe: an upright RGB picture. What each piece of the caption that the model gives now reads of the patches."""

    def __init__(self, folder: Path, model: Captioner, probe: Image.Image, language: str) -> None:
        self.folder, self.model, self.looked = folder / "film", model, model.look(probe, "crop")
        self.output = model.search(self.looked, language)
        self.folder.mkdir(exist_ok=True)

    def take(self, step: int, module: nn.Module) -> None:
        learnt: Any = module.get_base_model() if isinstance(module, PeftModel) else module
        found = replace(self.model, module=learnt).read(self.looked, self.output)
        if not (self.folder / "axis.json").exists():
            self.looked.pixels.save(self.folder / "probe.png")
            write_json(
                self.folder / "axis.json",
                {"type": "caption", "grid": found.source.grid, "target": found.target.pieces},
            )
        calls = [call.weights()[0] for call in found.traces["cross"].calls]
        _write(self.folder, step, torch.stack(calls)[..., len(found.source.prefix) :])  # (L, H, n, patches)


def _write(folder: Path, step: int, attention: Tensor) -> None:
    unfinished, place = folder / ".frame", folder / f"step-{step:07d}.safetensors"
    save_file({"attention": attention.half().cpu().contiguous()}, unfinished)
    unfinished.replace(place)


def frames(folder: Path) -> list[tuple[int, Tensor]]:
    """(step, attention) of each frame of a run, in order."""
    files = sorted((folder / "film").glob("step-*.safetensors"))
    return [(int(file.stem.removeprefix("step-")), load_file(file)["attention"].float()) for file in files]


def axis(folder: Path) -> dict[str, Any] | None:
    """What the frames' positions mean (`axis.json`); None before the first frame."""
    path = folder / "film" / "axis.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else None
