"""A model that reads texts, learning classes of them."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from core.finetune import data as sets
from core.finetune.class_learning import ClassLearning, weights_of
from core.finetune.data.dataset import TextData
from core.finetune.film import TextFilm
from core.finetune.forgetting import pieces_filled
from core.finetune.job import Job, write_json
from core.finetune.learning import Forgetting
from core.finetune.onnx_parts import Part, TextLogits
from core.finetune.text_task import TextTask, text_logits
from core.finetune.texts import Texts, varied, vary
from core.models import text_heads
from core.models.classification import Classifier, for_classes, load_text_model

CAPTIONS = 40  # that forgetting is measured on


class TextLearning(ClassLearning[TextData, Classifier]):
    """The probe text is the job's, else a held-out one."""

    base: Classifier
    film: TextFilm

    @staticmethod
    def load(name: str) -> Classifier:
        return load_text_model(name)

    @staticmethod
    def for_classes(model: Classifier, classes: tuple[str, ...]) -> Classifier:
        return for_classes(model, classes)

    @staticmethod
    def head_of(module: nn.Module) -> nn.Module:
        return text_heads.head_of(module)

    @staticmethod
    def prepare(module: nn.Module, classes: int) -> nn.Module:
        return text_heads.new_head(module, classes)

    def filmed(self, folder: Path) -> TextFilm:
        return TextFilm(folder, self.base, self.job.probe or self.data.held_out.texts[0])

    def logits(self, module: nn.Module, part: Texts) -> Tensor:
        return text_logits(module, self.base.tokenizer, part.texts, self.base.limit)

    def otherwise(self, part: Texts) -> Texts:
        return replace(part, texts=tuple(varied(part.texts, self.job.seed)))

    def forgetting(self, model: Classifier) -> Forgetting:
        """Of filling blanks, where the base was made for that."""
        if not self.moves_attention(self.job.method):
            return {}
        trunks = {"before": load_text_model(self.job.base).module, "after": model.module}
        found = {when: pieces_filled(self.job.base, trunk, CAPTIONS) for when, trunk in trunks.items()}
        return {when: {"filled": 100 * share} for when, share in found.items() if share is not None}

    @staticmethod
    def read(path: Path, language: str, seed: int) -> tuple[TextData, str]:
        found = sets.texts_from_path(path, seed)
        return found, ", ".join(found.train.classes)

    @staticmethod
    def varied(job: Job, data: TextData, count: int, draw: int) -> list[tuple[str, str]]:
        """Those that are changed before those that stay as they are, as most do."""
        chance = random.Random(draw)
        both = [(text, vary(text, chance)) for text in data.train.texts[:: max(1, len(data.train) // (10 * count))]]
        return sorted(both, key=lambda pair: pair[0] == pair[1])[:count]

    @staticmethod
    def label_task(
        whole: nn.Module, model: Classifier, job: Job, train: Texts, held_out: Texts, sample: Texts | None = None
    ) -> TextTask:
        weights = weights_of(job, train)
        how = (job.seed, job.batch, job.smoothing, job.varied, sample, weights)
        return TextTask(whole, model.tokenizer, model.limit, train, held_out, *how)

    @staticmethod
    def save_whole(model: Classifier, job: Job, target: str, folder: Path) -> str:
        module: Any = model.module.half()
        module.config.logit_temperature = model.temperature  # "temperature" is a setting of generation
        module.save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)
        return "transformers"

    @staticmethod
    def onnx_parts(model: Classifier, job: Job, target: str, folder: Path) -> dict[str, Part]:
        told = {"classes": model.classes, "temperature": model.temperature, "limit": model.limit}
        write_json(folder / "told.json", told)
        model.tokenizer.save_pretrained(folder)

        def example(count: int) -> dict[str, Tensor]:
            """Texts of which the first is shorter than the others."""
            mask = torch.ones(count, 4 * count, dtype=torch.long)
            mask[0, 2 * count + 1 :] = 0
            return {"input_ids": torch.randint(len(model.tokenizer), mask.shape), "attention_mask": mask}

        free: dict[str, tuple[int, ...]] = dict.fromkeys(("input_ids", "attention_mask"), (0, 1))
        return {"model": Part(TextLogits(model.module), example, free, "logits")}
