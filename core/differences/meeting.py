"""Where the two meet: one scene, told by a captioner that reads patches, and its caption, translated by a model that
reads pieces; of the same thing, what each decoder read to write its name."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from core.attention.trace import AttentionTrace
from core.models.captioning import Caption
from core.models.translation import Translation
from core.scenes import Language
from core.scenes.words import named_at


@dataclass(frozen=True)
class Read:
    """What a decoder read to write one piece, mean over the heads of its last layer. step: of the output, from 0. row:
    (keys,), sums to 1."""

    step: int
    row: Tensor

    @property
    def strongest(self) -> tuple[int, float]:
        """The key that got most, and its share."""
        key = int(self.row.argmax())
        return key, float(self.row[key])


def meetings(caption: Caption, translation: Translation, language: Language) -> Iterator[tuple[str, int, Read, Read]]:
    """By class that the caption names and the translator read: the position of its name in the source; what the
    captioner read as it wrote the name; what the translator read as it wrote the piece that read this name most."""
    over, across = (last_map(one.traces["cross"]) for one in (caption, translation))
    marks = torch.tensor(translation.target.special)
    source = named_at(translation.source, language)
    for name, step in named_at(caption.target, language).items():
        if name in source:
            wrote = int(across[:, source[name]].masked_fill(marks, -1.0).argmax())
            yield name, source[name], Read(step, over[step]), Read(wrote, across[wrote])


def last_map(cross: AttentionTrace) -> Tensor:
    """(Nq, Nk), mean over the heads of the last layer."""
    return cross.mean([cross.layers - 1])


def going_on(cross: AttentionTrace) -> tuple[int, int]:
    """At how many steps the strongest key lies behind that of the step before, and of how many: who reads in order
    goes on at nearly all."""
    strongest = last_map(cross).argmax(-1)
    return int((strongest[1:] > strongest[:-1]).sum()), len(strongest) - 1
