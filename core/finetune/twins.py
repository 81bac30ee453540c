"""Train the twins: python -m core.finetune.twins --data FOLDER --run FOLDER --export FOLDER [--twin writes]

Two language models of one size, one vocabulary, one text and one budget: one sees only what stands before and writes
the next piece, the other sees both sides and fills what is masked. Nothing differs but the mask and the question. Both
are learnt one after the other; with `--twin`, one of them, so that two processes learn both at once. A run that was
killed goes on with the same command; with other `--steps` it goes on along another cosine.
"""

import argparse
import json
import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from tokenizers import AddedToken, ByteLevelBPETokenizer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertLMHeadModel,
    DataCollatorForLanguageModeling,
    RobertaTokenizer,
)

from core.finetune.loop import Run, Settings
from core.finetune.parallel import batches, read_lines
from core.finetune.translation_task import IGNORED
from core.models.loading import precisions

Twin = Literal["reads", "writes"]
TWINS: tuple[Twin, ...] = get_args(Twin)
LONGEST = 64  # positions
MARKS = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]  # RoBERTa's
JOINED = 0.25  # share of sentences that stand with another one or two, so that late positions are learnt too


def read_english(folder: Path, part: str) -> dict[str, list[str]]:
    """The English sentences of `part` ("train", "val", ...), each once, by the folder that they lie in."""
    found: dict[str, dict[str, None]] = {}
    for file in sorted(folder.rglob(f"{part}.en.gz")):
        lines = (line.strip() for line in read_lines(file))
        found.setdefault(file.parent.name.split("-")[0], {}).update(dict.fromkeys(filter(None, lines)))
    return {name: list(lines) for name, lines in found.items()}


def training_text(folder: Path) -> list[str]:
    """Every English sentence to learn from, once; none that is in a part which checks."""
    checks = {line for part in ("val", "test_2016_flickr") for line in together(read_english(folder, part))}
    return [line for line in dict.fromkeys(together(read_english(folder, "train"))) if line not in checks]


def together(parts: dict[str, list[str]]) -> list[str]:
    return [line for lines in parts.values() for line in lines]


def vocabulary(lines: Iterable[str], pieces: int, folder: Path) -> RobertaTokenizer:
    """Byte-level pieces (Radford et al. 2019, section 2.2), so that no letter is unknown; or those that lie there."""
    if not (folder / "tokenizer.json").exists():
        learnt = ByteLevelBPETokenizer()
        learnt.train_from_iterator(lines, vocab_size=pieces, special_tokens=MARKS, show_progress=False)
        folder.mkdir(parents=True, exist_ok=True)
        vocab, merges = learnt.save_model(str(folder))
        mask: Any = AddedToken("<mask>", lstrip=True, special=True)  # it stands for a piece with the space before it
        tokenizer = RobertaTokenizer(vocab, merges, mask_token=mask, model_max_length=LONGEST)
        tokenizer.save_pretrained(folder)
    return RobertaTokenizer.from_pretrained(folder)


