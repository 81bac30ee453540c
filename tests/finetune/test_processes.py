"""Training on two processes is training on one, of a translator from its first weights and of a head on the bundled
backbone: `accelerate launch` is really run, once for both commands, and gives the same losses, weights and, after a
break, the same end. What it tells its processes is told to two copies of this one for that, which need not import
everything again."""

import json
import multiprocessing
import os
import random
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState
from safetensors.torch import load_file

from core.finetune import __main__ as command
from core.finetune import pretrain, results
from core.finetune.log import Event, read_log
from core.finetune.loop import checkpoints
from tests.finetune.test_command import class_folders, words
from tests.finetune.test_translation import NOUNS, VERBS, write

ROOT = Path(__file__).resolve().parents[2]
LAST = Path("checkpoints/step-0000012")


def arguments(data: Path, run: Path) -> list[str]:
    """No dropout, no reduced precision: what is left to differ is how the work is shared."""
    found = ["--data", data, "--run", run, "--pieces", 40, "--width", 64, "--layers", 1, 1, "--dropout", 0]
    found += ["--precision", "no", "--rate", 0.003, "--warmup", 4, "--average", 0.9, "--tokens", 300]
    return [str(value) for value in [*found, "--steps", 12, "--every", 6]]


def launch(*commands: list[str]) -> str:
    """Each a module with its arguments. What they print."""
    line = [sys.executable, "-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2"]
    line += ["--num_machines", "1", "--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", "0"]
    line += ["-m", "tests.finetune.launched", json.dumps(commands)]
    environment = os.environ | {"SIDELIGHT_DEVICE": "cpu", "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(line, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _take_part(rank: int, port: int, arguments: list[str]) -> None:
    os.environ |= {"SIDELIGHT_DEVICE": "cpu", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
    AcceleratorState._reset_state(reset_partial_state=True)
    GradientState._reset_state()
    pretrain.main(arguments)


def fork(arguments: list[str]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    start = multiprocessing.get_context("fork").Process
    children = [start(target=_take_part, args=(rank, port, arguments)) for rank in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(240)
    assert [child.exitcode for child in children] == [0, 0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same on one process and on two: "one" and "two", a translator; "head-one" and "head-two", a head, which has
    half of each batch for each."""
    folder, draw, lines = tmp_path_factory.mktemp("processes"), random.Random(0), []
    for _ in range(120):
        (noun, german), (verb, doing) = draw.choice([*NOUNS.items()]), draw.choice([*VERBS.items()])
        lines.append((f"The {noun} {verb}.", f"{german} {doing}."))
    write(folder / "data", "train", lines)
    write(folder / "data", "val", lines[:10])
    data = class_folders(folder / "pictures", each=10)
    head = words("--task", "vision", "--method", "head", "--plain", "--smoothing", 0, "--precision", "no")
    head += words("--data", data, "--epochs", 4, "--batch", 8, "--side", 112, "--run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SIDELIGHT_DEVICE", "cpu")
        pretrain.main(arguments(folder / "data", folder / "one"))
        command.main([*head, str(folder / "head-one")])
    printed = launch(
        ["core.finetune.pretrain", *arguments(folder / "data", folder / "two")],
        ["core.finetune", *head, str(folder / "head-two")],
    )
    assert printed.count("finished (processes: 2)") == 1, "one of the two speaks"
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Path]:
    """The translator's, and that on two after the second half was lost."""
    shutil.copytree(folder / "two", folder / "resumed")
    shutil.rmtree(folder / "resumed" / LAST)
    lines = (folder / "two" / "log.jsonl").read_text().splitlines(keepends=True)
    (folder / "resumed" / "log.jsonl").write_text("".join(lines[:9]))  # three steps after the last checkpoint
    fork(arguments(folder / "data", folder / "resumed"))
    return {name: folder / name for name in ("one", "two", "resumed")}


def losses(events: list[Event]) -> list[float]:
    return [value for event in events for value in (event.loss, *event.metrics.values())]


@pytest.mark.parametrize("other", ["two", "resumed"])
def test_two_processes_learn_what_one_learns(runs: dict[str, Path], other: str) -> None:
    one, two = read_log(runs["one"]), read_log(runs[other])
    assert [event.step for event in two] == list(range(1, 13))
    assert [event.terms for event in one] == [event.terms for event in two]
    assert losses(two) == pytest.approx(losses(one), abs=1e-5)
    assert losses(one)[-1] < losses(one)[0]


@pytest.mark.parametrize("other", ["two", "resumed"])
def test_two_processes_end_at_the_same_weights(runs: dict[str, Path], other: str) -> None:
    one, two = (load_file(runs[name] / LAST / "model.safetensors") for name in ("one", other))
    first = load_file(checkpoints(runs["one"])[0] / "model.safetensors")
    assert one.keys() == two.keys()
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, atol=1e-5, rtol=0)
    assert max(float((one[name] - first[name]).abs().max()) for name in one) > 1e-3


def test_there_really_were_two(runs: dict[str, Path]) -> None:
    found = {name: {path.name for path in (run / LAST).glob("random_states_*")} for name, run in runs.items()}
    two = {"random_states_0.pkl", "random_states_1.pkl"}
    assert found == {"one": {"random_states_0.pkl"}, "two": two, "resumed": two}


def test_a_head_learns_on_two_what_it_learns_on_one(folder: Path) -> None:
    one, two = (read_log(folder / name) for name in ("head-one", "head-two"))
    assert [event.step for event in two] == list(range(1, len(one) + 1))
    assert [event.terms for event in two] == [event.terms for event in one]
    assert losses(two) == pytest.approx(losses(one), rel=1e-4)
    assert one[-1].loss < 0.8 * one[0].loss


def test_a_head_ends_on_two_at_the_same_weights(folder: Path) -> None:
    ends = folder / "head-one", folder / "head-two"
    one, two = (load_file(run / "result" / "model.safetensors") for run in ends)
    assert set(one) == set(two) == {"head.weight", "head.bias"}
    for name, weight in one.items():
        torch.testing.assert_close(two[name], weight, rtol=0, atol=1e-5)
    assert results.read(ends[0]).metrics == pytest.approx(results.read(ends[1]).metrics, rel=1e-4)
