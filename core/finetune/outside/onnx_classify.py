"""What the model says of a text: pip install onnxruntime transformers; python load.py "A text." """

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from transformers import AutoTokenizer

here = Path(__file__).parent
told = json.loads((here / "told.json").read_text("utf-8"))
ids = np.array([AutoTokenizer.from_pretrained(here)(sys.argv[1], truncation=True, max_length=told["limit"]).input_ids])
given = {"input_ids": ids, "attention_mask": np.ones_like(ids)}
(logits,) = InferenceSession(here / "model.onnx").run(None, given)
chances = np.exp((logits[0] - logits.max()) / told["temperature"])
for n in chances.argsort()[::-1]:
    print(f"{chances[n] / chances.sum():.1%} {told['classes'][n]}")
