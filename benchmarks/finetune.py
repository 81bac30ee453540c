"""`python -m benchmarks.finetune [--parts classes,page,...]`: what fine-tuning gives and what it takes.

classes: LoRA and the head alone on three classes of 60 pictures, three seeds, against nearest neighbours on frozen
features. triples: a linear head on any three classes. step: explicit and fused attention. translation: LoRA on 200
recipes. page: the same job through the page in headless Chromium and without it, taking turns; the time to the first
update, and to the end of a cancelled job. Needs the system's Chromium.
"""

import argparse
import itertools
import os
import re
import shutil
import statistics
import tempfile
import time
from pathlib import Path

import torch
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks import finetune_peers
from benchmarks.serving import ADDRESS, serve
from benchmarks.timing import table, take_turns
from core.finetune import data, methods, results, worker
from core.finetune.features import features, fit_head
from core.finetune.job import Job, default_job, new_run, set_status
from core.finetune.log import read_log
from core.models import catalogue
from core.models.loading import mixed, precisions
from core.models.vision import load_vision
from core.models.vision.timm_adapter import fused

CLASSES = (
    ("dog", "ship", "truck"),
    ("bird", "horse", "ship"),
    ("cat", "dog", "ship"),
)  # the page's own; two that are harder
EACH, PAIRS, SEEDS = 60, 200, (0, 1, 2)
TURNS = 3  # of the page and the loop alone


def train(job: Job, found: data.PictureData | data.PairData) -> tuple[float, results.Result]:
    """Seconds from the start to the measured result, in this process, everything loaded anew."""
    start = time.perf_counter()
    folder = new_run(catalogue.runs_folder(), job)
    data.save(found, folder / "data")
    set_status(folder, "running", queued=time.time())  # not queued: a server's worker would take it
    for _ in worker.train_here(folder):
        pass
    return time.perf_counter() - start, results.read(folder)


def classes() -> None:
    rows = {}
    for method in ("lora", "head"):
        for names in CLASSES:
            runs = [
                train(default_job("vision", method, seed), data.bundled_pictures(names, EACH, seed)) for seed in SEEDS
            ]
            accuracy = [run.metrics["accuracy"] for _, run in runs]
            known = statistics.mean(run.before["accuracy"] for _, run in runs)
            rows[f"{method}: {', '.join(names)}"] = (
                f"{statistics.mean(accuracy):.1%} ({', '.join(f'{a:.0%}' for a in accuracy)}), neighbours {known:.1%}, "
                f"{max(seconds for seconds, _ in runs):.0f} s at most, {max(run.peak_mb for _, run in runs):.0f} MB"
            )
            print(f"  {list(rows)[-1]:<40} {rows[list(rows)[-1]]}", flush=True)
    table(f"accuracy on 50 held-out pictures a class, {EACH} to train on, mean of seeds {SEEDS}", rows)


