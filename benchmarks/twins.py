"""`python -m benchmarks.twins --data FOLDER`: how well the bundled twins do on sentences that neither learnt from.

Captions are test_2016_flickr of Multi30K, everyday sentences the validation part of Tatoeba. The one that writes:
perplexity, exp of the mean cross-entropy of each piece from those before, and how often its likeliest piece is right.
The one that reads both ways: the same, each piece masked in its turn and all others seen (pseudo-perplexity, Salazar et
al. 2020), and with 15% of the pieces masked at once, as in its training. The two perplexities are not one measure: only
the first is that of a distribution over sentences. Both read pieces of the same vocabulary, and neither is asked for
the marks around a sentence. Intervals: 95%, bootstrap over sentences.
"""

import argparse
import math
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from benchmarks.timing import table
from core.finetune.twins import read_english
from core.models.catalogue import named
from core.models.filling import Filler, Guessed, load_filler
from core.models.generation import load_generator
from core.models.tokenizing import encode

SETS = {"captions": ("test_2016_flickr", "multi30k"), "everyday": ("val", "tatoeba")}
DRAWS = 1000
MASKED = 0.15


def interval(values: Tensor, weights: Tensor) -> str:
    """A mean over pieces and its interval. values: sums of each sentence; weights: its pieces."""
    picks = torch.randint(len(values), (DRAWS, len(values)), generator=torch.Generator().manual_seed(0))
    means = values[picks].sum(1) / weights[picks].sum(1)
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=means.dtype)).tolist()
    return f"{float(values.sum() / weights.sum()):.3f} ({low:.3f} to {high:.3f})"


def perplexity(found: Sequence[Guessed]) -> str:
    nats, counts = torch.tensor([one.nats for one in found]).double(), _counts(found)
    told = interval(nats * counts, counts)
    numbers = [math.exp(float(part)) for part in told.replace("(", "").replace(")", "").replace("to", "").split()]
    return "{:.2f} ({:.2f} to {:.2f})".format(*numbers)


def accuracy(found: Sequence[Guessed]) -> str:
    hits = [sum(step.piece == step.alternatives[0][0] for step in one.steps) for one in found]
    return interval(torch.tensor(hits).double(), _counts(found))


def _counts(found: Sequence[Guessed]) -> Tensor:
    return torch.tensor([len(one.steps) for one in found]).double()


def filled(model: Filler, sentences: Sequence[str]) -> str:
    """Share of the masked pieces that are found, where so many are masked at once."""
    draw, rows = torch.Generator().manual_seed(0), []
    for sentence in sentences:
        ids = encode(model.tokenizer, sentence)
        real = ~torch.tensor([bool(mark) for mark in ids.encodings[0].special_tokens_mask])
        masked = real & (torch.rand(len(real), generator=draw) < MASKED)
        if masked.any():
            given = ids.input_ids.masked_fill(masked, model.tokenizer.mask_token_id)
            with torch.inference_mode():
                best = model.module(given.to(model.module.device)).logits[0].argmax(-1).cpu()
            rows.append([int((best == ids.input_ids[0])[masked].sum()), int(masked.sum())])
    values = torch.tensor(rows).double()
    return interval(values[:, 0], values[:, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with val.en.gz, test_2016_flickr.en.gz, ...")
    parser.add_argument("--sentences", type=int, default=500, help="of each set")
    options = parser.parse_args()
    reads, writes = load_filler(named("fill")[0].key), load_generator(named("generate")[0].key)
    for name, (part, origin) in SETS.items():
        sentences = read_english(options.data, part)[origin][: options.sentences]
        both = [reads.guess(sentence) for sentence in sentences]
        before = [writes.guess(sentence) for sentence in sentences]
        rows = {
            "from before: perplexity": perplexity(before),
            "from before: share of pieces found": accuracy(before),
            "from both sides, one masked: pseudo-perplexity": perplexity(both),
            "from both sides, one masked: share found": accuracy(both),
            "from both sides, 15% masked: share found": filled(reads, sentences),
        }
        table(f"{name}, {len(sentences)} sentences", rows)


if __name__ == "__main__":
    main()
