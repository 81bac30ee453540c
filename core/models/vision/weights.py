"""The parameters of a vision model in groups, in the order in which data meets them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Role = Literal["embed", "layer", "norm", "head"]


@dataclass(frozen=True, eq=False)
class WeightGroup:
    """Parameters that belong together, by their names within the part `name` of the module. number: of a layer, from 1,
    else 0."""

    role: Role
    name: str
    number: int
    tensors: Mapping[str, Tensor]


def weight_groups(module: nn.Module, path: str, blocks: Sequence[nn.Module]) -> Iterator[WeightGroup]:
    """The learnt tokens and positions that a part holds itself come after what embeds the patches."""
    own = dict(module.named_parameters(recurse=False))
    layers = {id(block) for block in blocks}
    direct = WeightGroup("embed", path + "+".join(own), 0, own) if own else None
    for name, child in module.named_children():
        inside = {id(part) for part in child.modules()}
        is_embedding = "embed" in name
        if direct and not is_embedding:
            yield direct
            direct = None
        if id(child) in layers:
            number = next(i for i, block in enumerate(blocks) if block is child) + 1
            yield WeightGroup("layer", path + name, number, dict(child.named_parameters()))
        elif inside & layers:
            yield from weight_groups(child, f"{path}{name}.", blocks)
        else:
            role: Role = "embed" if is_embedding else "norm" if "norm" in name else "head"
            yield WeightGroup(role, path + name, 0, dict(child.named_parameters()))
    if direct:
        yield direct
