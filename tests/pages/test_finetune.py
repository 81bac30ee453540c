"""The Fine-tune page before and around a run: it opens explained, bad data gets a sentence and no button, the button
puts a job into the queue. The worker is left out: tests/finetune/test_jobs.py has it."""

import json
import math
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from core import wording
from core.finetune import estimate, rates, sweep, worker
from core.finetune.data import dataset
from core.finetune.job import ask, new_run, read_job, set_status, status, write_json
from core.finetune.log import Event, log_event
from core.finetune.methods import METHODS
from core.finetune.rates import RangeTest
from core.ui import visitor
from core.ui.finetune import live, pictures
from tests.finetune.models import data_of, in_place, job
from tests.finetune.person import packed, picture, plain_files, table
from tests.pages.test_pages import opened
from tests.waiting import until


@pytest.fixture(autouse=True)
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(tmp_path))
    monkeypatch.setattr(live, "ensure_worker", lambda: None)
    return tmp_path


def page(**state: object) -> AppTest:
    test = opened("finetune", **{"lang": "en", **state})
    assert not test.exception
    return test


def labels(test: AppTest) -> set[str]:
    return {button.label for button in test.button}


def said(test: AppTest) -> str:
    return "\n".join(element.value for element in (*test.markdown, *test.caption, *test.text, *test.info, *test.error))


def say(key: str, language: str = "en", **values: object) -> str:
    return wording.text(f"finetune.{key}", language, **values)


