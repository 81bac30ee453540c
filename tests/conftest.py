"""Shared by all tests: quiet threads, and a running app with a real browser where a test asks for one."""

import fcntl
import gc
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # two processes share two cores; before torch is imported
ROOT = Path(__file__).resolve().parent.parent
# A busy machine is no failure, and a change fails for what it changed: the same examples in each run, until the test is
# another. New ones are looked for by `pytest --hypothesis-profile search` and by `python -m benchmarks.fuzz`.
settings.register_profile("search", deadline=None)
settings.register_profile("sidelight", deadline=None, derandomize=True)
settings.load_profile("sidelight")
PATIENCE = 240_000  # ms that a browser waits for what must come: a slow machine is no failure
WIDE, NARROW = {"width": 1440, "height": 1000}, {"width": 1280, "height": 720}  # px


LONGEST = ("test_browser", "finetune/", "pages/", "differences/")  # files that take minutes, the longest first


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, so that no process is left with one of them when the other has nothing more to do."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: min([places[name] for name in LONGEST if name in item.nodeid], default=len(LONGEST)))


@pytest.hookimpl(tryfirst=True)  # before the fixtures
def pytest_runtest_setup() -> None:
    """Each test draws the same numbers in each run, also those that its file's fixtures draw for the first one."""
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


def pytest_collection_finish() -> None:
    """What is imported by now stays: whoever looks for cycles need not look there."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def packages_are_looked_through_once() -> Iterator[None]:
    """Each AppTest is a new server, which reads what every installed package says of itself: a tenth of a second of
    a processor, over a thousand times."""
    from streamlit.components.v2 import manifest_scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(manifest_scanner.scan_component_manifests))
        yield


def missing(reason: str) -> None:
    """Skip where a person lacks the browser; in CI that is a failure."""
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


class Chromium:
    """A browser with one page that stands open from test to test: another one costs a second of a processor, and what
    a page has loaded and compiled once, it need not again."""

    def __init__(self, browser) -> None:
        self.new_context = browser.new_context
        self._context = browser.new_context(locale="en-US")
        self._context.set_default_timeout(PATIENCE)
        self._page = self._context.new_page()

    def empty_page(self, viewport: dict[str, int] = NARROW, color_scheme: str = "light"):
        """The page, without what was in it and what it has stored."""
        if self._page.url.startswith("http"):
            self._page.evaluate("localStorage.clear(); sessionStorage.clear();")
        self._page.mouse.move(0, 0)
        self._page.goto("about:blank")
        self._context.clear_cookies()
        self._page.set_viewport_size(viewport)
        self._page.emulate_media(color_scheme=color_scheme)
        return self._page


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """A headless browser (playwright's driver, the system's Chromium)."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        missing("no Chromium on this machine: install the package chromium")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        playwright.expect.set_options(timeout=PATIENCE)
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield Chromium(browser)
        browser.close()


@pytest.fixture
def tab(chromium) -> Iterator[Callable]:
    """Opens an address in a new browser's window, 1440 px wide and English unless told otherwise."""
    contexts = []

    def opened(address: str = "about:blank", **options):
        options = {"viewport": WIDE, "locale": "en-US"} | options
        contexts.append(chromium.new_context(**options))
        contexts[-1].set_default_timeout(PATIENCE)
        page = contexts[-1].new_page()
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()


STILL = """() => {
  const busy = document.querySelector('[data-test-script-state]').dataset.testScriptState === 'running';
  const height = document.querySelector('[data-testid=stMain]').scrollHeight;
  const drawn = document.querySelectorAll('*').length + ' ' + height;
  const fading = document.getAnimations().some(
    (one) => one.playState === 'running' && one.effect.getTiming().iterations !== Infinity,
  );
  if (busy || fading || window.drawnLast !== drawn) window.stillSince = performance.now();
  window.drawnLast = drawn;
  return performance.now() - window.stillSince > 1000;
}"""


