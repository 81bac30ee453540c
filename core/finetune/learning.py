"""What fine-tuning is for each modality: the task to train, what was known before, what is watched, what is left of it.

`PictureLearning` and `SentenceLearning` answer the same calls, so that training and the page need not know which it is.
Both work on a model of their own, never on one that is shared.
"""

from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor, nn

from core.finetune import methods
from core.finetune.calibration import fit_temperature
from core.finetune.class_task import ClassTask, class_logits, confusion, quality
from core.finetune.data.bundled import COLLECTIONS
from core.finetune.data.dataset import PairData, PictureData
from core.finetune.features import HeadTask, features, fit_head, nearest
from core.finetune.film import PhotoFilm, SentenceFilm
from core.finetune.forgetting import caption_quality, object_attention
from core.finetune.job import Job, write_json
from core.finetune.parallel import TAGS
from core.finetune.pictures import Pictures
from core.finetune.score import scores, translate_all
from core.finetune.translation_task import TranslationTask
from core.models.catalogue import ModelCard
from core.models.loading import mixed
from core.models.translation import Translator, load_translator, load_translator_card
from core.models.vision import VisionModel, load_vision, load_vision_card
from core.models.vision.timm_adapter import head_of, new_head

Probes = dict[str, Any]  # a line of probes.jsonl, but for its step
Forgetting = dict[str, dict[str, float]]  # "before" and "after", by measure
INTERIM_PICTURES, INTERIM_PAIRS = 90, 40  # held-out items that are judged while training goes on; all of them after it
SHOWN = 6  # of them, whose answers are shown
VARIATION = 0.3  # of pictures; the bundled classifier, with many more steps, was trained with 1
SCENES, CAPTIONS = 10, 24  # that forgetting is measured on


