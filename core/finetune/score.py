"""How good a translator is: BLEU and chrF by sacrebleu, on raw text."""

from collections.abc import Sequence
from typing import Any

import sacrebleu
import torch
from torch import nn

from core.finetune.parallel import TAGS, Pair

BATCH = 64  # sentences


def translate_all(module: nn.Module, tokenizer: Any, pairs: Sequence[Pair], beams: int = 5) -> list[str]:
    """The model's translation of each pair's source, in their order. Sentences of similar length run together."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].source))
    found = [""] * len(pairs)
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            batch = tokenizer([pairs[i].tagged for i in chosen], return_tensors="pt", padding=True).to(module.device)
            output = module.generate(**batch, num_beams=beams, max_new_tokens=128)
            for index, text in zip(chosen, tokenizer.batch_decode(output, skip_special_tokens=True), strict=True):
                found[index] = text
    return found


def scores(outputs: Sequence[str], pairs: Sequence[Pair]) -> dict[str, float]:
    """BLEU (default tokeniser; `zh` for Chinese) and chrF, both 0 to 100. All pairs have one language."""
    references = [[pair.target for pair in pairs]]
    tokenise = "zh" if pairs[0].language == "zh" else "13a"
    return {
        "bleu": sacrebleu.corpus_bleu(outputs, references, tokenize=tokenise).score,
        "chrf": sacrebleu.corpus_chrf(outputs, references).score,
    }


def loops(pieces: Sequence[str], times: int = 3) -> bool:
    """Whether some run of pieces stands `times` times or more in a row, as in "a man in a man in a man in"."""
    for length in range(1, len(pieces) // times + 1):
        for start in range(len(pieces) - length * times + 1):
            first = pieces[start : start + length]
            if all(pieces[start + k * length : start + (k + 1) * length] == first for k in range(1, times)):
                return True
    return False


def score_by_language(module: nn.Module, tokenizer: Any, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """`scores` of each language's pairs."""
    found = {}
    for language in TAGS:
        part = [pair for pair in pairs if pair.language == language]
        if part:
            found[language] = scores(translate_all(module, tokenizer, part), part)
    return found
