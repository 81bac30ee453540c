"""What a captioner learns from: what the frozen encoder sees of scenes, computed once; captions that are drawn anew."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import MarianTokenizer
from transformers.modeling_outputs import BaseModelOutput

from core.finetune.class_task import shuffled
from core.finetune.looking import looking
from core.finetune.pictures import Pictures
from core.finetune.translation_task import IGNORED, teacher_forced
from core.models.eyes import TAGS, placed
from core.models.loading import mixed
from core.models.vision import VisionModel
from core.scenes import LANGUAGES, SIDE, Language, Layout, caption, facts, meaning, render
from core.scenes.judge import Judged, f1, judge, told

CHUNK = 200  # scenes in a file of features


@dataclass(frozen=True)
class Seen:
    """Scenes with what the encoder sees of them. tokens: chunks of (CHUNK, N, D), float16, on disk."""

    layouts: tuple[Layout, ...]
    tokens: tuple[np.ndarray, ...]
    grid: tuple[int, int]

    def __len__(self) -> int:
        return len(self.layouts)

    def states(self, items: Sequence[int]) -> Tensor:
        """What the decoder reads: (B, N, D + PLACE), float32."""
        found = np.stack([self.tokens[item // CHUNK][item % CHUNK] for item in items])
        return placed(torch.from_numpy(found).float(), self.grid)


def look(
    model: VisionModel,
    layouts: Sequence[Layout],
    pictures: Pictures,
    folder: Path,
    precision: str = "no",
    tell: Callable[[int], None] = lambda done: None,
) -> Seen:
    """Run the encoder over the scenes, or read from `folder` what was seen before; 197 KB a scene of 257 positions.
    Every file is renamed into place, so that a run which was killed goes on. tell: how many are done."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for start in range(0, len(layouts), CHUNK):
        file = folder / f"{start:06d}.npy"
        if not file.exists():
            with looking(model.module), torch.inference_mode(), mixed(precision):
                found = [
                    _look(model, layouts[i : i + 8], pictures)
                    for i in range(start, min(start + CHUNK, len(layouts)), 8)
                ]
            unfinished = file.with_suffix(".part")
            with unfinished.open("wb") as stream:
                np.save(stream, torch.cat(found).numpy())
            unfinished.rename(file)
        files.append(np.load(file, mmap_mode="r"))
        tell(min(start + CHUNK, len(layouts)))
    side = SIDE // model.patch
    return Seen(tuple(layouts), tuple(files), (side, side))


def _look(model: VisionModel, layouts: Sequence[Layout], pictures: Pictures) -> Tensor:
    pixels = torch.cat([model.pixels(render(layout, pictures)) for layout in layouts])
    return model.tokens(pixels).half().cpu()


class CaptionTask:
    """Label-smoothed cross-entropy of a caption's pieces, in a language and an order that are drawn for each scene.

    module: as `eyes.join` makes it; its encoder is not used.
    """

    def __init__(
        self,
        module: nn.Module,
        tokenizer: MarianTokenizer,
        train: Seen,
        held_out: Seen,
        seed: int = 0,
        batch: int = 64,
        smoothing: float = 0.05,
        judged: int = 100,
    ) -> None:
        """judged: how many held-out scenes are told and judged at each evaluation."""
        self.module, self.tokenizer, self.train, self.held_out = module, tokenizer, train, held_out
        self.seed, self.batch, self.smoothing, self.judged = seed, batch, smoothing, judged
        vocabulary: dict[str, int] = tokenizer.get_vocab()
        self.tags = {language: vocabulary[TAGS[language]] for language in LANGUAGES}
        self._ids: dict[str, list[int]] = {}

    def batches(self, epoch: int) -> list[list[int]]:
        return shuffled(len(self.train), self.batch, self.seed * 1000 + epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        draw = random.Random(int(torch.randint(2**31, ())))
        return self._loss(module, self.train, items, draw, self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy of held-out scenes (nats a piece, each in its language); how true what is written is."""
        draw = random.Random(0)
        found = [self._loss(module, self.held_out, items, draw, 0.0) for items in shuffled(len(self.held_out), 64, 0)]
        total = sum(float(one.detach()) for one, _ in found) / sum(terms for _, terms in found)
        some = range(min(self.judged, len(self.held_out)))
        judged = [
            one
            for language in LANGUAGES
            for one in self.judge(module, self.held_out, some[:: len(LANGUAGES)], language)
        ]
        return {"loss": total, "f1": f1(judged), "told": told(judged)}

    def judge(self, module: nn.Module, scenes: Seen, items: Sequence[int], language: Language) -> list[Judged]:
        texts = write(module, self.tokenizer, scenes.states(items), self.tags[language])
        pairs = zip(texts, items, strict=True)
        return [judge(meaning(text, language), scenes.layouts[item]) for text, item in pairs]

    def _loss(
        self, module: nn.Module, scenes: Seen, items: Sequence[int], draw: random.Random, smoothing: float
    ) -> tuple[Tensor, int]:
        device = next(module.parameters()).device
        languages = draw.choices(LANGUAGES, k=len(items))
        told = [
            caption(facts(scenes.layouts[item], draw), language)
            for item, language in zip(items, languages, strict=True)
        ]
        marks = torch.tensor([self.tags[language] for language in languages])
        padding = int(self.tokenizer.pad_token_id)
        labels, given = teacher_forced([self._cut(text) for text in told], marks, padding, device)
        logits = module(
            encoder_outputs=BaseModelOutput(scenes.states(items).to(device)),
            decoder_input_ids=given,
            use_cache=False,
        ).logits
        real = labels != IGNORED
        labels = labels[real]
        return cross_entropy(logits[real].float(), labels, reduction="sum", label_smoothing=smoothing), len(labels)

    def _cut(self, text: str) -> list[int]:
        """Its pieces and the end mark."""
        if text not in self._ids:
            self._ids[text] = list(self.tokenizer(text).input_ids)
        return self._ids[text]


def write(module: Any, tokenizer: MarianTokenizer, states: Tensor, tag: int) -> list[str]:
    """Captions of what is seen (B, N, D + PLACE), the likeliest piece at each step."""
    device = next(module.parameters()).device
    output = module.generate(
        encoder_outputs=BaseModelOutput(states.to(device)),
        decoder_start_token_id=tag,
        max_new_tokens=80,
        num_beams=1,
        do_sample=False,
    )
    return [tokenizer.decode(row, skip_special_tokens=True).strip() for row in output[:, 1:].tolist()]
