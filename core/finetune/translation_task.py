"""What a translator learns from: sentence pairs in, the label-smoothed cross-entropy of the target's pieces out."""

import random
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import MarianTokenizer

from core.finetune import parallel
from core.finetune.parallel import Pair

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
