"""Each way in which a hub, a network or a folder can be wrong ends in a sentence that says what to do."""

import errno
import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import transformers as hf

from core import wording
from core.errors import SidelightError
from core.models import hub
from core.models.answering import load_answerer
from core.models.detection import load_detector
from core.models.generation import load_generator
from core.models.segmentation import load_segmenter
from core.models.translation import load_translator
from core.models.vision import load_vision
from tests.models.hub import lay, offline, served
from tests.models.test_tokenizing import SIZES, marian
from tests.models.tiny import tokenizer

KINDS = (hf.AutoModelForCausalLM, hf.AutoTokenizer)
NAME = "tiny/gpt2"
LOADERS = (load_translator, load_generator, load_answerer, load_detector, load_segmenter)


def gpt2() -> hf.GPT2LMHeadModel:
    ends = {"bos_token_id": 0, "eos_token_id": 0}
    return hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=300, n_embd=32, n_layer=1, n_head=2, n_positions=64, **ends))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for part in (gpt2(), tokenizer("bytes")):
        part.save_pretrained(tmp_path / "hub" / NAME)
    return tmp_path / "hub"


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(SidelightError) as caught:
        act()
    for language in wording.LANGUAGES:
        sentence = caught.value.sentence(language)
        assert "/tmp" not in sentence and "Traceback" not in sentence and len(sentence) > 10
    return caught.value.code


@pytest.mark.parametrize(
    ("status", "header", "code"),
    [
        (401, "GatedRepo", "model.gated"),
        (403, "GatedRepo", "model.gated"),
        (403, "", "model.gated"),
        (401, "RepoNotFound", "model.unknown_alone"),
        (429, "", "model.busy"),
        (500, "", "model.offline_alone"),
        (503, "", "model.offline_alone"),
    ],
)
def test_a_hub_that_refuses(root: Path, tmp_path: Path, monkeypatch, status: int, header: str, code: str) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with served(monkeypatch, root, tmp_path / "cache", refused={NAME: (status, header)}):
        assert code_of(lambda: hub.from_hub(NAME, None, *KINDS)) == code
    assert sum(waits) < 20


def test_a_private_model_opens_with_a_token_that_is_kept_nowhere(
    root: Path, tmp_path: Path, monkeypatch, caplog
) -> None:
    token = "hf_" + "s3cret" * 6
    with served(monkeypatch, root, tmp_path / "cache", private={NAME: token}) as asked:
        assert code_of(lambda: hub.from_hub(NAME, None, *KINDS)) == "model.unknown_alone"
        monkeypatch.setenv("HF_TOKEN", token)
        assert hub.from_hub(NAME, None, *KINDS)[0].config.n_layer == 1
    assert not [path for path in asked if token in path] and token not in caplog.text
    assert not [f for f in (tmp_path / "cache").rglob("*") if f.is_file() and token.encode() in f.read_bytes()]


def test_a_renamed_model_opens_by_its_old_name(root: Path, tmp_path: Path, monkeypatch) -> None:
    with served(monkeypatch, root, tmp_path / "cache", moved={"tiny/old": NAME}):
        assert hub.from_hub("tiny/old", None, *KINDS)[0].config.n_layer == 1
        assert hub.is_fetched("tiny/old")
    offline(monkeypatch, tmp_path / "cache")
    assert hub.from_hub("tiny/old", None, *KINDS)[0].config.n_layer == 1


def test_what_was_fetched_is_used_while_the_hub_refuses(root: Path, tmp_path: Path, monkeypatch) -> None:
    with served(monkeypatch, root, tmp_path / "cache"):
        hub.from_hub(NAME, None, *KINDS)
    with served(monkeypatch, root, tmp_path / "cache", refused={NAME: (429, "")}):
        assert hub.from_hub(NAME, None, *KINDS)[0].config.n_layer == 1


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:9", "socks4://127.0.0.1:9"])
def test_a_socks_proxy(root: Path, tmp_path: Path, monkeypatch, proxy: str) -> None:
    from huggingface_hub import close_session

    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    close_session()
    try:
        with served(monkeypatch, root, tmp_path / "cache"):
            assert code_of(lambda: hub.from_hub(NAME, None, *KINDS)) == "model.proxy"
    finally:
        close_session()


