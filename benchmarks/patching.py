"""`python -m benchmarks.patching --pairs 12`: how much of A's answer heads carry over into B's run, and what it costs.

Pairs: two held-out pictures of different classes (112 px), the class of A asked about; a held-out caption and the same
with one word changed, A's greedy German asked about, where both differ. best, random: recovery of the best head and of
a head drawn at random (the mean over all); pattern: of the best head when only where it looks is put in. half: the
first layer, as a share of all, after which the positions that the answer is read from carry over half by themselves.
all: how far all positions at once are from carrying over everything, at most (of a translation in its encoder). worth:
rank correlation of heads' recoveries with what the answer loses without them. Means with 95% confidence intervals (1.96
standard errors over pairs).

cost: processor seconds over those of a plain pass, medians: of all heads, of one edit by hand, of routes; seconds: of
all heads of the vision model at 224 px, processor and wall.
"""

import argparse
import time
from collections.abc import Callable, Iterator

import torch
from PIL import Image

from benchmarks.timing import interval, table
from core.attention.ablation import importance
from core.attention.agreement import spearman
from core.attention.byhand import ByHand, Edit
from core.attention.patching import Row, Swap, heads, positions, swap
from core.attention.routes import routes
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.errors import SidelightError
from core.finetune.data import bundled_classes, bundled_pairs, bundled_pictures
from core.models.catalogue import BUNDLED, default
from core.models.others import one_word_changed
from core.models.subjects import translation_subject, vision_subject
from core.models.translation import load_translator
from core.models.vision import VisionModel, load_vision

SIDE, LARGE = 112, 224  # px
COMPARED = 3  # pairs whose heads are switched off too: the dearest part

Found = dict[str, list[float]]


def processor_seconds(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def measure(a: Subject, b: Subject, found: Found) -> None:
    """Adds one pair's numbers. Raises SidelightError where both have one answer."""
    with torch.inference_mode():
        plain = processor_seconds(lambda: b.copies(1))
    pair = swap(a, b)
    rows: list[Row] = []
    cost = processor_seconds(lambda: rows.extend(heads(pair)))
    every = torch.cat([row.recovery for row in rows])
    pattern = torch.cat([row.recovery for row in heads(pair, "pattern")])
    stream: Kind = "decoder" if "decoder" in b.traces else "encoder"
    reads = [n for n, share in enumerate(b.reader.tolist()) if share > 0]
    own = torch.stack(_by_layer(pair, stream, reads))
    whole = torch.stack(_by_layer(pair, "encoder", list(range(len(b.axis)))))
    edit = Edit(b.last, None, None, None, (len(b.axis) // 2,))
    values = {
        "best head": float(every.max()),
        "a head at random": float(every.mean()),
        "best head, where it looks alone": float(pattern.max()),
        "half is where it is read from after this share of the layers": float((own < 0.5).sum() + 1) / len(own),
        "all positions, off by at most": float((whole - 1).abs().max()),
        "own parts put back, off by at most": max(row.idle for row in rows),
        "all heads over a plain pass": cost / plain,
        "routes over a plain pass": processor_seconds(lambda: routes(a)) / plain,
        "an edit by hand over a plain pass": processor_seconds(lambda: _edited(a, edit)) / plain,
    }
    if len(found.get("rank correlation with what is lost without the head", [])) < COMPARED:
        grids = importance(a)
        lost = torch.tensor([float(grids[row.kind][row.layer, h]) for row in rows for h in range(len(row.recovery))])
        both = spearman(torch.stack([every, lost]))
        values["rank correlation with what is lost without the head"] = float(both[0, 1])
    for name, value in values.items():
        found.setdefault(name, []).append(value)


def _by_layer(pair: Swap, stream: Kind, group: list[int]) -> list[torch.Tensor]:
    """The recovery of one group of positions, the first layer first."""
    return [row.recovery[0] for row in positions(pair, {stream: [group]})][::-1]


def _edited(subject: Subject, edit: Edit) -> None:
    with torch.inference_mode(), ByHand(subject, [edit]):
        subject.copies(1)


def pictures(model: VisionModel) -> Iterator[tuple[Subject, Subject]]:
    """Each of one class and the next of another."""
    held_out = bundled_pictures(bundled_classes(), each=4).held_out
    order = torch.randperm(len(held_out), generator=torch.Generator().manual_seed(0)).tolist()
    for first, second in zip(order[::2], order[1::2], strict=False):
        images = [Image.fromarray(held_out.images[n].permute(1, 2, 0).numpy()) for n in (first, second)]
        ran = [model.run(image, SIDE, "stretch") for image in images]
        answers = [int(one.probabilities.argmax()) for one in ran]
        if answers[0] != answers[1]:
            yield vision_subject(model, ran[0], answers[0]), vision_subject(model, ran[1], answers[0])


def captions() -> Iterator[tuple[Subject, Subject]]:
    translator = load_translator(default("translation").key)
    for pair in bundled_pairs("captions", "de", 10).held_out:
        other = one_word_changed(translator, pair.source, "deu")
        if other == pair.source:
            continue
        written = translator.translate(pair.source, "deu", beams=1)
        output = torch.tensor([written.ids])
        read = translator.read(*translator.source_pieces(other, "deu"), output)
        yield (
            translation_subject(translator, pair.source, "deu", written),
            translation_subject(translator, other, "deu", read),
        )


def recoveries(count: int) -> None:
    model = load_vision(next(card for card in BUNDLED if card.base).key)
    for name, pairs in (("pictures", pictures(model)), ("captions", captions())):
        found: Found = {}
        for a, b in pairs:
            try:
                measure(a, b, found)
            except SidelightError:
                continue  # both have the same answer
            if len(found["best head"]) == count:
                break
        rows = {
            one: f"{torch.tensor(values).median():.1f}"
            if "plain pass" in one
            else f"{max(values):.1e}"
            if "at most" in one
            else f"{interval(values)} ({len(values)})"
            for one, values in found.items()
        }
        table(f"{name}, {len(found['best head'])} pairs", rows)


def cost_of_all_heads() -> None:
    model = load_vision(next(card for card in BUNDLED if card.base).key)
    noise = [Image.fromarray((torch.rand(LARGE, LARGE, 3) * 255).byte().numpy()) for _ in range(2)]
    a, b = (vision_subject(model, model.run(image, LARGE, "stretch"), 3) for image in noise)
    begun = time.perf_counter()
    processor = processor_seconds(lambda: list(heads(swap(a, b))))
    wall = time.perf_counter() - begun
    table("all heads at 224 px", {"processor seconds": f"{processor:.1f}", "wall seconds": f"{wall:.1f}"})


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pairs", type=int, default=12)
    recoveries(options.parse_args().pairs)
    cost_of_all_heads()


if __name__ == "__main__":
    main()
