"""`python -m benchmarks.captioner --count 200`: how true the bundled captioner's captions of held-out scenes are, and
which map finds the thing that a word names.

Scenes are made of pictures that neither classifier nor captioner learnt from, on grounds that it did not see. told:
what there is (F1 over all things) and, of scenes whose things are right, the share of which all else is told right;
with one thing, two of classes that training showed together, two of a pair that it did not, three. The ceiling is the
ten-class head on the same cut-outs alone, enlarged to the same size. points: whether the strongest patch of a map lies
on a thing that the word names (pointing game, Zhang et al. 2016), of each method, layer and head, on scenes whose
things are right; the best layer and heads are chosen on other scenes. sure: how probable the names are that it writes,
for scenes and for the sample photos. Intervals of shares are Wilson's, of F1 by bootstrap over scenes, 95%.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from benchmarks.timing import table
from core import samples
from core.attention.methods import METHODS, explain, refusal
from core.attention.subject import Subject
from core.finetune.caption_task import write
from core.finetune.data.bundled import every_picture
from core.models.caption_subjects import caption_subject
from core.models.captioning import Caption, Captioner, Looked, load_bundled
from core.models.evidence import wilson
from core.models.images import open_image
from core.models.vision import load_vision
from core.scenes import Judged, Layout, Part, draw_layout, grounds, judge, meaning, render
from core.scenes.grammar import LANGUAGES, Language
from core.scenes.judge import f1
from core.scenes.pointing import cover, inside
from core.scenes.words import name_chances, named_at

TEST, CHOICE = 2 * 10**6, 3 * 10**6  # where the seeds of the scenes begin: reported; on which heads are chosen
KINDS = {"one": (1, False), "two": (2, False), "two, never together": (2, True), "three": (3, False)}
BATCH = 32


def part() -> Part:
    return Part(every_picture().by_class(), grounds(True))


def layouts(kind: str, count: int, first: int) -> list[Layout]:
    (things, held_out), known = KINDS[kind], part()
    return [draw_layout(known, first + number, things, held_out) for number in range(count)]


def states(captioner: Captioner, found: Sequence[Layout]) -> list[Tensor]:
    """What the encoder sees of the scenes, a batch each."""
    batches = [found[start : start + BATCH] for start in range(0, len(found), BATCH)]
    with torch.inference_mode():
        pixels = (torch.cat([_look(captioner, one).tensor for one in batch]) for batch in batches)
        return [captioner.module.encoder(pixel_values=one).last_hidden_state for one in pixels]


def judged(captioner: Captioner, found: Sequence[Layout], read: list[Tensor], language: Language) -> list[Judged]:
    mark = captioner.languages[language]
    texts = [text for one in read for text in write(captioner.module, captioner.tokenizer, one, mark)]
    return [judge(meaning(text, language), layout) for text, layout in zip(texts, found, strict=True)]


def interval(one: Sequence[Judged]) -> str:
    """F1 with its interval."""
    draw = torch.Generator().manual_seed(0)
    picks = torch.randint(len(one), (1000, len(one)), generator=draw).tolist()
    spread = torch.tensor([f1([one[i] for i in pick]) for pick in picks])
    low, high = spread.quantile(torch.tensor([0.025, 0.975])).tolist()
    return f"{f1(one):.3f} ({low:.3f} to {high:.3f})"


def share(hits: int, count: int) -> str:
    return (
        "–" if not count else f"{hits / count:.1%} ({', '.join(f'{end:.1%}' for end in wilson(hits, count))}; {count})"
    )


def ceiling(found: Sequence[Layout]) -> tuple[int, int]:
    """How many cut-outs the ten-class head names right, alone and at their size in the scene."""
    model, pictures = load_vision("vision-cifar10"), every_picture()
    things = [thing for layout in found for thing in layout.things]
    hits = 0
    for thing in things:
        image = Image.fromarray(pictures.images[thing.picture].permute(1, 2, 0).numpy())
        side = round(thing.side / model.patch) * model.patch
        hits += model.run(image, side, "stretch").predictions[0].label == thing.name
    return hits, len(things)


def _look(captioner: Captioner, layout: Layout) -> Looked:
    return captioner.look(render(layout, every_picture()), "stretch")


def tell(captioner: Captioner, count: int) -> dict[str, dict[str, str]]:
    rows = {}
    for kind in KINDS:
        found = layouts(kind, count, TEST)
        read = states(captioner, found)
        for language in LANGUAGES:
            one = judged(captioner, found, read, language)
            right = [scene for scene in one if scene.is_named_right]
            rows[f"{kind}, {language}"] = {
                "F1": interval(one),
                "all named": share(len(right), len(one)),
                "told": share(sum(scene.is_told for scene in right), len(right)),
            }
            if language == "en":
                rows[f"{kind}, {language}"]["head alone"] = share(*ceiling(found))
        table(kind, {name: "  ".join(values.values()) for name, values in rows.items() if name.startswith(f"{kind}, ")})
    return rows


# Which map points at the thing that a word names


def pointed(captioner: Captioner, found: Sequence[Layout], methods: bool) -> tuple[dict[str, list[bool]], Tensor]:
    """Of each name that is written right: whether the strongest patch of each method is on a thing of that name; and of
    each layer and head of the cross-attention (names, L, H and their mean)."""
    hits: dict[str, list[bool]] = {}
    heads = []
    for layout in found:
        looked = _look(captioner, layout)
        caption = captioner.read(looked, captioner.search(looked, "en"))
        if not judge(meaning(caption.text, "en"), layout).is_named_right:
            continue
        for name, step in named_at(caption.target, "en").items():
            covered = cover(layout, name, looked.axis.grid)
            assert covered is not None, "the caption is right"
            on_it = inside(covered)
            for method, one in (_maps(captioner, looked, caption, step) if methods else {}).items():
                hits.setdefault(method, []).append(bool(on_it[one.argmax()]))
            heads.append(_by_head(caption, step, on_it))
    return hits, torch.stack(heads)


def _maps(captioner: Captioner, looked: Looked, caption: Caption, step: int) -> dict[str, Tensor]:
    subject: Subject = caption_subject(captioner, looked, caption, step)
    gradients, first = subject.gradients(), looked.axis.patches.start
    offered = [name for name, method in METHODS.items() if not refusal(subject, method)]
    found = {name: explain(subject, name, gradients=gradients) for name in offered}
    found["raw, all layers"] = caption.traces["cross"].mean()[step]
    return {name: one[first:] for name, one in found.items()}


def _by_head(caption: Caption, step: int, on_it: Tensor) -> Tensor:
    """(L, H), then a column of each layer's mean."""
    trace = caption.traces["cross"]
    first = caption.source.patches.start
    rows = [[trace.row(layer, head, step)[first:] for head in range(trace.heads)] for layer in range(trace.layers)]
    return torch.tensor([[bool(on_it[row.argmax()]) for row in [*one, torch.stack(one).mean(0)]] for one in rows])


