"""`python -m benchmarks.rounding --data FOLDER --model FOLDER`: what float16 weights cost a translator.

FOLDER of the model holds float32 weights. They are rounded to float16, as `pretrain --export` ships them, and run in
float32 again, as the app does. sacreBLEU and chrF of both, beam 5, and how many translations differ.
"""

import argparse
import json
from pathlib import Path

import torch
from safetensors.torch import load_file

from core.finetune.parallel import by_direction, read_part
from core.finetune.score import scores, translate_all
from core.models.translation import load_translator_folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="float32 weights")
    parser.add_argument("--part", default="val")
    parser.add_argument("--sentences", type=int, help="of each language, the first ones of the part; else all")
    options = parser.parse_args()
    stored = {weight.dtype for weight in load_file(options.model / "model.safetensors").values()}
    if stored != {torch.float32}:
        parser.error(f"the weights are {stored}: nothing is left to be rounded")
    exact, rounded = load_translator_folder(options.model), load_translator_folder(options.model)
    rounded.module.half().float()
    for language, pairs in by_direction(read_part(options.data, options.part)).items():
        chosen = pairs[: options.sentences]
        outputs = [translate_all(model.module, model.tokenizer, chosen) for model in (exact, rounded)]
        before, after = (scores(output, chosen) for output in outputs)
        differ = sum(a != b for a, b in zip(*outputs, strict=True))
        found = {"sentences": len(chosen), "differ": differ, "float32": before, "float16": after}
        print(json.dumps({"language": language} | found), flush=True)


if __name__ == "__main__":
    main()