def new_twin(
    twin: Twin, tokenizer: RobertaTokenizer, width: int, layers: int, dropout: float
) -> BertForMaskedLM | BertLMHeadModel:
    """BERT (Devlin et al. 2019), with the same weights for the same seed whether it `reads` both ways or `writes`."""
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=max(1, width // 32),
        intermediate_size=4 * width,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=0.0,
        max_position_embeddings=LONGEST,
        type_vocab_size=1,
        is_decoder=twin == "writes",
        use_cache=twin == "writes",
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    kind = BertLMHeadModel if twin == "writes" else BertForMaskedLM
    return kind._from_config(config, attn_implementation="eager")


class TwinTask:
    """Cross-entropy of the next piece, or of the masked pieces: 15%, of which 80% are masked, 10% another piece and 10%
    as they were (Devlin et al. 2019, section 3.1), drawn anew in each epoch."""

    def __init__(
        self,
        twin: Twin,
        module: Any,
        tokenizer: RobertaTokenizer,
        train: Sequence[str],
        held_out: Sequence[str],
        seed: int = 0,
        tokens: int = 4000,
    ) -> None:
        self.twin, self.module, self.tokenizer = twin, module, tokenizer
        self.train, self.seed, self.tokens = train, seed, tokens
        self.collate = DataCollatorForLanguageModeling(tokenizer, mlm=twin == "reads", mlm_probability=0.15)
        self.held_out = self._encode(held_out)
        self.items: list[dict[str, list[int]]] = []

    def batches(self, epoch: int) -> list[list[int]]:
        draw = random.Random(self.seed * 1000 + epoch)
        self.items = self._encode(joined(self.train, draw))
        return batches([len(item["input_ids"]) for item in self.items], self.tokens, self.seed * 1000 + epoch)

    def loss(self, module: Any, items: Sequence[int]) -> tuple[Tensor, int]:
        total, count, _ = self._measure(module, [self.items[item] for item in items])
        return total, count

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """`loss`: cross-entropy a piece in nats; `accuracy`: share of the pieces that are found. The same are masked
        each time."""
        with torch.random.fork_rng():
            torch.manual_seed(self.seed)
            lengths = [len(item["input_ids"]) for item in self.held_out]
            found = [
                self._measure(module, [self.held_out[i] for i in batch]) for batch in batches(lengths, self.tokens, 0)
            ]
        count = sum(pieces for _, pieces, _ in found)
        return {"loss": float(sum(f[0] for f in found)) / count, "accuracy": sum(f[2] for f in found) / count}

    def _measure(self, module: Any, items: list[dict[str, list[int]]]) -> tuple[Tensor, int, int]:
        """Sum of the losses, how many pieces were asked and how many were found."""
        batch = self.collate(items).to(next(module.parameters()).device)
        labels = batch["labels"]  # (B, N)
        if self.twin == "writes":  # position t answers for piece t + 1
            labels = nn.functional.pad(labels[:, 1:], (0, 1), value=IGNORED)
        states = module.bert(batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)[0]
        asked = labels != IGNORED
        logits = module.cls(states[asked]).float()  # (asked, vocabulary): the head is a quarter of the work
        labels = labels[asked]
        total = cross_entropy(logits, labels, reduction="sum")
        return total, len(labels), int((logits.argmax(-1) == labels).sum())

    def _encode(self, texts: Sequence[str]) -> list[dict[str, list[int]]]:
        found = self.tokenizer(
            list(texts),
            truncation=True,
            max_length=LONGEST,
            return_special_tokens_mask=True,
            return_attention_mask=False,
        )
        return [
            {"input_ids": ids, "special_tokens_mask": marks}
            for ids, marks in zip(found["input_ids"], found["special_tokens_mask"], strict=True)
        ]


def joined(lines: Sequence[str], draw: random.Random) -> list[str]:
    """The lines in their order, some with one or two others behind them."""
    return [
        " ".join([line, *draw.choices(lines, k=draw.choice((1, 2)))]) if draw.random() < JOINED / 2.5 else line
        for line in lines
    ]


def learn(twin: Twin, options: argparse.Namespace, text: Sequence[str]) -> None:
    """Train one of the two in `options.run/<twin>` and write it to `options.export/language-<twin>`."""
    tokenizer = vocabulary(text, options.pieces, options.run / "vocabulary")
    torch.manual_seed(options.seed)
    module = new_twin(twin, tokenizer, options.width, options.layers, options.dropout)
    checks = [line for lines in read_english(options.data, "val").values() for line in lines[:300]]
    settings = Settings.of(options)
    run = Run(
        TwinTask(twin, module, tokenizer, text, checks, options.seed, options.tokens), settings, options.run / twin
    )
    run.print_progress(every=50)
    if run.accelerator.is_main_process:
        folder = options.export / f"language-{twin}"
        learnt: Any = run.learnt
        learnt.half().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        digest = sha256("\n".join(text).encode()).hexdigest()
        record = {"twin": twin, "settings": asdict(settings), "tokens": options.tokens, "joined": JOINED}
        record |= {"position": run.position.state_dict()}
        record["data"] = {"sha256": digest, "sentences": len(text)}
        (folder / "training.json").write_text(json.dumps(record, indent=2) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    text = training_text(options.data)
    for twin in [options.twin] if options.twin else TWINS:
        learn(twin, options, text)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.en.gz, val.en.gz, ... in folders")
    parser.add_argument("--run", type=Path, required=True, help="folder of the runs: vocabulary, checkpoints and logs")
    parser.add_argument("--export", type=Path, required=True, help="where language-reads and language-writes go")
    parser.add_argument("--twin", choices=TWINS, help="only this one")
    parser.add_argument("--steps", type=int, default=1800)
    parser.add_argument("--tokens", type=int, default=1600, help="of a batch, padding counted")
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--average", type=float, default=0.998)
    parser.add_argument("--every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--pieces", type=int, default=6000, help="of the vocabulary")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default=precisions()[0])
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
