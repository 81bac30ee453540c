"""`python -m benchmarks.explaining --parts vision,language,objects,alignment --count 200`: how good each method is.

vision, language: area under the deletion and insertion curve on held-out pictures (112 px, the class that the bundled
classifier sees) and held-out captions (greedy German, the whole output), beside three random orders of each input.
objects: whether a method finds the object that it is asked about, on scenes whose masks are known (`scenes`).
alignment: whether cross-attention links the words that a statistical aligner links (`aligner`), reference translations
being read by the translator. Means with 95% confidence intervals (1.96 standard errors over inputs). Each part prints
its table when it is done, and writes its numbers to --save after every input.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.aligner import Aligner, error_rate, f1, links
from benchmarks.scenes import SIDE, Scene, scenes
from benchmarks.timing import table
from core.attention import faithfulness
from core.attention.axes import TokenAxis
from core.attention.methods import METHODS, Options, explain, refusal
from core.attention.subject import Subject
from core.finetune.data import bundled_classes, bundled_pairs, bundled_pictures
from core.models.catalogue import BUNDLED, default
from core.models.pieces import token_axis
from core.models.subjects import photo_subject, translation_subject
from core.models.tokenizing import encode_targets
from core.models.translation import Translation, Translator, load_translator
from core.models.vision import VisionModel, load_vision
from core.scenes.pointing import inside, on_grid

Numbers = dict[str, dict[str, float]]  # of one input: method -> measure -> value
RANDOM = 3  # orders of each input
DRAWN = 20  # scenes at most for each that is wanted
EVERY = 30  # seconds between two lines of progress
COMPARED = ("gap", "mIoU", "F1")  # measures of which the difference from raw attention is told too


def maps(subject: Subject) -> dict[str, Tensor]:
    """Of every method that applies, (N,)."""
    offered = [name for name, method in METHODS.items() if not refusal(subject, method)]
    gradients = subject.gradients()
    return {name: explain(subject, name, gradients=gradients) for name in offered}


def areas(subject: Subject, seed: int) -> Numbers:
    """Deletion, insertion and gap of every method, and the mean of random orders."""
    found = maps(subject)
    orders = [faithfulness.order(one, subject.units) for one in found.values()]
    orders += faithfulness.random_orders(subject, RANDOM, seed)
    curves = faithfulness.curves(subject, orders, subject.fills[0], batch=64)
    measured = {"deletion": curves.deletion_area, "insertion": curves.insertion_area, "gap": curves.gap}
    numbers = {
        name: {measure: float(values[place]) for measure, values in measured.items()}
        for place, name in enumerate(found)
    }
    return {**numbers, "random": {measure: float(values[-RANDOM:].mean()) for measure, values in measured.items()}}


def classifier() -> VisionModel:
    return load_vision(next(card for card in BUNDLED if card.base).key)


def vision(count: int) -> Iterator[Numbers]:
    model = classifier()
    held_out = bundled_pictures(bundled_classes(), each=2).held_out  # 50 of each class, class by class
    chosen = torch.linspace(0, len(held_out) - 1, count).round().long()
    for number in chosen.tolist():
        image = Image.fromarray(held_out.images[number].permute(1, 2, 0).numpy())
        seen = model.run(image, 112, "stretch").predictions[0].label
        yield areas(photo_subject(model, image, 112, "stretch", model.classes.index(seen)), number)


def language(count: int) -> Iterator[Numbers]:
    translator = load_translator(default("translation").key)
    for number, pair in enumerate(bundled_pairs("captions", "de", 10).held_out[:count]):
        translation = translator.translate(pair.source, pair.tag, beams=1)
        yield areas(translation_subject(translator, pair.source, pair.tag, translation), number)


def objects(count: int) -> Iterator[Numbers]:
    """One object: `count` scenes; two objects, asked about the first: as many more. Only scenes in which the classifier
    finds the objects' classes the most likely ones: of another one there is no true map."""
    model = classifier()
    for number in (1, 2):
        taken = 0
        for drawn, scene in enumerate(scenes(DRAWN * count, number), 1):
            seen = [one.label for one in model.run(scene.image, SIDE, "stretch").predictions[:number]]
            if set(seen) != set(scene.masks):
                continue
            taken += 1
            yield _on_scene(model, scene, number, drawn)
            if taken == count:
                break
        print(f"objects: {taken} scenes of {drawn} with {number}", flush=True)


