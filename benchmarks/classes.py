"""`python -m benchmarks.classes --data cifar10.tar.gz`: how good the bundled classifier is, what it did to attention.

Accuracy and calibration on the pictures held out from its training (the same split, by its seed), at several sizes;
what it says of the sample photos; the share of CLS attention that falls on an object of known place, before and after.
"""

import argparse
import json
from pathlib import Path

import torch

from core import samples
from core.finetune.calibration import calibration_error
from core.finetune.class_task import class_logits
from core.finetune.classify import HELD_OUT, calibration_split
from core.finetune.forgetting import object_attention
from core.finetune.pictures import read_pictures
from core.models.catalogue import BUNDLED
from core.models.images import open_image
from core.models.vision import VisionModel, load_vision

SCENES = 60


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
            best = model.run(image, size, "crop").predictions[:2]
            print(
                f"{photo.file:<18} {size} px: " + ", ".join(f"{p.label} {p.probability:.0%}" for p in best), flush=True
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    options = parser.parse_args()
    card = next(card for card in BUNDLED if card.base)
    model = load_vision(card.key)
    seed = json.loads((card.folder / "classes.json").read_text("utf-8"))["settings"]["seed"]
    for name in (card.base, card.key):
        middle = object_attention(load_vision(name), SCENES)
        print(f"{name}: CLS attention on the object is {middle:.1f} times its area (median of {SCENES} scenes)")
    gallery(model)
    held_out_quality(model, options.data, seed)


if __name__ == "__main__":
    main()
