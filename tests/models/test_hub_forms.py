"""The forms in which models come: pickles, parts, branches, addresses of the hub, folders of this machine."""

import json
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from safetensors.torch import load_file
from torch import Tensor

from core.errors import SidelightError
from core.models import catalogue, hub, pickled
from core.models.loading import check_model_name
from core.models.translation import load_translator
from tests.models.hub import offline, served
from tests.models.test_tokenizing import bart
from tests.models.tiny import tokenizer

NAME = "tiny/bart"
KINDS = (hf.AutoModelForSeq2SeqLM, hf.AutoTokenizer)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A model with four names for one embedding, as safetensors."""
    own = bart()
    for part in (own.module, own.tokenizer):
        part.save_pretrained(tmp_path / "hub" / NAME)
    return tmp_path / "hub"


def state() -> dict[str, Tensor]:
    return dict(bart().module.state_dict())


def as_pickle(folder: Path, new_format: bool = True) -> None:
    (folder / "model.safetensors").unlink()
    torch.save(state(), folder / "pytorch_model.bin", _use_new_zipfile_serialization=new_format)


def as_parts(folder: Path) -> None:
    """In two pickles with an index, as transformers wrote them."""
    (folder / "model.safetensors").unlink()
    whole, names = state(), list(state())
    where = {}
    for number, part in enumerate((names[: len(names) // 2], names[len(names) // 2 :]), 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: whole[name] for name in part}, folder / file)
        where |= dict.fromkeys(part, file)
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))


def asked_for(asked: list[str]) -> set[str]:
    return {path.rsplit("/", 1)[1] for path in asked if "/resolve/" in path}


@pytest.mark.parametrize("form", [as_pickle, lambda folder: as_pickle(folder, False), as_parts])
def test_pickled_weights_are_read_and_kept_once_as_safetensors(root: Path, tmp_path: Path, monkeypatch, form) -> None:
    form(root / NAME)
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        module, _ = hub.from_hub(NAME, None, *KINDS)
        assert any(file.endswith(".bin") for file in asked_for(asked))
        asked.clear()
        again, _ = hub.from_hub(NAME, None, *KINDS)
        assert not asked_for(asked), "what was made of them is enough"
    for key, value in bart().module.state_dict().items():
        assert torch.equal(module.state_dict()[key], value) and torch.equal(again.state_dict()[key], value)
    offline(monkeypatch, tmp_path / "cache")
    assert hub.is_fetched(NAME)
    folder = hub.obtain(NAME, None)
    assert pickled.was_pickled(folder)
    assert not list(folder.glob("*.bin")) and not list((tmp_path / "cache").rglob("*.part"))
    hub.from_hub(NAME, None, *KINDS)


class Hostile:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.file),)


@pytest.mark.parametrize("new_format", [True, False])
def test_nothing_of_a_hostile_pickle_runs(root: Path, tmp_path: Path, monkeypatch, new_format: bool) -> None:
    ran = tmp_path / "it ran"
    as_pickle(root / NAME)
    hostile = state() | {"model.shared.weight": Hostile(ran)}
    if new_format:
        torch.save(hostile, root / NAME / "pytorch_model.bin")
    else:
        (root / NAME / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile(ran)))
    with served(monkeypatch, root, tmp_path / "cache"), pytest.raises(SidelightError) as caught:
        hub.from_hub(NAME, None, *KINDS)
    assert caught.value.code == "model.unsafe" and not ran.exists()
    assert not hub.is_fetched(NAME)
    torch.load(root / NAME / "pytorch_model.bin", weights_only=False) if new_format else pickle.loads(
        (root / NAME / "pytorch_model.bin").read_bytes()
    )
    assert ran.exists(), "it would have run"


def test_a_local_folder_with_a_hostile_pickle_is_refused_too(root: Path, tmp_path: Path) -> None:
    as_pickle(root / NAME)
    torch.save({"weight": Hostile(tmp_path / "it ran")}, root / NAME / "pytorch_model.bin")
    with pytest.raises(SidelightError) as caught:
        hub.from_hub(root / NAME, None, *KINDS)
    assert caught.value.code == "model.unsafe" and not (tmp_path / "it ran").exists()


def test_a_tensor_that_claims_to_be_larger_than_its_file_is_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1).expand(10**13)}, tmp_path / "pytorch_model.bin")
    with pytest.raises(SidelightError) as caught:
        pickled.convert(tmp_path, "large")
    assert caught.value.code == "model.damaged"


@pytest.mark.parametrize(
    "data", [b"", b"PK\x03\x04rubbish", b"\x80\x02}q\x00.", pickle.dumps([1, 2]), pickle.dumps({"a": 1})]
)
def test_what_is_no_pickle_of_tensors_gets_a_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(data)
    with pytest.raises(SidelightError) as caught:
        pickled.convert(tmp_path, "rubbish")
    assert caught.value.code in ("model.damaged", "model.unsafe") and not list(tmp_path.glob("*.safetensors"))


def test_of_whole_weights_and_parts_one_form_is_fetched(root: Path, tmp_path: Path, monkeypatch) -> None:
    bart().module.save_pretrained(root / NAME, max_shard_size="20KB")
    bart().module.save_pretrained(root / NAME)
    bart().module.save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    for file in (tmp_path / "parts").glob("model*"):
        file.rename(root / NAME / file.name)
    torch.save(state(), root / NAME / "pytorch_model.bin")
    assert len(list((root / NAME).glob("model-*"))) > 2
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        hub.from_hub(NAME, None, *KINDS)
    weights = {file for file in asked_for(asked) if file.startswith(("model", "pytorch_model"))}
    assert weights == {"model.safetensors"}


def test_a_model_in_parts_is_fetched_with_its_index(root: Path, tmp_path: Path, monkeypatch) -> None:
    (root / NAME / "model.safetensors").unlink()
    bart().module.save_pretrained(root / NAME, max_shard_size="20KB")
    with served(monkeypatch, root, tmp_path / "cache") as asked:
        module, _ = hub.from_hub(NAME, None, *KINDS)
    assert "model.safetensors.index.json" in asked_for(asked)
    assert torch.equal(module.state_dict()["final_logits_bias"], state()["final_logits_bias"])


def test_a_branch_is_a_model_of_its_own(root: Path, tmp_path: Path, monkeypatch) -> None:
    other = bart()
    with torch.no_grad():
        other.module.model.shared.weight.fill_(0.5)
    for part in (other.module, other.tokenizer):
        part.save_pretrained(root / f"{NAME}@refs/pr/7")
    with served(monkeypatch, root, tmp_path / "cache"):
        found = {name: hub.from_hub(name, None, *KINDS)[0] for name in (NAME, f"{NAME}@refs/pr/7")}
        with pytest.raises(SidelightError) as caught:
            hub.from_hub(f"{NAME}@none", None, *KINDS)
        assert caught.value.code == "model.no_revision"
    assert bool((found[f"{NAME}@refs/pr/7"].model.shared.weight == 0.5).all())
    assert not bool((found[NAME].model.shared.weight == 0.5).any())
    offline(monkeypatch, tmp_path / "cache")
    assert hub.is_fetched(f"{NAME}@refs/pr/7") and not hub.is_fetched(f"{NAME}@none")
    assert bool((hub.from_hub(f"{NAME}@refs/pr/7", None, *KINDS)[0].model.shared.weight == 0.5).all())


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("https://huggingface.co/Helsinki-NLP/opus-mt-en-de", "Helsinki-NLP/opus-mt-en-de"),
        (" huggingface.co/gpt2/ ", "gpt2"),
        ("https://hf.co/tiny/bart/tree/main", "tiny/bart"),
        ("https://huggingface.co/tiny/bart/tree/refs%2Fpr%2F7", "tiny/bart@refs/pr/7"),
        ("https://huggingface.co/tiny/bart/blob/v1.0/config.json", "tiny/bart@v1.0"),
        ("https://huggingface.co/tiny/bart/blob/refs%2Fpr%2F7/config.json", "tiny/bart@refs/pr/7"),
        ("https://huggingface.co/tiny/bart/discussions/3", "tiny/bart"),
        ("https://huggingface.co/tiny/bart?library=transformers#usage", "tiny/bart"),
        ("tiny/bart@0123abc", "tiny/bart@0123abc"),
    ],
)
def test_an_address_of_the_hub_is_a_name(typed: str, name: str) -> None:
    assert check_model_name(typed) == name


@pytest.mark.parametrize(
    "typed",
    [
        "https://huggingface.co/datasets/glue",
        "https://example.com/tiny/bart",
        "file:///etc/passwd",
        "/etc/passwd",
        "../x",
        "a/b/c",
        "tiny/bart@../x",
        "tiny/bart@",
        "",
        "https://huggingface.co/",
        "http://169.254.169.254/latest",
    ],
)
def test_other_addresses_and_paths_are_refused(typed: str) -> None:
    with pytest.raises(SidelightError) as caught:
        check_model_name(typed)
    assert caught.value.code == "model.bad_name"


def test_zip_files_and_the_older_format_are_told_apart(tmp_path: Path) -> None:
    for new in (True, False):
        torch.save({"a": torch.arange(3)}, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=new)
        assert zipfile.is_zipfile(tmp_path / "pytorch_model.bin") == new
        pickled.convert(tmp_path, "either")
        assert load_file(tmp_path / "model.safetensors")["a"].tolist() == [0, 1, 2]


def test_a_folder_of_this_machine_opens_from_python(root: Path) -> None:
    module, own = hub.from_hub(root / NAME, None, *KINDS)
    assert module.config.d_model == 32 and len(own) == len(tokenizer("bytes")) + 4
    as_pickle(root / NAME)
    assert hub.from_hub(root / NAME, None, *KINDS)[0].config.d_model == 32
    with pytest.raises(SidelightError) as caught:
        hub.from_hub(root / "none", None, *KINDS)
    assert caught.value.code == "model.no_config"
    with pytest.raises(SidelightError) as caught:
        hub.from_hub(str(root / NAME), None, *KINDS)
    assert caught.value.code == "model.bad_name", "a page gives texts, never paths"


def test_pages_offer_the_folders_of_one_place_and_no_others(root: Path, tmp_path: Path, monkeypatch) -> None:
    assert catalogue.folders() == {} and catalogue.folder("local:bart") is None
    monkeypatch.setenv("SIDELIGHT_MODELS", str(root / "tiny"))
    (root / "tiny" / "notes").mkdir()
    (root / "tiny" / "timm").mkdir()
    (root / "tiny" / "timm" / "config.json").write_text('{"architecture": "vit_tiny_patch16_224"}')
    assert set(catalogue.folders()) == {"local:bart", "local:timm"}
    assert set(catalogue.folders("translation")) == set(catalogue.folders("summary")) == {"local:bart"}
    assert set(catalogue.folders("vision")) == {"local:timm"} and not catalogue.folders("answer")
    opened = load_translator("local:bart")
    assert opened.name == "bart" and opened.translate("the dog", None, beams=1, max_pieces=3).text is not None
    for typed in ("local:../tiny/bart", "local:none", "local:/etc"):
        with pytest.raises(SidelightError) as caught:
            load_translator(typed)
        assert caught.value.code == "model.bad_name"
