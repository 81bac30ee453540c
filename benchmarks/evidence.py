"""`python -m benchmarks.evidence --data cifar10.tar.gz --others FOLDER`: how much evidence the bundled classifier must
find in a picture before its ten names mean anything, and how often that is right.

The threshold keeps 95% of the pictures that the temperature was fitted on; how many it keeps of the others that were
held out, and how many it lets pass of photos of other things, is measured apart from it. `--write` puts it into the
model's classes.json. OTHERS are pictures of none of the classes, here those that scikit-image 0.26, scikit-learn 1.9
and matplotlib 3.11 bring in their wheels, without the cat, the horse, the motorcycles (two near classes) and copies of
the sample photos.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image

from core import samples
from core.finetune.class_task import SIDE, class_logits
from core.finetune.classify import HELD_OUT, calibration_split
from core.finetune.pictures import read_pictures
from core.models.catalogue import card
from core.models.evidence import Enough, evidence, is_thin, measured, wilson
from core.models.images import Fit, fit_image, open_image
from core.models.vision import VisionModel, load_vision

KNOWN = {"cat"}  # the sample photos that show one of the classes
SHOWN = (112, 224, 448)  # px at which a page may show a photo


def share(hits: int, count: int) -> str:
    low, high = wilson(hits, count)
    return f"{hits} of {count}, {hits / count:.0%} ({low:.0%} to {high:.0%})"


def passed(model: VisionModel, images: Iterable[tuple[str, Image.Image]], size: int, fit: Fit = "crop") -> list[str]:
    """The names of those that are said to show one of the classes."""
    return [name for name, one in images if not is_thin(model, fit_image(one, fit, size, model.patch).pixels)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--others", type=Path, required=True, help="folder of pictures of none of the classes")
    parser.add_argument("--model", default="vision-cifar10")
    parser.add_argument("--write", action="store_true", help="keep the threshold with the model")
    options = parser.parse_args()
    folder = card(options.model).folder
    named = json.loads((folder / "classes.json").read_text("utf-8"))
    model, seed = load_vision(options.model), named["settings"]["seed"]
    _, held_out = read_pictures(options.data).split(HELD_OUT, seed)
    with torch.inference_mode():
        parts = [class_logits(model.module, p, model.mean, model.std, SIDE) for p in calibration_split(held_out, seed)]
    enough: Enough | None = measured(parts[0], SIDE)
    assert enough is not None
    model.enough = enough
    kept = int((evidence(parts[1]) >= enough.least).sum())
    print(f"at least {enough.least:.3f} nats at {SIDE} px: {enough.kept:.1%} of {len(parts[0])} pictures to fit it")
    print(f"of its classes, held out: {share(kept, len(parts[1]))} have it")
    own = [(photo.path.stem, open_image(photo.path.read_bytes())) for photo in samples.photos()]
    strange = [one for one in own if one[0] not in KNOWN]
    strange += [(file.name, open_image(file.read_bytes())) for file in sorted(options.others.iterdir())]
    for size in SHOWN:
        wrong = passed(model, strange, size)
        print(f"of other things, shown at {size} px: {share(len(wrong), len(strange))} pass: {', '.join(wrong)}")
        print(f"  of its classes: {passed(model, [one for one in own if one[0] in KNOWN], size)}")
    if options.write:
        named["evidence"] = asdict(enough)
        (folder / "classes.json").write_text(json.dumps(named, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
