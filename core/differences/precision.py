"""float32 against bfloat16 and 8-bit weights: what it saves and costs, on data that no bundled model has seen."""

import copy
import io
import math
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.transforms.functional import normalize

from core.differences.cost import MEASURING
from core.finetune.data.bundled import COLLECTIONS, bundled_classes, bundled_pairs, bundled_pictures
from core.finetune.features import nearest
from core.finetune.parallel import TAGS, Pair
from core.finetune.pictures import enlarge
from core.finetune.score import scores, translate_all
from core.models.loading import precisions
from core.models.translation import Translator
from core.models.vision import VisionModel

PRECISIONS = ("float32", "bfloat16", "int8")
KNOWN, ASKED = 10, 12  # pictures of each class: to compare with, to judge
SENTENCES, BATCH = 48, 40
LANGUAGES = {tag: code for code, tag in TAGS.items()}
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Quality:
    """megabytes: of the saved weights. seconds: of all the judged items. score, error: accuracy in percent with its
    standard error; BLEU (error 0). chrf: of a translator. changed: share of the answers that differ from float32's.
    against: of a classifier, the same pictures judged by float32."""

    precision: str
    megabytes: float
    seconds: float
    score: float
    error: float
    chrf: float
    changed: float
    against: "Paired | None" = None


@dataclass(frozen=True)
class Paired:
    """The same pictures judged twice. gained, lost: how many only this one has right, only the other; count: of all.

    The two accuracies have most of their error in common, the choice of pictures, so that it is no error of their
    difference: what counts are the pictures on which one alone is right (McNemar 1947, "Note on the sampling error of
    the difference between correlated proportions or percentages").
    """

    gained: int
    lost: int
    count: int

    @property
    def points(self) -> float:
        """The difference of the accuracies, in percent."""
        return 100 * (self.gained - self.lost) / self.count

    @property
    def error(self) -> float:
        """Its standard error: of the mean of +1, 0 and -1 a picture, in percent."""
        return 100 * math.sqrt(self.gained + self.lost - (self.gained - self.lost) ** 2 / self.count) / self.count

    @property
    def chance(self) -> float:
        """How likely so uneven a split, or a more uneven one, is where neither is better: the exact test, two-sided."""
        apart = self.gained + self.lost
        tail = sum(math.comb(apart, k) for k in range(min(self.gained, self.lost) + 1)) / 2**apart
        return min(1.0, 2 * tail)


def paired(right: Tensor, other: Tensor) -> Paired:
    """right, other: (N,) bool, whether each of the same pictures is judged rightly."""
    return Paired(int((right & ~other).sum()), int((~right & other).sum()), len(right))


def told_apart(found: Sequence[Quality]) -> tuple[Quality, bool] | None:
    """The precision whose answers differ least by chance from float32's, and whether 5% of chance, shared among all
    that are compared, speaks for a difference. None where nothing is compared."""
    compared = [(one.against.chance, one) for one in found[1:] if one.against is not None]
    if not compared:
        return None
    chance, least = min(compared, key=lambda pair: pair[0])
    return least, chance < 0.05 / len(compared)


def available(module: nn.Module) -> tuple[str, ...]:
    """Those of PRECISIONS that are worth a try here. int8 is torch's dynamic quantisation, which is for the CPU, and
    needs an engine for it."""
    here = next(module.parameters()).device.type == "cpu" and torch.backends.quantized.engine != "none"
    left_out = {"int8": not here, "bfloat16": "bf16" not in precisions()}
    return tuple(name for name in PRECISIONS if not left_out.get(name))


def converted(module: nn.Module, precision: str) -> nn.Module:
    """A copy of the module. int8: the weights of its linear layers; what goes in is quantised as it comes.

    torch 2.14 marks torch.ao's eager quantisation as deprecated in favour of the package torchao; it still works, and
    was the faster of the two for both bundled models when torchao 0.18 was tried on a CPU, not compiled.
    """
    if precision == "int8":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            warnings.filterwarnings("ignore", "torch.quantize_per_tensor", UserWarning)
            return torch.ao.quantization.quantize_dynamic(copy.deepcopy(module), {nn.Linear}, dtype=torch.qint8)
    found = copy.deepcopy(module)
    return found.bfloat16() if precision == "bfloat16" else found


