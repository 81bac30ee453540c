"""What the model writes for a sentence, the likeliest piece each time: pip install onnxruntime transformers
sentencepiece; python load.py "A sentence." """

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime import InferenceSession
from transformers import AutoTokenizer

here = Path(__file__).parent
told = json.loads((here / "told.json").read_text("utf-8"))  # how it is told what to write
tokenizer = AutoTokenizer.from_pretrained(here, **told["tokenizer"])
encoder, decoder = (InferenceSession(here / f"{name}.onnx") for name in ("encoder", "decoder"))
ids = np.array([told["ids"] + tokenizer(told["words"] + sys.argv[1]).input_ids])
read = {"attention_mask": np.ones_like(ids)}
(states,) = encoder.run(None, {"input_ids": ids, **read})
output = list(told["first"])
while output[-1] not in told["end"] and len(output) <= 128:  # each piece is a pass over all before it
    given = {"decoder_input_ids": np.array([output]), "encoder_hidden_states": states, **read}
    scores = decoder.run(None, given)[0][0, -1]
    scores[told["never"]] = -np.inf
    output.append(int(scores.argmax()))
print(tokenizer.decode(output, skip_special_tokens=True))
