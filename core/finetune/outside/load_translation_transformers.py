"""What the model writes for a sentence: pip install transformers sentencepiece torch; python load.py "A sentence." """

import json
import sys
from pathlib import Path

import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

here = Path(__file__).parent
told = json.loads((here / "told.json").read_text("utf-8"))  # how it is told what to write
model, tokenizer = (
    AutoModelForSeq2SeqLM.from_pretrained(here, dtype=torch.float32).eval(),
    AutoTokenizer.from_pretrained(here, **told["tokenizer"]),
)
ids = torch.tensor([told["ids"] + tokenizer(told["words"] + sys.argv[1]).input_ids])
output = model.generate(ids, num_beams=5, max_new_tokens=128, **told["generate"])
print(tokenizer.decode(output[0], skip_special_tokens=True))
