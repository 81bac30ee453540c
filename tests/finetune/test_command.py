"""The loop outside the page: `python -m core.finetune` on a person's folders and tables. See also `test_processes`."""

import json
import signal
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from core.finetune import __main__ as command
from core.finetune import results, worker
from core.finetune.data import dataset
from core.finetune.job import Job, read_job, status
from core.finetune.log import Event, read_log
from core.finetune.loop import checkpoints
from core.finetune.methods import METHODS
from core.finetune.options import parse
from core.models import catalogue
from tests.finetune.models import in_place, pairs, pictures


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    in_place(monkeypatch, tmp_path / "runs")
    return tmp_path / "runs"


def class_folders(folder: Path, each: int = 8) -> Path:
    part = pictures(each=each, held_out=3).train
    for number, (image, label) in enumerate(zip(part.images, part.labels.tolist(), strict=True)):
        place = folder / part.classes[label]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.permute(1, 2, 0).numpy()).save(place / f"{number}.png")
    return folder


def table(folder: Path) -> Path:
    found = pairs()
    path = folder / "pairs.tsv"
    path.write_text("".join(f"{pair.source}\t{pair.target}\n" for pair in (*found.train, *found.held_out)), "utf-8")
    return path


def words(*options: object) -> list[str]:
    return [str(option) for option in options]


def test_class_folders_make_a_run_that_is_listed(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data")
    options = words("--task", "vision", "--method", "lora", "--data", data, "--epochs", 3, "--side", 64)
    command.main([*options, "--precision", "no"])
    (folder,) = worker.runs()
    assert folder.parent == runs and status(folder).state == "finished"
    assert [card.key for card in catalogue.cards("vision") if card.is_trained] == [folder.name]
    made = read_job(folder)
    base, rate = catalogue.default("vision").key, METHODS["lora"].rate["vision"]
    expected = Job("vision", "lora", base, "across, down, plain", 3, rate, side=64)
    assert asdict(made) == asdict(expected)
    assert dataset.load(folder / "data").train.classes == ("across", "down", "plain")
    printed = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert printed[-1] == f"{folder}: finished (processes: 1)"
    events = [json.loads(line) for line in printed if line.startswith("{")]
    measured = [event for event in read_log(folder) if event.metrics]
    assert [event for event in events if event["metrics"]] == [json.loads(json.dumps(asdict(e))) for e in measured]
    assert set(results.read(folder).metrics) == {"accuracy", "macro_f1", "loss"}


def test_a_table_makes_a_run_that_is_listed(runs: Path, tmp_path: Path) -> None:
    options = words("--task", "translation", "--method", "ia3", "--data", table(tmp_path), "--epochs", 2)
    command.main([*options, *words("--language", "de", "--batch", 12, "--run", runs / "mine", "--rate", "0.03")])
    assert worker.runs() == [runs / "mine"] and read_job(runs / "mine").rate == 0.03
    assert [card.key for card in catalogue.cards("translation") if card.is_trained] == ["mine"]
    assert set(results.read(runs / "mine").metrics) == {"bleu", "chrf"}
    assert dataset.load(runs / "mine" / "data").language == "de"


def test_a_run_that_was_paused_goes_on(runs: Path, tmp_path: Path) -> None:
    """Only its folder is named: the data is in it."""
    options = words("--task", "vision", "--method", "head", "--run", runs / "mine")
    more = words("--data", class_folders(tmp_path / "data"), "--epochs", 6, "--batch", 6)
    folder = command._folder(parse("", [*options, *more]))
    for event in worker.train_here(folder):
        if event.step == 9:
            worker.request(folder, "pause")
    assert status(folder).state == "paused"
    command.main(options)
    assert status(folder).state == "finished" and results.read(folder).steps == len(read_log(folder)) > 9


@pytest.mark.parametrize(
    ("task", "data"),
    [("vision", "nowhere"), ("vision", "pairs.tsv"), ("translation", "nowhere.tsv"), ("translation", "empty.csv")],
)
def test_bad_data_ends_in_a_sentence(runs: Path, tmp_path: Path, task: str, data: str) -> None:
    table(tmp_path)
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SystemExit) as caught:
        command.main(words("--task", task, "--data", tmp_path / data))
    sentence = caught.value.code  # a text, which Python prints before it ends with 1
    assert isinstance(sentence, str) and sentence.endswith(".") and len(sentence.split()) > 4
    assert not runs.exists() and not worker.runs()


