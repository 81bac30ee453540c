"""Which model fits a task, given the data, the machine and the licence: a table of facts, each with its source."""

from dataclasses import dataclass, replace

from core import tasks
from core.finetune import results
from core.models import catalogue

TASKS = ("classify", "foreground", "translate", "summarise")
DATA = ("none", "few", "hundreds", "many")  # items of a class, or sentence pairs: 0; to 30; to 1,000; more
COMPUTE = {"cpu": 100e6, "gpu": 500e6, "several": float("inf")}  # most parameters that are comfortable there
LICENCES = ("any", "commercial")
METHODS = {"none": "none", "few": "head", "hundreds": "lora", "many": "full"}


@dataclass(frozen=True)
class Candidate:
    """name: a key of the catalogue or the hub's name. ready: does the task without training. figure: what its source
    says of it, in symbols that need no translation. commercial: whether the licence allows it. here: bundled, or
    trained on this machine; its figure was measured by this project."""

    name: str
    title: str
    task: str
    parameters: float
    licence: str
    commercial: bool
    ready: bool
    figure: str
    source: str
    here: bool = False


_DEIT = "https://arxiv.org/abs/2012.12877"
_DINO = "https://arxiv.org/abs/2304.07193"
_T5 = "https://arxiv.org/abs/1910.10683"
_HUB = "https://huggingface.co/"
VIT, CIFAR, MARIAN = "vision-vit-s-14", "vision-cifar10", "translation-en-de-fr-cs-zh"

KNOWN = (
    Candidate(VIT, "", "foreground", 22.06e6, "MIT, Apache-2.0", True, True, "", "", True),
    Candidate(
        VIT,
        "",
        "classify",
        22.06e6,
        "MIT, Apache-2.0",
        True,
        False,
        "dog, ship, truck: 93.6%",
        "",
        True,
    ),
    Candidate(CIFAR, "", "classify", 22.06e6, "MIT, Apache-2.0", True, True, "CIFAR-10 90.1%", "", True),
    Candidate(
        MARIAN,
        "",
        "translate",
        8.09e6,
        "non-commercial (Multi30K)",
        False,
        True,
        "BLEU de 38.6, fr 56.6, cs 31.0, zh 31.5",
        "",
        True,
    ),
    Candidate(
        "deit_tiny_patch16_224.fb_in1k",
        "DeiT-Ti/16",
        "classify",
        5.7e6,
        "Apache-2.0",
        True,
        True,
        "ImageNet-1k 72.2%",
        _DEIT,
    ),
    Candidate(
        "deit_small_patch16_224.fb_in1k",
        "DeiT-S/16",
        "classify",
        22e6,
        "Apache-2.0",
        True,
        True,
        "ImageNet-1k 79.8%",
        _DEIT,
    ),
    Candidate(
        "deit_base_patch16_224.fb_in1k",
        "DeiT-B/16",
        "classify",
        86e6,
        "Apache-2.0",
        True,
        True,
        "ImageNet-1k 81.8%",
        _DEIT,
    ),
    Candidate(
        "vit_small_patch14_dinov2.lvd142m",
        "DINOv2 ViT-S/14",
        "classify",
        22e6,
        "Apache-2.0",
        True,
        False,
        "ImageNet-1k k-NN 79.0%, linear 81.1%",
        _DINO,
    ),
    Candidate(
        "vit_base_patch14_dinov2.lvd142m",
        "DINOv2 ViT-B/14",
        "classify",
        86e6,
        "Apache-2.0",
        True,
        False,
        "ImageNet-1k k-NN 82.1%, linear 84.5%",
        _DINO,
    ),
    Candidate(
        "Helsinki-NLP/opus-mt-en-de",
        "OPUS-MT en-de",
        "translate",
        74e6,
        "CC BY 4.0",
        True,
        True,
        "Tatoeba BLEU 47.3",
        _HUB + "Helsinki-NLP/opus-mt-en-de",
    ),
    Candidate(
        "Helsinki-NLP/opus-mt-en-fr",
        "OPUS-MT en-fr",
        "translate",
        75e6,
        "Apache-2.0",
        True,
        True,
        "Tatoeba BLEU 50.5",
        _HUB + "Helsinki-NLP/opus-mt-en-fr",
    ),
    Candidate(
        "Helsinki-NLP/opus-mt-en-zh",
        "OPUS-MT en-zh",
        "translate",
        78e6,
        "Apache-2.0",
        True,
        True,
        "Tatoeba BLEU 31.4",
        _HUB + "Helsinki-NLP/opus-mt-en-zh",
    ),
    Candidate(
        "google-t5/t5-small",
        "T5-small",
        "summarise",
        60e6,
        "Apache-2.0",
        True,
        True,
        "CNN/DM ROUGE-2 19.56 (fine-tuned on it)",
        _T5,
    ),
    Candidate(
        "google-t5/t5-base",
        "T5-base",
        "summarise",
        220e6,
        "Apache-2.0",
        True,
        True,
        "CNN/DM ROUGE-2 20.34 (fine-tuned on it)",
        _T5,
    ),
    Candidate(
        "facebook/bart-large-cnn",
        "BART-large, CNN/DM",
        "summarise",
        406e6,
        "MIT",
        True,
        True,
        "CNN/DM ROUGE-2 21.28",
        "https://arxiv.org/abs/1910.13461",
    ),
)


def candidates() -> tuple[Candidate, ...]:
    """Those that are known, the bundled ones with their titles, and what was fine-tuned here, if it can be read."""
    titles = {card.key: card.title for card in catalogue.BUNDLED}
    known = [_titled(one, titles) for one in KNOWN]
    trained = [
        Candidate(
            card.key,
            card.title,
            tasks.TASKS[card.task].does,
            _merged(card, result),
            card.licence,
            "non-commercial" not in card.licence,
            True,
            "",
            "",
            True,
        )
        for card in catalogue.trained()
        if (result := results.read(card.folder.parent))
    ]
    return (*known, *trained)


def _merged(card: catalogue.ModelCard, result: results.Result) -> int:
    """The parameters of what was fine-tuned here: they were counted with the adapter, which is merged for use."""
    adapter = (card.folder / "adapter_config.json").exists()
    return result.parameters - (result.trainable if adapter else 0)


def _titled(one: Candidate, titles: dict[str, str]) -> Candidate:
    return replace(one, title=titles[one.name]) if one.here else one


def fitting(task: str, data: str, compute: str, licence: str) -> list[Candidate]:
    """The candidates that do the task: as they are, or, where there is data, after training. What is here comes first,
    then the smaller."""
    found = [
        one
        for one in candidates()
        if one.task == task
        and (one.ready or data != "none")
        and one.parameters <= COMPUTE[compute]
        and (one.commercial or licence == "any")
    ]
    return sorted(found, key=lambda one: (not one.here, one.parameters, one.name))