def settled(page) -> None:
    """Wait until for a whole second nothing runs and nothing is drawn: plotly draws after the page has been run, and a
    run begins a while after the click that asks for it."""
    page.evaluate("window.drawnLast = null")
    page.wait_for_function(STILL, polling=100)


DRAWN = """async ({ view }) => {
  const frame = () => new Promise(requestAnimationFrame);
  await frame();
  await frame(); // what watches a size is told of it after a frame
  while (view.frame || view.later) await frame();
  await Promise.allSettled(view.root.getAnimations({ subtree: true }).map(({ finished }) => finished));
}"""


def drawn(page) -> None:
    """Wait until the first linked view is as it is to be: frames are late on a busy machine."""
    page.locator(".sidelight").first.evaluate(DRAWN)


def of_all_processes(factory: pytest.TempPathFactory, name: str) -> Path:
    """A folder that the processes of one run of the tests share."""
    return factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.mktemp(name)


@pytest.fixture(scope="session")
def trained_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two finished runs, "head" on two classes of pictures, "lora" on recipes; copied to be changed. The
    processes of one run of the tests share it: who comes first trains."""
    root = of_all_processes(tmp_path_factory, "trained") / "runs"
    with open(root.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _train(root.with_suffix(".now")).rename(root)
    return root


def _train(root: Path) -> Path:
    import torch

    from core.finetune import data, picture_learning, sentence_learning
    from core.finetune.data import dataset
    from core.finetune.job import Job, new_run
    from core.finetune.train import train
    from core.models.catalogue import default

    root.mkdir()
    pictures, recipes = data.bundled_pictures(["cat", "ship"], each=10), data.bundled_pairs("recipes", "de", 12)
    # A quarter of what is held out, which is judged again and again.
    few, pairs = pictures.held_out.part(torch.arange(0, 100, 4)), recipes.held_out[::4]
    counts = {name: (10, int((few.labels == label).sum())) for label, name in enumerate(few.classes)}
    pictures = dataset.PictureData(
        pictures.train, few, data.Report(counts), dataset.picture_digest(pictures.train, few)
    )
    recipes = dataset.PairData(
        recipes.train, pairs, data.Report({"de": (12, len(pairs))}), dataset.pair_digest(recipes.train, pairs)
    )
    for job, found in (
        (Job("vision", "head", default("vision").key, "cat, ship", epochs=5, rate=1e-2, varied=False), pictures),
        (Job("translation", "lora", default("translation").key, "Recipes, German", epochs=1, rate=2e-3), recipes),
    ):
        folder = new_run(root, job)
        data.save(found, folder / "data")
        with pytest.MonkeyPatch.context() as patch:  # little is measured of what was forgotten
            patch.setattr(picture_learning, "SCENES", 2)
            patch.setattr(sentence_learning, "CAPTIONS", 3)
            for _ in train(folder):
                pass
    return root


@contextmanager
def serving(program: str = "streamlit", **environment: str) -> Iterator[str]:
    """A new server, and its address. program: what is run in place of Streamlit, with its arguments. environment:
    variables that it has besides ours."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", program, "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    server = subprocess.Popen([*command, "--server.address=127.0.0.1"], cwd=ROOT, env=os.environ | environment)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(120):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.5)
        yield address
    finally:
        server.terminate()
        server.wait(60)  # it ends what it has begun


@pytest.fixture(scope="session")
def app_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server. The processes of one run of the tests share it: who comes first starts it, and
    ends it when the others have left."""
    known = of_all_processes(tmp_path_factory, "server") / "address"
    with open(known.with_suffix(".users"), "w") as users, open(known.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with ExitStack() as own:
            if known.exists():
                fcntl.flock(users, fcntl.LOCK_SH)
            else:
                known.write_text(own.enter_context(serving()))
                own.callback(known.unlink)
                own.callback(fcntl.flock, users, fcntl.LOCK_EX)
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield known.read_text()
