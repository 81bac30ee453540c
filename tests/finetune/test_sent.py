"""A result that was forged gets one sentence and little memory; one that is true comes back, whatever the
method, with nothing of what was sent but its tensors and records."""

import hashlib
import json
import tracemalloc
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load, save

from core.finetune import data, methods, results
from core.finetune.job import Job, new_run, read_job
from core.finetune.methods import METHODS
from core.finetune.picture_learning import PictureLearning
from core.finetune.rebuilt import PEFT
from core.finetune.sentence_learning import SentenceLearning
from core.models import catalogue
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.models.vision.heads import new_head
from tests.finetune.test_results import Contents, contents, packed, refused, runs, with_json, zipped  # noqa: F401

BYTES = 300_000_000


def resigned(files: Contents, weights: bytes, file: str = "model.safetensors") -> None:
    """The weights in place of the true ones, with a card that vouches for them."""
    files[file] = weights
    with_json("card.json", sha256=hashlib.sha256(weights).hexdigest())(files)


def with_tensors(change: Callable[[dict[str, torch.Tensor]], object]) -> Callable[[Contents], None]:
    def changed(files: Contents) -> None:
        tensors = load(files["model.safetensors"])
        change(tensors)
        resigned(files, save(tensors))

    return changed


def raw(name: str, old: str, new: str) -> Callable[[Contents], None]:
    """A value that `json.dumps` would not write."""

    def change(files: Contents) -> None:
        with_json(name, **{old: "@@"})(files)
        files[name] = files[name].replace(b'"@@"', new.encode())

    return change


def header_of(length: int) -> Callable[[Contents], None]:
    return lambda files: resigned(files, length.to_bytes(8, "little") + b"{}" + b" " * 100)