def triples() -> None:
    """What a linear head on the frozen features reaches on every three of the ten classes, mean of the seeds."""
    model, names = load_vision(catalogue.default("vision").key), data.bundled_classes()
    found: dict[tuple[str, ...], list[float]] = {}
    for seed in SEEDS:
        everything = data.bundled_pictures(names, EACH, seed)
        with mixed(precisions()[0]):
            known, asked = (features(model, part.images, 112) for part in (everything.train, everything.held_out))
        for chosen in itertools.combinations(range(len(names)), 3):
            place = torch.full((len(names),), -1)
            place[list(chosen)] = torch.arange(3)
            mine, theirs = place[everything.train.labels], place[everything.held_out.labels]
            head = torch.nn.Linear(known.shape[1], 3)
            fit_head(head, known[mine >= 0], mine[mine >= 0])
            right = head(asked[theirs >= 0]).argmax(-1) == theirs[theirs >= 0]
            found.setdefault(tuple(names[c] for c in chosen), []).append(float(right.float().mean()))
    means = {", ".join(chosen): statistics.mean(values) for chosen, values in found.items()}
    ordered = sorted(means, key=means.get)
    rows = {name: f"{means[name]:.1%}" for name in (ordered[0], ordered[len(ordered) // 2], ordered[-1])}
    table(f"a linear head, {len(means)} triples", {"mean": f"{statistics.mean(means.values()):.1%}", **rows})


def step() -> None:
    """A LoRA step of 32 pictures at 112 px: explicit against fused attention."""
    module = load_vision(catalogue.default("vision").key).module
    module.reset_classifier(3)
    module, pictures = methods.adapt(module, "vision", "lora", 50).train(), torch.randn(32, 3, 112, 112)

    def run(precision: str, on: bool) -> None:
        with fused(module, on), mixed(precision):
            loss = module(pictures).float().sum()
        loss.backward()

    contestants = {
        f"{precision}, {name}": lambda precision=precision, on=on: run(precision, on)
        for precision in precisions()
        for name, on in (("explicit", False), ("fused", True))
    }
    table("a step", {name: f"{seconds:.2f} s" for name, seconds in take_turns(contestants, 5).items()})


def translation() -> None:
    rows = {}
    for language in ("de", "zh"):
        seconds, run = train(default_job("translation", "lora", 0), data.bundled_pairs("recipes", language, PAIRS))
        rows[language] = (
            f"chrF {run.before['chrf']:.1f} to {run.metrics['chrf']:.1f}, BLEU {run.before['bleu']:.1f} to "
            f"{run.metrics['bleu']:.1f}, {seconds:.0f} s, {run.peak_mb:.0f} MB"
        )
    table(f"LoRA on {PAIRS} recipes, 100 held out, greedy search", rows)


def page() -> None:
    """Steps of the same job through the page and without it, in turns; each time that of all steps but the first."""
    server = serve()
    steps: dict[str, list[float]] = {"page": [], "alone": []}
    first, cancelled = [], []
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for _ in range(TURNS):
                first.append(_through_the_page(browser))
                steps["page"].append(_between_steps(worker.runs()[0]))
                train(default_job("vision", "lora"), data.bundled_pictures(CLASSES[0], EACH))
                steps["alone"].append(_between_steps(worker.runs()[0]))
                print(f"  a step: page {steps['page'][-1]:.3f} s, alone {steps['alone'][-1]:.3f} s", flush=True)
            for _ in range(TURNS):
                cancelled.append(_cancelled(browser))
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
    ratio = statistics.median(steps["page"]) / statistics.median(steps["alone"])
    rows = {
        "training through the page / without it": f"{ratio:.2f}x",
        "button to first update": f"{max(first):.2f} s at most",
        "cancel to stopped": f"{max(cancelled):.2f} s at most",
    }
    table("Fine-tune page, LoRA on three classes", rows)


def _start(browser: Browser) -> tuple[Page, float]:
    """A page with the button pressed, once the worker has had time to load, and how long the first update took."""
    tab = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="en-US")
    tab.goto(f"{ADDRESS}/finetune")
    button = tab.get_by_role("button", name="Start")
    button.wait_for(timeout=120_000)
    tab.wait_for_timeout(15_000)
    start = time.perf_counter()
    button.click()
    tab.get_by_text("Loading the model").or_(tab.get_by_text("Step ")).first.wait_for(timeout=60_000)
    return tab, time.perf_counter() - start


def _through_the_page(browser: Browser) -> float:
    tab, seconds = _start(browser)
    tab.get_by_text("finished").first.wait_for(timeout=600_000)
    tab.close()
    return seconds


def _cancelled(browser: Browser) -> float:
    tab, _ = _start(browser)
    tab.get_by_text(re.compile(r"· about .* left")).first.wait_for(timeout=120_000)
    start = time.perf_counter()
    tab.get_by_role("button", name="Cancel").click()
    tab.get_by_text("cancelled").first.wait_for(timeout=60_000)
    seconds = time.perf_counter() - start
    tab.close()
    return seconds


def _between_steps(run: Path) -> float:
    """Mean seconds of a step, the first and the evaluations left out."""
    events = read_log(run)
    plain = [b.seconds - a.seconds for a, b in zip(events[:-1], events[1:], strict=True) if not a.metrics]
    return statistics.mean(plain)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="classes,triples,step,translation,page")
    parser.add_argument("--peers", nargs="?", const="", metavar="TASK-METHOD,...", help="see finetune_peers.py")
    given = parser.parse_args()
    parts = given.parts.split(",")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SIDELIGHT_RUNS"] = folder
        if given.peers is not None:
            finetune_peers.main(given.peers)
            return
        for part in (classes, triples, step, translation, page):
            if part.__name__ in parts:
                part()


if __name__ == "__main__":
    main()
