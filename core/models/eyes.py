"""The bundled captioner's parts: a vision model that is known here looks, a small decoder of Marian's writes.

transformers' `VisionEncoderDecoderModel` joins them, so that it generates and is recorded as any captioner by name. Its
own weights are the decoder, the projection before it, and a LoRA adapter by which the vision model sees things in its
patches.
"""

import json
import math
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import (
    AutoConfig,
    MarianConfig,
    MarianForCausalLM,
    MarianTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
)
from transformers.modeling_outputs import BaseModelOutput

from core.errors import SidelightError
from core.models import loading
from core.models.merging import merged
from core.models.vision import VisionModel

TAGS = {"en": ">>eng<<", "de": ">>deu<<", "fr": ">>fra<<", "zh": ">>cmn_Hans<<"}
SEES_WITH = "vision-cifar10"  # the key of the vision model
PLACE = 32  # numbers that say where a patch is
SEES = "encoder."  # begins the names of the vision model's weights
EYES = "eyes."  # begins the names of the adapter's in the file


class EyesConfig(PreTrainedConfig):
    model_type = "sidelight-eyes"

    def __init__(self, hidden_size: int = 0, **rest: Any) -> None:
        self.hidden_size = hidden_size
        super().__init__(**rest)


AutoConfig.register(EyesConfig.model_type, EyesConfig)


class Eyes(PreTrainedModel):
    """A vision model as an encoder of transformers. It gives each position's token and where it lies:
    (B, N, D + PLACE)."""

    config_class = EyesConfig
    main_input_name = "pixel_values"

    def __init__(self, vision: VisionModel) -> None:
        super().__init__(EyesConfig(vision.width + PLACE))
        self.vision, self.module = vision, vision.module
        part: Any
        for part in (self, *self.module.modules()):
            part._is_hf_initialized = True  # else transformers would begin it anew, at random, where it is joined

    def forward(self, pixel_values: Tensor, **options: Any) -> BaseModelOutput:
        """pixel_values: (B, 3, H, W), normalised."""
        rows, columns = (side // self.vision.patch for side in pixel_values.shape[-2:])
        return BaseModelOutput(placed(self.vision.tokens(pixel_values), (rows, columns)))


def placed(tokens: Tensor, grid: tuple[int, int]) -> Tensor:
    """Tokens (B, N, D), the patches last, with where each patch lies: (B, N, D + PLACE). Sines and cosines of its row
    and column as shares of the grid, from half a wave to 16 (Vaswani et al. 2017, section 3.5, in two directions); a
    model that was trained to see things forgets where they are. Zero before the patches."""
    rows, columns = grid
    down, across = torch.meshgrid(
        (torch.arange(rows) + 0.5) / rows, (torch.arange(columns) + 0.5) / columns, indexing="ij"
    )
    waves = math.pi * torch.logspace(0, 4, PLACE // 4, base=2)
    angles = torch.cat([down.reshape(-1, 1) * waves, across.reshape(-1, 1) * waves], 1)  # (patches, PLACE / 2)
    where = torch.cat([angles.sin(), angles.cos()], 1).to(tokens)
    where = torch.cat([where.new_zeros(tokens.shape[1] - len(where), PLACE), where])
    return torch.cat([tokens, where.expand(len(tokens), -1, -1)], -1)


def join(vision: VisionModel, decoder: MarianForCausalLM, tokenizer: MarianTokenizer) -> VisionEncoderDecoderModel:
    eyes = Eyes(vision)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(eyes.config, decoder.config)
    module = VisionEncoderDecoderModel(config=config, encoder=eyes, decoder=decoder)
    for known in (module.config, module.generation_config):
        known.pad_token_id, known.eos_token_id = tokenizer.pad_token_id, tokenizer.eos_token_id
        known.decoder_start_token_id = tokenizer.pad_token_id  # a language's tag takes its place
    return module


def new_decoder(tokenizer: MarianTokenizer, width: int, layers: int, dropout: float) -> MarianForCausalLM:
    """Heads are 32 wide, the feed-forward layer 3 times the width."""
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=width,
        encoder_layers=0,
        decoder_layers=layers,
        decoder_attention_heads=max(1, width // 32),
        decoder_ffn_dim=3 * width,
        dropout=dropout,
        activation_function="relu",
        max_position_embeddings=128,
        scale_embedding=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return MarianForCausalLM._from_config(config, attn_implementation="eager")


def adapted(vision: VisionModel, adapter: Path, tensors: dict[str, Tensor]) -> VisionModel:
    """The vision model with peft's adapter merged in; it changes the model's own module. adapter: the folder of its
    settings. Raises SidelightError `model.not_its_base` where not every tensor finds its place."""

    def wrap(module: Any) -> Any:
        whole = get_peft_model(module, LoraConfig.from_pretrained(str(adapter)))  # type: ignore[arg-type]
        set_adapter(whole, tensors, adapter.name)
        return whole

    return vision.with_module(merged(vision.module, wrap).eval())


def set_adapter(module: Any, tensors: dict[str, Tensor], name: str) -> None:
    """Into a model with peft's adapter. Raises SidelightError `model.not_its_base` where not every tensor fits."""
    if set(get_peft_model_state_dict(module)) != set(tensors):
        raise SidelightError("model.not_its_base", name=name)
    set_peft_model_state_dict(module, tensors)


def adapter(folder: Path) -> dict[str, Tensor]:
    """What the vision model of a captioner that `save` wrote has learnt, by peft's names."""
    tensors = load_file(folder / "model.safetensors")
    return {name.removeprefix(EYES): value for name, value in tensors.items() if name.startswith(EYES)}


def save(
    module: VisionEncoderDecoderModel,
    tokenizer: MarianTokenizer,
    adapter: Path,
    folder: Path,
    record: dict[str, Any],
) -> None:
    """All weights in one file in float16, the settings of decoder and adapter and the tokenizer; `captioner.json` is
    `record`. adapter: the folder of what the vision model learnt."""
    folder.mkdir(parents=True, exist_ok=True)
    own = {
        name: value.half().contiguous().clone()
        for name, value in module.state_dict().items()
        if not name.startswith(SEES) and name != "decoder.lm_head.weight"  # it is the embedding
    }
    own |= {EYES + name: value.half() for name, value in load_file(adapter / "adapter_model.safetensors").items()}
    save_file(own, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # as the other files
    shutil.copy(adapter / "adapter_config.json", folder)
    module.decoder.config.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "captioner.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def load(folder: Path, vision: VisionModel) -> tuple[VisionEncoderDecoderModel, MarianTokenizer, VisionModel]:
    """What `save` wrote, in eval mode and float32, with fused attention. vision: what it looks with, before it learnt;
    its module is changed."""
    tensors = load_file(folder / "model.safetensors")
    learnt = {name.removeprefix(EYES): value for name, value in tensors.items() if name.startswith(EYES)}
    vision = adapted(vision, folder, learnt)
    tokenizer = MarianTokenizer.from_pretrained(folder)
    with loading.MAKING:
        decoder = MarianForCausalLM._from_config(MarianConfig.from_pretrained(folder), attn_implementation="sdpa")
        module = join(vision, decoder, tokenizer)
    loading.load_part(module, {n: v for n, v in tensors.items() if not n.startswith(EYES)}, folder.name)
    return module.eval().to(loading.device()), tokenizer, vision