def many_names(files: Contents) -> None:
    header = {f"t{n}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for n in range(100_000)}
    text = json.dumps(header).encode()
    resigned(files, len(text).to_bytes(8, "little") + text)


FORGED: dict[str, tuple[Callable[[Contents], object], str]] = {
    "a title that cannot be encoded": (raw("card.json", "title", '"\\ud800"'), "result.not_one"),
    "a title of nothing": (with_json("card.json", title="\u200b \u202e"), "result.not_one"),
    "a class that cannot be encoded": (raw("classes.json", "classes", '["cat", "\\udfff"]'), "result.not_one"),
    "a class of nothing": (with_json("classes.json", classes=["cat", "\u200b"]), "result.not_one"),
    "a class twice": (with_json("classes.json", classes=["cat", "cat"]), "result.not_one"),
    "a long class": (with_json("classes.json", classes=["cat", "x" * 10_000]), "result.not_one"),
    "a million classes": (with_json("classes.json", classes=[str(n) for n in range(10**6)]), "result.not_one"),
    "metrics without end": (raw("result.json", "metrics", '{"loss": Infinity}'), "result.not_one"),
    "metrics that overflow": (raw("result.json", "metrics", '{"loss": 1%s}' % ("0" * 400)), "result.not_one"),
    "metrics that are no number": (raw("result.json", "metrics", '{"loss": NaN}'), "result.not_one"),
    "a million metrics": (with_json("result.json", metrics={f"m{n}": 1.0 for n in range(10**6)}), "result.not_one"),
    "seconds without end": (raw("result.json", "seconds", "1e999"), "result.not_one"),
    "a temperature of zero": (with_json("classes.json", temperature=0.0), "result.not_one"),
    "a temperature below zero": (with_json("classes.json", temperature=-1.0), "result.not_one"),
    "a temperature that is no number": (raw("classes.json", "temperature", "NaN"), "result.not_one"),
    "a temperature of letters": (with_json("classes.json", temperature="x"), "result.not_one"),
    "a million layers": (with_json("job.json", rank=10**6), "result.not_one"),
    "a probe of megabytes": (with_json("job.json", probe="x" * 10**6), "result.not_one"),
    "another base in the job": (with_json("job.json", base="vision-cifar10"), "result.not_one"),
    "a method that makes other tensors": (with_json("job.json", method="full"), "model.not_its_base"),
    "a method that makes an adapter": (with_json("job.json", method="lora"), "model.not_its_base"),
    "weights that are no number": (with_tensors(lambda t: t["head.weight"].fill_(float("nan"))), "result.not_one"),
    "weights without end": (with_tensors(lambda t: t["head.bias"].fill_(float("inf"))), "result.not_one"),
    "whole numbers": (
        with_tensors(lambda t: t.update({"head.bias": torch.zeros(2, dtype=torch.int64)})),
        "result.not_one",
    ),
    "a tensor too many": (with_tensors(lambda t: t.update(more=torch.zeros(3))), "model.not_its_base"),
    "a tensor of the backbone": (
        with_tensors(lambda t: t.update({"cls_token": torch.zeros(1, 1, 384)})),
        "model.not_its_base",
    ),
    "a million registers": (
        with_tensors(lambda t: t.update(reg_token=torch.zeros(1, 10_000, 384))),
        "model.not_its_base",
    ),
    "a tensor too few": (with_tensors(lambda t: t.pop("head.bias")), "model.not_its_base"),
    "another shape": (with_tensors(lambda t: t.update({"head.bias": torch.zeros(3)})), "model.not_its_base"),
    "a header without end": (header_of(2**63), "result.not_one"),
    "a header longer than the file": (header_of(10**6), "result.not_one"),
    "a hundred thousand names": (many_names, "model.not_its_base"),
    "two files of weights": (lambda files: files.update({"adapter_model.safetensors": b"x"}), "result.not_one"),
    "deep records": (raw("result.json", "metrics", '{"a":' * 20_000), "result.not_one"),
    "a record of megabytes": (lambda files: files.update({"card.json": b" " * 10**7}), "result.not_one"),
    "many files": (lambda files: files.update({f"{n}.json": b"{}" for n in range(1000)}), "result.not_one"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_was_forged_gets_a_sentence_and_little_memory(packed: bytes, runs: Path, kind: str) -> None:  # noqa: F811
    change, code = FORGED[kind]
    files = contents(packed)
    change(files)
    forged = zipped(files)
    tracemalloc.start()
    try:
        assert refused(forged, runs) == code
        assert tracemalloc.get_traced_memory()[1] < BYTES
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_unpacked(packed: bytes, runs: Path, tmp_path: Path) -> None:  # noqa: F811
    files = contents(packed)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            if name != "model.safetensors":
                archive.writestr(name, content)
        with archive.open("model.safetensors", "w") as stream:
            for _ in range(400):
                stream.write(bytes(1 << 20))
    tracemalloc.start()
    assert refused(path.read_bytes(), runs) == "result.not_one"
    assert tracemalloc.get_traced_memory()[1] < 20_000_000
    tracemalloc.stop()


def with_fewer_ranks(module: torch.nn.Module) -> None:
    """As AdaLoRA leaves it: every layer has given up other ranks."""
    config = module.peft_config["default"]  # type: ignore[union-attr, index]
    names = [name for name, _ in module.named_parameters() if "lora_E" in name]
    masks = {name.removeprefix(PEFT): [i >= n % 4 for i in range(config.init_r)] for n, name in enumerate(names)}
    config.rank_pattern = masks


def untrained(root: Path, job: Job) -> Path:
    """A finished run as `train` leaves it, of a module that is prepared for the method and has not learnt yet."""
    run = new_run(root, job)
    place = run / "result"
    place.mkdir()
    if job.task == "vision":
        found, base = data.bundled_pictures(["cat", "ship"], 4), load_vision(job.base)
        new_head(base.module, 2)
        whole = methods.adapt(base.module, job.task, job.method, 10, job.rank)
        if job.method == "adalora":
            with_fewer_ranks(whole)
        found = replace(found, held_out=found.held_out.part(torch.tensor([0, 60])))
        itself = PictureLearning.__new__(PictureLearning)
        vars(itself).update(job=job, base=base, whole=whole, data=found, side=56)
        itself.export(whole, place)
    else:
        translator = load_translator(job.base)
        whole = methods.adapt(translator.module, job.task, job.method, 10, job.rank)
        if job.method == "adalora":
            with_fewer_ranks(whole)
        itself = SimpleNamespace(job=job, base=translator, ships_whole=SentenceLearning.ships_whole)
        SentenceLearning.export(itself, whole, place)  # type: ignore[arg-type]
    result = results.Result({"loss": 1.0}, {}, {}, 1.0, 1, 100.0, 10, 100, "00", "")
    results.write(place, job, results.card_of(run, job, place), result)
    return run


@pytest.mark.parametrize("task", ["vision", "translation"])
@pytest.mark.parametrize("method", METHODS)
def test_a_result_of_any_method_comes_back_as_its_tensors_alone(
    task: str, method: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))
    base = catalogue.default(task).key
    job = Job(task, method, base, "mine", epochs=1, rate=1e-3, rank=4, owner="cookie")  # type: ignore[arg-type]
    sent = untrained(tmp_path, job)
    files = contents(results.pack(sent))
    assert b"cookie" not in files["job.json"]
    trap = {"adapter_config.json", "tokenizer_config.json", "config.json", "generation_config.json", "vocab.json"}
    for name in trap & files.keys():
        files[name] = b'{"target_modules": "(x+x+)+y", "vocab": "/etc/passwd"}'
    back = results.unpack(zipped(files), tmp_path)
    kept = {file.name: file.read_bytes() for file in (back / "result").iterdir()}
    assert not [name for name, content in kept.items() if b"/etc/passwd" in content or b"(x+x+)+y" in content]
    assert read_job(back).owner == "" and results.read(back) == results.read(sent)
    load_one = load_vision if task == "vision" else load_translator
    first, second = (load_one(run.name).module.state_dict() for run in (sent, back))
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)