def _on_scene(model: VisionModel, scene: Scene, number: int, seed: int) -> Numbers:
    name, mask = next(iter(scene.masks.items()))
    subject = photo_subject(model, scene.image, SIDE, "stretch", model.classes.index(name))
    grid, prefix = subject.axis.grid, len(subject.axis.prefix)
    on_it, draw = inside(on_grid(mask, grid)).reshape(grid), torch.Generator().manual_seed(seed)
    found = {**maps(subject), "random": torch.rand(len(subject.axis), generator=draw)}
    overlaps = {method: _overlap(one[prefix:].reshape(grid), on_it) for method, one in found.items()}
    return {method: {f"{key}, {number}": value for key, value in one.items()} for method, one in overlaps.items()}


def _overlap(relevance: Tensor, on_it: Tensor) -> dict[str, float]:
    """points: whether the most relevant patch is on it (pointing game, Zhang et al. 2016, without its tolerance).
    mIoU: mean over object and ground of intersection over union, cut at the map's mean (Chefer et al. 2021, CVPR).
    mass: share of the relevance that is on it."""
    cut = relevance > relevance.mean()
    ious = [float((a & b).sum() / (a | b).sum().clamp_min(1)) for a, b in ((cut, on_it), (~cut, ~on_it))]
    positive = relevance.clamp_min(0)
    return {
        "points": float(on_it.flatten()[relevance.argmax()]),
        "mIoU": sum(ious) / 2,
        "mass": float(positive[on_it].sum() / positive.sum().clamp_min(1e-12)),
    }


def alignment(count: int) -> Iterator[Numbers]:
    """The aligner learns from all bundled captions, these among them, as is usual: it sees no link anywhere."""
    translator = load_translator(default("translation").key)
    data = bundled_pairs("captions", "de", 600)
    aligner = Aligner(
        [(_words(translator, p.source), _words(translator, p.target)) for p in (*data.held_out, *data.train)]
    )
    for pair in data.held_out[:count]:
        translation = _read(translator, pair.source, pair.tag, pair.target)
        source, target = (
            [word.lower() for word, mark in zip(axis.merged().pieces, axis.merged().special, strict=True) if not mark]
            for axis in (translation.source, translation.target)
        )
        sure, possible = aligner.align(source, target)
        found = _links(translator, pair.source, pair.tag, translation)
        found["diagonal"] = {(round((j + 0.5) * len(source) / len(target) - 0.5), j) for j in range(len(target))}
        found["the aligner, one way"] = links(aligner.forward, source, target)
        yield {
            method: {"AER": error_rate(one, sure, possible), "F1": f1(one, possible)} for method, one in found.items()
        }


def _words(translator: Translator, text: str) -> list[str]:
    return [word.lower() for word in token_axis(translator.tokenizer.tokenize(text), set()).merged().pieces]


def _read(translator: Translator, sentence: str, tag: str, target: str) -> Translation:
    """What the translator makes of a given translation."""
    ids, names = translator.source_pieces(sentence, tag)
    start = [translator.module.config.decoder_start_token_id]
    output = torch.tensor([start + encode_targets(translator.tokenizer, [target])[0]], device=ids.device)
    return translator.read(ids, names, output)