def megabytes(module: nn.Module) -> float:
    stream = io.BytesIO()
    torch.save(module.state_dict(), stream)
    return stream.tell() / 1e6


def is_classifier(model: VisionModel) -> bool:
    """Whether the model names the classes of the bundled pictures."""
    return set(bundled_classes()) <= set(model.classes)


def side_for(model: VisionModel) -> int:
    return next((side for side in model.sizes if side >= 112), model.default_size)


def vision_quality(
    model: VisionModel, precisions: Sequence[str], tell: Tell = lambda share: None
) -> tuple[Quality, ...]:
    """Accuracy on bundled CIFAR-10 pictures: of the model's own classes where it has them, else of the nearest
    neighbours among a few labelled pictures, by its features (Wu et al. 2018)."""
    data = bundled_pictures(bundled_classes(), each=KNOWN)
    names = data.train.classes
    asked = torch.cat([(data.held_out.labels == label).nonzero().flatten()[:ASKED] for label in range(len(names))])
    own = is_classifier(model)
    known = data.train.images if not own else data.train.images[:0]
    images, labels = torch.cat([data.held_out.images[asked], known]), data.held_out.labels[asked]
    found, first = [], None
    for number, precision in enumerate(precisions):

        def tell_part(share: float, done: int = number) -> None:
            tell((done + share) / len(precisions))

        with MEASURING:
            other = model.with_module(converted(model.module, precision))
            _outputs(other, images[:8], own)  # the first run prepares the kernels
            start = time.perf_counter()
            output = _outputs(other, images, own, tell_part)
            seconds = time.perf_counter() - start
        if own:
            answers = output[:, [model.classes.index(name) for name in names]].argmax(-1)
        else:
            answers = nearest(output[len(asked) :], data.train.labels, output[: len(asked)], len(names)).argmax(-1)
        first = answers if first is None else first
        right = answers == labels
        share, changed = float(right.float().mean()), float((answers != first).float().mean())
        error = math.sqrt(share * (1 - share) / len(labels))
        against = paired(right, first == labels)
        found.append(
            Quality(precision, megabytes(other.module), seconds, 100 * share, 100 * error, math.nan, changed, against)
        )
    return tuple(found)


def _outputs(model: VisionModel, images: Tensor, own: bool, tell: Tell = lambda share: None) -> Tensor:
    """Logits, or what the head is given: (N, D), float32."""
    kind = torch.bfloat16 if next(model.module.parameters()).dtype == torch.bfloat16 else torch.float32
    found = []
    with torch.inference_mode():
        for start in range(0, len(images), BATCH):
            pixels = normalize(enlarge(images[start : start + BATCH], side_for(model)), model.mean, model.std)
            tokens = model.tokens(pixels.to(model.device, kind))
            found.append((model.logits if own else model.representation)(tokens).float().cpu())
            tell(min(1.0, (start + BATCH) / len(images)))
    return torch.cat(found)


def judged_pairs(target: str | None) -> tuple[str, list[Pair]] | None:
    """Held-out pairs into a language and the collection they are from; None for a language that is not among them."""
    language = LANGUAGES.get(target or "")
    if language is None:
        return None
    name = next(name for name in ("captions", "recipes") if language in COLLECTIONS[name].languages)
    return name, list(bundled_pairs(name, language, 10).held_out[:SENTENCES])


def translation_quality(
    translator: Translator, pairs: Sequence[Pair], precisions: Sequence[str], tell: Tell = lambda share: None
) -> tuple[Quality, ...]:
    """BLEU and chrF on held-out pairs, beam 5."""
    found, first = [], None
    for number, precision in enumerate(precisions):
        with MEASURING:
            module = converted(translator.module, precision)
            translate_all(module, translator.tokenizer, pairs[:2])
            start = time.perf_counter()
            outputs: list[str] = []
            for begin in range(0, len(pairs), 16):
                outputs += translate_all(module, translator.tokenizer, pairs[begin : begin + 16])
                tell((number + len(outputs) / len(pairs)) / len(precisions))
            seconds = time.perf_counter() - start
        first = outputs if first is None else first
        score = scores(outputs, pairs)
        changed = sum(a != b for a, b in zip(outputs, first, strict=True)) / len(pairs)
        found.append(Quality(precision, megabytes(module), seconds, score["bleu"], 0.0, score["chrf"], changed))
    return tuple(found)
