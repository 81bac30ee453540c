"""Deletion and insertion where every curve is known in closed form; the share of random maps against a simulation."""

import itertools
import math
import statistics
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from core.attention.axes import PatchAxis
from core.attention.faithfulness import (
    Control,
    Curves,
    beats,
    control,
    curves,
    interval,
    order,
    per_unit,
    random_orders,
    student,
    verdicts,
)
from core.attention.subject import Subject
from tests.attention.subjects import linear

NUMBERS = st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=24)


def areas_by_hand(weights: list[float], chosen: list[int], ends: list[int]) -> tuple[float, float]:
    """Deletion and insertion area of an order under a linear model, by the trapezoid rule written out."""
    total, count = sum(weights), len(weights)
    given_back = [sum(weights[unit] for unit in chosen[:end]) for end in ends]
    deletion = insertion = 0.0
    for i in range(len(ends) - 1):
        width = (ends[i + 1] - ends[i]) / count
        insertion += width * (given_back[i] + given_back[i + 1]) / 2
        deletion += width * (2 * total - given_back[i] - given_back[i + 1]) / 2
    return deletion, insertion


@settings(max_examples=60)
@given(weights=NUMBERS, steps=st.integers(1, 30), seed=st.integers(0, 999))
def test_areas_of_a_linear_model(weights: list[float], steps: int, seed: int) -> None:
    subject = linear(weights)
    orders = random_orders(subject, 3, seed)
    found = curves(subject, orders, "mask", steps)
    ends = [round(float(fraction) * len(weights)) for fraction in found.fractions]
    assert ends[0] == 0 and ends[-1] == len(weights) and len(ends) == min(steps, len(weights)) + 1
    assert max(b - a for a, b in itertools.pairwise(ends)) - min(b - a for a, b in itertools.pairwise(ends)) <= 1
    for number, one in enumerate(orders):
        expected = areas_by_hand(weights, one.tolist(), ends)
        assert float(found.deletion_area[number]) == pytest.approx(expected[0], abs=1e-9)
        assert float(found.insertion_area[number]) == pytest.approx(expected[1], abs=1e-9)


@settings(max_examples=20)
@given(weights=st.lists(st.floats(-3, 3, width=32), min_size=2, max_size=5))
def test_the_weights_themselves_are_the_best_order_of_a_linear_model(weights: list[float]) -> None:
    subject = linear(weights)
    best = order(torch.tensor(weights), subject.units)
    every = [torch.tensor(one) for one in itertools.permutations(range(len(weights)))]
    found = curves(subject, [best, *every], "mask")
    assert float(found.gap[0]) >= float(found.gap[1:].max()) - 1e-9
    assert float(found.gap[1:].mean()) == pytest.approx(0, abs=1e-9)  # a random order explains nothing


def test_what_half_leaves_lies_on_the_straight_line_between_steps() -> None:
    found = curves(linear([1.0, 1.0, 4.0]), [torch.tensor([2, 0, 1])], "mask")
    assert found.fractions.tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1]) and found.half.tolist() == [1.5]


def test_a_planted_patch_beats_random_maps_and_its_opposite_does_not() -> None:
    subject = linear([0.0] * 30 + [1.0] + [0.0] * 30)
    relevance = torch.zeros(61)
    relevance[30] = 1
    found = curves(subject, [order(relevance, subject.units), order(-relevance, subject.units)], "mask")
    chance = control(subject, "mask", count=20)
    right, wrong = verdicts(found, chance)
    assert (right.whole, right.half, wrong.half) == (1, 0, 1), "the size of the effect, in the score itself"
    assert right.chance == wrong.chance == pytest.approx(float(chance.curves.half.mean()))
    assert right.share > 0.9 and right.deletion < 0.1 < 0.9 < right.insertion
    assert wrong.share < 0.1 and wrong.gap == pytest.approx(-right.gap, abs=0.02)


def test_the_spread_of_random_maps_is_that_of_a_sample() -> None:
    found = control(linear([1.0, -2.0, 0.5, 3.0]), "mask", count=5)
    gaps = found.curves.gap.tolist()
    assert found.mean == pytest.approx(statistics.mean(gaps)) and found.sd == pytest.approx(statistics.stdev(gaps))


def test_pieces_of_a_word_go_together_and_marks_stay() -> None:
    subject = linear([0.5, 1.0, 2.0, 4.0, 8.0], words=[0, 1, 1, 2, 3], marks=[0, 4])
    assert subject.units.tolist() == [-1, 0, 0, 1, -1]
    values = torch.tensor([9.0, 1.0, 2.0, 2.5, 9.0])
    assert per_unit(values, subject.units).tolist() == [3.0, 2.5]
    assert order(values, subject.units).tolist() == [0, 1]
    found = curves(subject, [torch.tensor([0, 1])], "mask")
    assert found.deletion[0].tolist() == [15.5, 12.5, 8.5]
    assert found.insertion[0].tolist() == [8.5, 11.5, 15.5]
    assert per_unit(values[None], torch.full((5,), -1)).shape == (1, 0), "nothing but marks"


