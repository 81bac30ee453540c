"""Vision-language models with weights at random and their processors, one of each class that is read."""

import copy
from typing import Any

from torch import nn
from transformers import (
    CLIPImageProcessor,
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    Idefics3ImageProcessor,
    Idefics3Processor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PaliGemmaConfig,
    PaliGemmaForConditionalGeneration,
    PaliGemmaProcessor,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLConfig,
    Qwen2VLForConditionalGeneration,
    Qwen2VLImageProcessor,
    Qwen2VLProcessor,
    Qwen2VLVideoProcessor,
    SiglipImageProcessor,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)

from tests.models.tiny import tokenizer
from tests.models.untrained import spread

SIDE = 32  # px of a picture or tile, in patches of 8
MARKS = (
    ["<image>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>", "<|vision_end|>", "<end_of_utterance>"]
    + ["<fake_token_around_image>", "<global-img>"]
    + [f"<row_{row}_col_{column}>" for row in range(1, 7) for column in range(1, 7)]
)
TEMPLATE = (
    "{{% for message in messages %}}<|end|>{{% for part in message.content %}}"
    "{{% if part.type == 'image' %}}{image}{{% else %}}{{{{ part.text }}}}{{% endif %}}{{% endfor %}}{{% endfor %}} So:"
)
TEXT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
SEES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "patch_size": 8}
KINDS = ("llava", "qwen2_vl", "qwen2_5_vl", "idefics3", "smolvlm", "paligemma")


def vlm(kind: str) -> tuple[nn.Module, Any]:
    """The model, in eval mode, and its processor."""
    reads = copy.deepcopy(tokenizer("bytes"))
    reads.add_special_tokens({"additional_special_tokens": MARKS, "pad_token": "<|end|>"})
    text = {**TEXT, "intermediate_size": 48, "max_position_embeddings": 512, "vocab_size": len(reads) + 8}
    text |= {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
    module, processor = {
        "llava": _llava,
        "qwen2_vl": _qwen2,
        "qwen2_5_vl": _qwen2_5,
        "idefics3": _idefics3,
        "smolvlm": _smolvlm,
        "paligemma": _paligemma,
    }[kind](reads, text)
    module.generation_config.eos_token_id = module.generation_config.pad_token_id = 0
    return spread(module), processor


def _llava(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    config = LlavaConfig(
        vision_config={"model_type": "clip_vision_model", **SEES, "image_size": SIDE, "projection_dim": 16},
        text_config={"model_type": "llama", **text},
        image_token_index=reads.convert_tokens_to_ids("<image>"),
        vision_feature_layer=-1,
    )
    looks = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor = LlavaProcessor(
        looks,
        reads,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE.format(image="<image>"),
        num_additional_image_tokens=1,
    )
    return LlavaForConditionalGeneration(config), processor


def _qwen2(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    sees = {"depth": 2, "embed_dim": 16, "hidden_size": 32, "num_heads": 2, "mlp_ratio": 2, "patch_size": 8}
    return _qwen(reads, text, sees, Qwen2VLConfig, Qwen2VLForConditionalGeneration, Qwen2VLProcessor)


def _qwen2_5(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    sees = {"depth": 2, "hidden_size": 16, "out_hidden_size": 32, "num_heads": 2, "intermediate_size": 32}
    sees |= {"patch_size": 8, "window_size": 32, "fullatt_block_indexes": [1]}
    return _qwen(reads, text, sees, Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration, Qwen2_5_VLProcessor)


def _qwen(reads: Any, text: dict[str, Any], sees: dict[str, Any], *kinds: Any) -> tuple[nn.Module, Any]:
    rope = {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0}
    config = kinds[0](
        text_config={**text, "rope_parameters": rope},
        vision_config={**sees, "spatial_merge_size": 2, "temporal_patch_size": 2},
        image_token_id=reads.convert_tokens_to_ids("<|image_pad|>"),
        video_token_id=reads.convert_tokens_to_ids("<|video_pad|>"),
        vision_start_token_id=reads.convert_tokens_to_ids("<|vision_start|>"),
        vision_end_token_id=reads.convert_tokens_to_ids("<|vision_end|>"),
    )
    size = {"shortest_edge": 32 * 32, "longest_edge": 96 * 96}
    parts = [one(patch_size=8, size=size) for one in (Qwen2VLImageProcessor, Qwen2VLVideoProcessor)]
    template = TEMPLATE.format(image="<|vision_start|><|image_pad|><|vision_end|>")
    return kinds[1](config), kinds[2](parts[0], reads, parts[1], chat_template=template)


def _idefics3(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    return _in_tiles(reads, text, Idefics3Config, Idefics3ForConditionalGeneration)


def _smolvlm(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    """With the processor that its first published models have."""
    return _in_tiles(reads, text, SmolVLMConfig, SmolVLMForConditionalGeneration)


def _in_tiles(reads: Any, text: dict[str, Any], *kinds: Any) -> tuple[nn.Module, Any]:
    config = kinds[0](
        vision_config={**SEES, "image_size": SIDE},
        text_config={"model_type": "llama", **text},
        scale_factor=2,
        image_token_id=reads.convert_tokens_to_ids("<image>"),
        pad_token_id=0,
    )
    looks = Idefics3ImageProcessor(size={"longest_edge": 3 * SIDE}, max_image_size={"longest_edge": SIDE})
    processor = Idefics3Processor(looks, reads, image_seq_len=4, chat_template=TEMPLATE.format(image="<image>"))
    return kinds[1](config), processor


def _paligemma(reads: Any, text: dict[str, Any]) -> tuple[nn.Module, Any]:
    looks = SiglipImageProcessor(size={"height": SIDE, "width": SIDE})
    looks.image_seq_length = 16
    processor = PaliGemmaProcessor(looks, reads)
    config = PaliGemmaConfig(
        vision_config={"model_type": "siglip_vision_model", **SEES, "image_size": SIDE, "projection_dim": 32},
        text_config={"model_type": "gemma", **text, "vocab_size": len(reads) + 8, "head_dim": 8},
        image_token_index=processor.image_token_id,
        projection_dim=32,
    )
    return PaliGemmaForConditionalGeneration(config), processor
