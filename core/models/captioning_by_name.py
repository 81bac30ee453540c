"""What looks and writes, by name: the bundled captioner by its key, and of the hub, each with its own processor,
captioners such as ViT-GPT2 (`VisionEncoderDecoderModel`) and BLIP, and vision-language models (`vision_language`)."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, cast

from PIL import Image
from safetensors.torch import load_file
from transformers import (
    MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING,
    AutoConfig,
    AutoModelForImageTextToText,
    AutoProcessor,
    BlipConfig,
    BlipForConditionalGeneration,
    PreTrainedConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)

from core.errors import SidelightError
from core.models import catalogue, grids, hub, loading
from core.models.captioning import Captioner, Looked, load_bundled
from core.models.images import Fit
from core.models.merging import with_adapter
from core.models.vision_language import VisionLanguage, vision_language

# Whose decoder reads the eyes' patches through cross-attention.
CAPTIONERS: dict[type, Any] = {
    VisionEncoderDecoderConfig: VisionEncoderDecoderModel,
    BlipConfig: BlipForConditionalGeneration,
}


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


def joined(blip: BlipForConditionalGeneration) -> VisionEncoderDecoderModel:
    """BLIP's eyes and its decoder as transformers joins two models: the same numbers, and captions begin and end with
    the marks of BLIP's own `generate`. Li et al. 2022, "BLIP", section 3.1: the "image-grounded text decoder"."""
    text, eyes = cast(Any, blip.config.text_config), cast(Any, blip.config.vision_config)
    text.cross_attention_hidden_size = text.encoder_hidden_size  # its keys and values take the eyes' width as it is
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes, text)
    module = VisionEncoderDecoderModel(config=config, encoder=blip.vision_model, decoder=blip.text_decoder)
    for known in (module.config, module.generation_config):
        known.decoder_start_token_id, known.eos_token_id = text.bos_token_id, text.sep_token_id
        known.pad_token_id = text.pad_token_id
    return module.eval()


class _Writes:
    """The classes of the kinds of models that are read here, as `loading` asks for them."""

    @staticmethod
    def config_of(place: str | Path) -> PreTrainedConfig:
        """Raises SidelightError `captioning.other_kind`, before any weights are fetched."""
        config = AutoConfig.from_pretrained(str(place), local_files_only=True, trust_remote_code=False)
        if type(config) not in CAPTIONERS and not _has_image_tokens(config):
            raise SidelightError("captioning.other_kind", kind=config.model_type)
        return config

    @staticmethod
    def from_config(config: PreTrainedConfig, **options: Any) -> Any:
        own = CAPTIONERS.get(type(config))
        return own(config=config) if own else AutoModelForImageTextToText.from_config(config)

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> Any:
        config = _Writes.config_of(place)
        kind = CAPTIONERS.get(type(config), AutoModelForImageTextToText)
        return kind.from_pretrained(place, config=config, **options)


class _Reader:
    """What prepares the input of each: a tokenizer and an image processor, or one processor of both."""

    @staticmethod
    def from_pretrained(place: str, **options: Any) -> Any:
        if _has_image_tokens(AutoConfig.from_pretrained(place, local_files_only=True, trust_remote_code=False)):
            return AutoProcessor.from_pretrained(place, **options)
        return loading.BothReaders.from_pretrained(place, **options)


def _has_image_tokens(config: PreTrainedConfig) -> bool:
    """Whether its decoder reads a picture as tokens among others, so that they can be told from words."""
    known = type(config) in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    return known and getattr(config, "image_token_id", None) is not None


def load_captioner(name: str | Path) -> Captioner | VisionLanguage:
    """The bundled one by its key, or one by its name on the hub or from its folder. Raises SidelightError `model.*`,
    `captioning.other_kind`."""
    if card := catalogue.card(name) if isinstance(name, str) else None:
        return load_captioner_card(card)
    module, found = hub.from_hub(name, "captioning", _Writes, _Reader)
    if isinstance(module, BlipForConditionalGeneration):
        module = joined(module)
    if isinstance(module, VisionEncoderDecoderModel):
        return captioner_of(hub.title(name), module, *found)
    return vision_language(hub.title(name), module, found)


def load_captioner_card(card: catalogue.ModelCard) -> Captioner:
    """The bundled one, or what a run left: an adapter of peft's or the tensors that changed. Raises SidelightError
    `model.unsupported` for a model of another task, `model.run_gone` for damaged files of a run."""
    loading.check_task(card, "captioning")
    if not card.is_trained:
        return load_bundled()
    loading.verified_weights(card)
    with loading.run_errors(card):
        base = check_can_learn(load_captioner(card.base or ""))
        module: Any = base.module
        if (card.folder / "adapter_config.json").exists():
            module = with_adapter(module, card.folder)
        else:
            loading.load_part(module, load_file(card.weights), card.title)
        module = module.eval().to(loading.device())
        return replace(base, name=card.title, module=module, unsure=None)  # doubt was measured of the base


def check_can_learn(model: Captioner | VisionLanguage) -> Captioner:
    """The model itself. Raises SidelightError `model.cannot_caption` for one whose one attention reads a photo among
    words: conversations teach it, not captions."""
    if model.prompted:
        raise SidelightError("model.cannot_caption", name=model.name)
    return cast(Captioner, model)


def fetch_captioner(name: str, on_step: hub.OnStep) -> Path:
    """The folder of a model of the hub, fetched where it is not here yet. Raises as `load_captioner`."""
    check = partial(loading.check_class, loading.check_model_name(name), _Writes)
    return hub.obtain(name, "captioning", on_step, check=check)


SOURCE = hub.Source(load_captioner, loading.check_model_name, fetch_captioner)
