"""`python -m benchmarks.classes --data cifar10.tar.gz`: how good the bundled classifier is, what it did to attention.

Accuracy and calibration on the pictures held out from its training (the same split, by its seed), at several sizes;
what it says of the sample photos; the share of CLS attention that falls on an object of known place, before and after.
"""

import argparse
import json
import random
from pathlib import Path

import torch
from PIL import Image

from core import samples
from core.finetune.calibration import calibration_error
from core.finetune.class_task import class_logits
from core.finetune.classify import HELD_OUT, calibration_split
from core.finetune.pictures import read_pictures
from core.models.catalogue import BUNDLED
from core.models.foreground import cls_attention
from core.models.images import open_image
from core.models.vision import VisionModel, load_vision

SCENES = 60
OBJECTS = ("cat.jpg", "coffee.jpg", "flower.jpg", "rocket.jpg")


def held_out_quality(model: VisionModel, data: Path, seed: int) -> None:
    _, held_out = read_pictures(data).split(HELD_OUT, seed)
    _, rest = calibration_split(held_out, seed)
    for side in (98, 112, 140, 224):
        with torch.inference_mode():
            logits = class_logits(model.module, rest, model.mean, model.std, side)
        probabilities = (logits / model.temperature).softmax(-1)
        accuracy = float((probabilities.argmax(-1) == rest.labels).float().mean())
        error = calibration_error(probabilities, rest.labels)
        print(f"{side} px: accuracy {accuracy:.1%} of {len(rest)}, calibration error {error:.1%}", flush=True)


def gallery(model: VisionModel) -> None:
    for photo in samples.photos():
        image = open_image(photo.path.read_bytes())
        for size in (112, 224, 448):
            best = model.explain(image, size, "crop").predictions[:2]
            print(
                f"{photo.file:<18} {size} px: " + ", ".join(f"{p.label} {p.probability:.0%}" for p in best), flush=True
            )


def overlap(model: VisionModel) -> list[float]:
    """Of each scene, CLS attention (last layers but one) on the pasted object over the object's share of the area."""
    draw, found = random.Random(0), []
    photos = {name: open_image((samples.FOLDER / name).read_bytes()) for name in OBJECTS}
    for _ in range(SCENES):
        photo, side = photos[draw.choice(OBJECTS)], draw.randrange(84, 169)
        short = min(photo.size)
        cut = photo.crop(((photo.width - short) // 2, 0, (photo.width + short) // 2, short)).resize((side, side))
        scene = Image.new("RGB", (336, 336), tuple(draw.randrange(60, 200) for _ in range(3)))
        x, y = draw.randrange(336 - side), draw.randrange(336 - side)
        scene.paste(cut, (x, y))
        row = cls_attention(model.explain(scene, 224, "stretch").trace)
        a, b, c, d = (round(edge * 16 / 336) for edge in (x, y, x + side, y + side))
        found.append(float(row[b:d, a:c].sum() / row.sum()) / (((c - a) * (d - b)) / 256))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    card = next(card for card in BUNDLED if card.base)
    model = load_vision(card.key)
    seed = json.loads((card.folder / "classes.json").read_text("utf-8"))["settings"]["seed"]
    for name in (card.base, card.key):
        shares = sorted(overlap(load_vision(name)))
        middle = shares[len(shares) // 2]
        print(f"{name}: CLS attention on the object is {middle:.1f} times its area (median of {SCENES} scenes)")
    gallery(model)
    held_out_quality(model, options.data, seed)


if __name__ == "__main__":
    main()
