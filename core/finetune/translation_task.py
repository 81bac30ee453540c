"""What a translator learns from: sentence pairs in, the label-smoothed cross-entropy of the target's pieces out."""

import copy
import math
import random
from collections.abc import Sequence
from typing import Any

import sentencepiece
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div
from transformers import MarianTokenizer

from core.finetune import parallel
from core.finetune.padding import batch, padded
from core.finetune.parallel import Pair
from core.finetune.told import Ids, Told, encode
from core.models.prompts import prompt_ids

IGNORED = -100  # a position without a label


class TranslationTask:
    """Label-smoothed cross-entropy of the target's pieces, with the source varied anew in each epoch.

    rdrop: weight of R-Drop (see `_rdrop`), 0 for none. piece_dropout: share of the sentences whose pieces are drawn at
    random, 0 for none (see `sampling`). varied: whether names, numbers and capitals are varied (`parallel.vary`). how:
    the model is told what to write; None for the tag of each pair.
    """

    def __init__(
        self,
        module: nn.Module,
        tokenizer: MarianTokenizer,
        train: Sequence[Pair],
        held_out: Sequence[Pair],
        seed: int = 0,
        tokens: int = 4000,
        smoothing: float = 0.1,
        varied: bool = True,
        rdrop: float = 0.0,
        piece_dropout: float = 0.0,
        how: Told | None = None,
    ) -> None:
        self.module, self.tokenizer, self.train, self.held_out = module, tokenizer, train, held_out
        self.seed, self.tokens, self.smoothing, self.varied = seed, tokens, smoothing, varied
        self.rdrop, self.piece_dropout, self.how = rdrop, piece_dropout, how
        self.ids: list[Ids] = []

    def batches(self, epoch: int) -> list[list[int]]:
        seed = self.seed * 1000 + epoch
        draw = random.Random(seed)
        pairs = list(self.train)
        if self.varied:
            same = parallel.by_direction(pairs)
            pairs = [parallel.vary(pair, draw.choice(same[pair.direction]), draw) for pair in pairs]
        self.ids = encode(self.tokenizer, pairs, self.how)
        if self.piece_dropout:
            drawn = [i for i in range(len(pairs)) if draw.random() < self.piece_dropout]
            for i, ids in zip(drawn, encode(sampling(self.tokenizer, draw), [pairs[i] for i in drawn]), strict=True):
                self.ids[i] = ids
        return parallel.batches([max(len(source), len(target)) for source, target in self.ids], self.tokens, seed)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        ids = [self.ids[item] for item in items]
        return self._rdrop(module, ids) if self.rdrop else self._loss(module, ids, self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy a piece (nats, not smoothed) of each direction's held-out pairs."""
        directions = parallel.by_direction(self.held_out).items()
        return {f"loss_{direction}": self.loss_of(module, pairs) for direction, pairs in directions}

    def loss_of(self, module: nn.Module, pairs: Sequence[Pair]) -> float:
        """Cross-entropy a piece of these pairs as they are, nats, not smoothed."""
        ids = encode(self.tokenizer, pairs, self.how)
        lengths = [max(len(source), len(target)) for source, target in ids]
        sums = [self._loss(module, [ids[i] for i in batch], 0.0) for batch in parallel.batches(lengths, 4000, 0)]
        return float(sum(s[0] for s in sums)) / sum(s[1] for s in sums)

    def _loss(self, module: nn.Module, ids: Sequence[Ids], smoothing: float) -> tuple[Tensor, int]:
        logits, labels = self._logits(module, ids)
        return cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing), len(labels)

    def _rdrop(self, module: nn.Module, ids: Sequence[Ids]) -> tuple[Tensor, int]:
        """R-Drop (Liang et al. 2021, "R-Drop: Regularized Dropout for Neural Networks", eq. 4), halved so that it is
        the plain loss where dropout is 0. With P1 and P2 the distributions of two passes under different dropout and a
        the weight: 1/2 [-log P1(y) - log P2(y)] + a/4 [KL(P1 || P2) + KL(P2 || P1)]. -log P is label-smoothed here.
        The two passes are one pass over the batch written twice."""
        logits, labels = self._logits(module, [*ids, *ids])
        total = cross_entropy(logits, labels, reduction="sum", label_smoothing=self.smoothing) / 2
        one, two = logits.log_softmax(-1).chunk(2)  # (pieces, vocabulary) each
        apart = sum(kl_div(q, p, reduction="sum", log_target=True) for p, q in ((one, two), (two, one)))
        return total + self.rdrop / 4 * apart, len(labels) // 2

    def _logits(self, module: nn.Module, ids: Sequence[Ids]) -> tuple[Tensor, Tensor]:
        """Logits (pieces, vocabulary) and labels (pieces,) of the real target positions, sentence after sentence."""
        config: Any = self.module.config  # of transformers
        device = next(module.parameters()).device
        prompts = prompt_ids(self.module)
        source, mask = batch([prompts + pair[0] for pair in ids], config.pad_token_id, device)
        rows = [pair[1] for pair in ids]
        labels, given = teacher_forced(rows, config.decoder_start_token_id, config.pad_token_id, device)
        real = labels != IGNORED
        # as it is, or inside of what wraps it for several processes or for private gradients
        head: Any = next(one for one in module.modules() if hasattr(one, "get_output_embeddings"))
        # only these go on to the vocabulary, where most of a step's time is spent
        picked = head.get_output_embeddings().register_forward_pre_hook(lambda _, args: (args[0][real][None],))
        try:
            output = module(input_ids=source, attention_mask=mask, decoder_input_ids=given, use_cache=False).logits
        finally:
            picked.remove()
        return output[0].float(), labels[real]


def teacher_forced(
    rows: Sequence[Sequence[int]], start: int | Tensor, padding: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Labels, IGNORED behind the last, and what the decoder is given: (B, n) each. start: the mark that stands before
    the outputs, one for all or one a row."""
    labels = padded(rows, IGNORED)
    given = labels.roll(1, 1)
    given = given.masked_fill(given == IGNORED, padding)
    given[:, 0] = start
    return labels.to(device), given.to(device)


class Sampling:
    """A unigram vocabulary whose pieces are drawn from the `BEST` likeliest segmentations, P(pieces | sentence) ^ ALPHA
    (Kudo 2018, "Subword Regularization", eq. 9), so that a model learns words from their parts. The draws are
    Python's: SentencePiece's own generator gives other ones in every process, whatever its seed."""

    BEST, ALPHA = 64, 0.2

    def __init__(self, file: str, draw: random.Random) -> None:
        self.vocabulary, self.draw = sentencepiece.SentencePieceProcessor(model_file=file), draw

    def encode(self, text: str, out_type: type = str) -> list[str]:  # as MarianTokenizer asks for it
        found = self.vocabulary.nbest_encode(text, nbest_size=self.BEST, return_type="proto").nbests
        weights = [math.exp(self.ALPHA * (one.score - found[0].score)) for one in found]
        return [piece.piece for piece in self.draw.choices(found, weights)[0].pieces]


def sampling(tokenizer: MarianTokenizer, draw: random.Random) -> MarianTokenizer:
    """The same vocabulary with its pieces drawn (`Sampling`)."""
    found: Any = copy.deepcopy(tokenizer)
    found.spm_source, found.spm_target = (Sampling(str(file), draw) for file in tokenizer.spm_files)
    found.current_spm = found.spm_source
    return found