def _links(
    translator: Translator, sentence: str, tag: str, translation: Translation
) -> dict[str, set[tuple[int, int]]]:
    """Each target word's source word of most relevance (pieces of both summed), by every method; raw attention also of
    each layer, and of the row after, which has just read the piece."""
    layers = translation.traces["cross"].layers
    variants = {f"raw, layer {n + 1}": n / max(1, layers - 1) for n in range(layers)}
    totals: dict[str, dict[int, Tensor]] = {}
    whole = translation_subject(translator, sentence, tag, translation)
    units, words = whole.units, _content(translation.target)

    def add(method: str, word: int, relevance: Tensor) -> None:
        rows = totals.setdefault(method, {})
        rows[word] = rows.get(word, 0) + faithfulness.per_unit(relevance, units)

    for piece, word in enumerate(words):
        if word < 0:
            continue
        subject = translation_subject(translator, sentence, tag, translation, piece)
        for method, relevance in maps(subject).items():
            add(method, word, relevance)
        for method, depth in variants.items():
            add(method, word, explain(subject, "raw", Options(depth=depth)))
        after = translation_subject(translator, sentence, tag, translation, min(piece + 1, len(words) - 1))
        for method, depth in variants.items():
            add(f"{method}, row after", word, explain(after, "raw", Options(depth=depth)))
    return {method: {(int(row.argmax()), word) for word, row in rows.items()} for method, rows in totals.items()}


def _content(axis: TokenAxis) -> list[int]:
    """The word of each piece counted without marks; -1 for marks."""
    marks = axis.merged().special
    number = {word: sum(not mark for mark in marks[:word]) for word in range(len(marks))}
    return [-1 if special else number[word] for word, special in zip(axis.words, axis.special, strict=True)]


def interval(values: list[float]) -> str:
    found = torch.tensor(values, dtype=torch.float64)
    half = float(1.96 * found.std() / len(found) ** 0.5) if len(found) > 1 else float("nan")
    return f"{float(found.mean()):.3f} ± {half:.3f}"


def report(title: str, inputs: list[Numbers], reference: str = "raw") -> None:
    """A table for each kind of input: a line a method, and its difference from `reference` on the same inputs."""
    kinds: dict[tuple[str, ...], list[Numbers]] = {}
    for numbers in inputs:
        kinds.setdefault(tuple(numbers[reference]), []).append(numbers)
    for measures, alike in kinds.items():
        rows = {}
        for name in alike[0]:
            cells = [f"{m} {interval([numbers[name][m] for numbers in alike])}" for m in measures]
            for m in (m for m in measures if m.startswith(COMPARED) and name != reference):
                apart = interval([numbers[name][m] - numbers[reference][m] for numbers in alike])
                cells.append(f"{m} over {reference} {apart}")
            rows[name] = "   ".join(cells)
        table(f"{title}: {len(alike)} inputs", rows)


PARTS: dict[str, tuple[str, Callable[[int], Iterable[Numbers]]]] = {
    "vision": ("Deletion and insertion, pictures at 112 px (blurred)", vision),
    "language": ("Deletion and insertion, captions into German (masked)", language),
    "objects": ("Objects of known place, 1 or 2 of them, of which the first is asked about", objects),
    "alignment": ("Words linked as a symmetrised IBM model 1 does, captions into German", alignment),
}


def measure(part: str, count: int, save: Path | None) -> None:
    title, run = PARTS[part]
    inputs: list[Numbers] = []
    start = told = time.monotonic()
    for numbers in run(count):
        inputs.append(numbers)
        if save:
            save.with_suffix(f".{part}.json").write_text(json.dumps(inputs), "utf-8")
        if time.monotonic() - told > EVERY:
            told = time.monotonic()
            print(f"{part}: {len(inputs)} inputs after {told - start:.0f} s", flush=True)
    report(title, inputs)
    print(f"{part}: {time.monotonic() - start:.0f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default=",".join(PARTS), help="some of " + ", ".join(PARTS))
    parser.add_argument("--count", type=int, default=200, help="inputs of each part")
    parser.add_argument("--save", type=Path, help="numbers of each input go to SAVE.<part>.json")
    options = parser.parse_args()
    for part in options.parts.split(","):
        measure(part, options.count, options.save)


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
