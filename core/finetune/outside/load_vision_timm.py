"""What the model says of a picture: pip install timm pillow; python load.py PICTURE"""

import json
import sys
from pathlib import Path

import timm
import torch
from PIL import Image, ImageOps

here = Path(__file__).parent
model = timm.create_model(f"local-dir:{here}", pretrained=True).eval()
transform = timm.data.create_transform(**timm.data.resolve_data_config(model=model))
settings = json.loads((here / "config.json").read_text("utf-8"))
with torch.inference_mode():
    picture = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")  # upright, as a phone means it
    logits = model(transform(picture)[None])[0]
for chance, n in zip(*(logits / settings["temperature"]).softmax(-1).sort(descending=True), strict=True):
    print(f"{chance:.1%} {settings['label_names'][n]}")
