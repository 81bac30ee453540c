"""What the chooser knows of models: facts, each with its source; those of the hub's models as their cards and papers
state them."""

from dataclasses import dataclass

from core.models.known import known


@dataclass(frozen=True)
class Candidate:
    """name: a key of the catalogue or the hub's name. ready: does the task without training. commercial: whether the
    licence allows it. here: bundled, or trained on this machine; its figure was measured by this project. figure,
    licence: in symbols that need no translation, or keys of the wording."""

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
_GPT2 = "https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf"
_HUB = "https://huggingface.co/"
_OWN, _APACHE = "MIT, Apache-2.0", "Apache-2.0"
VIT, CIFAR, MARIAN = "vision-vit-s-14", "vision-cifar10", "translation-en-de-fr-cs-zh"
WRITES, JUDGES, DESCRIBES = "language-writes", "language-sentences", "captioning-scenes"
MULTI30K = "choose.noncommercial"


def _hub(
    name: str,
    title: str,
    task: str,
    figure: str,
    source: str = "",
    licence: str = _APACHE,
    ready: bool = True,
    commercial: bool = True,
    parameters: float = 0,
) -> Candidate:
    """One of the hub. source: its card, where nothing else is said. parameters: where the list of known models does not
    have it."""
    parameters = parameters or next(1e6 * one.millions for one in known() if one.name == name)
    return Candidate(name, title, task, parameters, licence, commercial, ready, figure, source or _HUB + name)


KNOWN = (
    Candidate(VIT, "", "foreground", 22.06e6, _OWN, True, True, "", "", True),
    Candidate(VIT, "", "classify", 22.06e6, _OWN, True, False, "choose.figure_three", "", True),
    Candidate(CIFAR, "", "classify", 22.06e6, _OWN, True, True, "CIFAR-10 90.1%", "", True),
    Candidate(
        MARIAN, "", "translate", 12.25e6, MULTI30K, False, True, "BLEU de 36.8, fr 54.6, cs 28.7, zh 31.3", "", True
    ),
    Candidate(WRITES, "", "generate", 6.36e6, MULTI30K, False, True, "choose.figure_writes", "", True),
    Candidate(JUDGES, "", "judge", 6.36e6, MULTI30K, False, True, "choose.figure_judges", "", True),
    Candidate(DESCRIBES, "", "describe", 24.5e6, _OWN, True, True, "", "", True),
    _hub("deit_tiny_patch16_224.fb_in1k", "DeiT-Ti/16", "classify", "ImageNet-1k 72.2%", _DEIT, parameters=5.7e6),
    _hub("deit_small_patch16_224.fb_in1k", "DeiT-S/16", "classify", "ImageNet-1k 79.8%", _DEIT, parameters=22e6),
    _hub("deit_base_patch16_224.fb_in1k", "DeiT-B/16", "classify", "ImageNet-1k 81.8%", _DEIT, parameters=86e6),
    _hub(
        "vit_small_patch14_dinov2.lvd142m",
        "DINOv2 ViT-S/14",
        "classify",
        "ImageNet-1k k-NN 79.0%, linear 81.1%",
        _DINO,
        ready=False,
        parameters=22e6,
    ),
    _hub(
        "vit_base_patch14_dinov2.lvd142m",
        "DINOv2 ViT-B/14",
        "classify",
        "ImageNet-1k k-NN 82.1%, linear 84.5%",
        _DINO,
        ready=False,
        parameters=86e6,
    ),
    _hub("hustvl/yolos-tiny", "YOLOS-Ti", "detect", "COCO AP 28.7"),
    _hub("hustvl/yolos-small", "YOLOS-S", "detect", "COCO AP 36.1"),
    _hub("facebook/detr-resnet-50", "DETR, ResNet-50", "detect", "COCO AP 42.0"),
    _hub(
        "nvidia/segformer-b0-finetuned-ade-512-512",
        "SegFormer-B0",
        "segment",
        "ADE20K mIoU 37.4",
        "https://arxiv.org/abs/2105.15203",
        "choose.noncommercial_nvidia",
        commercial=False,
    ),
    _hub("Helsinki-NLP/opus-mt-en-de", "OPUS-MT en-de", "translate", "Tatoeba BLEU 47.3", licence="CC BY 4.0"),
    _hub("Helsinki-NLP/opus-mt-en-fr", "OPUS-MT en-fr", "translate", "Tatoeba BLEU 50.5"),
    _hub("Helsinki-NLP/opus-mt-en-zh", "OPUS-MT en-zh", "translate", "Tatoeba BLEU 31.4"),
    _hub("google-t5/t5-small", "T5-small", "summarise", "CNN/DM ROUGE-2 19.56", _T5),
    _hub("google-t5/t5-base", "T5-base", "summarise", "CNN/DM ROUGE-2 20.34", _T5, parameters=220e6),
    _hub(
        "facebook/bart-large-cnn",
        "BART-large, CNN/DM",
        "summarise",
        "CNN/DM ROUGE-2 21.28",
        "https://arxiv.org/abs/1910.13461",
        "MIT",
    ),
    _hub("distilbert/distilbert-base-cased-distilled-squad", "DistilBERT, SQuAD", "answer", "SQuAD 1.1 F1 87.1"),
    _hub("deepset/roberta-base-squad2", "RoBERTa, SQuAD 2", "answer", "SQuAD 2.0 F1 82.9", licence="CC BY 4.0"),
    _hub("distilbert/distilgpt2", "DistilGPT2", "generate", "WikiText-103 PPL 21.1"),
    _hub("openai-community/gpt2", "GPT-2", "generate", "WikiText-103 PPL 37.5 (zero-shot)", _GPT2, "MIT"),
    _hub(
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
        "DistilBERT, SST-2",
        "judge",
        "SST-2 91.3%",
    ),
)
