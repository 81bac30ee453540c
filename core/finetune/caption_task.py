"""What a captioner learns from: what the frozen encoder sees of scenes, computed once; captions that are drawn anew."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad
from transformers import MarianTokenizer
from transformers.modeling_outputs import BaseModelOutput

from core.finetune.class_task import shuffled
from core.finetune.looking import looking
from core.finetune.pictures import Pictures
from core.finetune.translation_task import IGNORED, teacher_forced
from core.models.eyes import TAGS, placed
from core.models.loading import mixed
from core.models.pieces import text_axis
from core.models.tokenizing import read_ids
from core.models.vision import VisionModel
from core.scenes import LANGUAGES, SIDE, Language, Layout, caption, facts, meaning, render
from core.scenes.grammar import BESIDE, COMPARED
from core.scenes.judge import Judged, f1, judge, told
from core.scenes.pointing import cover
from core.scenes.words import names_at

CHUNK = 200  # scenes in a file of features
LYING = 4  # times that a piece counts which says how two things lie: few pieces do, and they are learnt last
GUIDED = 0.5  # nats that a name costs for each nat by which its attention misses the thing


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
    What tells left from right, above from below or larger from smaller counts LYING times. Where a name is written, the
    cross-attention of the last layer, mean over heads, is asked to lie on the thing: GUIDED times -log of its share
    there is added (after Liu et al. 2016, "Neural Machine Translation with Supervised Attention", section 3).

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
        self._named: dict[str, list[tuple[str, int]]] = {}
        self._covers: dict[tuple[Layout, str], Tensor] = {}
        self.weights = torch.ones(len(tokenizer))
        self.weights[_lying(tokenizer)] = LYING

    def batches(self, epoch: int) -> list[list[int]]:
        return shuffled(len(self.train), self.batch, self.seed * 1000 + epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        draw = random.Random(int(torch.randint(2**31, ())))
        return self._loss(module, self.train, items, draw, is_training=True)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Cross-entropy of held-out scenes (nats a piece, each in its language); how true what is written is."""
        draw = random.Random(0)
        found = [self._loss(module, self.held_out, items, draw) for items in shuffled(len(self.held_out), 64, 0)]
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
        self, module: nn.Module, scenes: Seen, items: Sequence[int], draw: random.Random, is_training: bool = False
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
        output = module(
            encoder_outputs=BaseModelOutput(scenes.states(items).to(device)),
            decoder_input_ids=given,
            use_cache=False,
            output_attentions=is_training,
        )
        real = labels != IGNORED
        labels, logits = labels[real], output.logits[real].float()
        if not is_training:
            return cross_entropy(logits, labels, reduction="sum"), len(labels)
        plain = cross_entropy(logits, labels, self.weights.to(device), reduction="sum", label_smoothing=self.smoothing)
        last = output.cross_attentions[-1].mean(1)  # (B, n, N)
        named = [
            -(last[row, step] * covered.to(last)).sum().clamp_min(1e-6).log()
            for row, (item, text, language) in enumerate(zip(items, told, languages, strict=True))
            for step, covered in self._pointed(scenes, item, text, language)
        ]
        return plain + GUIDED * sum(named, plain.new_zeros(())), len(labels)

    def _pointed(self, scenes: Seen, item: int, text: str, language: Language) -> Iterator[tuple[int, Tensor]]:
        """Each step that writes a name, and the share of each position (N,) that shows what it names."""
        if text not in self._named:
            axis = text_axis(*read_ids(self.tokenizer, self._cut(text)))
            self._named[text] = list(names_at(axis, language))
        layout = scenes.layouts[item]
        for name, step in self._named[text]:
            if (layout, name) not in self._covers:
                covered = cover(layout, name, scenes.grid)
                assert covered is not None, "a caption names what is there"
                first = scenes.tokens[0].shape[1] - len(covered)
                self._covers[layout, name] = pad(covered, (first, 0))
            yield step, self._covers[layout, name]

    def _cut(self, text: str) -> list[int]:
        """Its pieces and the end mark."""
        if text not in self._ids:
            self._ids[text] = list(self.tokenizer(text).input_ids)
        return self._ids[text]


def _lying(tokenizer: MarianTokenizer) -> list[int]:
    """The pieces that one direction or one comparison has and no other of its language."""
    found: list[str] = []
    said: list[Mapping[Any, str]] = [*BESIDE.values(), *COMPARED.values()]
    for words in said:
        counts = Counter(piece for text in words.values() for piece in set(tokenizer.tokenize(text.replace("{}", ""))))
        found += [piece for piece, count in counts.items() if count == 1 and piece.strip("▁")]
    return [tokenizer.get_vocab()[piece] for piece in found]


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
