"""What a captioner learns from on the page: pictures in, the label-smoothed cross-entropy of their captions' pieces
out; and how its captions are judged, by words (`caption_task.py` is the bundled one's, which knows its scenes' truth).
"""

import random
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LogitsProcessorList
from transformers.modeling_outputs import BaseModelOutput

from core.finetune.captioned import Captioned
from core.finetune.class_task import shuffled
from core.finetune.data.near import WORD
from core.finetune.pictures import as_image, in_other_light
from core.finetune.translation_task import IGNORED, teacher_forced
from core.models import tokenizing
from core.models.captioning import LONGEST, Captioner
from core.models.decoding import NoLoops
from core.models.families import ends
from core.scenes.grammar import LANGUAGES, meaning
from core.scenes.judge import names_of

AT_ONCE = 16  # pictures that are judged


class CaptioningTask:
    """Of each picture one of its captions is drawn. captioner: as it is loaded; `module` is its own, as a method left
    it. varied: whether each epoch sees the pictures in another light. sample: training items whose loss is measured as
    that of the held-out ones. views: what a frozen encoder sees of the training pictures, (views, N, positions, D),
    computed once, of which one is drawn for each; judged: what it sees of `held_out` and of `sample`. answers: the
    captions of the held-out pictures that the last evaluation gave."""

    def __init__(
        self,
        module: nn.Module,
        captioner: Captioner,
        train: Captioned,
        held_out: Captioned,
        language: str,
        seed: int = 0,
        batch: int = 16,
        smoothing: float = 0.1,
        varied: bool = True,
        sample: Captioned | None = None,
        views: Tensor | None = None,
        judged: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self.module, self.captioner, self.train, self.held_out = module, captioner, train, held_out
        self.language, self.seed, self.batch, self.smoothing = language, seed, batch, smoothing
        self.varied, self.sample, self.views, self.judged = varied, sample, views, judged
        self.answers: list[str] = []

    def batches(self, epoch: int) -> list[list[int]]:
        return shuffled(len(self.train), self.batch, self.seed * 1000 + epoch)

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        draw = random.Random(int(torch.randint(2**31, ())))
        texts = [draw.choice(self.train.captions[item]) for item in items]
        return self._loss(module, self._seen(items), texts, self.smoothing)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Losses (nats a piece, not smoothed, of each picture's first caption), and how good what it writes is."""
        seen, sampled = self.judged or (states(self.captioner, module, self.held_out.images), None)
        self.answers = written(self.captioner, module, seen, self.language)
        known = {"loss": self.loss_of(module, seen, self.held_out)}
        if self.sample:
            sampled = states(self.captioner, module, self.sample.images) if sampled is None else sampled
            known["training_loss"] = self.loss_of(module, sampled, self.sample)
        return known | scores(self.answers, self.held_out.captions, self.language)

    def loss_of(self, module: nn.Module, seen: Tensor, part: Captioned) -> float:
        """Cross-entropy a piece of these pictures as they are. seen: their `states`."""
        texts = [known[0] for known in part.captions]
        found = [
            self._loss(module, self._read(seen[at : at + AT_ONCE]), texts[at : at + AT_ONCE], 0.0)
            for at in range(0, len(part), AT_ONCE)
        ]
        return float(sum(one for one, _ in found)) / sum(terms for _, terms in found)

    def _read(self, seen: Tensor) -> dict[str, Any]:
        return _given(seen, self.module)

    def _seen(self, items: Sequence[int]) -> dict[str, Any]:
        if self.views is not None:
            return self._read(self.views[torch.randint(len(self.views), (len(items),)), list(items)])
        images = self.train.images[list(items)]
        return _looked(self.captioner, relit(images) if self.varied else images)

    def _loss(
        self, module: nn.Module, seen: dict[str, Any], texts: Sequence[str], smoothing: float
    ) -> tuple[Tensor, int]:
        start, device = self.captioner.start(self.language), next(self.module.parameters()).device
        labels, given = teacher_forced(encode(self.captioner, texts, self.language), start, start, device)
        output = module(**seen, decoder_input_ids=given, use_cache=False)
        real = labels != IGNORED
        loss = cross_entropy(output.logits[real].float(), labels[real], reduction="sum", label_smoothing=smoothing)
        return loss, int(real.sum())


def encode(captioner: Captioner, texts: Sequence[str], language: str) -> list[list[int]]:
    """Ids of captions with the end mark; what is longer than LONGEST pieces is cut off. Some tokenizers put a mark
    before a text, which the decoder is given anyway, and some none behind it."""
    start, end = captioner.start(language), ends(captioner.module)
    with tokenizing.LOCK:
        rows = captioner.tokenizer(list(texts), verbose=False).input_ids
    plain = [[piece for at, piece in enumerate(row) if at or piece != start] for row in rows]
    plain = [row[:-1] if row and row[-1] in end else row for row in plain]
    return [[*row[: LONGEST - 1], end[0]] for row in plain]


def relit(images: Tensor) -> Tensor:
    """uint8 pictures in another light: nothing in them moves, so that what is left stays left."""
    return (in_other_light(images.float() / 255) * 255).round().byte()


def states(captioner: Captioner, module: nn.Module, images: Tensor) -> Tensor:
    """What the encoder gives the decoder, (N, positions, D), on the CPU. module: the captioner's, as it now is."""
    with torch.inference_mode():
        found = [
            _inner(module).encoder(**_looked(captioner, some)).last_hidden_state.float().cpu()
            for some in images.split(AT_ONCE)
        ]
    return torch.cat(found)


def write_all(captioner: Captioner, module: nn.Module, part: Captioned, language: str) -> list[str]:
    """The captions of these pictures, as `Captioner.caption` gives them."""
    return [
        text
        for some in part.images.split(AT_ONCE)
        for text in written(captioner, module, states(captioner, module, some), language)
    ]


def written(captioner: Captioner, module: nn.Module, seen: Tensor, language: str) -> list[str]:
    """The captions of pictures by their `states`, the likeliest piece at each step."""
    inner, texts = _inner(module), list[str]()
    with torch.inference_mode():
        for some in seen.split(AT_ONCE):
            nothing = torch.zeros(len(some), 1, dtype=torch.long)
            output = inner.generate(
                **_given(some, module),
                decoder_start_token_id=captioner.start(language),
                num_beams=1,
                do_sample=False,
                max_new_tokens=LONGEST,
                logits_processor=LogitsProcessorList([NoLoops(nothing, torch.ones_like(nothing))]),
            )
            rows = [_ended(row, inner) for row in output[:, 1:].tolist()]
            texts += [tokenizing.said(captioner.tokenizer, row).strip() for row in rows]
    return texts


def _given(seen: Tensor, module: nn.Module) -> dict[str, Any]:
    return {"encoder_outputs": BaseModelOutput(seen.float().to(next(module.parameters()).device))}


def _inner(module: nn.Module) -> Any:
    """What peft is put around."""
    return module.get_base_model() if isinstance(module, PeftModel) else module


def _ended(row: Sequence[int], module: Any) -> Sequence[int]:
    """Up to the end: a caption that ends before others of its batch is filled up."""
    last = next((at for at, piece in enumerate(row) if piece in ends(module)), len(row))
    return row[:last]


def _looked(captioner: Captioner, images: Tensor) -> dict[str, Any]:
    """images: (B, 3, S, S) uint8. Each as a page would show it to the captioner."""
    seen = [captioner.look(as_image(one), "stretch").tensor for one in images]
    return {"pixel_values": torch.cat(seen)}


def scores(outputs: Sequence[str], references: Sequence[Sequence[str]], language: str) -> dict[str, float]:
    """Shares, 0 to 1: the mean F1 of words, how many captions are one of their references to the letter, and, where the
    grammar of the scenes understands all references, F1 of the things that are named (all captions together)."""
    pairs = list(zip(outputs, references, strict=True))
    exact = [output in known for output, known in pairs]
    found = {"word_f1": statistics.mean(likeness(*pair)[0] for pair in pairs), "exact": float(statistics.mean(exact))}
    truth = [_things(known[0], language) for known in references]
    if all(truth):
        named = [_things(output, language) for output in outputs]
        hits = sum((one & two).total() for one, two in zip(named, truth, strict=True))
        found["things"] = 2 * hits / sum(one.total() for one in (*named, *truth))
    return found


def likeness(output: str, references: Sequence[str]) -> tuple[float, str]:
    """The F1 of the words, in any order (Rajpurkar et al. 2016, "SQuAD", section 6.1), with the reference that is most
    like the output; a Chinese sign is a word."""
    return max((_f1(_words(output), _words(one)), one) for one in references)


def _words(text: str) -> Counter[str]:
    return Counter(WORD.findall(text.casefold()))


def _f1(one: Counter[str], two: Counter[str]) -> float:
    total = one.total() + two.total()
    return 2 * (one & two).total() / total if total else 1.0


def _things(text: str, language: str) -> Counter[str]:
    known = next((code for code in LANGUAGES if code == language), None)
    return names_of(meaning(text, known)) if known else Counter()