@pytest.mark.parametrize("task", ["vision", "translation"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_it_opens_explained(task: str, language: str) -> None:
    test = page(lang=language, finetune_task=task)
    assert test.title[0].value == say("title", language) and say("start", language) in labels(test)
    text = said(test)
    counts = {"vision": (180, 150), "translation": (200, 100)}[task]
    assert say("split", language, train=counts[0], held_out=counts[1]) in text
    assert any("2106.09685" in caption.value for caption in test.caption), "LoRA is the first choice, with its paper"
    estimated = wording.entries()["finetune.estimate"][language].split("{time}")[0]
    # Opened anew: AppTest names the options of a menu in English when it runs a page once more.
    again = {"lang": language, "finetune_task": task}
    until(lambda: any(element.value.startswith(estimated) for element in page(**again).markdown), "the estimate")
    epochs, batch = test.slider(key=f"epochs_{task}_lora").value, test.select_slider(key=f"batch_{task}").value
    updates = epochs * -(-counts[0] // batch)
    assert any(say("updates", language, count=updates) in element.value for element in test.markdown)
    assert (updates < 20) == (say("few_updates", language) in text)
    assert say("draw_again", language) in labels(test), "augmentation is shown before the start"


def test_start_need_not_wait_for_the_estimate(monkeypatch: pytest.MonkeyPatch) -> None:
    measured, measure = threading.Event(), estimate.measure
    monkeypatch.setattr(estimate, "measure", lambda *asked: (measured.wait(30), measure(*asked))[1])
    test = page(method_vision="head", finetune_seed=77)  # its steps were not measured by another test
    estimated = wording.entries()["finetune.estimate"]["en"].split("{time}")[0]
    assert say("start") in labels(test) and estimated not in said(test)
    assert say("updates", count=METHODS["head"].epochs["vision"] * 6) in said(test)
    measured.set()
    until(lambda: estimated in said(test.run()), "the estimate")


def test_nothing_varied_is_shown_where_nothing_is() -> None:
    assert say("draw_again") not in labels(page(varied=False))


def test_each_method_says_what_it_trains() -> None:
    """Of 384 numbers a position, 12 blocks and 3 classes, by hand: a head; on top of it, for IA3, a factor for each of
    query, key, value (3 x 384) and hidden unit (4 x 384)."""
    assert f"{3 * 385:,}" in said(page(method_vision="head"))
    assert f"{3 * 385 + 12 * 7 * 384:,}" in said(page(method_vision="ia3"))


def test_one_class_gets_a_hint_and_no_button() -> None:
    test = page(data_classes=["cat"])
    assert say("two_classes") in said(test) and say("start") not in labels(test)
    assert say("no_data") in said(test)


def refused(test: AppTest) -> None:
    """There is one sentence, in the language of the page, and nothing to press. A file can be sent in English alone:
    AppTest names the options of a menu in English when it sends them back."""
    for language in ("en", "zh"):
        test.query_params["lang"] = language
        test.run()
        assert not test.exception and say("start", language) not in labels(test)
        (sentence,) = [text.value for text in test.text if text.value.startswith("⚠")]
        assert any("\u4e00" <= letter <= "\u9fff" for letter in sentence) == (language == "zh")
        assert say("no_data", language) in said(test)


BAD = {
    "text.zip": b"this is no archive",
    "empty.zip": packed({}),
    "one.zip": packed({name: data for name, data in plain_files().items() if name.startswith("red")}),
    "outside.zip": packed({"../../red/1.png": b"x", **plain_files()}),
    "cut.zip": packed(plain_files())[:-200],
    "empty.csv": b"",
    "one.csv": b"only one column\nand another\n",
    "bytes.tsv": bytes(range(256)) * 9,
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_gets_a_sentence_and_no_button(name: str) -> None:
    if name.endswith(".zip"):
        test = page(data_vision="own")
        test.file_uploader(key="data_zip").upload(name, BAD[name])
    else:
        test = page(finetune_task="translation", data_translation="own")
        test.file_uploader(key="data_table").upload(name, BAD[name])
    refused(test)


def test_a_good_zip_gets_a_report_and_a_button() -> None:
    test = page(data_vision="own", method_vision="head")
    files = {**plain_files(12), "red/broken.png": b"no picture", "red/again.png": plain_files()["red/0.png"]}
    test.file_uploader(key="data_zip").upload("colours.zip", packed(files), "application/zip").run()
    assert not test.exception and say("start") in labels(test)
    text = said(test)
    assert "broken.png" in text and "again.png" in text
    assert "red" in text and "blue" in text


def test_files_of_each_class_can_be_sent_one_by_one() -> None:
    test = page(data_vision="own", data_way="files", method_vision="head")
    assert say("folders_missing") in said(test) and say("start") not in labels(test)
    for number, colour in enumerate(("red", "blue")):
        test.text_input(key=f"data_name_{number}").set_value(colour)
        found = [(name, data, "image/png") for name, data in plain_files().items() if name.startswith(colour)]
        test.file_uploader(key=f"data_files_{number}").set_value(found)
    test.run()
    assert not test.exception and say("start") in labels(test)


def test_a_good_table_gets_a_report_and_a_button() -> None:
    test = page(finetune_task="translation", data_translation="own")
    test.file_uploader(key="data_table").upload("mine.csv", table(30).encode(), "text/csv").run()
    assert not test.exception and say("start") in labels(test)
    assert say("split", train=24, held_out=6) in said(test)


def test_near_duplicates_are_kept_on_one_side_unless_a_person_refuses(runs: Path) -> None:
    test = page(finetune_task="translation", data_translation="own")
    text = "\n".join(
        f"{' '.join(name * n for n in range(1, 9))} {end},Satz {name} {end}" for name in "abcdefghij" for end in "xyz"
    )
    test.file_uploader(key="data_table").upload("mine.csv", text.encode(), "text/csv").run()
    assert (
        not test.exception
        and "near duplicates in" in said(test)
        and "differ from a training sentence" not in said(test)
    )
    test.toggle(key="data_grouped").set_value(False).run()
    assert "near duplicates in" not in said(test) and "differ from a training sentence" in said(test)
    test.toggle(key="data_grouped").set_value(True).run()
    next(button for button in test.button if button.label == say("start")).click().run()
    assert not test.exception and read_job(worker.runs()[0]).grouped


def test_what_was_understood_of_a_table_is_shown_and_may_be_changed() -> None:
    test = page(finetune_task="translation", data_translation="own")
    text = "id,English,German,note\n" + "".join(f"{n},Sentence {n},Satz {n},Bemerkung {n}\n" for n in range(30))
    test.file_uploader(key="data_table").upload("mine.csv", text.encode(), "text/csv").run()
    assert "✓ Sentences are read from “English”, translations from “German”" in said(test)
    assert "left out: “id”, “note”" in said(test)
    (target,) = [menu for menu in test.selectbox if menu.label == say("target_column")]
    target.set_value(3).run()
    assert not test.exception and "translations from “note”" in said(test)
    assert test.dataframe[0].value[say("target")].str.startswith("Bemerkung").all()


def test_what_was_understood_of_folders_is_shown_and_may_be_changed() -> None:
    shades = {("x", "p"): 100, ("x", "q"): 110, ("y", "p"): 120, ("y", "q"): 130}
    files = {f"d/{c}/{inner}/{n}.png": picture(shade + n) for (c, inner), shade in shades.items() for n in range(5)}
    test = page(data_vision="own", method_vision="head")
    test.file_uploader(key="data_zip").upload("d.zip", packed(files), "application/zip").run()
    assert "✓ The classes are folders: x, y." in said(test)
    (level,) = [menu for menu in test.selectbox if menu.label == say("level")]
    level.set_value(1).run()
    assert not test.exception and "✓ The classes are folders: p, q." in said(test)


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_the_button_puts_a_job_into_the_queue(task: str, runs: Path) -> None:
    test = page(finetune_task=task, **{f"method_{task}": "ia3"})
    (start,) = [button for button in test.button if button.label == say("start")]
    start.click().run()
    assert not test.exception
    (run,) = worker.runs()
    wanted = read_job(run)
    assert (wanted.task, wanted.method, status(run).state) == (task, "ia3", "queued")
    assert wanted.rate == METHODS["ia3"].rate[task] and wanted.owner
    data = dataset.load(run / "data")
    assert len(data.train) == (180 if task == "vision" else 200)
    assert (run / "film" / "probe-photo.png").exists() == (task == "vision") != bool(wanted.probe)
    assert test.selectbox(key="run_chosen").value == run.name, "the page shows it"
    assert say("place", place=1, count=1) in [element.proto.text for element in test.get("progress")]


def test_a_rate_that_was_found_is_taken_by_one_press(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test itself is looked at in tests/finetune/test_rates.py; here it gives a valley, or none."""
    every = tuple(10 ** (step / 10 - 6) for step in range(60))
    losses = [tuple(2 + (step - 40) ** 2 / 900 for step in range(60)), (1.0, 2.0) * 30]
    monkeypatch.setattr(rates, "find", lambda job, data, on_step: RangeTest(every, losses[job.seed]))
    test = page(method_vision="head", finetune_seed=0)
    assert test.select_slider(key="rate_vision_head").value == METHODS["head"].rate["vision"]
    start, suggestion = wording.text("rates.start"), RangeTest(every, losses[0]).suggestion

    def found(told: str) -> None:
        next(button for button in test.button if button.label == start).click().run()
        until(lambda: told in said(test.run()), "the curve")
        assert not test.exception

    assert suggestion
    found(f"**{suggestion:.2g}**")
    test.button(key="use_rate_vision").click().run()
    taken = test.select_slider(key="rate_vision_head").value
    assert taken != METHODS["head"].rate["vision"] and abs(math.log(taken / suggestion)) < math.log(1.5)
    assert not test.exception and not test.warning
    test.number_input(key="finetune_seed").set_value(1).run()
    found(wording.text("rates.none"))
    assert test.select_slider(key="rate_vision_head").value == taken, "what was taken stays"


def test_a_sweep_is_started_watched_and_cancelled(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visitor, "owner", lambda: "ada")
    test = page(method_vision="head", sweep_on=True)
    told = wording.text("sweep.start", count=9)
    assert told in labels(test) and "**9** runs, together about **" in said(test)
    test.multiselect(key="sweep_times").set_value([]).run()
    assert not test.exception and "A sweep is of 2 to" in said(test) and told not in labels(test)
    test.multiselect(key="sweep_times").set_value([1.0, 0.1]).run()
    test.slider(key="sweep_seeds").set_value(2).run()
    next(button for button in test.button if button.label == wording.text("sweep.start", count=4)).click().run()
    assert not test.exception
    (found,) = sweep.sweeps().values()
    assert {(read_job(run).rate, read_job(run).seed) for run in found.runs} == {
        (r, s) for r in (0.01, 0.001) for s in (0, 1)
    }
    assert all((run / "film" / "probe-photo.png").exists() and read_job(run).owner for run in found.runs)
    box = test.selectbox(key="run_chosen")
    assert box.value == found.name and len(box.options) == 6, "a new run, the sweep, its runs"
    in_place(monkeypatch, runs)
    for run in found.runs[:3]:
        dataset.save(data_of("vision"), run / "data")
        assert list(worker.train_here(run))
    for language in ("zh", "en"):
        test = page(lang=language, run=found.name)
        progress = [element.proto.text for element in test.get("progress")]
        done = wording.text("sweep.progress", language, done=3, count=4)
        assert any(text.startswith(done) for text in progress), progress
    summary, each = (table.value for table in test.dataframe)
    assert summary["Accuracy"].tolist() == [
        pytest.approx(100 * group.quality["accuracy"].mean) for group in groups(found)
    ]
    assert summary["95% from"].notna().tolist() == [True, False] and len(each) == 3
    test.button(key="sweep_cancel").click().run()
    assert not test.exception and [status(run).state for run in found.runs] == ["finished"] * 3 + ["cancelled"]
    test.button(key="sweep_resume").click().run()
    assert not test.exception and status(found.runs[3]).state == "queued"
    test.selectbox(key="run_chosen").set_value("").run()
    assert not test.exception and len(test.selectbox(key="run_chosen").options) == 2, "closed, it is one entry"
    assert sum(caption.value.startswith("○") for caption in test.caption) == 1


def groups(found: sweep.Sweep) -> list[sweep.Group]:
    return sweep.groups(sweep.rows(found))


def waiting(root: Path, state: str) -> Path:
    folder = new_run(root, replace(job("vision", "lora"), owner=""))
    dataset.save(data_of("vision"), folder / "data")
    set_status(folder, state, queued=1.0, started=2.0)
    return folder


@pytest.mark.parametrize(
    ("state", "button", "then"),
    [
        ("queued", "cancel", "cancelled"),
        ("queued", "pause", "paused"),
        ("paused", "resume", "queued"),
        ("paused", "cancel", "cancelled"),
        ("cancelled", "resume", "queued"),
        ("failed", "resume", "queued"),
    ],
)
def test_the_buttons_of_a_run_do_what_they_say(runs: Path, state: str, button: str, then: str) -> None:
    folder = waiting(runs, state)
    test = page(run=folder.name)
    assert say(f"state_{state}") in said(test)
    test.button(key=f"{button}_{folder.name}").click().run()
    assert not test.exception and status(folder).state == then
    assert say(f"state_{then}") in said(test)


def test_a_run_that_was_cut_off_is_shown_as_paused(runs: Path) -> None:
    folder = waiting(runs, "running")
    test = page(run=folder.name)
    assert say("state_paused") in said(test) and say("resume") in labels(test)


def test_a_run_that_is_being_trained_can_be_asked(runs: Path) -> None:
    folder = waiting(runs, "running")
    with worker._locked(folder / ".lock", 0):
        test = page(run=folder.name)
        assert labels(test) >= {say("pause"), say("finish"), say("cancel")}
        test.button(key=f"finish_{folder.name}").click().run()
        assert not test.exception and (folder / "request").read_text() == "finish"


def test_a_run_that_failed_says_why(runs: Path) -> None:
    folder = waiting(runs, "failed")
    set_status(folder, "failed", error=("training.not_finite", {"rate": "0.5"}))
    (folder / "error.txt").write_text("Traceback")
    test = page(run=folder.name)
    assert any("the learning rate 0.5 is too high" in error.value.replace("\\", "") for error in test.error)


def with_log(folder: Path, steps: int = 20, seconds: float = 1.0, judged: int = 24) -> Path:
    """As a run that has come so far writes it; a step takes so many seconds."""
    for step in range(1, steps + 1):
        metrics = {"accuracy": 0.9, "macro_f1": 0.9, "loss": 0.3} if step == steps else {}
        log_event(folder, Event(step, 40, 0, 0.5, 1e-3, step * seconds, metrics, 12, 500.0))
    write_json(folder / "before.json", {"metrics": {"accuracy": 0.5}, "interim": judged, "held_out": 36})
    return folder


def test_what_is_judged_on_the_way_says_of_how_many(runs: Path) -> None:
    for judged, wording_key in ((24, "interim_some_vision"), (36, "interim_all_vision")):
        folder = with_log(waiting(runs, "paused"), judged=judged)
        text = said(page(run=folder.name))
        assert wording.text(f"finetune.{wording_key}", "en", count=f"{judged}", all="36") in text


def test_the_matrix_says_of_how_many_pictures_it_is(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = waiting(runs, "paused")
    held_out = data_of("vision").held_out
    found = {"step": 1, "samples": [], "confusion": [[1, 0, 0], [0, 1, 0], [0, 0, 0]]}
    (folder / "probes.jsonl").write_text(json.dumps(found) + "\n", "utf-8")
    for judged in (2, len(held_out)):
        monkeypatch.setattr(
            pictures, "interim_pictures", lambda data, seed, n=judged: data.held_out.part(list(range(n)))
        )
        sentence = say("confusion_some", count=judged, all=len(held_out))
        assert (sentence in said(page(run=folder.name))) == (judged == 2)


@pytest.mark.parametrize(("seconds", "speed"), [(1.0, "12/s"), (30.0, "0.4/s")])
def test_the_speed_after_the_end_is_that_of_the_run(runs: Path, seconds: float, speed: str) -> None:
    folder = with_log(waiting(runs, "paused"), seconds=seconds)
    (found,) = [metric.value for metric in page(run=folder.name).metric if metric.label == "Pictures"]
    assert found == speed


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> float:
    """What the page takes for the time (s) while this test lasts: a slow machine is no failure."""
    now = time.time()
    monkeypatch.setattr(live, "time", SimpleNamespace(**vars(time) | {"time": lambda: now}))
    return now


def test_time_goes_on_between_two_steps(runs: Path, now: float) -> None:
    """The last step was written a minute ago."""
    folder = with_log(waiting(runs, "running"))
    set_status(folder, "running", stage="training", started=1.0)
    os.utime(folder / "log.jsonl", times=(now - 60,) * 2)
    with worker._locked(folder / ".lock", 0):
        (text,) = [element.proto.text for element in page(run=folder.name).get("progress")]
    gone = int(text.split(" s gone")[0].split()[-1])
    assert 80 <= gone < 89 and "about 1 s left" in text
    log_event(folder, Event(40, 40, 0, 0.5, 1e-3, 40.0, {}, 12, 500.0))
    ask(folder, "finish")
    with worker._locked(folder / ".lock", 0):
        test = page(run=folder.name)
    (text,) = [element.proto.text for element in test.get("progress")]
    assert say("asked_finish") in said(test) and test.button(key=f"finish_{folder.name}").disabled
    assert not test.button(key=f"cancel_{folder.name}").disabled
    assert text == say("progress_last", steps=40, gone="40 s"), "nothing is left to be estimated"


def test_a_run_that_is_being_measured_does_not_say_that_it_learns(runs: Path, now: float) -> None:
    """Nor how long ago it began, where the page speaks of the measuring."""
    folder = with_log(waiting(runs, "running"), steps=40)
    set_status(folder, "running", stage="measuring", started=now - 500)
    with worker._locked(folder / ".lock", 0):
        test = page(run=folder.name)
    assert say("state_measuring") in said(test) and say("state_running") not in said(test)
    (text,) = [element.proto.text for element in test.get("progress")]
    assert text.startswith("Measuring the result · ") and int(text.split()[-2]) < 60


def test_the_queue_says_nothing_of_the_run_that_is_shown(runs: Path) -> None:
    """It has its own words below, which are looked at later: the two would disagree when it ends."""
    shown, other = waiting(runs, "queued"), waiting(runs, "queued")
    captions = [caption.value for caption in page(run=shown.name).caption if caption.value.startswith("○")]
    assert len(captions) == 1 and say("state_queued") in captions[0]
    set_status(other, "finished")
    assert not [c for c in page(run=shown.name).caption if c.value.startswith(("○", "◐"))]


def test_a_line_that_a_kill_cut_off_leaves_the_page_whole(runs: Path) -> None:
    folder = with_log(waiting(runs, "paused"))
    for name in ("log.jsonl", "probes.jsonl"):
        with (folder / name).open("ab") as file:
            file.write(b'{"step": 21, "confu')
    assert say("state_paused") in said(page(run=folder.name))


@pytest.mark.parametrize(
    ("known", "before", "new", "told"),
    [(0.1, 0.8, 0.9, True), (0.1, 1.2, 0.9, False), (0.28, 0.2, 0.3, False), (0.01, 0.01, 0.02, False)],
)
def test_losses_that_came_apart_are_told(runs: Path, known: float, before: float, new: float, told: bool) -> None:
    """Not while that of validation still falls, when to go on helps."""
    folder = waiting(runs, "paused")
    for step, loss in ((1, before), (2, new)):
        metrics = {"accuracy": 0.5, "macro_f1": 0.5, "loss": loss, "training_loss": known}
        log_event(folder, Event(step, 2, 0, 0.5, 1e-3, 1.0, metrics, 12, 500.0))
    sentence = say("loss_gap", training=f"{known:.2f}", validation=f"{new:.2f}")
    assert (sentence in said(page(run=folder.name))) == told


@pytest.mark.parametrize(("sizes", "first"), [((16, 16), "accuracy"), ((30, 4), "macro_f1")])
def test_uneven_classes_are_told_by_the_mean_over_classes(runs: Path, sizes: tuple[int, int], first: str) -> None:
    """Accuracy would hide a small class of which nothing is right."""
    folder = with_log(waiting(runs, "paused"))
    head = json.loads((folder / "data" / "data.json").read_text())
    head["report"]["counts"] = {f"class {n}": (size, 2) for n, size in enumerate(sizes)}
    write_json(folder / "data" / "data.json", head)
    assert page(run=folder.name).metric[0].label == say(first)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_run_that_is_gone_is_one_sentence_above_a_new_one(runs: Path, language: str) -> None:
    """Of a link that names one, with and without others here."""
    gone = "20200101-000000-lora-abcd"
    for there in (0, 1):
        if there:
            waiting(runs, "paused")
        test = page(lang=language, run=gone)
        (error,) = [text.value for text in test.text if text.value.startswith("⚠")]
        assert gone in error and say("start", language) in labels(test)
        assert not [text for text in page(lang=language, run="").text if text.value.startswith("⚠")]


def test_a_chosen_run_is_still_chosen_for_who_comes_back_by_the_menu(runs: Path) -> None:
    folder = waiting(runs, "paused")
    test = page(run="")
    test.selectbox(key="run_chosen").select(folder.name).run()
    assert say("state_paused") in said(test)
    for away in ("vision", "finetune"):
        test.query_params.clear()
        test.switch_page(f"pages/{away}.py").run()
    assert not test.exception and say("state_paused") in said(test)
    assert folder.name in test.query_params["run"]