def test_a_new_run_needs_data(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["--task", "vision"])
    assert caught.value.code == 2 and "--data" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--epochs", "0"),
        ("--epochs", "two"),
        ("--batch", "0"),
        ("--batch", "-3"),
        ("--rate", "nan"),
        ("--rate", "0"),
        ("--rate", "inf"),
        ("--smoothing", "1"),
        ("--smoothing", "nan"),
        ("--rank", "0"),
        ("--patience", "-1"),
    ],
)
def test_a_value_out_of_its_bounds_gets_a_sentence(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(words("--task", "vision", "--data", tmp_path, f"{option}={value}"))
    assert caught.value.code == 2 and f"argument {option}: “{value}” is no" in capsys.readouterr().err
    assert not runs.exists()


def test_a_run_that_is_there_is_not_begun_anew(runs: Path, tmp_path: Path) -> None:
    """Options that differ and a run that is finished are refused, and nothing is touched."""
    data = class_folders(tmp_path / "data", each=6)
    first = words("--task", "vision", "--method", "head", "--run", runs / "mine")
    command._folder(parse("", [*first, *words("--data", data, "--epochs", 2, "--rate", 0.02)]))
    other = class_folders(tmp_path / "other", each=7)
    for more, said in (
        (words("--epochs", 3), "--epochs 2"),
        (words("--rate", 0.01, "--seed", 4), "--rate 0.02, --seed 0"),
        (words("--plain"), "augmentation"),
        (words("--method", "lora"), "--method head"),
        (words("--data", other), "other data"),
    ):
        with pytest.raises(SystemExit, match="was begun in another way") as caught:
            command.main([*first, *more])
        assert f": {said}." in str(caught.value.code)
    command.main([*first, *words("--data", data, "--epochs", 2, "--rate", 0.02)])
    result = (runs / "mine" / "result" / "result.json").read_bytes()
    log = (runs / "mine" / "log.jsonl").read_bytes()
    with pytest.raises(SystemExit, match="is finished"):
        command.main(first)
    assert (runs / "mine" / "result" / "result.json").read_bytes() == result
    assert (runs / "mine" / "log.jsonl").read_bytes() == log


def test_the_folder_and_what_to_know_of_the_data_are_printed_at_the_start(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = class_folders(tmp_path / "data", each=6)
    command.main(words("--task", "vision", "--method", "head", "--data", data, "--epochs", 1, "--run", runs / "mine"))
    printed = capsys.readouterr().out.splitlines()
    start = next(n for n, line in enumerate(printed) if line.startswith(f"{runs / 'mine'}: begins"))
    report = dataset.load(runs / "mine" / "data").report
    assert report.warnings and {warning.sentence() for warning in report.warnings} <= set(printed[:start])
    assert start < next(n for n, line in enumerate(printed) if line.startswith("{"))


def test_ctrl_c_leaves_a_checkpoint_and_no_traceback(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    train_here = worker.train_here

    def interrupted(folder: Path, lock: bool) -> Iterator[Event]:
        for event in train_here(folder, lock):
            if event.step == 3:
                signal.raise_signal(signal.SIGINT)
            yield event

    monkeypatch.setattr(worker, "train_here", interrupted)
    data, before = class_folders(tmp_path / "data"), signal.getsignal(signal.SIGINT)
    line = words("--task", "vision", "--method", "head", "--data", data, "--epochs", 9, "--run", runs / "mine")
    command.main([*line, "--batch", "6"])
    assert signal.getsignal(signal.SIGINT) == before
    assert status(runs / "mine").state == "paused"
    assert [place.name for place in checkpoints(runs / "mine")] == ["step-0000003"]
    assert capsys.readouterr().out.splitlines()[-1] == f"{runs / 'mine'}: paused (processes: 1)"


@pytest.mark.parametrize("variable", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_what_shares_out_the_weights_is_refused_before_anything_is_written(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "true")
    data = class_folders(tmp_path / "data")
    with pytest.raises(SystemExit, match="shares out a model's weights"):
        command.main(words("--task", "vision", "--method", "head", "--data", data, "--run", runs / "mine"))
    assert not (runs / "mine").exists()
