"""Pictures with captions, and a picture as it might have been seen without moving what a caption says of it."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Captioned:
    """images: (N, 3, S, S) uint8. captions: of each picture one or more, any of which is right."""

    images: Tensor
    captions: tuple[tuple[str, ...], ...]

    def __len__(self) -> int:
        return len(self.captions)

    def part(self, chosen: Tensor) -> "Captioned":
        return Captioned(self.images[chosen], tuple(self.captions[n] for n in chosen.tolist()))

    def joined(self, other: "Captioned") -> "Captioned":
        return Captioned(torch.cat([self.images, other.images]), self.captions + other.captions)
