"""How smooth the methods' maps are, and what a random order must be to be a fair opponent of one.

`python -m benchmarks.smoothness` prints, for each bundled photo, the mean rank correlation of neighbouring patches in
the methods' maps and in random orders (`core.attention.axes.SMOOTH` is set so that they agree), then the spread
of the gap of scattered and of smooth random orders, and how many maps each calls better than 95% of random maps.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from benchmarks.explaining import classifier, maps
from core import samples
from core.attention.faithfulness import Control, control, curves, order, random_orders, verdicts
from core.attention.subject import Subject
from core.models.images import open_image
from core.models.subjects import vision_subject

SIDE = 224  # px, as on the Explain page
COUNT = 10  # random orders


def neighbours(chosen: Tensor, grid: tuple[int, int]) -> float:
    """Rank correlation of patches beside and above each other; chosen: the patches in order, (U,)."""
    ranks = chosen.argsort().reshape(grid).double()
    ranks = (ranks - ranks.mean()) / ranks.std(correction=0)
    beside, above = ranks[:, 1:] * ranks[:, :-1], ranks[1:] * ranks[:-1]
    return float((beside.mean() + above.mean()) / 2)


def scattered(subject: Subject, seed: int = 0) -> list[Tensor]:
    draw = torch.Generator().manual_seed(seed)
    return [torch.randperm(int(subject.units.max()) + 1, generator=draw) for _ in range(COUNT)]


def told(orders: Sequence[Tensor], subject: Subject, against: Control) -> int:
    """How many of the orders it calls better than 95% of random ones."""
    found = curves(subject, orders, subject.fills[0])
    return sum(verdict.share > 0.95 for verdict in verdicts(found, against))


def main() -> None:
    model = classifier()
    alike: list[float] = []
    for photo in samples.photos():
        result = model.run(open_image(photo.path.read_bytes()), SIDE, "crop")
        subject = vision_subject(model, result, model.classes.index(result.predictions[0].label))
        orders = [order(torch.nan_to_num(one), subject.units) for one in maps(subject).values()]
        grid = result.axis.grid
        own = [neighbours(one, grid) for one in orders]
        drawn = [neighbours(one, grid) for one in random_orders(subject, COUNT)]
        alike += own
        plain = Control(curves(subject, scattered(subject), subject.fills[0]))
        smooth = control(subject, subject.fills[0], COUNT)
        print(
            f"{photo.path.stem}: neighbours {sum(own) / len(own):.2f} in maps, {sum(drawn) / len(drawn):.2f} in random "
            f"orders; sd of the gap {plain.sd:.3f} scattered, {smooth.sd:.3f} smooth; better than 95%: "
            f"{told(orders, subject, plain)} and {told(orders, subject, smooth)} of {len(orders)} maps",
            flush=True,
        )
    print(f"all maps: {sum(alike) / len(alike):.2f}")


if __name__ == "__main__":
    main()
