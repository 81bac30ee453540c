"""Captioners of the hub by name: `VisionEncoderDecoderModel`, ViT-GPT2 and the like, with their own image processor."""

from pathlib import Path
from typing import Any

from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

from core.errors import SidelightError
from core.models import grids
from core.models.captioning import Captioner, Looked
from core.models.hub import OnStep, from_hub, title
from core.models.images import Fit


def captioner_of(name: str, module: VisionEncoderDecoderModel, tokenizer: Any, processor: Any) -> Captioner:
    """module: in eval mode. Its encoder's patches are found by its own settings. Raises SidelightError
    `model.unsupported` for an encoder that is not cut into patches."""
    encoder: Any = module.encoder
    if grids.patch_size(encoder) is None:
        raise SidelightError("model.unsupported", name=name)

    def look(image: Image.Image, fit: Fit) -> Looked:
        """The whole photo, as the processor resizes it; fit: of no effect."""
        size = grids.fitting_size(processor, image.size, grids.cell_size(encoder))
        pixels = grids.prepare(processor, image, size, encoder)
        return Looked(pixels, grids.axes_of(encoder, pixels, image.size)[0], image.resize(size[::-1]))

    return Captioner(name, module, tokenizer, look)


class _Readers:
    """What prepares both inputs, read as one."""

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> tuple[Any, Any]:
        return (
            AutoTokenizer.from_pretrained(place, **options),
            AutoImageProcessor.from_pretrained(place, local_files_only=True),
        )


def load_by_name(name: str | Path, on_step: OnStep | None = None) -> Captioner:
    """A captioner by its name on the hub or from its folder. Raises SidelightError `model.*`."""
    module, (tokenizer, processor) = from_hub(name, None, VisionEncoderDecoderModel, _Readers, on_step)
    return captioner_of(title(name), module, tokenizer, processor)
