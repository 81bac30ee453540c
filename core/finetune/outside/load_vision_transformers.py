"""What the model says of a picture: pip install transformers torch pillow; python load.py PICTURE"""

import inspect
import sys
from pathlib import Path

import torch
from PIL import Image, ImageOps
from transformers import AutoImageProcessor, AutoModelForImageClassification

here = Path(__file__).parent
model, processor = AutoModelForImageClassification.from_pretrained(here), AutoImageProcessor.from_pretrained(here)
told = {"interpolate_pos_encoding": True}  # pictures of another side than the base was made for
told = told if told.keys() <= inspect.signature(model.forward).parameters.keys() else {}
with torch.inference_mode():
    picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")  # upright, as a phone means it
    given = processor(picture, return_tensors="pt")
    logits = model.eval().float()(**given, **told).logits[0]
for chance, n in zip(*(logits / model.config.logit_temperature).softmax(-1).sort(descending=True), strict=True):
    print(f"{chance:.1%} {model.config.id2label[int(n)]}")
