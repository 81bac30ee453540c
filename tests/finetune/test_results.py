"""A result goes out as a ZIP and comes back the same; anything else is refused with a sentence and leaves nothing."""

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import samples
from core.errors import SidelightError
from core.finetune import results
from core.models import catalogue
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision

Contents = dict[str, bytes]
SENTENCE = "Cut the onion into thin slices."


@pytest.fixture
def runs(trained_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the trained runs that the catalogue reads."""
    root = tmp_path / "runs"
    shutil.copytree(trained_runs, root)
    monkeypatch.setenv("SIDELIGHT_RUNS", str(root))
    return root


@pytest.fixture(scope="session")
def packed(trained_runs: Path) -> bytes:
    """The vision result as a ZIP."""
    return results.pack(next(trained_runs.glob("*-head-*")))


def contents(data: bytes) -> Contents:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def zipped(files: Contents) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def with_json(name: str, **changes: object) -> Callable[[Contents], None]:
    def change(files: Contents) -> None:
        files[name] = json.dumps(json.loads(files[name]) | changes).encode()

    return change


def refused(data: bytes, root: Path) -> str:
    """The code that `unpack` gives; nothing may be left behind."""
    before = sorted(root.iterdir())
    with pytest.raises(SidelightError) as caught:
        results.unpack(data, root)
    assert sorted(root.iterdir()) == before, "nothing is half there"
    assert caught.value.sentence("en") and caught.value.sentence("zh")
    return caught.value.code


def test_a_vision_result_comes_back_with_the_same_predictions(runs: Path) -> None:
    sent = next(runs.glob("*-head-*"))
    back = results.unpack(results.pack(sent), runs)
    assert back != sent and results.read(back) == results.read(sent)
    photo = open_image((samples.FOLDER / "cat.jpg").read_bytes())
    first, second = (load_vision(run.name).run(photo, 224, "crop") for run in (sent, back))
    assert first.predictions == second.predictions
    assert {prediction.label for prediction in second.predictions} == {"cat", "ship"}
    assert torch.equal(first.features, second.features)


def test_a_translation_result_comes_back_with_the_same_translation(runs: Path) -> None:
    sent = next(runs.glob("*-lora-*"))
    back = results.unpack(results.pack(sent), runs)
    base, first, second = (load_translator(n) for n in (catalogue.default("translation").key, sent.name, back.name))
    given = [model.translate(SENTENCE, "deu") for model in (base, first, second)]
    assert given[1].text == given[2].text and given[1].score == given[2].score
    assert given[0].score != given[1].score, "what was trained is in it"


def test_what_is_deleted_is_gone_from_the_catalogue(runs: Path) -> None:
    run = next(runs.glob("*-head-*"))
    assert catalogue.card(run.name)
    results.delete(run)
    assert catalogue.card(run.name) is None and not run.exists()
    with pytest.raises(SidelightError) as caught:
        load_vision(run.name)
    assert caught.value.code == "model.run_gone"


def test_another_weights_file_is_refused(packed: bytes, runs: Path) -> None:
    files = contents(packed)
    weights = bytearray(files["model.safetensors"])
    weights[-1] ^= 1
    assert refused(zipped(files | {"model.safetensors": bytes(weights)}), runs) == "result.not_one"


@pytest.mark.parametrize(
    "name", ["../outside.json", "/etc/outside.json", "a/b.json", "..\\outside.json", ".hidden.json", "code.py", "x.bin"]
)
def test_a_path_or_a_kind_of_file_that_pack_does_not_write_is_refused(packed: bytes, runs: Path, name: str) -> None:
    assert refused(zipped(contents(packed) | {name: b"{}"}), runs) == "result.not_one"
    assert not list(runs.parent.rglob("*outside*"))


@pytest.mark.parametrize("name", ["card.json", "job.json", "result.json", "model.safetensors"])
def test_a_missing_part_is_refused(packed: bytes, runs: Path, name: str) -> None:
    files = contents(packed)
    del files[name]
    assert refused(zipped(files), runs) == "result.not_one"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (with_json("card.json", base="no-such-base"), "result.no_base"),
        (with_json("card.json", base=None), "result.not_one"),
        (with_json("card.json", base="translation-en-de-fr-cs-zh"), "result.no_base"),
        (with_json("card.json", place="/etc"), "result.not_one"),
        (with_json("card.json", title=5), "result.not_one"),
        (with_json("card.json", task="speech"), "result.not_one"),
        (with_json("job.json", method="../../../outside"), "result.not_one"),
        (with_json("job.json", epochs="many"), "result.not_one"),
        (with_json("job.json", task="translation"), "result.not_one"),
        (with_json("result.json", metrics=None), "result.not_one"),
        (with_json("result.json", seconds="long"), "result.not_one"),
        (with_json("result.json", more=1), "result.not_one"),
        (with_json("classes.json", classes=["cat", "ship", "frog"]), "model.not_its_base"),
        (lambda files: files.pop("classes.json"), "result.not_one"),
        (lambda files: files.update({"classes.json": b"[" * 50_000}), "result.not_one"),
        (lambda files: files.update({"card.json": b"[" * 50_000}), "result.not_one"),
    ],
)
def test_what_was_written_over_is_refused(
    packed: bytes, runs: Path, change: Callable[[Contents], None], code: str
) -> None:
    files = contents(packed)
    change(files)
    assert refused(zipped(files), runs) == code


SLOW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_refused(tmp_path: Path, data: bytes) -> None:
    assert refused(data, tmp_path) == "result.not_one"


@SLOW
@given(share=st.floats(0, 1, exclude_max=True))
def test_a_zip_that_was_cut_off_is_refused(packed: bytes, tmp_path: Path, share: float) -> None:
    assert refused(packed[: int(share * len(packed))], tmp_path) == "result.not_one"


@SLOW
@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_zip_with_one_bit_changed_is_refused_or_means_the_same(
    packed: bytes, tmp_path: Path, share: float, bit: int
) -> None:
    """Some bits, such as those of a file's date, carry nothing."""
    damaged = bytearray(packed)
    damaged[int(share * len(packed))] ^= 1 << bit
    try:
        run = results.unpack(bytes(damaged), tmp_path)
    except SidelightError as error:
        assert error.code == "result.not_one"
        assert list(tmp_path.iterdir()) == []
        return
    kept = {file.name: file.read_bytes() for file in (run / "result").iterdir()}
    results.delete(run)
    assert kept == contents(packed)
