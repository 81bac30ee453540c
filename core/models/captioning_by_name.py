"""Captioners by name: the bundled one by its key, others of the hub, `VisionEncoderDecoderModel` such as ViT-GPT2, with
their own image processor."""

from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image
from transformers import (
    AutoConfig,
    PreTrainedConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)

from core.errors import SidelightError
from core.models import catalogue, grids, hub, loading
from core.models.captioning import Captioner, Looked, load_bundled
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


class _Joined:
    """The class of the one kind of captioners that is read here, as `loading` asks for it."""

    @staticmethod
    def config_of(place: str | Path) -> PreTrainedConfig:
        """Raises SidelightError `captioning.other_kind`, before any weights are fetched."""
        config = AutoConfig.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
        if not isinstance(config, VisionEncoderDecoderConfig):
            raise SidelightError("captioning.other_kind", kind=config.model_type)
        return config

    @staticmethod
    def from_config(config: PreTrainedConfig, **options: Any) -> VisionEncoderDecoderModel:
        return VisionEncoderDecoderModel(config=config)

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> Any:
        return VisionEncoderDecoderModel.from_pretrained(place, config=_Joined.config_of(place), **options)


def load_captioner(name: str | Path) -> Captioner:
    """The bundled one by its key, or one by its name on the hub or from its folder. Raises SidelightError `model.*`,
    `captioning.other_kind`."""
    if name == catalogue.CAPTIONER.key:
        return load_bundled()
    module, (tokenizer, processor) = hub.from_hub(name, "captioning", _Joined, loading.BothReaders)
    return captioner_of(hub.title(name), module, tokenizer, processor)


def fetch_captioner(name: str, on_step: hub.OnStep) -> Path:
    """The folder of a model of the hub, fetched where it is not here yet. Raises as `load_captioner`."""
    check = partial(loading.check_class, loading.check_model_name(name), _Joined)
    return hub.obtain(name, "captioning", on_step, check=check)


SOURCE = hub.Source(load_captioner, loading.check_model_name, fetch_captioner)
