"""Models that others made as bases: of transformers and timm, with their own heads, sizes and ways to be told."""

import copy
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
import transformers as hf
from PIL import Image

from benchmarks import coverage_learning, coverage_vision
from core.errors import SidelightError
from core.finetune import outside, picture_learning, results, score, sentence_learning, train
from core.finetune.parallel import Pair
from core.finetune.sides import side
from core.finetune.told import Told, encode, languages, told, written
from core.models import catalogue, translation
from core.models.translation import Translator, _translator
from core.models.vision import load_vision
from tests.finetune.models import job, pairs, pictures, run_of, tiny_translator
from tests.models import hub
from tests.models.test_languages import coded
from tests.models.tiny import tokenizer
from tests.models.untrained import spread

TRANSFORMERS = {
    "ViTModel": ("full", "head", "lora", "adalora", "ia3"),  # a backbone that never had a head
    "DeiTForImageClassificationWithTeacher": ("lora",),  # two heads
    "BeitForImageClassification": ("lora", "ia3"),
    "Dinov2WithRegistersModel": ("lora",),
    "CLIPModel": ("lora",),  # its eyes
    "SiglipVisionModel": ("head",),
    "SwinForImageClassification": ("full", "head", "lora", "ia3"),  # several grids
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_a_model_of_transformers_learns_and_comes_back(name: str) -> None:
    model = coverage_learning.of_transformers(name)
    assert set(coverage_learning.offered(model)) == {"full", "head", "lora", "adalora", "ia3"}
    for method in TRANSFORMERS[name]:
        coverage_learning.check(model, method)


@pytest.mark.parametrize("name", ["beit_base_patch16_224", "eva02_tiny_patch14_224", "swinv2_tiny_window8_256"])
def test_the_layer_that_timm_reads_past_is_reached(name: str) -> None:
    """Where the weight of query, key and value is handed past its layer, LoRA beside it would get no gradient."""
    thin: dict[str, Any] = {"embed_dim": 48, "num_heads": 3, "depth": 2, "img_size": 56 if "14" in name else 64}
    if name.startswith("swin"):
        thin = {"embed_dim": 24, "depths": (1, 1), "num_heads": (1, 2), "img_size": 64}
    module = timm.create_model(name, **thin)
    module.pretrained_cfg = {**module.pretrained_cfg, "input_size": (3, thin["img_size"], thin["img_size"])}
    model = coverage_learning.timm_model(name, coverage_vision.random_weights(module))
    for method in ("lora", "ia3"):
        coverage_learning.check(model, method)


def test_what_no_library_has_a_classifier_of_is_refused_before_anything_starts() -> None:
    model = coverage_learning.of_transformers("ViTMAEModel")
    before = {name: id(p) for name, p in model.module.named_parameters()}
    with pytest.raises(SidelightError, match="not fine-tuned here"):
        coverage_learning.offered(model)
    assert {name: id(p) for name, p in model.module.named_parameters()} == before


def test_a_model_of_the_hub_is_a_base_from_its_name_to_a_script_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By its name without a network; filmed; opened by transformers alone; sent on and brought back."""
    hub.offline(monkeypatch, tmp_path / "hub")
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path / "runs"))
    monkeypatch.setattr(picture_learning, "SCENES", 1)
    module = coverage_vision.random_weights(coverage_vision.TRANSFORMERS["ViTForImageClassification"][0]())
    size = {"height": coverage_vision.SIDE, "width": coverage_vision.SIDE}
    hub.lay(tmp_path / "hub", "somebody/vit", module, hf.ViTImageProcessor(size=size, image_mean=[0.4, 0.5, 0.6]))
    wanted = replace(job("vision", "lora", side=128, epochs=2), base="somebody/vit")
    run = run_of(tmp_path / "runs", wanted, pictures(each=8, held_out=4))
    events = list(train.train(run))
    assert (
        events[-1].metrics["training_loss"] < events[0].metrics["training_loss"]
        and len(list((run / "film").glob("step-*"))) > 1
    )
    model, result = load_vision(run.name), results.read(run)
    assert model.classes == ("across", "down", "plain") and model.learnt_at == 128 and result
    assert set(result.forgetting) == {"before", "after"}, "CLS of any library can be asked"

    outside.write(run, tmp_path / "whole")
    picture = Image.fromarray(torch.randint(0, 255, (128, 128, 3), dtype=torch.uint8).numpy())
    picture.save(tmp_path / "a.png")
    monkeypatch.setattr(sys, "argv", ["load.py", str(tmp_path / "a.png")])
    capsys.readouterr()
    runpy.run_path(str(tmp_path / "whole" / "load.py"))
    said = dict(reversed(line.split(" ", 1)) for line in capsys.readouterr().out.splitlines())
    chances = model.run(picture, 128, "stretch").probabilities
    for name, chance in zip(model.classes, chances.tolist(), strict=True):
        assert float(said[name].rstrip("%")) == pytest.approx(100 * chance, abs=0.3)  # float16
    card = (tmp_path / "whole" / "README.md").read_text()
    assert "library_name: transformers" in card and "base_model: somebody/vit" in card

    again = results.unpack(results.pack(run), catalogue.runs_folder())
    torch.testing.assert_close(load_vision(again.name).run(picture, 128, "stretch").probabilities, chances)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "empty"))
    with pytest.raises(SidelightError) as raised:
        results.unpack(results.pack(run), catalogue.runs_folder())
    assert raised.value.code == "result.no_base"


def t5(folder: Path) -> Translator:
    """Told by words."""
    tokens = tokenizer("metaspace")
    tokens.pad_token = "<s>"
    asked = {"translation_en_to_de": {"prefix": "translate English to German: "}}
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 1, "num_heads": 4, "vocab_size": len(tokens) + 4}
    marks = {"decoder_start_token_id": 1, "pad_token_id": 1, "eos_token_id": 2}
    config = hf.T5Config(**sizes, **marks, task_specific_params=asked)
    return _translator("t5", spread(hf.T5ForConditionalGeneration(config)), tokens)


def bert2bert(folder: Path) -> Translator:
    """Two models joined, of one direction, whose embeddings have other names."""
    tokens = tokenizer("wordpiece")
    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64}
    sides = (hf.BertConfig(**sizes, vocab_size=len(tokens), max_position_embeddings=64, pad_token_id=0),) * 2
    config = hf.EncoderDecoderConfig.from_encoder_decoder_configs(*sides)
    return _translator("bert2bert", spread(hf.EncoderDecoderModel(config)), tokens)


def nllb(folder: Path) -> Translator:
    """Told by codes."""
    found = coded("nllb", folder)
    for part in (found.module.get_encoder(), found.module.get_decoder()):
        part.layerdrop = 0.0  # it leaves out layers at random, and here there is one
    return found


@pytest.mark.parametrize(("make", "others"), [(t5, ()), (bert2bert, ("head",)), (nllb, ())])
def test_any_translator_learns_and_comes_back(
    make: Callable[[Path], Translator], others: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make(tmp_path / "made")
    monkeypatch.setattr(score, "LONGEST", 4)  # what is random seldom ends
    monkeypatch.setattr(Translator, "_positions", lambda self: 48)
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))

    def fresh(name: str = "") -> Translator:
        return replace(base, module=copy.deepcopy(base.module))

    for module in (sentence_learning, translation):
        monkeypatch.setattr(module, "load_translator", fresh)
    for method in ("lora", "prompt", *others):
        run = run_of(tmp_path, job("translation", method, epochs=1), pairs())
        assert list(train.train(run)) and len(list((run / "film").glob("step-*"))) > 1
        result, model = results.read(run), translation.load_translator_card(catalogue.card(run.name))
        assert result and result.target == {"t5": "de", "bert2bert": "", "nllb": "deu_Latn"}[make.__name__]
        learnt = model.translate("the dog runs", result.target, beams=1, max_pieces=4)
        plain = fresh().translate("the dog runs", result.target, beams=1, max_pieces=4)
        assert abs(learnt.score - plain.score) > 1e-4, "it had learnt something"
        if method == "prompt":  # no class but Marian's has a place for them
            with pytest.raises(SidelightError, match="this result opens here alone"):
                side("translation").check_whole(model)
        else:
            side("translation").check_whole(model)
        if base.languages.first:
            assert learnt.ids[1] == base.languages.first["deu_Latn"]


def test_a_pair_is_told_as_its_translator_is_told_on_the_page(tmp_path: Path) -> None:
    """The ids that are learnt from are those that a page translates, in front and behind."""
    pair = Pair("the dog runs", "der hund", "de")
    for base, language in ((tiny_translator(), "deu"), (t5(tmp_path), "de"), (coded("nllb", tmp_path), "deu_Latn")):
        ((source, target),) = encode(base.tokenizer, [pair], told(base, "de"))
        assert source == base.source_pieces(pair.source, language)[0][0].tolist()
        assert target == base.reference(pair.target, language)
    assert told(bert2bert(tmp_path), "de") == Told()
    with pytest.raises(SidelightError, match="de"):
        told(t5(tmp_path), "fr")


def test_languages_are_found_however_a_model_calls_them() -> None:
    assert written(("zho_Hant", "zho_Hans", "deu_Latn"), "zh") == "zho_Hans" and written(("de_DE",), "de") == "de_DE"
    assert written(("cmn_Hans", "deu"), "zh") == "cmn_Hans" and not written(("deu",), "fr")
    assert languages(("spa_Latn", "deu_Latn")) == ["de", "es"] and written(("spa_Latn",), "es") == "spa_Latn"
