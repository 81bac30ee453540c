"""Tiny models in place of the bundled ones, and tiny data that they can learn: a whole job takes about a second.

The models are random, but always the same. `in_place` puts them where fine-tuning loads its base, in this process only.
"""

import math
from copy import deepcopy
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import timm
import torch
from torch import nn
from transformers import AutoTokenizer, BertConfig, BertModel, MarianConfig, MarianMTModel

from core.finetune import captioning_learning, picture_learning, sentence_learning, text_learning
from core.finetune.captioned import Captioned
from core.finetune.data import dataset
from core.finetune.data.caption_data import CaptionData
from core.finetune.data.dataset import Data, PairData, PictureData, TextData, pair_digest, picture_digest
from core.finetune.data.report import Report
from core.finetune.job import Job, new_run
from core.finetune.parallel import Pair
from core.finetune.pictures import Pictures
from core.finetune.texts import Texts
from core.models import captioning_by_name, catalogue, classification, eyes, translation, vision
from core.models.captioning import Captioner, with_eyes
from core.models.catalogue import ModelCard
from core.models.classification import Classifier
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.tasks import TASKS, Model
from tests.finetune.test_translation import NOUNS, VERBS

WIDTH, LAYERS, HIDDEN = {"vision": 48, "translation": 32}, {"vision": 3, "translation": 1}, 64
DROPOUT = 0.0  # of the models of language; tests of what draws turn it on
END_BIAS = 2.0  # of the end mark: what a random translator writes would be 128 pieces long


@cache
def _vision_module() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        module = timm.create_model(
            "vit_tiny_patch16_224",
            img_size=64,
            patch_size=8,
            depth=LAYERS["vision"],
            embed_dim=WIDTH["vision"],
            num_heads=3,
            num_classes=0,
            dynamic_img_size=True,
        )
        for parameter in module.parameters():  # timm begins with scores near zero: nobody would look anywhere
            parameter.data.add_(torch.randn_like(parameter) * 0.05)
    return module


def tiny_vision(name: str = "tiny") -> VisionModel:
    """Three layers of three heads, patches of 8 px, pictures of 64 px among its sizes."""
    return vision.from_timm(name, deepcopy(_vision_module()), default_patches=8)


@cache
def tokenizer():
    return AutoTokenizer.from_pretrained(catalogue.default("translation").folder)


@cache
def _translation_module(dropout: float) -> MarianMTModel:
    config = MarianConfig.from_pretrained(catalogue.default("translation").folder)
    sizes = {"d_model": WIDTH["translation"], "encoder_layers": 1, "decoder_layers": 1, "dropout": dropout}
    for part in ("encoder", "decoder"):
        sizes |= {f"{part}_attention_heads": 2, f"{part}_ffn_dim": HIDDEN}
    config.update({**sizes, "dtype": "float32", "init_std": 0.1})
    config._attn_implementation = "sdpa"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        module = MarianMTModel(config)
    module.final_logits_bias[0, config.eos_token_id] = END_BIAS
    return module.eval()


def tiny_translator(name: str = "tiny") -> Translator:
    """One layer each, two heads, with the bundled vocabulary."""
    return Translator(name, deepcopy(_translation_module(DROPOUT)), tokenizer(), ("ces", "cmn_Hans", "deu", "fra"))


@cache
def text_tokenizer():
    return AutoTokenizer.from_pretrained(catalogue.default("fill").folder)


@cache
def _text_module(dropout: float) -> BertModel:
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": HIDDEN}
    config = BertConfig.from_pretrained(catalogue.default("fill").folder, **sizes)
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = dropout
    config._attn_implementation = "sdpa"
    with torch.random.fork_rng():
        torch.manual_seed(7)
        module = BertModel(config)
        for parameter in module.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.05)
    nn.init.eye_(module.pooler.dense.weight)  # as a model is opened whose pooler nobody trained
    return module.float().eval()


def tiny_text(name: str = "tiny") -> Classifier:
    """Two layers of two heads without classes, with the vocabulary of the bundled twins."""
    return Classifier(name, deepcopy(_text_module(DROPOUT)), text_tokenizer())


@cache
def caption_tokenizer():
    return AutoTokenizer.from_pretrained(catalogue.CAPTIONER.folder)


def tiny_captioner(name: str = "tiny") -> Captioner:
    """It looks with the tiny vision model at pictures of 64 px; one layer writes, with the bundled one's words."""
    words, seen = caption_tokenizer(), tiny_vision()
    with torch.random.fork_rng():
        torch.manual_seed(7)
        decoder = eyes.new_decoder(words, 32, 1, DROPOUT)
        decoder.set_attn_implementation("sdpa")
        for parameter in decoder.parameters():
            parameter.data.add_(torch.randn_like(parameter) * 0.05)
        module = eyes.join(seen, decoder, words)
    return with_eyes(name, module.eval(), words, seen, 64)


BASES = {
    "vision": tiny_vision,
    "translation": tiny_translator,
    "classify": tiny_text,
    "captioning": tiny_captioner,
}


def base(task: str) -> Model:
    return BASES[task]()


