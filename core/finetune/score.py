"""How good a translator is: BLEU and chrF by sacrebleu, on raw text."""

from collections.abc import Sequence
from typing import Any

import sacrebleu
import torch
from torch import nn

from core.finetune.padding import batch
from core.finetune.parallel import Pair, by_direction
from core.finetune.told import LONGEST, Told, encode_sources
from core.models.decoding import rules
from core.models.families import positions
from core.models.prompts import prompt_ids

BATCH = 64  # sentences


def translate_all(
    module: Any, tokenizer: Any, pairs: Sequence[Pair], beams: int = 5, how: Told | None = None
) -> list[str]:
    """The model's translation of each pair's source, in their order. Sentences of similar length run together. how: the
    model is told what to write; None for the tag of each pair."""
    order = sorted(range(len(pairs)), key=lambda i: len(pairs[i].source))
    found = [""] * len(pairs)
    prompts = prompt_ids(module)
    longest = min(LONGEST, (positions(module.config) or LONGEST + 1) - 1)
    first = {} if how is None or how.first is None else {"forced_bos_token_id": how.first}
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            rows = [prompts + ids for ids in encode_sources(tokenizer, [pairs[i] for i in chosen], how)]
            source, mask = batch(rows, module.config.pad_token_id, module.device)
            output = module.generate(
                input_ids=source,
                attention_mask=mask,
                num_beams=beams,
                max_new_tokens=longest,
                logits_processor=rules(module, source, mask),
                **first,
            )
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


def resemblance(output: str, reference: str) -> float:
    """chrF of one sentence, 0 to 1."""
    return sacrebleu.sentence_chrf(output, [reference]).score / 100


def score_by_language(module: nn.Module, tokenizer: Any, pairs: Sequence[Pair]) -> dict[str, dict[str, float]]:
    """`scores` of each direction's pairs."""
    parts = by_direction(pairs)
    return {name: scores(translate_all(module, tokenizer, part), part) for name, part in parts.items()}
