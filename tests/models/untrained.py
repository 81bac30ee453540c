"""A photo, and weights at random, for models of the hub that are too large to be brought along."""

import numpy as np
import torch
from PIL import Image
from torch import nn
from transformers import (
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    GPT2Config,
    GPT2LMHeadModel,
    SiglipConfig,
    SiglipModel,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
    ViTModel,
)

from tests.models.tiny import tokenizer

PHOTO = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))


def spread(module: nn.Module) -> nn.Module:
    """Weights, relative positions among them, large enough that attention is far from even."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.3)
    return module.eval()


def vit_gpt2(side: int) -> tuple[VisionEncoderDecoderModel, object, ViTImageProcessor]:
    """A captioner that sees `side` px in patches of 8, its tokenizer and its processor; as of the hub's, one mark
    begins, ends and fills."""
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    reads = tokenizer("bytes")
    encoder = ViTModel(ViTConfig(**sizes, image_size=side, patch_size=8), add_pooling_layer=False)
    config = GPT2Config(
        n_embd=24, n_layer=2, n_head=2, vocab_size=len(reads), add_cross_attention=True, bos_token_id=0, eos_token_id=0
    )
    module = spread(VisionEncoderDecoderModel(encoder=encoder, decoder=GPT2LMHeadModel(config)))
    for known in (module.config, module.generation_config):
        known.decoder_start_token_id, known.pad_token_id, known.eos_token_id = 0, 0, 0
    return module, reads, ViTImageProcessor(size={"height": side, "width": side})


def blip(side: int) -> tuple[BlipForConditionalGeneration, object, BlipImageProcessor]:
    """A captioner that forms its attention itself, with eyes wider than its words; begins with one mark, ends with
    another."""
    reads = tokenizer("wordpiece")
    sizes = {"num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32, "projection_dim": 8}
    marks = {"bos_token_id": len(reads), "sep_token_id": reads.sep_token_id, "pad_token_id": reads.pad_token_id}
    text = {**sizes, **marks, "hidden_size": 16, "vocab_size": len(reads) + 1, "max_position_embeddings": 90}
    eyes = {**sizes, "hidden_size": 24, "image_size": side, "patch_size": 8}
    module = BlipForConditionalGeneration(BlipConfig(text_config={**text, "is_decoder": True}, vision_config=eyes))
    return spread(module), reads, BlipImageProcessor(size={"height": side, "width": side})


def two_towers(kind: str, side: int) -> tuple[nn.Module, object, CLIPImageProcessor]:
    """A model of pictures and words, "clip" or "siglip", that sees `side` px in patches of 8; its tokenizer and
    processor."""
    reads = tokenizer("wordpiece")
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    marks = {"eos_token_id": reads.sep_token_id, "pad_token_id": reads.pad_token_id}
    text = {**sizes, **marks, "vocab_size": len(reads), "max_position_embeddings": 24, "projection_size": 16}
    config, model = {"clip": (CLIPConfig, CLIPModel), "siglip": (SiglipConfig, SiglipModel)}[kind]
    module = model(config(text_config=text, vision_config={**sizes, "image_size": side, "patch_size": 8}))
    return spread(module), reads, CLIPImageProcessor(size={"height": side, "width": side}, do_center_crop=False)
