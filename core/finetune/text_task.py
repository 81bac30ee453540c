"""What a classifier of texts learns from: texts in, the cross-entropy of their classes out."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from core.finetune.class_task import LabelTask
from core.finetune.padding import batch
from core.finetune.texts import Texts, varied
from core.models.tokenizing import LOCK

AT_ONCE = 64  # texts that are judged


class TextTask(LabelTask):
    """tokenizer, limit: as `encode` takes them. varied: whether each epoch types the texts anew (`texts.vary`)."""

    def __init__(
        self,
        module: nn.Module,
        tokenizer: Any,
        limit: int,
        train: Texts,
        held_out: Texts,
        seed: int = 0,
        batch: int = 32,
        smoothing: float = 0.1,
        varied: bool = True,
        sample: Texts | None = None,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__(module, train, held_out, seed, batch, smoothing, sample, weights)
        self.tokenizer, self.limit, self.varied = tokenizer, limit, varied
        self.ids: list[list[int]] = []

    def batches(self, epoch: int) -> list[list[int]]:
        texts = varied(self.train.texts, self.seed * 1000 + epoch) if self.varied else self.train.texts
        self.ids = encode(self.tokenizer, texts, self.limit)
        return super().batches(epoch)

    def seen(self, module: nn.Module, items: Sequence[int]) -> Tensor:
        return _logits(module, self.tokenizer, [self.ids[item] for item in items])

    def judged(self, module: nn.Module, part: Texts) -> Tensor:
        return text_logits(module, self.tokenizer, part.texts, self.limit)


def encode(tokenizer: Any, texts: Sequence[str], limit: int) -> list[list[int]]:
    """Ids with their marks; what is longer than `limit` pieces is cut off. Marks that were typed are plain text."""
    with LOCK:
        return tokenizer(
            list(texts), truncation=True, max_length=limit, split_special_tokens=True, verbose=False
        ).input_ids


def text_logits(module: nn.Module, tokenizer: Any, texts: Sequence[str], limit: int) -> Tensor:
    """(N, classes), on the CPU."""
    ids = encode(tokenizer, texts, limit)
    parts = [_logits(module, tokenizer, ids[at : at + AT_ONCE]) for at in range(0, len(ids), AT_ONCE)]
    return torch.cat([part.float().cpu() for part in parts])


def _logits(module: nn.Module, tokenizer: Any, rows: Sequence[Sequence[int]]) -> Tensor:
    device = next(module.parameters()).device
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0  # whatever it is, the mask hides it
    ids, mask = batch(rows, padding, device)
    return module(input_ids=ids, attention_mask=mask).logits