def point(captioner: Captioner, count: int) -> dict[str, str]:
    count = max(1, count // 2)
    _, chosen = pointed(captioner, layouts("two", count, CHOICE), False)
    best = int(chosen.float().mean(0).flatten().argmax())
    layer, head = divmod(best, chosen.shape[-1])
    hits, heads = pointed(captioner, layouts("two", count, TEST), True)
    own = heads[:, layer, head]
    mean = head == heads.shape[-1] - 1
    rows = {f"best of {chosen[0].numel()}: layer {layer + 1}, {'mean' if mean else f'head {head + 1}'}": own.tolist()}
    rows |= {f"layer {n + 1}, mean of heads": heads[:, n, -1].tolist() for n in range(heads.shape[1])} | hits
    told_ = {name: share(sum(one), len(one)) for name, one in rows.items()}
    table("the strongest patch lies on the thing that the word names", told_)
    return told_


def sure(captioner: Captioner, count: int) -> dict[str, str]:
    """Of what it writes in English, the least probable name: on scenes, and on the sample photos."""
    chances = []
    for kind in KINDS:
        for layout in layouts(kind, count // len(KINDS), TEST):
            caption = captioner.caption(render(layout, every_picture()), "en", "stretch")
            chances.append(_least(caption))
    values = torch.tensor(chances)
    rows = {f"{q:.0%} of scenes are below": f"{float(values.quantile(q)):.3f}" for q in (0.05, 0.1, 0.25, 0.5)}
    for name, photo in samples.by_name().items():
        caption = captioner.caption(open_image(photo.path.read_bytes()), "en")
        rows[name] = f"{_least(caption):.3f}  {caption.text}"
    table("the least probable name", rows)
    return rows


def _least(caption: Caption) -> float:
    return min(name_chances(caption.target, caption.steps, "en").values(), default=0.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="scenes of each kind")
    parser.add_argument("--parts", default="tell,point,sure")
    parser.add_argument("--save", type=Path)
    options = parser.parse_args()
    captioner = load_bundled()
    known = {"tell": tell, "point": point, "sure": sure}
    found = {name: known[name](captioner, options.count) for name in options.parts.split(",")}
    if options.save:
        options.save.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
