"""One number for how good a model is on bundled held-out data, quick enough to be asked again and again: what pruning
heads does to it. It runs under whichever tape is active."""

from collections.abc import Callable

import torch

from core.finetune.class_task import SIDE, class_logits
from core.finetune.data import COLLECTIONS, bundled_classes, bundled_pairs, bundled_pictures
from core.finetune.parallel import TAGS
from core.finetune.score import scores, translate_all
from core.models.translation import Translator
from core.models.vision import VisionModel

OnStep = Callable[[int, int], None]  # (items done, all); may raise to stop
PICTURES, SENTENCES = 20, 10  # in one pass


def has_bundled_classes(model: VisionModel) -> bool:
    """Whether the model answers with the classes of the bundled pictures, in whichever order."""
    return sorted(model.classes) == sorted(bundled_classes())


def caption_languages(translator: Translator) -> list[str]:
    """The languages of the bundled captions that the translator writes, e.g. ["de", "fr", "cs"]."""
    return [code for code in COLLECTIONS["captions"].languages if TAGS[code] in translator.targets]


def class_accuracy(model: VisionModel, each: int = 10, on_step: OnStep | None = None) -> float:
    """Share of right answers, 0 to 1, on `each` (up to 50) bundled held-out pictures of every class, at 112 px or the
    one size that the model takes. Raises ValueError for a model with other classes."""
    if not has_bundled_classes(model):
        raise ValueError("the model does not have the classes of the bundled pictures")
    held_out = bundled_pictures(model.classes, each=2).held_out
    chosen = torch.cat([(held_out.labels == label).nonzero()[:each, 0] for label in range(len(held_out.classes))])
    names = [held_out.classes[label] for label in held_out.labels[chosen].tolist()]
    side = SIDE if SIDE in model.sizes else model.default_size
    right = 0
    for part in torch.arange(len(chosen)).split(PICTURES):
        if on_step:
            on_step(int(part[0]), len(chosen))
        with torch.inference_mode():
            logits = class_logits(model.module, held_out.part(chosen[part]), model.mean, model.std, side)
        answers = logits.argmax(-1).tolist()
        right += sum(model.classes[answer] == names[i] for answer, i in zip(answers, part.tolist(), strict=True))
    if on_step:
        on_step(len(chosen), len(chosen))
    return right / len(chosen)


def caption_bleu(translator: Translator, language: str = "de", count: int = 40, on_step: OnStep | None = None) -> float:
    """BLEU, 0 to 100, of greedy translations of `count` (up to 200) bundled held-out captions. Raises ValueError for a
    language that the captions or the translator lack."""
    if language not in caption_languages(translator):
        raise ValueError(f"no captions in {language} for this translator")
    pairs = sorted(bundled_pairs("captions", language, 10).held_out[:count], key=lambda pair: len(pair.source))
    outputs: list[str] = []
    for start in range(0, len(pairs), SENTENCES):
        if on_step:
            on_step(start, len(pairs))
        outputs += translate_all(translator.module, translator.tokenizer, pairs[start : start + SENTENCES], beams=1)
    if on_step:
        on_step(len(pairs), len(pairs))
    return scores(outputs, pairs)["bleu"]