def in_place(patch: pytest.MonkeyPatch, runs: Path) -> None:
    """Runs go to `runs`, every base is a tiny one, and little is measured of what was forgotten."""
    patch.setenv("SIDELIGHT_RUNS", str(runs))
    for module in (picture_learning, vision.load):
        patch.setattr(module, "load_vision", tiny_vision)
    for module in (sentence_learning, translation):
        patch.setattr(module, "load_translator", tiny_translator)
    for module in (text_learning, classification):
        patch.setattr(module, "load_text_model", tiny_text)
    for module in (captioning_learning, captioning_by_name):
        patch.setattr(module, "load_captioner", tiny_captioner)
    patch.setattr(captioning_learning, "SCENES", 1)
    patch.setattr(text_learning, "pieces_filled", lambda *_: None)
    patch.setattr(picture_learning, "SCENES", 1)
    patch.setattr(sentence_learning, "CAPTIONS", 1)
    for task, few in {"vision": 24, "translation": 8, "classify": 12, "captioning": 4}.items():
        judged_on(patch, task, few)


def judged_on(patch: pytest.MonkeyPatch, task: str, few: int) -> None:
    """While it learns, of the held-out items."""
    patch.setitem(TASKS, task, replace(TASKS[task], interim=few))


def loaded(task: str, place: Path) -> Model:
    """What an export in `place` is as a model of its own, through the way that every page loads it."""
    card = ModelCard("exported", task, "exported", "", "", "", base="tiny", place=place)
    card = replace(card, sha256=dataset.hashlib.sha256(card.weights.read_bytes()).hexdigest())
    return TASKS[task].load_card(card)


def pictures(each: int = 16, held_out: int = 12, shuffled: bool = False, side: int = 16) -> PictureData:
    """Stripes across, stripes down, or none, under noise; where a stripe begins is left to chance, so that frozen
    features tell little. shuffled: the labels mean nothing."""
    draw = torch.Generator().manual_seed(3)
    names = ("across", "down", "plain")

    def part(count: int) -> Pictures:
        labels = torch.arange(3).repeat_interleave(count)
        begin = torch.rand(3 * count, 1, generator=draw) * 2 * math.pi
        wave = torch.sin(2 * math.pi * torch.arange(side) / 4 + begin)  # (N, side)
        stripes = torch.stack([wave[:, :, None].expand(-1, -1, side), wave[:, None].expand(-1, side, -1)], 1)
        stripes = torch.cat([stripes, torch.zeros_like(stripes[:, :1])], 1)[torch.arange(3 * count), labels]
        noise = torch.rand(3 * count, 3, side, side, generator=draw) * 60
        images = (60 + noise + 60 * stripes[:, None]).to(torch.uint8)
        if shuffled:
            labels = labels[torch.randperm(3 * count, generator=draw)]
        return Pictures(images, labels, names, "")

    train, other = part(each), part(held_out)
    digest = picture_digest(train, other)
    report = Report({name: (each, held_out) for name in names})
    return PictureData(replace(train, digest=digest), replace(other, digest=digest), report, digest)


def pairs(count: int = 18) -> PairData:
    """Sentences of two words, each translated by the word."""
    every = [
        Pair(f"The {noun} {verb}.", f"{german} {doing}.", "de")
        for noun, german in NOUNS.items()
        for verb, doing in VERBS.items()
    ]
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(3)).tolist()
    train, held_out = tuple(every[i] for i in order[:count]), tuple(every[i] for i in order[count:])
    return PairData(train, held_out, Report({"de": (count, len(held_out))}), pair_digest(train, held_out))


def texts(count: int = 16) -> TextData:
    """Sentences of two words, whose class is the noun's first letter or another."""
    every = [(f"The {noun} {verb}.", noun) for noun in NOUNS for verb in VERBS]
    order = torch.randperm(len(every), generator=torch.Generator().manual_seed(3)).tolist()
    names, half = ("early", "late"), sorted(NOUNS)[len(NOUNS) // 2]
    train, held_out = (
        Texts(tuple(every[i][0] for i in part), torch.tensor([int(every[i][1] >= half) for i in part]), names)
        for part in (order[:count], order[count:])
    )
    return TextData.of(train, held_out, Report({}))


def captions(count: int = 18, held_out: int = 6) -> CaptionData:
    """The stripes of `pictures`, each kind with a caption of its own; some have two."""
    said = {"across": ("A ship.", "A large ship."), "down": ("A dog and a cat.",), "plain": ("Two horses.",)}
    found = pictures(each=count // 3, held_out=held_out // 3)
    parts = (
        Captioned(part.images, tuple(said[part.classes[label]] for label in part.labels.tolist()))
        for part in (found.train, found.held_out)
    )
    return CaptionData.of(*parts, "en", Report({}))


def data_of(task: str) -> Data:
    return {"vision": pictures, "translation": pairs, "classify": texts, "captioning": captions}[task]()


def job(task: str, method: str, **changes: object) -> Job:
    rate = {"full": 3e-3, "head": 2e-2, "lora": 1e-2, "adalora": 2e-2, "prompt": 5e-2, "ia3": 5e-2}[method]
    given = {"epochs": 4, "rate": rate, "batch": 12, "varied": False, "rank": 4, "side": 64, "owner": "somebody"}
    return Job(task, method, "tiny", "toy", **{**given, **changes})


def run_of(root: Path, wanted: Job, data: Data | None = None) -> Path:
    """A new run's folder with its data in it, not yet queued."""
    folder = new_run(root, wanted)
    dataset.save(data or data_of(wanted.task), folder / "data")
    return folder
