"""Fit the tuned lens of a bundled model: python -m core.finetune.tuned_lens --model vision-cifar10 [--write]

On the bundled training pictures (at 112 and 224 px) or sentences (their reference translations), against the model's
own last answer, so that no label is learnt. Told is the KL to that answer on the held-out ones, before and after, of
what is shipped (float16). `--write` puts `lens.safetensors` and `lens.json` beside the model.
"""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict

import torch
from safetensors.torch import save_file
from torch import Tensor

from core.attention.tuned import Tuned, divergence, fit
from core.finetune.data import bundled_classes, bundled_pairs, bundled_pictures
from core.finetune.data.bundled import COLLECTIONS
from core.finetune.parallel import TAGS
from core.finetune.pictures import Pictures, as_image
from core.models import catalogue
from core.models.images import fit_image
from core.models.lenses import RECORD, WEIGHTS, Gain
from core.models.states import (
    Reader,
    translation_readers,
    translation_streams,
    vision_readers,
    vision_streams,
)
from core.models.translation import load_translator
from core.models.vision import VisionModel, load_vision

PICTURES = {112: (600, 200), 224: (200, 100)}  # px -> how many to learn from, how many held out; of all classes
SENTENCES = (200, 40)  # of each set and language, to learn from and held out
BATCH = 50  # pictures


def gain(tuned: Tuned | None, states: Tensor, readers: tuple[Reader, Reader]) -> list[float]:
    """Mean KL to the last answer after each layer but the last, with a lens or plain. states: (L + 1, N, D)."""
    read, read_last = readers
    with torch.no_grad():
        last = read_last(states[-1])
        told = (state if tuned is None else tuned(n, state) for n, state in enumerate(states[:-1]))
        return [float(divergence(last, read(state)).mean()) for state in told]


def pictures(key: str) -> tuple[Tensor, Tensor, tuple[Reader, Reader]]:
    """States of the training pictures and of the held-out ones."""
    model = load_vision(key)
    data = bundled_pictures(bundled_classes(), each=100)
    train, held_out = (
        torch.cat([_streams(model, part, side, counts[n]) for side, counts in PICTURES.items()], 1)
        for n, part in enumerate((data.train, data.held_out))
    )
    return train, held_out, vision_readers(model)


def _streams(model: VisionModel, part: Pictures, side: int, count: int) -> Tensor:
    """Of so many pictures at that size, evenly over the classes, which stand one after the other."""
    chosen = torch.linspace(0, len(part.images) - 1, count).round().long()
    images = [as_image(image) for image in part.images[chosen]]
    fitted = [model.pixels(fit_image(image, "stretch", side, model.patch).pixels) for image in images]
    return torch.cat([vision_streams(model, torch.cat(one)) for one in _batches(fitted)], 1)


def _batches(pixels: list[Tensor]) -> Iterator[list[Tensor]]:
    for start in range(0, len(pixels), BATCH):
        yield pixels[start : start + BATCH]


def sentences(key: str) -> tuple[Tensor, Tensor, tuple[Reader, Reader]]:
    """States of the training sentences and of the held-out ones, in all bundled languages."""
    translator = load_translator(key)
    parts: tuple[list[Tensor], list[Tensor]] = ([], [])
    for name, offer in COLLECTIONS.items():
        for language in offer.languages:
            data = bundled_pairs(name, language, offer.most)
            for found, pairs, count in zip(parts, (data.train, data.held_out), SENTENCES, strict=True):
                for pair in pairs[:count]:
                    source, _ = translator.source_pieces(pair.source, TAGS[language])
                    start = translator.module.config.decoder_start_token_id
                    ids = [start, *translator.reference(pair.target, TAGS[language])]
                    found.append(translation_streams(translator, source, torch.tensor([ids])))
    train, held_out = (torch.cat(found, 1) for found in parts)
    return train, held_out, translation_readers(translator)


def main(arguments: Iterable[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--model", required=True, choices=[card.key for card in catalogue.BUNDLED])
    options.add_argument("--write", action="store_true")
    asked = options.parse_args(None if arguments is None else list(arguments))
    card = next(card for card in catalogue.BUNDLED if card.key == asked.model)
    makers = {"vision": pictures, "translation": sentences}
    train, held_out, readers = makers[card.task](card.key)
    print(f"{train.shape[1]} states of {len(train)} layers", flush=True)
    found = fit(train, *readers, on_layer=lambda layer: print(f"layer {layer}", flush=True))
    half = {name: value.half() for name, value in asdict(found).items()}
    shipped = Tuned(**{name: value.float() for name, value in half.items()})
    told = Gain(tuple(gain(None, held_out, readers)), tuple(gain(shipped, held_out, readers)), held_out.shape[1])
    print(json.dumps(asdict(told)))
    if asked.write:
        save_file(half, card.folder / WEIGHTS)
        record = {"model": card.sha256, **asdict(told)}
        (card.folder / RECORD).write_text(json.dumps(record, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
