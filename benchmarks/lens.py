"""`python -m benchmarks.lens --pictures 100 --captions 50 --compared 6 --pairs 12`: when it knows, and who wrote it.

known: on held-out pictures (112 px) and held-out captions (greedy German), after which share of the layers the answer
that the last one gives stands for good, and how far each layer's answer is from it (KL, nats). compared: the rank
correlation between what each head wrote into the answer's logit and what the answer loses without it. cost: processor
seconds of the lens and of direct attribution over those of a plain pass taken beside it: of a picture its classes, of a
translation the pass that pages make, with its attention and its steps. Means with 95% confidence intervals (1.96
standard errors over inputs). Then what `benchmarks.patching` says of as many pairs.
"""

import argparse
import time
from collections.abc import Callable

import torch
from PIL import Image

from benchmarks import patching
from benchmarks.timing import interval, table
from core.attention.ablation import importance
from core.attention.agreement import spearman
from core.attention.direct import direct
from core.attention.lens import Lens, lens
from core.attention.subject import Subject
from core.finetune.data import bundled_classes, bundled_pairs, bundled_pictures
from core.models.catalogue import BUNDLED, default
from core.models.states import translation_states, vision_states
from core.models.subjects import translation_subject, vision_subject
from core.models.translation import load_translator
from core.models.vision import load_vision

SIDE = 112  # px


def seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def agreement(subject: Subject) -> float:
    """Of the heads that write into the answer's own stream."""
    lost, wrote = importance(subject), direct(subject).heads
    pair = torch.stack([torch.cat([one[kind].flatten() for kind in subject.writes]) for one in (wrote, lost)])
    return float(spearman(pair)[0, 1])


def pictures(count: int, compared: int) -> tuple[list[Lens], list[float], list[float], list[float]]:
    model = load_vision(next(card for card in BUNDLED if card.base).key)
    held_out = bundled_pictures(bundled_classes(), each=2).held_out  # class by class
    found, agreed, lens_cost, direct_cost = [], [], [], []
    for number in torch.linspace(0, len(held_out) - 1, count).round().long().tolist():
        image = Image.fromarray(held_out.images[number].permute(1, 2, 0).numpy())
        result = model.run(image, SIDE, "stretch")
        subject = vision_subject(model, result, int(result.probabilities.argmax()))
        plain = seconds(lambda r=result: model.probabilities(r.fitted))
        lens_cost.append(
            seconds(lambda r=result: found.append(lens(vision_states(model, r)[0], model.temperature))) / plain
        )
        direct_cost.append(seconds(lambda s=subject: direct(s)) / plain)
        if len(agreed) < compared:
            agreed.append(agreement(subject))
    return found, agreed, lens_cost, direct_cost


def captions(count: int, compared: int) -> tuple[list[Lens], list[float], list[float], list[float]]:
    translator = load_translator(default("translation").key)
    found, agreed, lens_cost, direct_cost = [], [], [], []
    for pair in bundled_pairs("captions", "de", 10).held_out[:count]:
        source, axis = translator.source_pieces(pair.source, "deu")
        translation = translator.translate(pair.source, "deu", beams=1)
        output = torch.tensor([translation.ids])
        plain = seconds(lambda s=source, a=axis, o=output: translator.read(s, a, o))
        states = lambda s=source, t=translation: translation_states(translator, s, t)  # noqa: E731
        lens_cost.append(seconds(lambda make=states: found.append(lens(make()))) / plain)
        subject = translation_subject(translator, pair.source, "deu", translation)
        direct_cost.append(seconds(lambda s=subject: direct(s)) / plain)
        if len(agreed) < compared:
            agreed.append(agreement(subject))
    return found, agreed, lens_cost, direct_cost


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    for name, count in (("pictures", 100), ("captions", 50), ("compared", 6), ("pairs", 12)):
        options.add_argument(f"--{name}", type=int, default=count)
    asked = options.parse_args()
    measured = {
        "pictures": pictures(asked.pictures, asked.compared),
        "captions": captions(asked.captions, asked.compared),
    }
    for name, (found, agreed, lens_cost, direct_cost) in measured.items():
        layers = len(found[0].distance) - 1
        settled = [float(layer) / layers for one in found for layer in one.settled]
        distances = torch.stack([one.distance.mean(1) for one in found]).mean(0)
        rows = {
            "stands for good after this share of the layers": interval(settled),
            "KL to the last answer after each layer": " ".join(f"{value:.2f}" for value in distances),
            "rank correlation of what heads wrote with ablation": interval(agreed),
            "lens over a plain pass, median": f"{torch.tensor(lens_cost).median():.2f}",
            "direct attribution over a plain pass, median": f"{torch.tensor(direct_cost).median():.2f}",
        }
        table(f"{name}, {len(found)} ({len(agreed)} compared)", rows)
    patching.recoveries(asked.pairs)


if __name__ == "__main__":
    main()
