"""Near duplicates between training and validation are found, counted and told; unlike items are not."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from core.finetune import data
from core.finetune.data.near import near_pictures, near_sentences
from tests.finetune.person import packed


def noise(count: int, seed: int) -> torch.Tensor:
    """Smooth random pictures, as unlike as photos of different things."""
    coarse = torch.rand(count, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    return (torch.nn.functional.interpolate(coarse, (40, 40), mode="bicubic").clamp(0, 1) * 255).to(torch.uint8)


@pytest.mark.parametrize("change", ["noise", "brighter", "mirrored", "shrunk"])
def test_near_pictures_are_counted(change: str) -> None:
    train, other = noise(30, 0), noise(10, 1)
    near = train[:7].float()
    if change == "noise":
        near = near + 12 * torch.randn(near.shape, generator=torch.Generator().manual_seed(2))
    elif change == "brighter":
        near = near + 4
    elif change == "mirrored":
        near = near.flip(-1)
    else:
        near = torch.nn.functional.interpolate(torch.nn.functional.interpolate(near, (30, 30), mode="area"), (40, 40))
    near = near.clamp(0, 255).to(torch.uint8)
    assert near_pictures(train, torch.cat([near, other])) == 7
    assert near_pictures(train, other) == 0
    plain = torch.full((2, 3, 40, 40), 90, dtype=torch.uint8)
    assert near_pictures(torch.cat([train, plain]), plain) == 0


def test_near_sentences_are_counted() -> None:
    train = ["Cut the red onion into thin slices.", "Boil the water.", "把洋葱切成薄片。"]
    near = ["cut the onion into thin slices", "Boil the water!", "把红洋葱切成薄片。"]
    assert near_sentences(train, [*near, "Cut the bread.", "Boil ten eggs.", "", "烧水。"]) == 3


def test_the_report_of_uploads_tells_it() -> None:
    files, draw = {}, np.random.default_rng(0)
    for name, seed in (("cats", 3), ("dogs", 4)):
        for number, image in enumerate(noise(10, seed)):
            for copy in range(2):
                seen = np.clip(image.permute(1, 2, 0).numpy() + draw.integers(-3, 4, (40, 40, 3)), 0, 255)
                stream = io.BytesIO()
                Image.fromarray(seen.astype(np.uint8)).save(stream, "PNG")
                files[f"{name}/{number}-{copy}.png"] = stream.getvalue()
    found = data.pictures_from_zip(packed(files))
    told = {error.code: error.values for error in found.report.warnings}["data.warn_near_pictures"]
    assert 0 < told["count"] <= told["total"] == len(found.held_out) == 8
    text = "".join(f"Add {n} spoons of sugar to the warm milk and stir,Satz {n}\n" for n in range(40))
    pairs = data.pairs_from_table("x.csv", text.encode(), "de")
    told = {error.code: error.values for error in pairs.report.warnings}["data.warn_near_sentences"]
    assert told == {"count": 8, "total": 8}