class PictureLearning:
    """A Vision Transformer learning classes. The probe photo is `film/probe-photo.png`, else a held-out picture."""

    target = ""  # a picture has no language

    def __init__(self, folder: Path, job: Job, data: PictureData) -> None:
        self.job, self.data = job, data
        self.base = load_vision(job.base)
        module = self.base.module
        torch.manual_seed(job.seed)
        head = new_head(module, len(data.train.classes))
        self.interim = interim_pictures(data, job.seed)
        self.side = job.side if job.side in self.base.sizes else self.base.default_size
        self.film = PhotoFilm(folder, self.base, self._probe(folder))
        self.known, self.asked = (self._features(part.images) for part in (data.train, data.held_out))
        if job.method == "head":
            self.whole: nn.Module = methods.adapt(module, "vision", "head", 0)
            self.task: ClassTask | HeadTask = self._head_task()
        else:
            fit_head(head, self.known, data.train.labels)
            count = -(-len(data.train) // job.batch) * job.epochs
            self.whole = methods.adapt(module, "vision", job.method, count, job.rank)
            self.task = ClassTask(
                self.whole, data.train, self.interim, self.base.mean, self.base.std, job.seed, job.batch,
                job.smoothing, VARIATION if job.varied else None, (self.side,), self.side,
            )  # fmt: skip

    def _probe(self, folder: Path) -> Image.Image:
        chosen = folder / "film" / "probe-photo.png"
        if chosen.exists():
            return Image.open(chosen).convert("RGB")
        return Image.fromarray(self.data.held_out.images[0].permute(1, 2, 0).numpy())

    def _features(self, images: Tensor) -> Tensor:
        """Of the base, before it learns."""
        with mixed(self.job.precision):
            return features(self.base, images, self.side)

    def _head_task(self) -> HeadTask:
        job, train = self.job, self.data.train
        mirrored = self._features(train.images.flip(-1)) if job.varied else self.known
        views, held_out = torch.stack([self.known, mirrored]), self.asked[interim_order(self.data, job.seed)]
        head = head_of(self.whole)
        return HeadTask(
            head, views, train.labels, held_out, self.interim.labels, job.seed, job.batch, job.smoothing
        )  # fmt: skip

    def before(self) -> dict[str, float]:
        """How well the frozen features alone tell the classes apart: accuracy of the nearest neighbours."""
        votes = nearest(self.known, self.data.train.labels, self.asked, len(self.data.train.classes))
        found = quality(votes, self.data.held_out.labels)
        return {"accuracy": found["accuracy"], "macro_f1": found["macro_f1"]}

    def probe(self, step: int, module: nn.Module) -> None:
        """Take a frame of the film. A head alone leaves attention as it is: one frame is all there is to see."""
        if self.job.method != "head" or step == 0:
            self.film.take(step, self.base.module if self.job.method == "head" else module)

    def probes(self) -> Probes:
        """What the last evaluation answered."""
        logits, labels, names = self.task.answers, self.interim.labels, self.data.train.classes
        chances = logits.softmax(-1).max(-1)
        rows = zip(labels[:SHOWN].tolist(), chances.indices.tolist(), chances.values.tolist(), strict=False)
        samples = [
            {"input": n, "reference": names[label], "output": names[answer], "probability": chance}
            for n, (label, answer, chance) in enumerate(rows)
        ]
        return {"confusion": confusion(logits, labels).tolist(), "samples": samples}

    def export(self, module: nn.Module, folder: Path) -> None:
        """The adapter, or the tensors that changed, and the classes with the temperature of their probabilities."""
        whole = self.whole if self.job.method == "head" else module
        with torch.inference_mode(), mixed(self.job.precision):
            logits = class_logits(whole.eval(), self.interim, self.base.mean, self.base.std, self.side)
        if isinstance(whole, PeftModel):
            _save_adapter(whole, folder)
        else:
            half = self.job.method == "full"  # 88 MB otherwise
            save_file(
                {name: _plain(p, half) for name, p in methods.changed(whole).items()}, folder / "model.safetensors"
            )
        named = {"classes": list(self.data.train.classes), "temperature": fit_temperature(logits, self.interim.labels)}
        write_json(folder / "classes.json", named)

    @staticmethod
    def load(card: ModelCard) -> VisionModel:
        return load_vision_card(card)

    def measure(self, model: VisionModel) -> dict[str, float]:
        """On all held-out pictures."""
        with torch.inference_mode():
            logits = class_logits(model.module, self.data.held_out, model.mean, model.std, self.side)
        return quality(logits, self.data.held_out.labels)

    def forgetting(self, model: VisionModel) -> Forgetting:
        """Of what the base was tuned for; nothing where its backbone is as it was, or its attention is not captured."""
        if self.job.method == "head" or not self.base.prefix or not self.film.taken:
            return {}
        found = {"before": load_vision(self.job.base), "after": model}
        return {when: {"object_attention": object_attention(one, SCENES)} for when, one in found.items()}


def interim_order(data: PictureData, seed: int) -> Tensor:
    """Which of the held-out pictures are judged while training goes on: their numbers."""
    draw = torch.randperm(len(data.held_out), generator=torch.Generator().manual_seed(seed))
    return draw[:INTERIM_PICTURES]


def interim_pictures(data: PictureData, seed: int) -> Pictures:
    return data.held_out.part(interim_order(data, seed))


class SentenceLearning:
    """A translator learning a new domain."""

    def __init__(self, folder: Path, job: Job, data: PairData) -> None:
        self.job, self.data = job, data
        self.base = load_translator(job.base)
        torch.manual_seed(job.seed)
        self.film = SentenceFilm(folder, self.base, job.probe or data.held_out[0].source, self.target)
        self.interim = data.held_out[:INTERIM_PAIRS]
        tokenizer = self.base.tokenizer
        longest = sorted(len(tokenizer(pair.tagged).input_ids) for pair in data.train)[int(0.9 * len(data.train))]
        self.task = ScoredTask(
            self.base.module, tokenizer, data.train, self.interim, job.seed, job.batch * longest, job.smoothing,
            job.varied,
        )  # fmt: skip
        steps = job.epochs * len(self.task.batches(0))
        self.task.module = methods.adapt(self.base.module, "translation", job.method, steps, job.rank)

    @property
    def target(self) -> str:
        """The tag of the language that is learnt; empty for a model with one direction."""
        return self.data.train[0].tag or ""

    def before(self) -> dict[str, float]:
        """BLEU and chrF of the base."""
        return self.measure(load_translator(self.job.base))

    def probe(self, step: int, module: nn.Module) -> None:
        self.film.take(step, module)

    def probes(self) -> Probes:
        rows = zip(self.interim[:SHOWN], self.task.answers, strict=False)
        return {"samples": [{"input": p.source, "reference": p.target, "output": text} for p, text in rows]}

    def export(self, module: nn.Module, folder: Path) -> None:
        if isinstance(module, PeftModel):
            _save_adapter(module, folder)
        elif self.job.method == "prompt":
            changed = methods.changed(module)
            save_file({name: _plain(p) for name, p in changed.items()}, folder / "model.safetensors")
        else:
            weights = {name: _plain(p, half=True) for name, p in module.state_dict().items()}
            module.save_pretrained(folder, state_dict=weights)
            self.base.tokenizer.save_pretrained(folder)

    @staticmethod
    def load(card: ModelCard) -> Translator:
        return load_translator_card(card)

    def measure(self, model: Translator) -> dict[str, float]:
        return scores(translate_all(model.module, model.tokenizer, self.data.held_out, beams=1), self.data.held_out)

    def forgetting(self, model: Translator) -> Forgetting:
        """Of the captions, in all languages that the bundled translator knows; nothing for one without them."""
        if not {TAGS[code] for code in COLLECTIONS["captions"].languages} & set(model.targets):
            return {}
        found = {"before": load_translator(self.job.base), "after": model}
        return {when: caption_quality(one, CAPTIONS) for when, one in found.items()}


class ScoredTask(TranslationTask):
    """A translation task in one direction, judged by its loss and by its translations (greedy search).

    answers: the translations of the held-out pairs that the last evaluation gave.
    """

    answers: list[str]

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        loss = next(iter(super().evaluate(module).values()))
        self.answers = translate_all(module, self.tokenizer, self.held_out, beams=1)
        return {"loss": loss, **scores(self.answers, self.held_out)}


Learning = PictureLearning | SentenceLearning


def open_learning(folder: Path, job: Job, data: PictureData | PairData) -> Learning:
    """Raises SidelightError for a model that cannot be loaded or a probe that it does not accept."""
    return (PictureLearning if job.task == "vision" else SentenceLearning)(folder, job, data)


def _plain(tensor: Tensor, half: bool = False) -> Tensor:
    return (tensor.half() if half else tensor).detach().cpu().contiguous().clone()


def _save_adapter(module: PeftModel, folder: Path) -> None:
    module.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)  # peft's empty card
