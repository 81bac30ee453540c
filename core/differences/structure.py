"""The loaded models as parts in the order in which data meets them, and what a causal mask keeps apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace
from core.differences.positions import is_fixed
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult
from core.models.vision.weights import Role

Stack = Literal["vision", "encoder", "decoder"]
Counted = Literal["here", "before", "fixed"]  # where a tensor's numbers are counted; fixed ones nowhere


@dataclass(frozen=True, eq=False)
class Part:
    """name: its path in the module. number: of a layer, from 1, else 0. tensors: (name, shape) of its parameters and
    where they are counted. parameters: those that are counted here. calls: its attention, by
    kind ("encoder", "decoder", "cross"), as recorded in the run."""

    stack: Stack
    role: Role
    name: str
    number: int
    parameters: int
    tensors: tuple[tuple[str, tuple[int, ...], Counted], ...]
    calls: dict[str, AttentionCall]

    @property
    def key(self) -> str:
        return f"{self.stack}:{self.name}"


class _Counter:
    """Counts every parameter once: tied weights belong to the part that data meets first."""

    def __init__(self) -> None:
        self.seen: set[int] = set()

    def part(
        self,
        stack: Stack,
        role: Role,
        name: str,
        tensors: Mapping[str, Tensor],
        number: int = 0,
        calls: dict[str, AttentionCall] | None = None,
    ) -> Part:
        found, total = [], 0
        for label, tensor in tensors.items():
            counted = self._where(name, tensor)
            self.seen.add(id(tensor))
            found.append((label, tuple(tensor.shape), counted))
            total += tensor.numel() if counted == "here" else 0
        return Part(stack, role, name, number, total, tuple(found), calls or {})

    def _where(self, name: str, tensor: Tensor) -> Counted:
        if "position" in name and tensor.dim() == 2 and is_fixed(tensor.detach()):
            return "fixed"
        return "before" if id(tensor) in self.seen else "here"


def vision_parts(model: VisionModel, result: VisionResult) -> list[Part]:
    """Patch embedding, learnt tokens and positions, blocks, norm, head: every parameter in exactly one of them."""
    counter = _Counter()
    calls = [{"encoder": call} for call in result.traces["encoder"].calls] if result.traces else []
    parts = []
    for group in model.weight_groups():
        own = calls[group.number - 1] if group.number and calls else None
        parts.append(counter.part("vision", group.role, group.name, group.tensors, group.number, own))
    return [part for part in parts if part.tensors]


def translator_parts(translator: Translator, translation: Translation) -> list[Part]:
    """The encoder's parts, then the decoder's and the head; a tied embedding is counted where it is met first."""
    counter = _Counter()
    encoder_calls = [{"encoder": call} for call in translation.traces["encoder"].calls]
    pairs = zip(*(translation.traces[kind].calls for kind in ("decoder", "cross")), strict=True)
    decoder_calls = [{"decoder": own, "cross": across} for own, across in pairs]
    module = translator.module
    parts = list(_stack(counter, "encoder", module.get_encoder(), encoder_calls))
    parts += _stack(counter, "decoder", module.get_decoder(), decoder_calls)
    head = module.get_output_embeddings()
    if head is not None:
        parts.append(counter.part("decoder", "head", "lm_head", dict(head.named_parameters())))
    return [part for part in parts if part.tensors]


def _stack(counter: _Counter, stack: Stack, module: nn.Module, calls: list[dict[str, AttentionCall]]) -> Iterator[Part]:
    for name, child in module.named_children():
        if isinstance(child, nn.ModuleList):
            yield from _layers(counter, stack, name, child, calls)
        else:
            role: Role = "embed" if "embed" in name else "norm"
            yield counter.part(stack, role, name, dict(child.named_parameters()))


def _layers(
    counter: _Counter, stack: Stack, name: str, layers: nn.Module, calls: list[dict[str, AttentionCall]]
) -> list[Part]:
    return [
        counter.part(
            stack,
            "layer",
            f"{name}.{index}",
            dict(layer.named_parameters()),
            index + 1,
            calls[index] if index < len(calls) else None,
        )
        for index, layer in enumerate(layers.children())
    ]


def future_share(trace: AttentionTrace) -> float:
    """The share of all attention that goes to positions after the query's own, over all layers and heads."""
    mean = trace.mean()
    return float(mean.triu(1).sum() / mean.sum())


@dataclass(frozen=True, eq=False)
class Ripple:
    """How far each position's last hidden state moves, relative to its length, when the last word's piece is another.

    encoder: (m,), decoder: (n,). changed: the position that was changed in each.
    """

    encoder: Tensor
    decoder: Tensor
    changed: tuple[int, int]


def ripple(translator: Translator, sentence: str, target: str | None, output: Tensor) -> Ripple:
    """Exchange one late piece for the unknown piece, in the source and in what the decoder reads, and compare.

    output: ids (1, 1 + n), the start mark first. Attention in both directions lets the change reach every position;
    the causal mask lets it reach none before it.
    """
    source, _ = translator.source_pieces(sentence, target)
    given = output[:, :-1]
    at_source, at_given = (
        max(0, source.shape[1] - 2),
        given.shape[1] - 1,
    )  # the piece before the end; the last that is read
    encoder, decoder = translator.module.get_encoder(), translator.module.get_decoder()
    with torch.inference_mode():
        plain = encoder(input_ids=source).last_hidden_state
        moved = encoder(input_ids=_with(source, at_source, translator)).last_hidden_state
        states = [
            decoder(input_ids=ids, encoder_hidden_states=plain, use_cache=False).last_hidden_state
            for ids in (given, _with(given, at_given, translator))
        ]
    return Ripple(_change(plain, moved), _change(*states), (at_source, at_given))


def _with(ids: Tensor, position: int, translator: Translator) -> Tensor:
    unknown, end = translator.tokenizer.unk_token_id, translator.tokenizer.eos_token_id
    ids = ids.clone()
    ids[0, position] = end if int(ids[0, position]) == unknown else unknown
    return ids


def _change(before: Tensor, after: Tensor) -> Tensor:
    return ((after - before).norm(dim=-1) / before.norm(dim=-1).clamp_min(1e-12))[0].cpu()
