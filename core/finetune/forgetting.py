"""What a model forgot of its original task while it learned another: the same fixed measure before and after."""

import math
import random
import statistics
from collections.abc import Iterator
from typing import Any

import torch
from PIL import Image

from core import samples
from core.errors import SidelightError
from core.finetune.data import COLLECTIONS, bundled_pairs
from core.finetune.data.bundled import every_picture
from core.finetune.parallel import TAGS
from core.finetune.score import scores, translate_all
from core.models import tokenizing
from core.models.captioning import Captioner
from core.models.filling import load_filler
from core.models.foreground import cls_attention
from core.models.images import open_image
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.scenes import LANGUAGES, Language, Part, draw_layout, grounds, judge, meaning, render
from core.scenes.judge import f1, told

OBJECTS = ("cat.jpg", "coffee.jpg", "flower.jpg", "rocket.jpg")
CANVAS = 336  # px, the side of a scene
PATCHES = 16  # a side: 224 px for the bundled model


def object_attention(model: VisionModel, scenes: int = 20) -> float:
    """How many times its share of the area CLS attention puts on an object of known place: the median of fixed scenes.

    The bundled backbone was tuned to find the salient object, which is what this measures, as the late layers' CLS
    attention does for DINO (Caron et al. 2021, section 4.2.1). 1: the object is looked at no more than anything else.
    A model with classes is measured in the same way. 20 scenes at 224 px take 3 to 4 s on one core. Raises
    ValueError for a model without CLS or without attention that can be recorded.
    """
    return statistics.median_high(object_shares(model, scenes))


def object_shares(model: VisionModel, scenes: int) -> list[float]:
    """Of each scene, CLS attention (last layers but one) on the pasted object over the object's share of the area."""
    size = PATCHES * model.patch if PATCHES * model.patch in model.sizes else model.default_size
    found = []
    for scene, box in _scenes(scenes):
        traces = model.run(scene, size, "stretch").traces
        if not traces:
            raise ValueError("the model's attention cannot be recorded")
        row = cls_attention(traces["encoder"])
        patches = len(row)
        left, top, right, bottom = (round(edge * patches / CANVAS) for edge in box)
        area = (right - left) * (bottom - top) / patches**2
        found.append(float(row[top:bottom, left:right].sum() / row.sum()) / area)
    return found


def caption_quality(translator: Translator, count: int = 40) -> dict[str, float]:
    """BLEU and chrF, 0 to 100, on `count` held-out captions, the domain that the bundled translator was trained for.

    The captions are always the same and shared evenly between the languages that both the captions and the translator
    have (a translator forgets the languages that it was not tuned in, too); the scores are the means over them. A
    translator that was itself tuned on the bundled captions may have seen some of these. 40 captions take 2.6 s
    on one core. Raises ValueError where there is no such language.
    """
    languages = [code for code in COLLECTIONS["captions"].languages if TAGS[code] in translator.targets][:count]
    if not languages:
        raise ValueError("the translator has none of the captions' languages")
    found = []
    for number, language in enumerate(languages):
        share = count // len(languages) + (number < count % len(languages))
        pairs = bundled_pairs("captions", language, 10).held_out[:share]
        found.append(scores(translate_all(translator.module, translator.tokenizer, pairs), pairs))
    return {name: statistics.mean(one[name] for one in found) for name in ("bleu", "chrf")}


def pieces_filled(base: str, trunk: Any, count: int = 40) -> float | None:
    """How many of every fifth piece of `count` held-out captions, hidden, are filled right, 0 to 1, by the head of
    `base` on the encoder of `trunk`, a classifier that was made of it or the encoder itself. None where the base fills
    no blanks."""
    try:
        filler = load_filler(base)
    except SidelightError:  # it was made for something else
        return None
    filler.module.base_model.load_state_dict(trunk.base_model.state_dict(), strict=False)  # all but the pooler
    right, hidden = 0, 0
    for pair in bundled_pairs("captions", "de", 10).held_out[:count]:
        ids = filler.inputs(pair.source)["input_ids"]
        places = torch.arange(3, ids.shape[1] - 1, 5)
        rows = ids.repeat(len(places), 1)
        rows[torch.arange(len(places)), places] = filler.tokenizer.mask_token_id
        if len(places):
            with torch.inference_mode():
                found = filler.module(input_ids=rows).logits[torch.arange(len(places)), places].argmax(-1)
            right, hidden = right + int((found == ids[0, places]).sum()), hidden + len(places)
    return right / hidden


def scenes_told(captioner: Captioner, scenes: int = 24) -> dict[str, float]:
    """Of fixed scenes of the bundled pictures, each told in the next of the languages that the captioner knows: F1 of
    the things, and the share of the scenes with the right things of which all is told right, 0 to 100, as the bundled
    captioner was taught to tell them. Raises ValueError for one that knows no language."""
    languages: list[Language] = [code for code in LANGUAGES if code in captioner.languages]
    if not languages:
        raise ValueError("the captioner is told no language")
    part, judged = Part(every_picture().by_class(), grounds(True)), []
    for number in range(scenes):
        layout, language = draw_layout(part, number, held_out=None), languages[number % len(languages)]
        looked = captioner.look(render(layout, every_picture()), "stretch")
        written = captioner.search(looked, language)[0, 1:].tolist()
        judged.append(judge(meaning(tokenizing.said(captioner.tokenizer, written).strip(), language), layout))
    right = told(judged)
    return {"things": 100 * f1(judged), "told": 0.0 if math.isnan(right) else 100 * right}


def _scenes(count: int) -> Iterator[tuple[Image.Image, tuple[int, int, int, int]]]:
    """Scenes, always the same: a piece of a sample photo somewhere on a plain ground, and its box in pixels."""
    draw = random.Random(0)
    photos = {name: open_image((samples.FOLDER / name).read_bytes()) for name in OBJECTS}
    for _ in range(count):
        photo, side = photos[draw.choice(OBJECTS)], draw.randrange(84, 169)
        short = min(photo.size)
        cut = photo.crop(((photo.width - short) // 2, 0, (photo.width + short) // 2, short)).resize((side, side))
        scene = Image.new("RGB", (CANVAS, CANVAS), tuple(draw.randrange(60, 200) for _ in range(3)))
        x, y = draw.randrange(CANVAS - side), draw.randrange(CANVAS - side)
        scene.paste(cut, (x, y))
        yield scene, (x, y, x + side, y + side)
