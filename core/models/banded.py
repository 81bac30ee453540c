"""Attention in a window that slides along a text, as one fused call with a mask, so that the tape sees it.

Longformer and LED (Beltagy et al. 2020) compute scores along a band, LongT5 (Guo et al. 2022) block by block with its
neighbours, so that long texts take little memory. Of texts that are read here the whole matrix is small, and one masked
call gives the same numbers; they are compared with the classes' own in `benchmarks.coverage` and in the tests.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.models.led.modeling_led import LEDEncoder, LEDEncoderSelfAttention
from transformers.models.longformer.modeling_longformer import LongformerModel, LongformerSelfAttention
from transformers.models.longt5.modeling_longt5 import LongT5LocalAttention

NEVER = -1e10  # LongT5's own


def in_one_call(module: nn.Module) -> nn.Module:
    """The module itself, its windowed attention replaced; what has none is left as it is."""
    parts: list[Any] = list(module.modules())
    for part in parts:
        if kind := KINDS.get(type(part)):
            part.__class__ = kind
        elif isinstance(part, LEDEncoder | LongformerModel):  # only computing by windows needs whole windows
            setattr(part, "_pad_to_window_size", _not_padded)  # noqa: B010  mypy knows it as a method
    return module


def _not_padded(pad_token_id: int, **given: Any) -> tuple[Any, ...]:
    return 0, *given.values()


class _Banded:
    """Queries of global tokens have projections of their own, for keys and values too. Both kinds are one product of
    twice the width: [q, 0] or [0, q_global] with [k, k_global], and each query takes its half of [v, v_global]."""

    def forward(
        self: Any,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        is_index_masked: Tensor | None = None,
        is_index_global_attn: Tensor | None = None,
        is_global_attn: bool | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor]:
        """hidden_states: (B, N, D). is_index_masked, is_index_global_attn: (B, N). Returns (B, N, D)."""
        masked, everywhere = is_index_masked, is_index_global_attn
        assert masked is not None and everywhere is not None
        batch, count, _ = hidden_states.shape

        def heads(projection: nn.Module) -> Tensor:  # (B, H, N, d)
            return projection(hidden_states).view(batch, count, self.num_heads, self.head_dim).transpose(1, 2)

        query, key, value = heads(self.query), heads(self.key), heads(self.value)
        at = torch.arange(count, device=hidden_states.device)
        near = (at[:, None] - at).abs() <= self.one_sided_attn_window_size
        seen = near | everywhere[:, None]  # (B, N, N)
        if is_global_attn:
            seen = seen | everywhere[:, :, None]
            own = everywhere[:, None, :, None].to(query.dtype)
            query = torch.cat([query * (1 - own), heads(self.query_global) * own], -1)
            key = torch.cat([key, heads(self.key_global)], -1)
            value = torch.cat([value, heads(self.value_global)], -1)
        seen = seen & ~masked[:, None] & ~masked[:, :, None]
        output = F.scaled_dot_product_attention(query, key, value, seen[:, None], scale=self.head_dim**-0.5)
        if is_global_attn:
            local, wide = output.split(self.head_dim, -1)
            output = torch.where(everywhere[:, None, :, None], wide, local)
        return (output.transpose(1, 2).reshape(batch, count, -1),)


class BandedLED(_Banded, LEDEncoderSelfAttention):
    pass


class BandedLongformer(_Banded, LongformerSelfAttention):
    pass


class BandedLongT5(LongT5LocalAttention):
    def forward(
        self,
        hidden_states: Tensor,
        mask: Tensor | None = None,
        position_bias: Tensor | None = None,
        output_attentions: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """hidden_states: (B, N, D). mask: (B, 1, blocks, block, 3 block), bool. position_bias: what the first layer
        gave, (B, H, N, N), window and padding in it. Returns (B, N, D) and the bias for the next layer."""
        batch, count, _ = hidden_states.shape

        def heads(projection: nn.Module) -> Tensor:  # (B, H, N, d)
            found = projection(hidden_states)
            return found.view(batch, count, self.n_heads, self.key_value_proj_dim).transpose(1, 2)

        if position_bias is None:
            position_bias = self._bias(count, mask, hidden_states)
        output = F.scaled_dot_product_attention(heads(self.q), heads(self.k), heads(self.v), position_bias, scale=1.0)
        return self.o(output.transpose(1, 2).reshape(batch, count, -1)), position_bias

    def _bias(self, count: int, mask: Tensor | None, like: Tensor) -> Tensor:
        at = torch.arange(count, device=like.device)
        distance = at - at[:, None]  # (N, N)
        bias = like.new_zeros(1, self.n_heads, count, count)
        if self.has_relative_attention_bias:
            bucket = self._relative_position_bucket(
                distance,
                num_buckets=self.relative_attention_num_buckets,
                max_distance=self.relative_attention_max_distance,
            )
            bias = self.relative_attention_bias(bucket).permute(2, 0, 1)[None]
        seen = (distance.abs() < self.block_len)[None]
        if mask is not None:  # a token that is none does not see itself
            real = mask[:, 0, :, :, self.block_len : 2 * self.block_len].diagonal(dim1=-2, dim2=-1)
            seen = seen & real.flatten(1)[:, None, :count]
        return bias.masked_fill(~seen[:, None], NEVER)


KINDS: dict[type[nn.Module], type[nn.Module]] = {
    LEDEncoderSelfAttention: BandedLED,
    LongformerSelfAttention: BandedLongformer,
    LongT5LocalAttention: BandedLongT5,
}
