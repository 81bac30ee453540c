"""How far a map can be trusted on this very input: take away what it calls relevant, and see whether the answer goes.

Deletion and insertion as in Petsiuk et al. 2018 ("RISE: Randomized Input Sampling for Explanation of Black-box Models",
section 4), beside the same for random orders: an area alone says nothing, as it depends on how hard the input is.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from core.attention.subject import Subject

OnStep = Callable[[int, int], None]  # (passes of one item done, all); may raise to stop
RANDOM = 10  # orders
DRAWS = 4000  # of a simulated quantile


@dataclass(frozen=True, eq=False)
class Curves:
    """What the model still says, of several orders (O) at several steps (S).

    fractions: (S,), 0 to 1: the share of the units that is taken away (deletion) or given back (insertion).
    deletion, insertion: (O, S), as `Subject.scores`.
    """

    fractions: Tensor
    deletion: Tensor
    insertion: Tensor

    @property
    def deletion_area(self) -> Tensor:
        """(O,). Small where what was taken away first is what the answer needs."""
        return torch.trapezoid(self.deletion, self.fractions)

    @property
    def insertion_area(self) -> Tensor:
        """(O,). Large where what was given back first is enough for the answer."""
        return torch.trapezoid(self.insertion, self.fractions)

    @property
    def gap(self) -> Tensor:
        """(O,): insertion minus deletion, -1 to 1: the one number of an order. Of a random order it is 0 on average,
        as an order turned round has exactly the opposite gap."""
        return self.insertion_area - self.deletion_area

    @property
    def half(self) -> Tensor:
        """(O,): what is still said once the first half is taken away, between steps on the straight line."""
        place = int((self.fractions <= 0.5).sum()) - 1  # the last step that is not beyond the half
        before, after = self.fractions[place], self.fractions[place + 1]
        return torch.lerp(self.deletion[:, place], self.deletion[:, place + 1], (0.5 - before) / (after - before))


@dataclass(frozen=True, eq=False)
class Control:
    """The same of random orders: it does not depend on any method. mean, sd: of the gap (sd with n - 1)."""

    curves: Curves

    @property
    def count(self) -> int:
        return len(self.curves.gap)

    @property
    def mean(self) -> float:
        return float(self.curves.gap.mean())

    @property
    def sd(self) -> float:
        return float(self.curves.gap.std())


@dataclass(frozen=True)
class Verdict:
    """Of one map. share: of random maps that it explains better than, 0 to 1 (`beats`); low, high: of all random maps,
    the share lies there with 95% (`interval`), as only some were measured.

    whole, half, chance: how large that is, in the score itself: of the whole input, without the map's first half, and
    without a random half (the mean of the control).
    """

    deletion: float
    insertion: float
    gap: float
    share: float
    low: float
    high: float
    whole: float
    half: float
    chance: float


def per_unit(values: Tensor, units: Tensor) -> Tensor:
    """Of each position (..., N) -> of each patch or word (..., U), the sum over its positions; -1 is left out.

    units: (N,), as `Subject.units`: 0..U-1.
    """
    inside = units >= 0
    count = int(units.max()) + 1 if inside.any() else 0
    total = torch.zeros(*values.shape[:-1], count, dtype=torch.float64)
    return total.index_add_(-1, units[inside].cpu(), values[..., inside].double().cpu())


def order(relevance: Tensor, units: Tensor) -> Tensor:
    """The units (U,) from most to least relevant; of equals the earlier one comes first.

    relevance: (N,), of which the pieces of a word are summed. Raises ValueError where it is not finite.
    """
    found = per_unit(relevance, units)
    if not found.isfinite().all():
        raise ValueError("the relevance is not finite everywhere")
    return found.argsort(descending=True, stable=True)


def random_orders(subject: Subject, count: int = RANDOM, seed: int = 0) -> list[Tensor]:
    """`count` random orders of the units, always the same ones for a seed.

    They are as the axis draws them: words in any order, patches smoothly.
    """
    draw = torch.Generator().manual_seed(seed)
    return subject.axis.random_orders(int(subject.units.max()) + 1, count, draw)


def curves(
    subject: Subject,
    orders: Sequence[Tensor],
    fill: str,
    steps: int = 10,
    batch: int = 16,
    on_step: OnStep | None = None,
) -> Curves:
    """Deletion and insertion of every order, in batches over all of them; equal inputs are computed once.

    Deletion (Samek et al. 2017, "Evaluating the Visualization of What a Deep Neural Network Has Learned", with patches
    for pixels): the most relevant units are taken away first. Insertion: everything is taken away and the most relevant
    units are given back first. orders: (U,) each, a permutation of the units. steps: even steps from none to all of
    them, fewer where there are fewer units. Raises ValueError without orders or units.
    """
    units = subject.units.cpu()
    count = int(units.max()) + 1
    if count < 1 or not len(orders):
        raise ValueError("there is nothing to take away, or no order to do it in")
    ends = _ends(count, steps)
    ranks = torch.stack([one.argsort() for one in orders])  # (O, U)
    deleted = ranks[:, None] >= ends[:, None]  # (O, S, U): kept
    kept = torch.stack([deleted, ~deleted])  # (2, O, S, U)
    distinct, which = kept.reshape(-1, count).unique(dim=0, return_inverse=True)  # (distinct, U), (2 O S,)
    positions = distinct[:, units.clamp_min(0)] | (units < 0)  # (distinct, N)
    found = _scores(subject, positions, fill, batch, on_step)
    deletion, insertion = found[which].reshape(kept.shape[:-1])  # (O, S) each
    return Curves(ends.double() / count, deletion, insertion)


def control(
    subject: Subject,
    fill: str,
    count: int = RANDOM,
    seed: int = 0,
    steps: int = 10,
    batch: int = 16,
    on_step: OnStep | None = None,
) -> Control:
    """`curves` of `count` random orders. Raises ValueError for less than two, which have no spread."""
    if count < 2:
        raise ValueError("one random order has no spread")
    return Control(curves(subject, random_orders(subject, count, seed), fill, steps, batch, on_step))


def beats(gap: float, control: Control) -> float:
    """The share of random maps that a map with this gap explains better than, 0 to 1.

    The gaps of random orders are taken as draws from one normal distribution of unknown mean and spread. Then a new
    draw g has (g - mean) / (sd sqrt(1 + 1/n)) distributed as Student's t with n - 1 degrees of freedom, whose value
    at this map's gap is the answer. So it can say more than 90% with ten random orders, and is careful: t has heavy
    tails. Where all random orders do alike (one word), 0.5 for a map that does so too.
    """
    scale = control.sd * math.sqrt(1 + 1 / control.count)
    above = gap - control.mean
    if scale <= 1e-12:
        return 0.5 if abs(above) <= 1e-9 else float(above > 0)
    return student(above / scale, control.count - 1)


def interval(gap: float, control: Control, level: float = 0.95) -> tuple[float, float]:
    """Between which shares of all random maps a map with this gap lies, if their gaps are normal of unknown mean and
    spread: (gap - mean) / sd has the generalised pivot t r + z / sqrt(n), with t the same of the sample, (n - 1) r^2
    distributed as chi squared with n - 1 degrees and z standard normal (Weerahandi 1993, "Generalized Confidence
    Intervals"). Its quantiles are simulated, always with the same draws."""
    count, sd = control.count, control.sd
    if sd <= 1e-12:
        return (beats(gap, control),) * 2
    draw = torch.Generator().manual_seed(0)
    spread = torch.randn(DRAWS, count - 1, generator=draw).square().mean(1).sqrt()
    middle = torch.randn(DRAWS, generator=draw) / math.sqrt(count)
    shares = torch.special.ndtr((gap - control.mean) / sd * spread + middle)
    low, high = shares.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2])).tolist()
    return low, high


