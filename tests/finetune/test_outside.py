"""A result for use without this project: the script beside it says what the pages say, the card how good it is."""

import copy
import io
import re
import runpy
import shutil
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import httpx2 as httpx
import huggingface_hub
import pytest
import torch
import yaml
from huggingface_hub import RepoUrl
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from PIL import ExifTags, Image

from core import samples
from core.errors import SidelightError
from core.finetune import onnx_parts, outside, results
from core.finetune.data import dataset
from core.finetune.outside import hub
from core.models.evidence import wilson
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision
from tests.conftest import missing

SENTENCE = "Cut the onion into thin slices."


@pytest.fixture(autouse=True)
def runs(trained_runs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(trained_runs))
    return trained_runs


def said(folder: Path, argument: str, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    patch.setattr(sys, "argv", ["load.py", argument])
    capsys.readouterr()
    runpy.run_path(str(folder / "load.py"))
    return capsys.readouterr().out.splitlines()


def as_a_phone(image: Image.Image, place: Path) -> None:
    """On its side, with the word that it is."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    image.transpose(Image.Transpose.ROTATE_90).save(place, exif=exif)


def test_the_script_says_what_the_page_says_of_a_picture(runs, tmp_path, monkeypatch, capsys) -> None:
    run = next(runs.glob("*-head-*"))
    outside.write(run, tmp_path)
    model, side = load_vision(run.name), results.job_of(run).side
    image = open_image(samples.photos()[0].path.read_bytes()).resize((side, side))
    as_a_phone(image, tmp_path / "square.png")
    lines = said(tmp_path, str(tmp_path / "square.png"), monkeypatch, capsys)
    chances = dict(zip(model.classes, model.run(image, side, "stretch").probabilities.tolist(), strict=True))
    for line in lines:
        share, name = line.split(" ", 1)
        assert float(share.rstrip("%")) == pytest.approx(100 * chances.pop(name), abs=0.3)  # float16
    assert not chances


def test_the_script_writes_what_the_page_writes(runs, tmp_path, monkeypatch, capsys) -> None:
    run = next(runs.glob("*-lora-*"))
    outside.write(run, tmp_path)
    (line,) = said(tmp_path, SENTENCE, monkeypatch, capsys)
    assert line == load_translator(run.name).translate(SENTENCE, "deu").text


def test_a_run_that_was_finished_early_says_so(runs, tmp_path) -> None:
    run = next(runs.glob("*-head-*"))
    job, log = results.job_of(run), tmp_path / "log.jsonl"
    lines = (run / "log.jsonl").read_text("utf-8").splitlines()
    assert "finished after" not in outside.card.card_text(run, job, results.read(run), "timm")
    shutil.copytree(run, tmp_path, dirs_exist_ok=True)
    log.write_text(lines[0].replace('"metrics": {}', '"metrics": {"loss": 1.0}') + "\n", "utf-8")
    said = outside.card.card_text(tmp_path, job, results.read(run), "timm")
    assert f"It was finished after step 1 of {len(lines)}." in said


def test_the_card_tells_what_was_measured_and_names_no_place_of_this_machine(runs, tmp_path) -> None:
    for run in runs.glob("*-*"):
        with zipfile.ZipFile(io.BytesIO(outside.pack(run))) as archive:
            text = archive.read(f"{run.name}/README.md").decode()
            small = b"".join(archive.read(name) for name in archive.namelist() if not name.endswith(".safetensors"))
        assert str(runs).encode() not in small and b"/work" not in small
        _, head, body = text.split("---\n", 2)
        result, job = results.read(run), results.job_of(run)
        assert yaml.safe_load(head)["pipeline_tag"] == outside.card.KINDS[job.task]
        assert result.data in body and job.method in body
        if "accuracy" in result.metrics:
            count = sum(few for _, few in dataset.load(run / "data").report.counts.values())
            low, high = wilson(round(result.metrics["accuracy"] * count), count)
            assert f"| accuracy | {result.metrics['accuracy']:.1%} | {low:.1%} to {high:.1%} |" in body
        assert re.search(r"\| 1?\d+ \| \d\.\d{3} \|", body), "how it learnt"
    run = next(runs.glob("*-head-*"))
    own = outside.card.card_text(run, replace(results.job_of(run), base="local:my-vit"), results.read(run), "timm")
    assert "Base: `my-vit`, a folder" in own and "base_model" not in own and "local:" not in own


def test_a_run_that_is_gone_gets_a_sentence() -> None:
    with pytest.raises(SidelightError, match="not"):
        outside.pack(Path("20200101-000000-lora-abcd"))


@pytest.mark.parametrize("method", ["head", "lora"])
def test_onnx_says_what_pytorch_says(runs, tmp_path, monkeypatch, capsys, method: str) -> None:
    """The script of a folder that holds no weights of PyTorch."""
    if any(find_spec(name) is None for name in onnx_parts.PACKAGES):
        missing("onnx, onnxscript and onnxruntime are not installed")
    run = next(runs.glob(f"*-{method}-*"))
    assert outside.write_onnx(run, tmp_path) < 1e-3
    assert not list(tmp_path.glob("*.safetensors"))
    if method == "lora":
        (line,) = said(tmp_path, SENTENCE, monkeypatch, capsys)
        assert line == load_translator(run.name).translate(SENTENCE, "deu", beams=1).text
        return
    model, side = load_vision(run.name), results.job_of(run).side
    image = open_image(samples.photos()[0].path.read_bytes()).resize((side, side))
    as_a_phone(image, tmp_path / "square.png")
    lines = said(tmp_path, str(tmp_path / "square.png"), monkeypatch, capsys)
    chances = dict(zip(model.classes, model.run(image, side, "stretch").probabilities.tolist(), strict=True))
    assert {name: float(share[:-1]) for share, name in (line.split(" ", 1) for line in lines)} == pytest.approx(
        {name: 100 * chance for name, chance in chances.items()}, abs=0.06
    )


def test_onnx_that_differs_is_not_offered(tmp_path, monkeypatch) -> None:
    """The exporter is made to write another network than the one that it is given."""
    if any(find_spec(name) is None for name in onnx_parts.PACKAGES):
        missing("onnx, onnxscript and onnxruntime are not installed")
    write = torch.onnx.export

    def other(module, **given):
        changed = copy.deepcopy(module)
        changed.weight.data[0] += 0.1
        return write(changed, **given)

    part = onnx_parts.Part(torch.nn.Linear(3, 2), lambda count: {"input": torch.randn(count, 3)}, {"input": (0,)}, "y")
    assert onnx_parts.write_parts({"part": part}, tmp_path) < 1e-5
    monkeypatch.setattr(torch.onnx, "export", other)
    with pytest.raises(SidelightError, match="not offered"):
        onnx_parts.write_parts({"part": part}, tmp_path)


def test_without_its_packages_onnx_is_a_sentence(runs, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(onnx_parts, "PACKAGES", ("onnx_that_nobody_has",))
    with pytest.raises(SidelightError, match="pip install onnx_that_nobody_has"):
        outside.write_onnx(next(runs.glob("*-head-*")), tmp_path)


class Hub:
    """In place of HfApi: what was asked of it."""

    def __init__(self, private: bool = True, error: Exception | None = None) -> None:
        self.private, self.error, self.asked = private, error, []

    def create_repo(self, name: str, private: bool, exist_ok: bool) -> RepoUrl:
        self.asked.append(("create", name, private, exist_ok))
        return RepoUrl(f"https://huggingface.co/somebody/{name}")

    def model_info(self, name: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private)

    def upload_folder(self, repo_id: str, folder_path: Path, commit_message: str) -> None:
        if self.error:
            raise self.error
        self.asked.append(("upload", repo_id, sorted(file.name for file in folder_path.iterdir())))


@pytest.fixture
def push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable:
    """hub.push of a folder with one file to this hub, by somebody who is logged in."""
    (tmp_path / "README.md").write_text("a card")

    def pushed(api: Hub, name: str = "flowers", token: str | None = "t", public: bool = False) -> str:
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: api)
        monkeypatch.setattr(huggingface_hub, "get_token", lambda: token)
        return hub.push(tmp_path, name, public)

    return pushed


def test_a_model_goes_to_the_hub_as_private(push: Callable) -> None:
    api = Hub()
    assert push(api) == "https://huggingface.co/somebody/flowers"
    assert api.asked == [("create", "flowers", True, True), ("upload", "somebody/flowers", ["README.md"])]


def test_who_wants_it_public_says_so(push: Callable) -> None:
    api = Hub(private=False)
    push(api, public=True)
    assert [one[0] for one in api.asked] == ["create", "upload"] and api.asked[0][2] is False


def test_what_cannot_be_sent_gets_a_sentence_and_nothing_is_sent(push: Callable, monkeypatch) -> None:
    request = httpx.Request("POST", "https://huggingface.co")
    refused = HfHubHTTPError("403 Forbidden: not yours", response=httpx.Response(403, request=request))
    for api, told, sentence in (
        (Hub(), {"token": None}, "logged in"),
        (Hub(), {"name": "../up"}, "name"),
        (Hub(private=False), {}, "open to all"),
        (Hub(error=httpx.ConnectError("no network")), {}, "try again later"),
        (Hub(error=OfflineModeIsEnabled("HF_HUB_OFFLINE")), {}, "try again later"),
        (Hub(error=refused), {}, "403 Forbidden"),
    ):
        with pytest.raises(SidelightError, match=sentence):
            push(api, **told)
        assert "upload" not in [one[0] for one in api.asked]
    monkeypatch.setenv("SIDELIGHT_HUB", "0")
    with pytest.raises(SidelightError, match="SIDELIGHT_HUB"):
        push(Hub())
