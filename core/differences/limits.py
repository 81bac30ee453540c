"""What becomes of both models' answers when the input is not what they learnt from: a photo with noise, a sentence with
misspellings. The answer and the attention are compared with those for the clean input.
"""

import random
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor
from torch.nn.functional import cosine_similarity

from core.attention.axes import TokenAxis
from core.attention.drift import jensen_shannon
from core.attention.merge import merge_map
from core.attention.trace import AttentionTrace
from core.differences.texts import likeness
from core.models.translation import Translation, Translator
from core.models.vision import VisionModel, VisionResult

KINDS = ("noise", "blur", "contrast")
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
NOISE, BLUR, FLATTEN = 64.0, 0.05, 0.95  # at strength 1: shades; of the shorter side; of the contrast
LEAST_LETTERS = 3  # of a word that can be misspelt


def corrupt(image: Image.Image, kind: str, strength: float, seed: int = 0) -> Image.Image:
    """strength from 0 (as it is) to 1. noise: Gaussian, its standard deviation up to 64 shades. blur: Gaussian, up to
    a twentieth of the shorter side. contrast: shades drawn towards their mean, by up to 95%."""
    if strength <= 0:
        return image
    if kind == "blur":
        return image.filter(ImageFilter.GaussianBlur(BLUR * strength * min(image.size)))
    shades = np.asarray(image).astype(float)
    if kind == "noise":
        shades += np.random.default_rng(seed).normal(0, NOISE * strength, shades.shape)
    else:
        shades = shades.mean() + (1 - FLATTEN * strength) * (shades - shades.mean())
    return Image.fromarray(shades.round().clip(0, 255).astype(np.uint8))


def misspell(sentence: str, share: float, seed: int = 0) -> str:
    """Swap two neighbouring inner letters of a word, or drop one, in a share of the words of three letters or more.
    Which words, and how, follows from the seed; a larger share keeps what a smaller one changed."""
    words = sentence.split(" ")
    draw = random.Random(seed)
    order = [i for i, word in enumerate(words) if sum(map(str.isalpha, word)) >= LEAST_LETTERS]
    draw.shuffle(order)
    changes = {i: _misspelt(words[i], random.Random(f"{seed} {i}")) for i in order}
    for i in order[: round(share * len(order))]:
        words[i] = changes[i]
    return " ".join(words)


def _misspelt(word: str, draw: random.Random) -> str:
    letters = [i for i, letter in enumerate(word) if letter.isalpha()]
    pairs = [i for i in letters[1:-2] if word[i + 1].isalpha() and word[i] != word[i + 1]]
    if pairs and draw.random() < 0.5:
        i = draw.choice(pairs)
        return word[:i] + word[i + 1] + word[i] + word[i + 2 :]
    i = draw.choice(letters[1:-1])
    return word[:i] + word[i + 1 :]


@dataclass(frozen=True)
class Shift:
    """One strength. agreement: of a photo, the mean cosine of the patches' features with the clean photo's, of a
    sentence chrF of the translation with the clean one's, as a share. certainty: probability of the class that the
    clean photo got, of a sentence the geometric mean probability of a piece of the clean translation; None without
    classes. drift: Jensen-Shannon distance of the attention that the answer is read from, 0 to 1; None where it cannot
    be compared. said: the class or the translation."""

    strength: float
    agreement: float
    certainty: float | None
    drift: float | None
    said: str


@dataclass(frozen=True)
class Photo:
    shift: Shift
    image: Image.Image
    attention: Tensor | None  # (rows, columns): of CLS, or the mean patch, in the last layer, mean over heads


def photo_shift(model: VisionModel, clean: VisionResult, kind: str, strength: float) -> Photo:
    """Corrupt the picture that the model saw in `clean`, so that no size of a photo hides it, run it, and compare."""
    changed = corrupt(clean.fitted.pixels, kind, strength)
    seen = model.run(changed, changed.width, "crop")
    agreement = float(cosine_similarity(clean.features.float(), seen.features.float(), dim=-1).mean())
    certainty = None
    if clean.predictions:
        certainty = float(seen.probabilities[model.classes.index(clean.predictions[0].label)])
    drift = None
    if clean.traces and seen.traces:
        before, after = _read_rows(clean), _read_rows(seen)
        drift = float(jensen_shannon(before, after).mean())
    said = seen.predictions[0].label if seen.predictions else ""
    return Photo(Shift(strength, agreement, certainty, drift, said), seen.fitted.pixels, reading_map(seen))


def _read_rows(result: VisionResult) -> Tensor:
    """Last layer, in each head: the row of what the answer is read from, CLS or the mean over patches: (H, N)."""
    trace = result.traces["encoder"]
    weights = trace.calls[-1].weights(item=trace.item)[0].cpu()  # (H, N, N)
    return torch.einsum("q,hqk->hk", result.reader, weights)


def reading_map(result: VisionResult) -> Tensor | None:
    """Attention of the last layer on the patches, mean over heads, (rows, columns), renormalised without CLS."""
    if not result.traces:
        return None
    row = _read_rows(result).mean(0)[len(result.axis.prefix) :]
    return (row / row.sum().clamp_min(1e-12)).reshape(result.axis.grid)


def sentence_shift(
    translator: Translator, clean: Translation, sentence: str, target: str | None, share: float, beams: int = 5
) -> tuple[str, Shift]:
    """The misspelt sentence, and its translation compared with `clean`. Attention is compared while the model writes
    the clean translation for either sentence, last layer, word by word: words stay, however many pieces they have."""
    changed = misspell(sentence, share)
    source, axis = translator.source_pieces(changed, target)
    forced = translator.read(source, axis, torch.tensor([clean.ids], device=source.device))
    said = clean.text if changed == sentence else translator.translate(changed, target, beams).text
    shift = Shift(
        share,
        likeness(said, clean.text) / 100,
        float(np.exp(forced.score)),
        _word_drift(clean, forced),
        said,
    )
    return changed, shift


def _word_drift(clean: Translation, other: Translation) -> float | None:
    if clean.source.merged().special != other.source.merged().special:
        return None
    return float(jensen_shannon(_word_rows(clean), _word_rows(other)).mean())


def _word_rows(translation: Translation) -> Tensor:
    """Cross-attention of the last layer, summed over each word's pieces: (H, n, words)."""
    trace = translation.traces["cross"]
    weights = trace.calls[-1].weights(item=trace.item)[0].cpu()  # (H, n, pieces)
    return torch.stack([_to_words(head, translation.source) for head in weights])


def _to_words(weights: Tensor, axis: TokenAxis) -> Tensor:
    each = TokenAxis(("",) * len(weights), tuple(range(len(weights))), (False,) * len(weights))
    return merge_map(weights, each, axis)


def memory(trace: AttentionTrace) -> tuple[int, int]:
    """(bytes of all attention maps in float32, bytes of the queries and keys that give them)."""
    maps = trace.layers * trace.heads * len(trace.query_axis) * len(trace.key_axis) * 4
    vectors = sum(call.query.numel() + call.key.numel() for call in trace.calls) * 4
    return maps, vectors