def verdicts(found: Curves, control: Control) -> list[Verdict]:
    """One an order."""
    chance = float(control.curves.half.mean())
    numbers = torch.stack(
        [found.deletion_area, found.insertion_area, found.gap, found.deletion[:, 0], found.half], 1
    ).tolist()
    return [
        Verdict(deletion, insertion, gap, beats(gap, control), *interval(gap, control), whole, half, chance)
        for deletion, insertion, gap, whole, half in numbers
    ]


def student(t: float, degrees: int) -> float:
    """P(T <= t) of Student's t with whole degrees of freedom: Abramowitz & Stegun 1964, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(degrees))
    sin, cos = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = (cos if odd else 1.0), 0.0
    for k in range(1 + odd, degrees, 2):  # cos^(k-1), times 1/2 3/4 5/6... (even) or 2/3 4/5... (odd degrees)
        total += term
        term *= cos**2 * k / (k + 1)
    between = 2 / math.pi * (angle + sin * total) if odd else sin * total  # P(|T| <= |t|), with the sign of t
    return (1 + between) / 2


def _ends(count: int, steps: int) -> Tensor:
    """How many of `count` units are gone after each step, 0 first, `count` last: (S,)."""
    steps = max(1, min(steps, count))
    return (2 * torch.arange(steps + 1) * count + steps) // (2 * steps)


def _scores(subject: Subject, kept: Tensor, fill: str, batch: int, on_step: OnStep | None) -> Tensor:
    """`Subject.scores` of any number of inputs (B, N), in float64 on the CPU: (B,)."""
    found: list[Tensor] = []
    for start in range(0, len(kept), batch):
        if on_step:
            on_step(start, len(kept))
        found.append(subject.scores(kept[start : start + batch], fill).double().cpu())
    if on_step:
        on_step(len(kept), len(kept))
    return torch.cat(found)
