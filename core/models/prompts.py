"""Learnt positions in front of a sentence: what prompt tuning adds to a translator. Each is a position like any other,
so that its attention is captured and shown as that of a language tag. A Vision Transformer's are its registers.
"""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import MarianMTModel, PreTrainedModel

COMMON = 5000  # pieces


class PromptedEmbedding(nn.Module):
    """An embedding whose ids from `size` on are learnt positions, which begin as copies of common pieces (Lester et al.
    2021, section 3.2). peft's own prompt tuning hands embeddings to the encoder, which Marian then does not scale as it
    scales those that it looks up."""

    def __init__(self, embedding: nn.Embedding, count: int) -> None:
        super().__init__()
        self.embedding, self.size = embedding, embedding.num_embeddings
        common = torch.randperm(min(COMMON, self.size))[:count]  # vocabularies list their most frequent pieces first
        self.prompts = nn.Parameter(
            embedding(common.to(embedding.weight.device)).detach().clone()
        )  # scaled, where it scales

    def forward(self, ids: Tensor) -> Tensor:
        """(B, N) -> (B, N, D)"""
        known = self.embedding(ids.clamp(max=self.size - 1))
        learnt = self.prompts[(ids - self.size).clamp(min=0)]
        return torch.where((ids >= self.size)[..., None], learnt, known)


def add_prompts(module: PreTrainedModel, count: int) -> nn.Parameter:
    """Learnt positions that a source sentence can begin with (`prompt_ids`), and the parameter (count, D)."""
    encoder: Any = module.get_encoder()
    prompted = PromptedEmbedding(encoder.get_input_embeddings(), count)
    encoder.set_input_embeddings(prompted)
    return prompted.prompts


def prompt_ids(module: nn.Module) -> list[int]:
    """The ids that `add_prompts` made, to stand before each source; none for any other model."""
    embedding = next((part for part in module.modules() if isinstance(part, PromptedEmbedding)), None)
    return [] if embedding is None else list(range(embedding.size, embedding.size + len(embedding.prompts)))


def without_prompts(module: MarianMTModel) -> MarianMTModel:
    """The same model as transformers knows it: what `add_prompts` made are pieces that the encoder alone has, after
    those of the vocabulary."""
    weights: dict[str, Tensor] = dict(module.state_dict())
    encoder: Any = module.get_encoder()
    table, config = encoder.embed_tokens, copy.deepcopy(module.config)
    config.share_encoder_decoder_embeddings = False
    config.decoder_vocab_size, config.vocab_size = config.vocab_size, table.size + len(table.prompts)
    place, shared = "model.encoder.embed_tokens.", weights.pop("model.shared.weight")
    known = {name: value for name, value in weights.items() if not name.startswith(place)}
    known[place + "weight"] = torch.cat([table.embedding.weight, table.prompts])
    known["model.decoder.embed_tokens.weight"] = known["lm_head.weight"] = shared
    plain = MarianMTModel(config)
    plain.load_state_dict({name: value.detach() for name, value in known.items()})
    plain.generation_config = copy.deepcopy(module.generation_config)
    return plain.eval().to(dtype=shared.dtype)
