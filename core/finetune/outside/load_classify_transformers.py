"""What the model says of a text: pip install transformers torch; python load.py "A text." """

import sys
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer

here = Path(__file__).parent
model, tokenizer = AutoModelForSequenceClassification.from_pretrained(here), AutoTokenizer.from_pretrained(here)
with torch.inference_mode():
    ids = tokenizer(sys.argv[1], return_tensors="pt", truncation=True).input_ids
    logits = model.eval().float()(input_ids=ids).logits[0]
for chance, n in zip(*(logits / model.config.logit_temperature).softmax(-1).sort(descending=True), strict=True):
    print(f"{chance:.1%} {model.config.id2label[int(n)]}")
