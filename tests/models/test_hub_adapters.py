"""Repositories that hold an adapter alone, and weights in half precision alone."""

import json
from pathlib import Path

import peft
import pytest
import torch
import transformers as hf
from safetensors.torch import load_file, save_file

from core.errors import SidelightError
from core.models.generation import load_generator
from tests.models.hub import served
from tests.models.test_hub_errors import gpt2
from tests.models.tiny import tokenizer

TEXT = "Hello world, the dog"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A base, and what it learnt in a repository of its own."""
    base, place = gpt2(), tmp_path / "hub"
    for part in (base, tokenizer("bytes")):
        part.save_pretrained(place / "tiny/base")
    torch.manual_seed(1)
    learnt = peft.get_peft_model(base, peft.LoraConfig(r=2, target_modules=["c_attn"], init_lora_weights=False))
    learnt.save_pretrained(place / "tiny/learnt")
    change(place / "tiny/learnt", base_model_name_or_path="tiny/base")
    return place


def change(folder: Path, **values: object) -> None:
    file = folder / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def logits(model: hf.PreTrainedModel) -> torch.Tensor:
    with torch.inference_mode():
        return model(input_ids=torch.arange(5, 12)[None]).logits


def test_an_adapter_is_put_into_the_base_that_it_names(root: Path, tmp_path: Path, monkeypatch) -> None:
    expected = peft.PeftModel.from_pretrained(
        hf.AutoModelForCausalLM.from_pretrained(root / "tiny/base"), root / "tiny/learnt"
    ).eval()
    with served(monkeypatch, root, tmp_path / "cache"):
        found, base = load_generator("tiny/learnt"), load_generator("tiny/base")
    torch.testing.assert_close(logits(found.module), logits(expected), atol=1e-5, rtol=1e-4)
    assert float((logits(found.module) - logits(base.module)).abs().max()) > 1e-3
    assert not found.go_on(TEXT, 2).traces["decoder"].problems
    monkeypatch.setattr("core.models.hub.is_reachable", lambda: False)
    assert torch.equal(logits(load_generator("tiny/learnt").module), logits(found.module)), "without a network too"


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"base_model_name_or_path": None}, "model.damaged"),
        ({"base_model_name_or_path": "/home/me/base"}, "model.bad_name"),
        ({"base_model_name_or_path": "tiny/nobody"}, "model.unknown_alone"),
        ({"base_model_name_or_path": "tiny/learnt"}, "model.no_config"),
        ({"target_modules": ["c_proj"]}, "model.not_its_base"),
        ({"peft_type": "NOBODY"}, "model.not_its_base"),
    ],
)
def test_an_adapter_that_cannot_be_used(root: Path, tmp_path: Path, monkeypatch, wrong: dict, code: str) -> None:
    change(root / "tiny/learnt", **wrong)
    with served(monkeypatch, root, tmp_path / "cache"), pytest.raises(SidelightError) as caught:
        load_generator("tiny/learnt")
    assert caught.value.code == code


def test_weights_in_half_precision_alone_are_read(root: Path, tmp_path: Path, monkeypatch) -> None:
    file = root / "tiny/base/model.safetensors"
    halves = {name: value.half() for name, value in load_file(file).items()}
    save_file(halves, file.with_name("model.fp16.safetensors"), {"format": "pt"})
    whole = load_generator(root / "tiny/base")
    file.unlink()
    with served(monkeypatch, root, tmp_path / "cache"):
        found = load_generator("tiny/base")
    assert next(found.module.parameters()).dtype == torch.float32
    torch.testing.assert_close(logits(found.module), logits(whole.module), atol=0.02, rtol=0.02)


def test_of_several_forms_the_whole_one_is_fetched(root: Path, tmp_path: Path, monkeypatch) -> None:
    file = root / "tiny/base/model.safetensors"
    save_file(load_file(file), file.with_name("model.fp16.safetensors"), {"format": "pt"})
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        load_generator("tiny/base")
    assert not [path for path in asked if "fp16" in path]
