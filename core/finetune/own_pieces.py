"""Find what each language is written in: python -m core.finetune.own_pieces --data FOLDER --model FOLDER [--write]

The pieces that stand at least `OFTEN` times in the training translations of a language, and the letters' bytes, of
which any name can be spelt. Told is how many pieces of held-out translations are others.
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from transformers import AutoTokenizer

from core.finetune import parallel
from core.finetune.parallel import TAGS, Pair
from core.models.own_pieces import FILE
from core.models.pieces import BYTE
from core.models.tokenizing import encode_targets

OFTEN = 3
BATCH = 2000  # sentences


def counted(tokenizer: Any, pairs: Sequence[Pair]) -> Counter[int]:
    """How often each piece stands in the translations."""
    found: Counter[int] = Counter()
    for start in range(0, len(pairs), BATCH):
        for ids in encode_targets(tokenizer, [pair.target for pair in pairs[start : start + BATCH]]):
            found.update(ids)
    return found


def own_pieces(tokenizer: Any, pairs: Sequence[Pair]) -> dict[str, Tensor]:
    """By the tag of each language: which pieces it is written in, (vocabulary,) uint8."""
    names = tokenizer.convert_ids_to_tokens(range(len(tokenizer)))
    spelling = [index for index, name in enumerate(names) if BYTE.fullmatch(name)]
    found = {}
    for language in sorted({pair.language for pair in pairs}):
        times = counted(tokenizer, [pair for pair in pairs if pair.language == language])
        own = torch.zeros(len(names), dtype=torch.uint8)
        own[[*spelling, *(piece for piece, count in times.items() if count >= OFTEN)]] = 1
        found[f">>{TAGS[language]}<<"] = own
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True, help="its folder, where the file is put")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    found = own_pieces(tokenizer, parallel.read_part(options.data, "train"))
    held_out = parallel.read_part(options.data, "val")
    for language, tag in TAGS.items():
        times = counted(tokenizer, [pair for pair in held_out if pair.language == language])
        other = sum(count for piece, count in times.items() if not found[f">>{tag}<<"][piece])
        share = other / max(1, times.total())
        print(f"{language}: {int(found[f'>>{tag}<<'].sum())} pieces; of held-out pieces {share:.3%} are others")
    if options.write:
        save_file(found, options.model / FILE)


if __name__ == "__main__":
    main()
