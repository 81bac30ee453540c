"""What the benchmark of explanations is measured against: an aligner on a toy language, and scenes with their masks."""

import random

import pytest
import torch
from PIL import Image

from benchmarks.aligner import Aligner, error_rate, f1, grow_diagonal
from benchmarks.explaining import areas, interval
from benchmarks.scenes import SIDE, scenes
from core.attention.faithfulness import random_orders
from core.models.subjects import photo_subject
from core.scenes.pointing import inside, on_grid
from tests.finetune.models import tiny_vision

LEXICON = {f"s{n}": f"t{n}" for n in range(12)}


def test_the_aligner_learns_a_lexicon_from_shuffled_sentences() -> None:
    draw = random.Random(0)
    pairs, truth = [], []
    for _ in range(150):
        source = draw.sample(sorted(LEXICON), 5)
        order = draw.sample(range(5), 5)
        pairs.append((source, [LEXICON[source[i]] for i in order]))
        truth.append({(i, j) for j, i in enumerate(order)})
    aligner = Aligner(pairs)
    for (source, target), expected in zip(pairs[:30], truth[:30], strict=True):
        sure, possible = aligner.align(source, target)
        assert sure == possible == expected
        assert error_rate(expected, sure, possible) == 0 and f1(expected, possible) == 1


def test_growing_takes_neighbours_of_words_that_have_no_link() -> None:
    one, other = {(0, 0), (1, 1), (3, 0)}, {(0, 0), (2, 2), (0, 1)}
    # (1, 1) touches (0, 0), (2, 2) touches (1, 1); (0, 1) has both its words by then, (3, 0) touches nothing.
    assert grow_diagonal(one, other) >= {(0, 0), (1, 1), (2, 2)}
    assert (3, 0) not in grow_diagonal(one, other)
    assert grow_diagonal({(0, 0)}, {(5, 5)}) == set()


def test_error_rate_by_hand() -> None:
    sure, possible = {(0, 0), (1, 1)}, {(0, 0), (1, 1), (1, 2)}
    assert error_rate({(0, 0), (1, 2), (3, 3)}, sure, possible) == pytest.approx(1 - (1 + 2) / 5)
    assert f1({(0, 0), (1, 2), (3, 3)}, possible) == pytest.approx(2 * 2 / 6)


@pytest.mark.parametrize("objects", [1, 2])
def test_masks_are_where_the_objects_are(objects: int) -> None:
    for scene, other in zip(scenes(6, objects), scenes(6, objects), strict=True):
        assert scene.image.tobytes() == other.image.tobytes()  # always the same scenes
        assert len(scene.masks) == objects and scene.image.size == (SIDE, SIDE)
        together = torch.stack(list(scene.masks.values())).sum(0)
        assert int(together.max()) == 1  # objects do not overlap
        for mask in scene.masks.values():
            assert float(mask.sum()) == pytest.approx(torch.pi * 49**2, rel=0.02)
            share = inside(on_grid(mask, (16, 16))).float().mean()
            assert float(share) == pytest.approx(float(mask.float().mean()), rel=0.15)


def test_areas_are_those_of_the_methods_and_of_random_orders() -> None:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (64, 64, 3), dtype=torch.uint8, generator=draw).numpy()
    subject = photo_subject(tiny_vision(), Image.fromarray(pixels), 64, "stretch")
    found = areas(subject, seed=4)
    assert {"raw", "relevance", "random"} <= set(found)
    for numbers in found.values():
        assert numbers["gap"] == pytest.approx(numbers["insertion"] - numbers["deletion"], abs=1e-9)
    assert len(random_orders(subject, 3, 4)) == 3


def test_an_interval_is_the_mean_and_its_standard_errors() -> None:
    assert interval([1.0, 2.0, 3.0, 6.0]) == "3.000 ± 2.117"  # sd 2.1602, 1.96 * sd / 2