def test_equal_relevance_keeps_the_order_of_the_input_and_nan_is_refused() -> None:
    units = torch.arange(4)
    assert order(torch.tensor([1.0, 2.0, 1.0, 2.0]), units).tolist() == [1, 3, 0, 2]
    with pytest.raises(ValueError, match="finite"):
        order(torch.tensor([1.0, math.nan, 1.0, 2.0]), units)


def test_equal_inputs_are_computed_once() -> None:
    asked: list[Tensor] = []
    plain = linear([1.0] * 20)

    def score(kept: Tensor, fill: str) -> Tensor:
        assert len(kept) <= 7
        asked.extend(kept)
        return kept.double().mean(-1)

    counting = Subject({}, plain.axis, None, plain.reader, plain.fills, score, plain.run, plain.unfold)
    forward = torch.arange(20)
    curves(counting, [forward, forward.flip(0), forward], "mask", steps=10, batch=7)
    # Deletion of an order is insertion of the reversed one; all kept and none kept are shared by every curve.
    assert len(asked) == 2 * 9 + 2 == len({tuple(kept.tolist()) for kept in asked})


def test_one_unit_has_no_gap_and_no_unit_is_refused() -> None:
    found = curves(linear([2.0]), [torch.tensor([0])], "mask")
    assert found.fractions.tolist() == [0.0, 1.0] and found.gap.tolist() == [0.0]
    with pytest.raises(ValueError, match="nothing"):
        curves(linear([2.0], marks=[0]), [torch.tensor([], dtype=torch.long)], "mask")
    assert beats(0.0, control(linear([2.0]), "mask")) == 0.5


def test_raising_in_on_step_stops() -> None:
    told: list[tuple[int, int]] = []

    def on_step(done: int, total: int) -> None:
        told.append((done, total))
        if done >= 8:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        curves(linear([1.0] * 20), random_orders(linear([1.0] * 20), 4), "mask", batch=4, on_step=on_step)
    assert [done for done, _ in told] == [0, 4, 8] and told[0][1] > 8
    told.clear()
    curves(linear([1.0, 2.0]), [torch.arange(2)], "mask", on_step=lambda done, total: told.append((done, total)))
    assert told[-1] == (4, 4)


