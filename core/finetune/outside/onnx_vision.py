"""What the model says of a picture: pip install onnxruntime pillow; python load.py PICTURE"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from PIL import Image, ImageOps

here = Path(__file__).parent
told = json.loads((here / "told.json").read_text("utf-8"))
image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")  # upright, as a phone means it
image = ImageOps.fit(image, (told["side"],) * 2, Image.Resampling.BICUBIC)
pixels = (np.asarray(image, "float32") / 255 - np.float32(told["mean"])) / np.float32(told["std"])
(logits,) = InferenceSession(here / "model.onnx").run(None, {"pixel_values": pixels.transpose(2, 0, 1)[None]})
chances = np.exp((logits[0] - logits.max()) / told["temperature"])
for n in chances.argsort()[::-1]:
    print(f"{chances[n] / chances.sum():.1%} {told['classes'][n]}")
