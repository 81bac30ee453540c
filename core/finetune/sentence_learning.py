"""A translator learning a new domain."""

import copy
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import MarianMTModel

from core.errors import SidelightError
from core.finetune import data as sets
from core.finetune import methods, parallel
from core.finetune.answers import Answer
from core.finetune.data.bundled import COLLECTIONS
from core.finetune.data.dataset import PairData
from core.finetune.film import SentenceFilm
from core.finetune.forgetting import caption_quality
from core.finetune.job import Job, write_json
from core.finetune.learning import SHOWN, Forgetting, Probes, Writing, changed, plain, sample_order
from core.finetune.onnx_parts import Decoder, Encoder, Part
from core.finetune.parallel import TAGS, Pair
from core.finetune.score import resemblance, scores, translate_all
from core.finetune.told import Told, encode, told
from core.finetune.translation_task import TranslationTask
from core.models import own_pieces
from core.models.prompts import prompt_ids, without_prompts
from core.models.translation import Translator, load_translator
from core.tasks import TASKS

CAPTIONS = 24  # that forgetting is measured on


class SentenceLearning(Writing[PairData, Translator]):
    """The probe sentence is the job's, else a held-out one."""

    usual_language = "de"
    task: "ScoredTask"
    film: SentenceFilm
    how: Told

    def __init__(self, folder: Path, job: Job, data: PairData) -> None:
        self.job, self.data, self.base = job, data, load_translator(job.base)
        own_pieces.release(self.base.module)
        self.how = told(self.base, data.language)
        self.target = self.how.target
        torch.manual_seed(job.seed)
        self.film = SentenceFilm(folder, self.base, job.probe or data.held_out[0].source, self.target)
        judged = data.held_out[: TASKS["translation"].interim]
        self.interim = len(judged)
        tokenizer = self.base.tokenizer
        longest = sorted(len(source) for source, _ in encode(tokenizer, data.train, self.how))[
            int(0.9 * len(data.train))
        ]
        self.task = ScoredTask(
            self.base.module,
            tokenizer,
            data.train,
            judged,
            job.seed,
            job.batch * longest,
            job.smoothing,
            job.varied,
            how=self.how,
        )
        self.task.sample = [data.train[n] for n in sample_order(len(data.train), job).tolist()]
        steps = job.epochs * len(self.task.batches(0))
        self.whole = self.task.module = methods.adapt(self.base.module, "translation", job.method, steps, job.rank)

    def before(self) -> dict[str, float]:
        """BLEU and chrF of the base."""
        return self.measure(load_translator(self.job.base))

    def probe(self, step: int, module: nn.Module) -> None:
        self.film.take(step, module)

    def probes(self) -> Probes:
        rows = zip(self.task.held_out[:SHOWN], self.task.answers, strict=False)
        return {"samples": [{"input": p.source, "reference": p.target, "output": text} for p, text in rows]}

    def export(self, module: nn.Module, folder: Path) -> None:
        if isinstance(module, PeftModel):
            methods.save_adapter(module, folder, self.job.base)
        elif self.ships_whole(self.job.method):
            model: Any = module  # a transformers model
            model.save_pretrained(folder, state_dict={name: plain(p, True) for name, p in module.state_dict().items()})
            self.base.tokenizer.save_pretrained(folder)
        else:
            save_file(changed(module), folder / "model.safetensors")

    def measure(self, model: Translator) -> dict[str, float]:
        return scores(self.outputs(model), self.data.held_out)

    def answers(self, model: Translator) -> list[Answer]:
        pairs = zip(self.outputs(model), self.data.held_out, strict=True)
        rows = [(pair.target, output, 1 - resemblance(output, pair.target)) for output, pair in pairs]
        return [Answer(number, *row) for number, row in enumerate(rows)]

    def write(self, model: Translator) -> list[str]:
        return translate_all(model.module, model.tokenizer, self.data.held_out, beams=1, how=self.how)

    def forgetting(self, model: Translator) -> Forgetting:
        """Of the captions, in all languages that the bundled translator knows; nothing for one without them."""
        if not {TAGS[code] for code in COLLECTIONS["captions"].languages} & set(model.targets):
            return {}
        found = {"before": load_translator(self.job.base), "after": model}
        return {when: caption_quality(one, CAPTIONS) for when, one in found.items()}

    @staticmethod
    def read(path: Path, language: str, seed: int) -> tuple[PairData, str]:
        return sets.pairs_from_path(path, language, seed), path.stem

    @staticmethod
    def prepare(module: nn.Module, classes: int) -> nn.Module:
        """Its head writes any word already."""
        return module

    @staticmethod
    def varied(job: Job, data: PairData, count: int, draw: int) -> list[tuple[Pair, Pair]]:
        """Those that are changed before those that stay as they are, as most do."""
        chance, pairs = random.Random(draw), data.train
        both = [(pair, parallel.vary(pair, chance.choice(pairs), chance)) for pair in pairs[: 20 * count]]
        return sorted(both, key=lambda pair: pair[0] == pair[1])[:count]

    @staticmethod
    def ships_whole(method: str) -> bool:
        return method in ("full", "head")

    @staticmethod
    def check_whole(model: Translator) -> None:
        if prompt_ids(model.module) and not isinstance(model.module, MarianMTModel):
            raise SidelightError("result.not_whole", name=type(model.module).__name__)

    @staticmethod
    def save_whole(model: Translator, job: Job, target: str, folder: Path) -> str:
        SentenceLearning.check_whole(model)
        ids, module, told = prompt_ids(model.module), model.module, model.how_told(target)
        if isinstance(module, MarianMTModel) and ids:
            module = without_prompts(module)
        write_json(folder / "told.json", told | {"ids": ids + told["ids"]})
        module.half().save_pretrained(folder)
        model.tokenizer.save_pretrained(folder)
        return "transformers"

    @staticmethod
    def onnx_parts(model: Translator, job: Job, target: str, folder: Path) -> dict[str, Part]:
        """The encoder and the decoder, which a loop calls once a piece."""
        module: Any = model.module
        told = model.how_told(target)
        told["first"] = [module.generation_config.decoder_start_token_id, *told.pop("generate").values()]
        end = module.generation_config.eos_token_id
        told |= {"ids": prompt_ids(module) + told["ids"], "end": end if isinstance(end, list) else [end]}
        told["never"] = [ids[0] for ids in module.generation_config.bad_words_ids or () if len(ids) == 1]
        write_json(folder / "told.json", told)
        model.tokenizer.save_pretrained(folder)
        sizes, width = len(model.tokenizer), module.config.hidden_size

        def read(count: int) -> dict[str, Tensor]:
            """Sentences of which the first is shorter than the others."""
            mask = torch.ones(count, 4 * count, dtype=torch.long)
            mask[0, 2 * count + 1 :] = 0
            return {"input_ids": torch.randint(sizes, mask.shape), "attention_mask": mask}

        def written(count: int) -> dict[str, Tensor]:
            mask = read(count)["attention_mask"]
            output = torch.randint(sizes, (count, 3 * count))
            states = torch.randn(*mask.shape, width)
            return {"decoder_input_ids": output, "encoder_hidden_states": states, "attention_mask": mask}

        names = ("input_ids", "decoder_input_ids", "encoder_hidden_states", "attention_mask")
        free: dict[str, tuple[int, ...]] = dict.fromkeys(names, (0, 1))
        return {
            "encoder": Part(Encoder(module), read, free, "encoder_hidden_states"),
            "decoder": Part(Decoder(module), written, free, "logits"),
        }

    @staticmethod
    def trial(model: Translator, job: Job, data: PairData, count: int) -> "ScoredTask":
        module, some = copy.deepcopy(model.module), data.train[:count]
        whole = methods.adapt(module, "translation", job.method, 50, job.rank)
        how = told(model, data.language)
        return ScoredTask(
            whole, model.tokenizer, some, some, tokens=10**6, smoothing=job.smoothing, varied=False, how=how
        )

    @staticmethod
    def passes(job: Job, training: int, held_out: int, evaluations: int) -> tuple[int, int]:
        return job.epochs * training, evaluations * min(TASKS["translation"].interim, held_out) + 2 * held_out


class ScoredTask(TranslationTask):
    """A translation task in one direction, judged by its loss and by its translations (greedy search).

    sample: training pairs whose loss is measured as that of the held-out ones. answers: the translations of the
    held-out pairs that the last evaluation gave.
    """

    held_out: Sequence[Pair]
    sample: Sequence[Pair] = ()
    answers: list[str]

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        loss = self.loss_of(module, self.held_out)
        self.answers = translate_all(module, self.tokenizer, self.held_out, beams=1, how=self.how)
        known = {"training_loss": self.loss_of(module, self.sample)} if self.sample else {}
        return {"loss": loss, **known, **scores(self.answers, self.held_out)}