def test_random_orders_are_permutations_and_always_the_same() -> None:
    words = linear([1.0] * 7, words=[0, 0, 1, 1, 2, 3, 4], marks=[0, 6])
    for subject, count in ((words, 4), (photo([1.0] * 12, (3, 4)), 12)):
        first, again, other = random_orders(subject, 12), random_orders(subject, 12), random_orders(subject, 12, seed=1)
        assert len(first) == 12 and all(sorted(one.tolist()) == list(range(count)) for one in first)
        assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
        assert not all(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def photo(weights: list[float], grid: tuple[int, int]) -> Subject:
    """The linear model of a picture: CLS, which says nothing, and a weight a patch."""
    axis = PatchAxis(grid, ("CLS",), (0, 0, 1, 1), (1, 1))
    return replace(linear([0.0, *weights]), axis=axis)


def test_random_orders_of_patches_are_as_smooth_as_maps_in_both_directions_and_up_to_the_edge() -> None:
    ranks = torch.stack([one.argsort() for one in random_orders(photo([1.0] * 192, (12, 16)), 400)]).double()
    ranks = ((ranks - ranks.mean()) / ranks.std(correction=0)).reshape(400, 12, 16)
    for pairs in (ranks[:, 1:] * ranks[:, :-1], ranks[:, :, 1:] * ranks[:, :, :-1], ranks[:, 0, 1:] * ranks[:, 0, :-1]):
        assert float(pairs.mean()) == pytest.approx(0.6, abs=0.04)
    far = float((ranks[:, 6:] * ranks[:, :-6]).mean())  # nearly independent: what is near is alike, and all sum to 0
    assert far == pytest.approx(-0.04, abs=0.02)
    assert float(ranks.mean(0).abs().max()) < 0.25, "no place comes first in all of them"


def test_a_smooth_map_of_nothing_is_no_better_than_chance_where_the_model_reads_regions() -> None:
    """The model reads one square. Maps that know nothing of it, but are smooth, must be told as chance: one in twenty
    may beat 95%. Against scattered orders they do so more often, which is why those are no opponents."""
    square = torch.zeros(12, 12)
    square[2:6, 3:7] = 1
    subject = photo(square.flatten().tolist(), (12, 12))
    own = random_orders(subject, 400, seed=7)
    found = curves(subject, own, "mask")

    def too_good(against: Control) -> float:
        return sum(verdict.share > 0.95 for verdict in verdicts(found, against)) / len(own)

    scattered = [torch.randperm(144, generator=torch.Generator().manual_seed(n)) for n in range(200)]
    assert too_good(control(subject, "mask", count=200)) == pytest.approx(0.05, abs=0.03)
    assert too_good(Control(curves(subject, scattered, "mask"))) > 0.1


@pytest.mark.parametrize("count", [4, 10])
def test_the_interval_holds_the_true_share_as_often_as_it_says(count: int) -> None:
    """Gaps of random orders are drawn from a normal distribution that is known, the map's lies at its 90th percent."""
    draw, held, widths = torch.Generator().manual_seed(5), 0, []
    flat = torch.zeros(count, 2, dtype=torch.float64)
    for _ in range(300):
        gaps = 0.3 + 0.1 * torch.randn(count, 1, generator=draw, dtype=torch.float64)
        against = Control(Curves(torch.tensor([0.0, 1.0]).double(), flat, flat + gaps))
        assert torch.allclose(against.curves.gap, gaps[:, 0])
        low, high = interval(0.3 + 0.1 * 1.2816, against)
        assert low <= beats(0.3 + 0.1 * 1.2816, against) <= high
        held += low <= 0.9 <= high
        widths.append(high - low)
    assert held / 300 == pytest.approx(0.95, abs=0.03)
    assert statistics.mean(widths) < (0.65 if count == 4 else 0.4)


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 19, 40])
@pytest.mark.parametrize("t", [-30.0, -2.0, -0.3, 0.0, 0.7, 1.0, 4.0])
def test_student_is_the_integral_of_its_density(degrees: int, t: float) -> None:
    x = torch.linspace(0, t, 40_001, dtype=torch.float64)
    log_constant = math.lgamma((degrees + 1) / 2) - math.lgamma(degrees / 2) - 0.5 * math.log(degrees * math.pi)
    density = torch.exp(log_constant - (degrees + 1) / 2 * torch.log1p(x**2 / degrees))
    assert student(t, degrees) == pytest.approx(0.5 + float(torch.trapezoid(density, x)), abs=1e-7)


def of_gaps(gaps: Tensor) -> Control:
    """A control with these gaps: insertion is the gap, deletion 0."""
    flat = gaps.double()[:, None].expand(-1, 2)
    return Control(Curves(torch.tensor([0.0, 1.0]).double(), torch.zeros_like(flat), flat))


def test_the_share_is_right_for_maps_that_are_themselves_random() -> None:
    """Of a random map the share is uniform on 0..1, however few orders the control has: it says what it promises."""
    draw = torch.Generator().manual_seed(0)
    gaps = torch.randn(4000, 11, generator=draw).double() * 0.3 + 0.1
    shares = torch.tensor([beats(float(row[0]), of_gaps(row[1:])) for row in gaps])
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        assert float((shares <= level).double().mean()) == pytest.approx(level, abs=0.02)


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.floats(-2, 2), st.floats(-2, 2), st.floats(0.1, 10))
def test_a_larger_gap_never_beats_less_and_units_of_the_score_do_not_matter(
    gaps: list[float], one: float, other: float, scale: float
) -> None:
    assume(max(gaps) - min(gaps) > 1e-3)
    found = of_gaps(torch.tensor(gaps))
    low, high = sorted((one, other))
    assert 0 <= beats(low, found) <= beats(high, found) <= 1
    larger = of_gaps(torch.tensor(gaps).double() * scale)
    assert beats(one * scale, larger) == pytest.approx(beats(one, of_gaps(torch.tensor(gaps).double())), abs=1e-6)


def test_one_random_order_is_too_few() -> None:
    with pytest.raises(ValueError, match="spread"):
        control(linear([1.0, 2.0]), "mask", count=1)


def test_a_control_of_few_orders_is_uncertain_of_its_own_mean() -> None:
    """Two orders with gaps -1 and 1: mean 0, sd sqrt(2), times sqrt(1 + 1/2) for so few; t with one degree."""
    few = of_gaps(torch.tensor([-1.0, 1.0]))
    assert beats(math.sqrt(3), few) == pytest.approx(0.75), "Cauchy's upper quartile is one scale above the mean"
    ten = of_gaps(torch.tensor([-1.0, 1.0] * 5))
    scale = math.sqrt(10 / 9) * math.sqrt(1.1)
    assert beats(1.833113 * scale, ten) == pytest.approx(0.95, abs=1e-6), "t of nine degrees at 95%, from the tables"