def test_a_full_disk(root: Path, tmp_path: Path, monkeypatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with served(monkeypatch, root, tmp_path / "cache"):
        monkeypatch.setattr("huggingface_hub.hf_hub_download", full)
        assert code_of(lambda: hub.from_hub(NAME, None, *KINDS)) == "model.disk_full"


def edit(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def cut(folder: Path, name: str = "model.safetensors", left: float = 0.5) -> None:
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[: int(left * len(data))])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda f: edit(f, quantization_config={"quant_method": "awq", "bits": 4}), "model.quantised"),
        (lambda f: edit(f, quantization_config={"quant_method": "gptq", "bits": 4}), "model.quantised"),
        (lambda f: edit(f, quantization_config={"quant_method": "unheard-of"}), "model.quantised"),
        (lambda f: cut(f), "model.damaged"),
        (lambda f: cut(f, left=0), "model.damaged"),
        (lambda f: cut(f, "config.json"), "model.damaged"),
        (lambda f: (f / "config.json").write_text("[]"), "model.damaged"),
        (lambda f: (f / "model.safetensors").write_text("<html>sorry</html>" * 9), "model.damaged"),
        (lambda f: edit(f, n_embd=64), "model.damaged"),
        (lambda f: edit(f, n_layer="three"), "model.damaged"),
        (lambda f: (f / "config.json").unlink(), "model.no_config"),
        (lambda f: [(f / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")], "model.no_reader"),
        (lambda f: cut(f, "tokenizer.json"), "model.no_reader"),
        (lambda f: edit(f, model_type="brandnew"), "model.unsupported"),
        (lambda f: edit(f, model_type="brandnew", auto_map={"AutoConfig": "evil.Evil"}), "model.own_code"),
    ],
)
def test_a_folder_that_is_wrong(root: Path, tmp_path: Path, monkeypatch, change: Callable, code: str) -> None:
    change(root / NAME)
    with served(monkeypatch, root, tmp_path / "cache"):
        assert code_of(lambda: hub.from_hub(NAME, None, *KINDS)) == code


@pytest.mark.parametrize("loader", [load_detector, load_segmenter, load_vision])
def test_a_model_for_pictures_without_its_processor(tmp_path: Path, monkeypatch, loader: Callable) -> None:
    small = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 64}
    made: dict[Callable, Callable[[], hf.PreTrainedModel]] = {
        load_detector: lambda: hf.YolosForObjectDetection(hf.YolosConfig(image_size=[64, 64], **small)),
        load_segmenter: lambda: hf.SegformerForSemanticSegmentation(hf.SegformerConfig()),
        load_vision: lambda: hf.ViTForImageClassification(hf.ViTConfig(image_size=64, patch_size=16, **small)),
    }
    made[loader]().save_pretrained(tmp_path / "hub" / "tiny" / "pictures")
    with served(monkeypatch, tmp_path / "hub", tmp_path / "cache"):
        assert code_of(lambda: loader("tiny/pictures")) == "model.no_reader"


def test_a_format_that_needs_another_package(root: Path, tmp_path: Path, monkeypatch) -> None:
    def missing(*args: object, **options: object) -> None:
        raise ImportError("Loading this needs `sentencepiece`: pip install sentencepiece\n(more)")

    monkeypatch.setattr(hf.AutoTokenizer, "from_pretrained", missing)
    with served(monkeypatch, root, tmp_path / "cache"), pytest.raises(SidelightError) as caught:
        hub.from_hub(NAME, None, *KINDS)
    assert caught.value.code == "model.needs_package" and "pip install sentencepiece" in caught.value.sentence()


@pytest.mark.parametrize("file", ["source.spm", "target.spm", "vocab.json"])
def test_a_translator_without_a_part_of_its_tokenizer(tmp_path: Path, monkeypatch, file: str) -> None:
    own = marian(tmp_path)
    ends = {"pad_token_id": 13, "eos_token_id": 0, "decoder_start_token_id": 13}
    module = hf.MarianMTModel(hf.MarianConfig(vocab_size=14, d_model=32, max_position_embeddings=64, **SIZES, **ends))
    for part in (module, own):
        part.save_pretrained(tmp_path / "hub" / "tiny" / "marian")
    (tmp_path / "hub" / "tiny" / "marian" / file).unlink()
    with served(monkeypatch, tmp_path / "hub", tmp_path / "cache"):
        assert code_of(lambda: load_translator("tiny/marian")) == "model.no_reader"


@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize(
    "config", [hf.SamConfig, hf.DepthAnythingConfig, hf.WhisperConfig, hf.CLIPConfig, hf.ViTMAEConfig]
)
def test_a_model_for_another_task(tmp_path: Path, monkeypatch, loader: Callable, config: type) -> None:
    offline(monkeypatch, tmp_path)
    lay(tmp_path, "tiny/other", config(), gpt2())
    folder = next((tmp_path / "models--tiny--other" / "snapshots").iterdir())
    config().save_pretrained(folder)
    wanted = {"model.unsupported"}
    if (loader, config) == (load_generator, hf.WhisperConfig):  # transformers has a class for its decoder alone
        wanted = {"model.untrained_head"}
    assert {code_of(lambda: loader("tiny/other"))} == wanted


def test_what_was_cut_off_in_the_cache_is_fetched_anew(root: Path, tmp_path: Path, monkeypatch) -> None:
    with served(monkeypatch, root, tmp_path / "cache"):
        folder = hub.obtain(NAME, None)
        weights = (folder / "model.safetensors").resolve()
        weights.write_bytes(weights.read_bytes()[:1000])
        assert hub.from_hub(NAME, None, *KINDS)[0].config.n_layer == 1


@pytest.mark.parametrize(
    "typed",
    ["hf_" + "a1" * 17, "https://user:hf_" + "a1" * 17 + "@huggingface.co/tiny/gpt2", "tiny/gpt2?token=hf_" + "b" * 30],
)
def test_a_token_is_refused_and_not_repeated(typed: str) -> None:
    with pytest.raises(SidelightError) as caught:
        hub.from_hub(typed, None, *KINDS)
    assert caught.value.code == "model.token"
    assert not any(re.search("hf_[ab1]", caught.value.sentence(language)) for language in wording.LANGUAGES)
    assert "hf_a" not in repr(caught.value.values)
