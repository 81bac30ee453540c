"""Teach the twin that reads both ways what a sentence is.

python -m core.finetune.sentence_class --data FOLDER --run RUN --export FOLDER

Two things, each judged by itself: is it a question, with its marks taken away, and is it a caption of a picture or an
everyday sentence. What is so comes from the data: the mark that ended it, and the set that it is of. All weights learn,
with a new head on the first position. A run that was killed goes on with the same command.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits
from transformers import BertForSequenceClassification, RobertaTokenizer

from core.finetune.calibration import calibration_error
from core.finetune.loop import Run, Settings
from core.finetune.parallel import batches
from core.finetune.texts import asks, unmarked
from core.finetune.twins import read_english
from core.models.catalogue import named
from core.models.loading import precisions

CLASSES = ("question", "caption")
TESTS = ("val", "test_2016_flickr")


@dataclass(frozen=True)
class Labelled:
    """labels: of CLASSES."""

    text: str
    labels: tuple[bool, ...]


def labelled(parts: dict[str, list[str]], each: int = 0, seed: int = 0) -> list[Labelled]:
    """Sentences without their marks, as many captions as everyday ones that ask as ones that do not: `each` of a kind
    at most, 0 for all. parts: by origin, as `read_english` gives them. One that asks and goes on is in no kind."""
    draw, found = random.Random(seed), []
    for origin, caption in (("multi30k", True), ("tatoeba", False)):
        for wanted in (False, True):
            same = [line for line in parts.get(origin, ()) if asks(line) is wanted]
            texts = dict.fromkeys(filter(None, map(unmarked, same)))
            found.append([Labelled(text, (wanted, caption)) for text in texts])
    return [one for kind in found for one in (draw.sample(kind, min(each, len(kind))) if each else kind)]


class SentenceTask:
    """Binary cross-entropy of each class."""

    def __init__(
        self,
        module: Any,
        tokenizer: RobertaTokenizer,
        train: Sequence[Labelled],
        held_out: Sequence[Labelled],
        tokens: int,
    ) -> None:
        self.module, self.tokenizer, self.train, self.held_out, self.tokens = module, tokenizer, train, held_out, tokens
        self.ids: list[list[int]] = tokenizer([one.text for one in train], truncation=True).input_ids

    def batches(self, epoch: int) -> list[list[int]]:
        return batches([len(ids) for ids in self.ids], self.tokens, epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        logits = self._logits(module, [self.ids[item] for item in items])
        labels = torch.tensor([self.train[item].labels for item in items], device=logits.device).float()
        return binary_cross_entropy_with_logits(logits, labels, reduction="sum"), labels.numel()

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Of each class the accuracy and the calibration error."""
        logits, labels = self.logits(module, [one.text for one in self.held_out]), self.labels(self.held_out)
        return measures(logits, labels)

    def logits(self, module: nn.Module, texts: Sequence[str]) -> Tensor:
        """(texts, classes)"""
        ids = self.tokenizer(list(texts), truncation=True).input_ids
        order = sorted(range(len(ids)), key=lambda n: len(ids[n]))
        parts = [self._logits(module, [ids[n] for n in order[at : at + 64]]) for at in range(0, len(order), 64)]
        return torch.cat(parts)[torch.tensor(order).argsort()].cpu()

    @staticmethod
    def labels(some: Sequence[Labelled]) -> Tensor:
        return torch.tensor([one.labels for one in some])

    def _logits(self, module: Any, rows: list[list[int]]) -> Tensor:
        given = self.tokenizer.pad({"input_ids": rows}, return_tensors="pt").to(next(module.parameters()).device)
        return module(**given).logits.float()


def measures(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """Of each class how often it is right, the calibration error, and how many have it. logits, labels: (texts,
    classes)."""
    found = {"loss": float(binary_cross_entropy_with_logits(logits, labels.float()))}
    for name, values, has in zip(CLASSES, logits.T, labels.T, strict=True):
        chances = torch.stack([1 - values.sigmoid(), values.sigmoid()], 1)
        found[f"accuracy_{name}"] = float(((values > 0) == has).float().mean())
        found[f"calibration_{name}"] = calibration_error(chances, has.long())
        found[f"share_{name}"] = float(has.float().mean())
    return found


def new_classifier(folder: Path) -> BertForSequenceClassification:
    return BertForSequenceClassification.from_pretrained(
        folder,
        dtype=torch.float32,
        attn_implementation="eager",
        num_labels=len(CLASSES),
        id2label=dict(enumerate(CLASSES)),
        label2id={name: number for number, name in enumerate(CLASSES)},
        problem_type="multi_label_classification",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    tokenizer = RobertaTokenizer.from_pretrained(options.start)
    held_out = labelled({name: lines for part in TESTS for name, lines in read_english(options.data, part).items()})
    checks = {one.text for one in held_out}
    train = [one for one in labelled(read_english(options.data, "train"), options.each) if one.text not in checks]
    torch.manual_seed(options.seed)
    task = SentenceTask(new_classifier(options.start), tokenizer, train, held_out[:: options.thin], options.tokens)
    settings = Settings.of(options)
    run = Run(task, settings, options.run)
    run.print_progress(every=20)
    module: Any = run.learnt
    module.half().save_pretrained(options.export)
    tokenizer.save_pretrained(options.export)
    with torch.inference_mode():
        logits = task.logits(module.float().eval(), [one.text for one in held_out])
    labels = task.labels(held_out)
    everyday = ~labels[:, CLASSES.index("caption")]
    record = {
        "settings": asdict(settings),
        "sentences": len(train),
        "held_out": {"sentences": len(held_out)} | measures(logits, labels),
        "held_out_everyday": {"sentences": int(everyday.sum())} | measures(logits[everyday], labels[everyday]),
    }
    (options.export / "training.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.en.gz, val.en.gz, ... in folders")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints and log")
    parser.add_argument("--export", type=Path, required=True, help="where the finished classifier goes")
    parser.add_argument("--start", type=Path, default=named("fill")[0].folder)
    parser.add_argument("--each", type=int, default=9000, help="sentences of a kind: caption or not, question or not")
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--tokens", type=int, default=1000, help="of a batch, padding counted")
    parser.add_argument("--rate", type=float, default=3e-4)
    parser.add_argument("--warmup", type=int, default=30)
    parser.add_argument("--average", type=float, default=0.98)
    parser.add_argument("--every", type=int, default=100, help="steps between checkpoints")
    parser.add_argument("--thin", type=int, default=4, help="every so manyth held-out sentence is judged on the way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
