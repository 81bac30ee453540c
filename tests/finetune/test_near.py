"""Near duplicates between training and validation are found, counted, told and kept on one side; unlike items are
not."""

import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.errors import SidelightError
from core.finetune import data
from core.finetune.__main__ import _job
from core.finetune.data.dataset import PairData, PictureData
from core.finetune.data.grouping import grouped, is_offered
from core.finetune.data.near import groups, is_near, near_pictures, near_sentences
from core.finetune.options import parse
from tests.finetune.person import packed


def noise(count: int, seed: int) -> torch.Tensor:
    """Smooth random pictures, as unlike as photos of different things."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(coarse, (40, 40), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


def count(near: Iterable[np.ndarray]) -> int:
    """How many of those that were asked for have a near one."""
    return sum(len(one) > 0 for one in near)


@pytest.mark.parametrize("change", ["noise", "brighter", "mirrored", "shrunk", "cropped", "cropped, mirrored"])
def test_near_pictures_are_counted(change: str) -> None:
    train, other = noise(30, 0), noise(10, 1)
    near = train[:7].float()
    if change == "noise":
        near = near + 12 * torch.randn(near.shape, generator=torch.Generator().manual_seed(2))
    elif change == "brighter":
        near = near + 4
    elif change == "mirrored":
        near = near.flip(-1)
    elif "cropped" in change:
        near = torch.nn.functional.interpolate(near[:, :, 3:29, 9:35], (40, 40), mode="bilinear", antialias=True)
        near = near.flip(-1) if "mirrored" in change else near
    else:
        near = torch.nn.functional.interpolate(torch.nn.functional.interpolate(near, (30, 30), mode="area"), (40, 40))
    near = near.clamp(0, 255).to(torch.uint8)
    found = [one.tolist() for one in near_pictures(train, torch.cat([near, other]))]
    assert found == [[n] for n in range(7)] + 10 * [[]]
    assert [one.tolist() for one in near_pictures(near, train)] == [[n] for n in range(7)] + 23 * [[]], "the other way"
    plain = torch.full((2, 3, 40, 40), 90, dtype=torch.uint8)
    assert not count(near_pictures(torch.cat([train, plain]), plain))


def test_near_sentences_are_counted() -> None:
    train = ["Cut the red onion into thin slices.", "Boil the water.", "把洋葱切成薄片。"]
    near = ["cut the onion into thin slices", "Boil the water!", "把红洋葱切成薄片。"]
    found = [one.tolist() for one in near_sentences(train, [*near, "Cut the bread.", "Boil ten eggs.", "", "烧水。"])]
    assert found == [[0], [1], [2], [], [], [], []]


def series(folders: dict[str, int], copies: int) -> bytes:
    """A ZIP of class folders, each with so many photos that were taken several times."""
    files, draw = {}, np.random.default_rng(0)
    for seed, (name, photos) in enumerate(folders.items(), 3):
        for number, image in enumerate(noise(photos, seed)):
            for copy in range(copies):
                seen = np.clip(image.permute(1, 2, 0).numpy() + draw.integers(-3, 4, (40, 40, 3)), 0, 255)
                stream = io.BytesIO()
                Image.fromarray(seen.astype(np.uint8)).save(stream, "PNG")
                files[f"{name}/{number}-{copy}.png"] = stream.getvalue()
    return packed(files)


SPICES = ("salt", "pepper", "sugar", "thyme", "cumin", "mint", "basil", "saffron", "dill", "ginger", "sage", "anise")


def recipes() -> bytes:
    """Twelve groups of three sentences that differ by a number."""
    parts = ("seed", "leaf", "root", "oil", "tea", "bread", "salt", "soup")
    texts = {one: " ".join(one + part for part in parts) for one in SPICES}
    return "\n".join(f"{text} {n},Satz {one} {n}" for one, text in texts.items() for n in "123").encode()


def crossing(found: PictureData | PairData) -> int:
    """Held-out items with a near one in training."""
    if isinstance(found, PictureData):
        return count(near_pictures(found.train.images, found.held_out.images))
    return count(near_sentences([pair.source for pair in found.train], [pair.source for pair in found.held_out]))


def test_the_report_of_uploads_tells_it() -> None:
    found = data.pictures_from_zip(series({"cats": 10, "dogs": 10}, 2))
    told = {error.code: error.values for error in found.report.warnings}["data.warn_near_pictures"]
    assert 0 < told["count"] <= told["total"] == len(found.held_out) == 8
    text = "".join(f"Add {n} spoons of sugar to the warm milk and stir,Satz {n}\n" for n in range(40))
    pairs = data.pairs_from_table("x.csv", text.encode(), "de")
    told = {error.code: error.values for error in pairs.report.warnings}["data.warn_near_sentences"]
    assert told == {"count": 8, "total": 8}
    with pytest.raises(SidelightError) as error:  # all are one group
        grouped(pairs)
    assert error.value.code == "data.one_group"


def test_groups_are_joined_by_what_is_between() -> None:
    near = [[0, 3], [1], [2, 4], [0, 3, 5], [2, 4], [3, 5]]  # 0 and 5 by way of 3
    assert groups(map(np.array, near), 6).tolist() == [0, 1, 2, 0, 2, 0]


@pytest.mark.parametrize("kind", ["pictures", "pairs"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_near_pair_is_split(kind: str, seed: int) -> None:
    found: PictureData | PairData
    if kind == "pictures":
        found = data.pictures_from_zip(series({"cats": 12, "dogs": 5}, 3), seed)
    else:
        found = data.pairs_from_table("x.csv", recipes(), "de", seed)
    assert is_offered(found) and crossing(found)
    kept = grouped(found)
    assert not crossing(kept) and not any(map(is_near, kept.report.warnings))
    for name, (training, held_out) in found.report.counts.items():  # nothing is lost, and the share is the same
        now = kept.report.counts[name]
        assert sum(now) == training + held_out and abs(now[1] - held_out) <= 1
    assert sorted(kept.kinds()) == sorted(found.kinds()) and kept.digest != found.digest
    assert "data.read_grouped" in {sentence.code for sentence in kept.report.understood}
    assert grouped(kept).digest == kept.digest  # there is nothing left to do


def test_a_class_of_two_series_has_one_on_each_side() -> None:
    kept = grouped(data.pictures_from_zip(series({"cats": 2, "dogs": 9}, 12)))
    assert kept.report.counts["cats"] == (12, 12) and not crossing(kept)


def test_the_command_keeps_them_on_one_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spices.csv"
    path.write_bytes(recipes())
    asked = ["--task", "translation", "--data", str(path)]
    job, found = _job(parse("", asked))
    assert job.grouped and not crossing(found) and "near duplicates in 4 groups" in capsys.readouterr().out
    job, found = _job(parse("", [*asked, "--ungrouped"]))
    assert not job.grouped and crossing(found)
