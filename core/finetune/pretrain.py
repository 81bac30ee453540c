"""Train the bundled translator: python -m core.finetune.pretrain --data FOLDER --run FOLDER [--export FOLDER]

Builds the vocabulary and a small Marian model, or goes on from the model in `--start`. A run that was killed goes on
with the same command. `accelerate launch -m core.finetune.pretrain ...` runs it on several processes or GPUs.
"""

import argparse
import json
import random
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import MarianConfig, MarianMTModel, MarianTokenizer

from core.finetune import parallel
from core.finetune.loop import Run, Settings
from core.finetune.parallel import Pair
from core.finetune.score import score_by_language
from core.finetune.vocabulary import build_vocabulary

PIECES = 10_000
IGNORED = -100  # a position without a label


class TranslationTask:
    """Label-smoothed cross-entropy of the target's pieces, with the source varied anew in each epoch."""

    def __init__(
        self, module: nn.Module, tokenizer: MarianTokenizer, train: Sequence[Pair], held_out: Sequence[Pair],
        seed: int = 0, tokens: int = 4000, smoothing: float = 0.1, varied: bool = True,
    ) -> None:  # fmt: skip
        self.module, self.tokenizer, self.train, self.held_out = module, tokenizer, train, held_out
        self.seed, self.tokens, self.smoothing, self.varied = seed, tokens, smoothing, varied
        self.ids: list[tuple[list[int], list[int]]] = []

    def batches(self, epoch: int) -> list[list[int]]:
        seed = self.seed * 1000 + epoch
        draw = random.Random(seed)
        pairs = list(self.train)
        if self.varied:
            same = {code: [pair for pair in pairs if pair.language == code] for code in parallel.TAGS}
            pairs = [parallel.vary(pair, draw.choice(same[pair.language]), draw) for pair in pairs]
        self.ids = self._encode(pairs)
        return parallel.batches([max(len(source), len(target)) for source, target in self.ids], self.tokens, seed)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        return self._loss(module, [self.ids[item] for item in items], self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy a piece (nats, not smoothed) of each language's held-out pairs."""
        found = {}
        for language in parallel.TAGS:
            ids = self._encode([pair for pair in self.held_out if pair.language == language])
            lengths = [max(len(source), len(target)) for source, target in ids]
            sums = [self._loss(module, [ids[i] for i in batch], 0.0) for batch in parallel.batches(lengths, 4000, 0)]
            if ids:
                found[f"loss_{language}"] = float(sum(s[0] for s in sums)) / sum(s[1] for s in sums)
        return found

    def _encode(self, pairs: Sequence[Pair]) -> list[tuple[list[int], list[int]]]:
        if not pairs:
            return []
        sources = self.tokenizer([pair.tagged for pair in pairs], truncation=True, max_length=128).input_ids
        targets = self.tokenizer(text_target=[pair.target for pair in pairs], truncation=True, max_length=128).input_ids
        return list(zip(sources, targets, strict=True))

    def _loss(self, module: nn.Module, ids: list[tuple[list[int], list[int]]], smoothing: float) -> tuple[Tensor, int]:
        config, device = self.module.config, next(module.parameters()).device
        source = _padded([pair[0] for pair in ids], config.pad_token_id).to(device)
        labels = _padded([pair[1] for pair in ids], IGNORED).to(device)
        given = labels.roll(1, 1).masked_fill(labels.roll(1, 1) == IGNORED, config.pad_token_id)
        given[:, 0] = config.decoder_start_token_id
        output = module(
            input_ids=source,
            attention_mask=(source != config.pad_token_id).long(),
            decoder_input_ids=given,
            use_cache=False,
        ).logits
        real = labels != IGNORED
        total = cross_entropy(output[real].float(), labels[real], reduction="sum", label_smoothing=smoothing)
        return total, int(real.sum())


def _padded(rows: Sequence[Sequence[int]], value: int) -> Tensor:
    return nn.utils.rnn.pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=value)


def new_model(tokenizer: MarianTokenizer, width: int, layers: tuple[int, int], dropout: float) -> MarianMTModel:
    """layers: encoder, decoder. Heads are 32 wide, the feed-forward layer 3 times the width."""
    config = MarianConfig(
        vocab_size=len(tokenizer),
        d_model=width,
        encoder_layers=layers[0],
        decoder_layers=layers[1],
        encoder_attention_heads=max(1, width // 32),
        decoder_attention_heads=max(1, width // 32),
        encoder_ffn_dim=3 * width,
        decoder_ffn_dim=3 * width,
        dropout=dropout,
        activation_function="relu",
        max_position_embeddings=256,
        scale_embedding=True,
        share_encoder_decoder_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        bos_token_id=tokenizer.eos_token_id,
        forced_eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return MarianMTModel._from_config(config, attn_implementation="eager")


def export(module: nn.Module, tokenizer: MarianTokenizer, folder: Path, record: dict[str, object]) -> None:
    """float16 weights, tokenizer and `training.json`: what the model is made from and how good it is."""
    module.half().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "training.json").write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _options(arguments)
    train, held_out = parallel.read_part(options.data, "train"), parallel.read_part(options.data, "val")
    if options.start:
        tokenizer = MarianTokenizer.from_pretrained(options.start)
        module = MarianMTModel.from_pretrained(options.start, dtype=torch.float32, attn_implementation="eager")
        module.config.dropout = options.dropout
        for part in module.modules():
            if isinstance(getattr(part, "dropout", None), float):
                part.dropout = options.dropout
    else:
        tokenizer = build_vocabulary(train, PIECES, options.run / "vocabulary")
        torch.manual_seed(options.seed)
        module = new_model(tokenizer, options.width, tuple(options.layers), options.dropout)
    settings = Settings(
        steps=options.steps, rate=options.rate, warmup=options.warmup, average=options.average,
        every=options.every, seed=options.seed, precision=options.precision,
    )  # fmt: skip
    run = Run(TranslationTask(module, tokenizer, train, held_out, options.seed, options.tokens), settings, options.run)
    run.print_progress(every=50)
    if options.export and run.accelerator.is_main_process:
        record = {"settings": asdict(settings), "data": {"train": parallel.digest(train), "pairs": len(train)}}
        record["validation"] = score_by_language(run.learnt.eval(), tokenizer, held_out)
        export(run.learnt, tokenizer, options.export, record)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with train.en.gz, train.de.gz, val.en.gz, ...")
    parser.add_argument("--run", type=Path, required=True, help="folder of the run: checkpoints and log")
    parser.add_argument("--start", type=Path, help="go on from this model instead of a new one")
    parser.add_argument("--export", type=Path, help="where the finished model goes")
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--tokens", type=int, default=4000, help="of a batch, padding counted")
    parser.add_argument("--rate", type=float, default=1.3e-3)
    parser.add_argument("--warmup", type=int, default=1000)
    parser.add_argument("--dropout", type=float, default=0.25)
    parser.add_argument("--average", type=float, default=0.9995)
    parser.add_argument("--every", type=int, default=250, help="steps between checkpoints")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, nargs=2, default=(4, 3), help="of the encoder and the decoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--precision", choices=("no", "bf16", "fp16"), default="bf16")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
