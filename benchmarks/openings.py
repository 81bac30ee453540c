"""`python -m benchmarks.openings [PHOTO ...]`: where each sample is worth looking at, best first.

Of a photo the patches that find their like far away: for each two patches at least `FAR` apart and `ALIKE` alike
(cosine of their features after the last layer, less their mean), the attention of the one to the other and back (mean
of heads), in even shares; the geometric mean of both. Of a sentence the words of the translation that are read most
surely: the content word of the source that each reads most, and the share that it has. What was chosen of it, by eye,
stands in assets/samples/openings.json.
"""

import sys
from collections.abc import Iterator

import torch
from torch import Tensor

from core import samples
from core.attention.axes import PatchAxis
from core.attention.merge import merge_map
from core.models.catalogue import default
from core.models.images import open_image
from core.models.translation import Translation, load_translator
from core.models.vision import VisionResult, load_vision

SIDE = 224  # px
FAR, ALIKE, APART = 4.0, 0.5, 2.5  # patches between two that are compared; cosine; patches between two that are listed
SHOWN = 6  # of each layer
LAYERS = (6, 7, 8, 9, 10)  # from 0
SMALL = set(
    [
        "a",
        "an",
        "the",
        "in",
        "on",
        "of",
        "at",
        "is",
        "are",
        "and",
        "with",
        "to",
        "by",
        "it",
        "he",
        "she",
        "i",
        "you",
        "me",
        "her",
        "his",
        "its",
        "for",
    ]
)


def likes(result: VisionResult, layer: int) -> Tensor:
    """How many even shares each patch gives another and gets back, 0 where they are near or unlike: (N, N)."""
    patches, axis = result.axis.patches, result.axis
    shares = result.traces["encoder"].mean([layer])[patches, patches] * len(axis)
    features = result.features.flatten(0, 1)
    features = torch.nn.functional.normalize(features - features.mean(0), dim=1)
    places = axis.coordinates()[patches]
    fits = (torch.cdist(places, places) >= FAR) & (features @ features.T >= ALIKE)
    return (shares * shares.T).sqrt() * fits


def best(found: Tensor, axis: PatchAxis) -> Iterator[tuple[float, int, int]]:
    """Each patch with its like, the strongest first, no two of them close to each other."""
    (strongest, like), places = found.max(1), axis.coordinates()[axis.patches]
    kept: list[int] = []
    for patch in strongest.argsort(descending=True).tolist():
        if all((places[patch] - places[other]).norm() > APART for other in kept) and len(kept) < SHOWN:
            kept.append(patch)
            yield float(strongest[patch]), patch, int(like[patch])


def words(translation: Translation) -> list[tuple[float, str, str]]:
    """Share, word of the translation, content word of the source that it reads most; in the last layer."""
    trace = translation.traces["cross"]
    whole = merge_map(trace.mean([trace.layers - 1]), translation.target, translation.source)
    source, target = translation.source.merged(), translation.target.merged()
    told = zip(source.special, source.pieces, strict=True)
    content = [not mark and word.lower().strip() not in SMALL for mark, word in told]
    most, which = whole.masked_fill(~torch.tensor(content), 0).max(1)
    rows = zip(most.tolist(), target.pieces, (source.pieces[i] for i in which), strict=True)
    return sorted(rows, reverse=True)[:SHOWN]


def point(axis: PatchAxis, patch: int, size: tuple[int, int]) -> str:
    """The middle of a patch on the whole photo, from 0 to 1."""
    (rows, columns), (left, top, right, bottom) = axis.grid, axis.image_box
    row, column = divmod(patch, columns)
    x = left + (column + 0.5) / columns * (right - left)
    y = top + (row + 0.5) / rows * (bottom - top)
    return f"{x / size[0]:.3f}, {y / size[1]:.3f}"


def main() -> None:
    vision, translator = load_vision(default("vision").key), load_translator(default("translation").key)
    for photo in samples.photos():
        if sys.argv[1:] and photo.path.stem not in sys.argv[1:]:
            continue
        image = open_image(photo.path.read_bytes())
        result = vision.run(image, SIDE, "crop")
        print(f"\n{photo.path.stem}")
        for layer in LAYERS:
            for times, patch, like in best(likes(result, layer), result.axis):
                places = (point(result.axis, one, image.size) for one in (patch, like))
                print(f"  layer {layer + 1:2}  {times:5.1f} times an even share  {' and '.join(places)}")
    for sentence in samples.sentences():
        if not sys.argv[1:]:
            print(f"\n{sentence.target}: {sentence.text}")
            for share, word, read in words(translator.translate(sentence.text, sentence.target)):
                print(f"  {share:4.0%}  {word} reads {read}")


if __name__ == "__main__":
    main()
