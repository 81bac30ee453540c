"""Tiny models with random weights, one per architecture, and the attention that their own eager code computes."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import timm
import torch
import transformers as hf
from torch import Tensor, nn

VOCABULARY = 50
ENCODER = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
SEQ2SEQ = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": 1,
    "max_position_embeddings": 64,
}
T5 = {
    "vocab_size": VOCABULARY,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 0,
}


@dataclass(frozen=True)
class Case:
    """run: one forward pass of the recorded model. eager: the maps of its plain twin, in the order of the calls."""

    run: Callable[[], object]
    eager: Callable[[], list[Tensor]]


def from_timm(name: str, **options: object) -> Case:
    torch.manual_seed(0)
    timm.layers.set_fused_attn(True)
    size = {"embed_dim": 48, "depth": 2, "num_heads": 4}
    model = timm.create_model(name, img_size=64, num_classes=5, **(size | options)).eval()
    for module in model.modules():  # zero-initialised biases and position tables would hide mistakes
        for parameter in module.parameters(recurse=False):
            nn.init.normal_(parameter, std=0.1)
    images = torch.randn(2, 3, 64, 64)

    def eager() -> list[Tensor]:
        maps: list[Tensor] = []
        blocks = [module for module in model.modules() if hasattr(module, "fused_attn")]
        hooks = [b.attn_drop.register_forward_hook(lambda m, i, out: maps.append(out)) for b in blocks]
        for block in blocks:
            block.fused_attn = False
        model(images)
        for block, hook in zip(blocks, hooks, strict=True):
            block.fused_attn = True
            hook.remove()
        return maps

    return Case(lambda: model(images), eager)


def from_transformers(config: hf.PretrainedConfig, kind: type, decoder: bool = False, how: str = "sdpa") -> Case:
    torch.manual_seed(0)
    fused = kind._from_config(copy.deepcopy(config), attn_implementation=how).eval()
    plain = kind._from_config(copy.deepcopy(config), attn_implementation="eager").eval()
    plain.load_state_dict(fused.state_dict())
    ids = torch.randint(2, VOCABULARY, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0  # one sentence is shorter
    inputs = {"input_ids": ids, "attention_mask": mask}
    if decoder:
        inputs["decoder_input_ids"] = torch.randint(2, VOCABULARY, (2, 5))

    def eager() -> list[Tensor]:
        output = plain(**inputs, output_attentions=True)
        if not decoder:
            return list(output.attentions)
        pairs = zip(output.decoder_attentions, output.cross_attentions, strict=True)
        return [*output.encoder_attentions, *(attention for pair in pairs for attention in pair)]

    return Case(lambda: fused(**inputs), eager)


LLAMA = ENCODER | {"num_key_value_heads": 2, "intermediate_size": 64}
CASES: dict[str, Callable[[], Case]] = {
    "vit": lambda: from_timm("vit_tiny_patch16_224"),
    "deit": lambda: from_timm("deit_tiny_distilled_patch16_224"),
    "beit": lambda: from_timm("beit_base_patch16_224"),
    "dinov3": lambda: from_timm("vit_small_patch16_dinov3"),
    "marian": lambda: from_transformers(hf.MarianConfig(**SEQ2SEQ), hf.MarianMTModel, True),
    "bart": lambda: from_transformers(hf.BartConfig(**SEQ2SEQ), hf.BartForConditionalGeneration, True),
    "t5": lambda: from_transformers(hf.T5Config(**T5), hf.T5ForConditionalGeneration, True),
    "bert": lambda: from_transformers(hf.BertConfig(**ENCODER, intermediate_size=64), hf.BertModel),
    "gpt2": lambda: from_transformers(
        hf.GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4), hf.GPT2LMHeadModel
    ),
    "llama-grouped-query": lambda: from_transformers(hf.LlamaConfig(**LLAMA), hf.LlamaForCausalLM),
}
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, "n_layer": 2, "n_head": 4}
GEMMA = hf.Gemma2Config(**LLAMA, head_dim=8, attn_logit_softcapping=2.0)
FORMED: dict[str, Callable[[], Case]] = {
    "gemma2-soft-cap": lambda: from_transformers(GEMMA, hf.Gemma2ForCausalLM, how="eager"),
    "gpt-oss-sink": lambda: from_transformers(
        hf.GptOssConfig(**LLAMA, head_dim=8, num_local_experts=2, num_experts_per_tok=1),
        hf.GptOssForCausalLM,
        how="eager",
    ),
    "bloom": lambda: from_transformers(hf.BloomConfig(**SMALL), hf.BloomForCausalLM, how="eager"),
    "deberta": lambda: from_transformers(
        hf.DebertaV2Config(**ENCODER, intermediate_size=64, relative_attention=True, pos_att_type=["c2p", "p2c"]),
        hf.DebertaV2Model,
        how="eager",
    ),
    "fsmt-items-and-heads-in-one": lambda: from_transformers(
        hf.FSMTConfig(langs=["en", "de"], src_vocab_size=VOCABULARY, tgt_vocab_size=VOCABULARY, **SEQ2SEQ),
        hf.FSMTForConditionalGeneration,
        True,
        how="eager",
    ),
    "xlnet-einsum": lambda: from_transformers(
        hf.XLNetConfig(vocab_size=VOCABULARY, d_model=32, n_layer=2, n_head=4, d_inner=64),
        hf.XLNetModel,
        how="eager",
    ),
}
