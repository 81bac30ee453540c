"""Scores of a translation against a reference, taken apart: BLEU (Papineni et al. 2002) and chrF (Popović 2015), both
as sacrebleu computes them (Post 2018).
"""

import json
import math
from collections import Counter
from dataclasses import dataclass

import sacrebleu
from sacrebleu.metrics import BLEU

from core import samples

CHARACTERS = 6  # of chrF's n-grams, at most


def known_reference(sentence: str, target: str | None) -> str | None:
    """A person's translation of a sample caption; None for any other sentence."""
    known = json.loads((samples.FOLDER / "references.json").read_text("utf-8"))
    return known.get(sentence, {}).get(target)


@dataclass(frozen=True)
class NGrams:
    """Of one length: how many of the translation's are in the reference (each at most as often as there), of how many;
    precision in percent, smoothed where nothing matches; those that match and those that do not."""

    length: int
    matched: int
    total: int
    precision: float
    found: tuple[str, ...]
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Bleu:
    """score = penalty exp(mean of ln precision), 0 to 100. penalty: 1, or exp(1 - reference / length) if shorter."""

    score: float
    penalty: float
    length: int
    reference: int
    ngrams: tuple[NGrams, ...]


def bleu(text: str, reference: str, chinese: bool = False) -> Bleu:
    """BLEU of one sentence. Lengths of which a short translation has no n-gram take no part (effective order); a length
    without a match gets half of one, then a quarter, ... (sacrebleu's default, "exp")."""
    metric = BLEU(tokenize="zh" if chinese else "13a", effective_order=True)
    score = metric.sentence_score(text, [reference])
    words, wanted = (metric.tokenizer(one.strip()).split() for one in (text, reference))
    ngrams = []
    for length, (matched, total, precision) in enumerate(
        zip(score.counts, score.totals, score.precisions, strict=True), 1
    ):
        own, other = _count(words, length), _count(wanted, length)
        found, missing = tuple((own & other).elements()), tuple((own - other).elements())
        ngrams.append(NGrams(length, matched, total, precision, found, missing))
    return Bleu(score.score, score.bp, score.sys_len, score.ref_len, tuple(n for n in ngrams if n.total))


def _count(words: list[str], length: int) -> Counter[str]:
    return Counter(" ".join(words[i : i + length]) for i in range(len(words) - length + 1))


@dataclass(frozen=True)
class Chrf:
    """score, precision, recall: 0 to 100. lengths: (n, precision, recall) of the character n-grams."""

    score: float
    precision: float
    recall: float
    lengths: tuple[tuple[int, float, float], ...]


def chrf(text: str, reference: str) -> Chrf:
    """chrF2: F of the mean precision and the mean recall of character n-grams up to 6, recall counting twice as much.
    White space is left out. The score is sacrebleu's own."""
    own, other = ("".join(one.split()) for one in (text, reference))
    lengths = []
    for n in range(1, CHARACTERS + 1):
        counts = [Counter(one[i : i + n] for i in range(len(one) - n + 1)) for one in (own, other)]
        totals = [sum(count.values()) for count in counts]
        if all(totals):
            matched = sum((counts[0] & counts[1]).values())
            lengths.append((n, 100 * matched / totals[0], 100 * matched / totals[1]))
    precision, recall = (math.fsum(row[i] for row in lengths) / max(1, len(lengths)) for i in (1, 2))
    return Chrf(sacrebleu.sentence_chrf(text, [reference]).score, precision, recall, tuple(lengths))


def likeness(text: str, other: str) -> float:
    """chrF of one text against another; two empty texts are the same."""
    return sacrebleu.sentence_chrf(text, [other]).score if text or other else 100.0
