"""`python -m benchmarks.browser`: what a person waits for, measured in headless Chromium against a warm server.

`--parts pages`: every page and every section of the pages on explaining and on differences, from navigation in a new
session (nothing in the browser's cache) to two moments. *First*: the end of the first frame that shows something of the
page's own, below what is chosen: in a section on differences, and in each of its parts, the first sentence or figure
under the section's title, minutes and goal, on the pages with a linked view its explanation (the words under the
picture), on Explain the first picture, in its other sections the first figure, on Fine-tune and Models the first
heading under the title. *Rest*: the end of the frame after the last change of the document, once the script has ended,
no work goes on beside it, every figure is drawn, every picture is loaded and nothing has changed for a second.

`--parts movements`: from a pointer move and from a change of layer or head to the painted frame, for 256 and 1,369
patches, in a saved view.
`--parts hand`: from a key that shuts what is held, of the photo's attention and of the sentence's, to the painted frame
that has the model's new answer, and to the end of the film's frames; for one query of one layer and for all of all.

Needs the system's Chromium (Debian: `apt-get install chromium`).
"""

import argparse
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.serving import ADDRESS, serve
from core import samples
from core.models.catalogue import default
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.ui.differences import cost, limits, loss
from core.ui.differences.sections import SECTIONS
from core.views.linked.cards import card_of
from core.views.linked.page import View

READY = ".sidelight .say b"
BODY = ".st-key-section_body"
WORDS = f"{BODY} [data-testid=stMarkdownContainer]:not([data-testid=stCaptionContainer] *) p, {BODY} .main-svg"
LESSON = {name: "" for name in SECTIONS} | {
    f"{name}, {part}": f"&{name}={part}"
    for name, parts in (("loss", loss.PARTS), ("cost", cost.PARTS), ("limits", limits.PARTS))
    for part in parts[1:]  # a section opens on its first
}
# The first of a page's own content. Where there is a linked view, it is in a shadow root.
OWN = (
    {
        "Compare": ("/", READY),
        "Vision": ("/vision", READY),
        "Translation": ("/translation", READY),
        "Explain": ("/explain", "[data-testid=stImage] img"),
        "Fine-tune": ("/finetune", "[data-testid=stMain] h2"),
        "Models": ("/models", "[data-testid=stMain] h2"),
    }
    | {
        f"Differences: {name}": (f"/differences?section={name.partition(',')[0]}{part}", WORDS)
        for name, part in LESSON.items()
    }
    | {
        f"Explain: {name}": (f"/explain?explain={name}", "[data-testid=stMain] .main-svg")
        for name in ("heads", "ablation", "arithmetic")
    }
)
# Runs before the page's own scripts. A change is timed at the end of the frame that shows it.
WATCH = """(own) => {
  const times = (window.sidelightTimes = { first: 0, last: 0 });
  const seen = new WeakSet(), roots = [];
  const onChange = () => requestAnimationFrame(() => setTimeout(() => {
    times.last = performance.now();
    for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]"))
      if (host.shadowRoot) watch(host.shadowRoot);
    const shown = (root) => root.querySelector(own)?.checkVisibility();
    if (!times.first && roots.some(shown)) times.first = times.last;
  }, 0));
  const watch = (root) => {
    if (seen.has(root)) return;
    seen.add(root);
    roots.push(root);
    const what = { subtree: true, childList: true, attributes: true, characterData: true };
    new MutationObserver(onChange).observe(root, what);
    root.addEventListener("load", onChange, true);  // of a picture
    onChange();
  };
  watch(document);
}"""
AT_REST = """() => {
  const { first, last } = window.sidelightTimes;
  const script = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
  const drawn = [...document.querySelectorAll(".stPlotlyChart")].every((one) => one.querySelector(".main-svg"));
  const loaded = [...document.querySelectorAll("img")].every((one) => one.complete);
  const working = document.querySelector("[data-testid=stProgress]");
  return first && script !== "running" && !working && drawn && loaded && performance.now() - last > 1000;
}"""
# The time from an action to the end of the frame that shows it.
TO_FRAME = """(root, [action, argument]) => new Promise((done) => {
  const view = root.view, start = performance.now();
  if (action === "depth") view.setDepth(argument);
  if (action === "head") { view.cards.forEach((card) => { card.heads = new Set([argument]); }); view.draw(); }
  if (action === "patch") view.cards[0].preview(String(argument));
  const painted = () => done(performance.now() - start);  // before anything that waits until then
  requestAnimationFrame(() => scheduler.postTask(painted, { priority: "user-blocking" }));
})"""


def visit(browser: Browser, path: str, own: str) -> tuple[float, float]:
    """Seconds from navigation, in a new session, to the first of the page's `own` content and to rest."""
    page = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="en-US")
    page.add_init_script(f"({WATCH})({json.dumps(own)})")
    page.goto(ADDRESS + path, wait_until="commit")
    page.wait_for_function(AT_REST, timeout=240_000)
    times = page.evaluate("window.sidelightTimes")
    page.close()
    return times["first"] / 1000, times["last"] / 1000


def pages(browser: Browser, named: str, count: int) -> None:
    """A table of the pages and sections whose names begin with `named`; a first visit of each, which loads and
    computes, is left out. The load average (of a minute) tells whether somebody else used the cores: alone it is 2.
    """
    print(f"1440 x 1000 px, warm server, {count} visits each; load average before {os.getloadavg()[0]:.1f}")
    print("| | first, median | worst | at rest, median | worst | load average |\n|---|---|---|---|---|---|")
    for name, (path, own) in OWN.items():
        if not name.startswith(named):
            continue
        visit(browser, path, own)
        first, rest = zip(*(visit(browser, path, own) for _ in range(count)), strict=True)
        cells = [f"{value:.2f}" for one in (first, rest) for value in (statistics.median(one), max(one))]
        cells.append(f"{os.getloadavg()[0]:.1f}")
        print("| " + " | ".join([name, *cells]) + " |", flush=True)


def frames(page: Page, action: str, arguments: list[float]) -> list[float]:
    root = page.locator(".sidelight")
    return [root.evaluate(TO_FRAME, [action, argument]) for argument in arguments]


def saved_view(size: int, folder: Path) -> Path:
    """The bundled models' attention of one sample photo at `size` px and of its caption, as one HTML file."""
    photo = samples.photos()[0]
    image = open_image(photo.path.read_bytes())
    vision = load_vision(default("vision").key).run(image, size, "crop")
    spoken = load_translator(default("translation").key).translate(photo.caption, "deu")
    sentence = card_of(spoken.traces, "English to German", written=spoken.target)
    path = folder / f"{size}.html"
    View([card_of(vision.traces, "a photo", image), sentence]).save(path)
    return path


def movements(browser: Browser, size: int) -> None:
    """Frames of a saved view, in both directions of the attention."""
    with tempfile.TemporaryDirectory() as folder:
        path = saved_view(size, Path(folder))
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(path.as_uri())
        page.wait_for_selector(READY, timeout=60_000)
        page.wait_for_timeout(1000)
        patches = page.locator(".sidelight").evaluate("({ view }) => view.cards[0].traces.encoder.keys - 1")
        print(f"{patches} patches and a sentence, saved as HTML: {path.stat().st_size / 1e6:.1f} MB")
        some = list(range(1, patches, max(1, patches // 200)))
        # The browser draws 60 frames a second, so that whatever happens waits for the next one: the part of the rest
        # that no code can save.
        report("nothing: the wait for a frame", frames(page, "nothing", some), "ms")
        for turned, direction in ((False, "looks at"), (True, "is looked at by")):
            page.locator(".sidelight").evaluate("({ view }, turned) => view.set('turned', turned)", turned)
            report(f"pointer on a patch ({direction})", frames(page, "patch", some), "ms")
            report(f"change of layer ({direction})", frames(page, "depth", [i % 12 / 11 for i in range(60)]), "ms")
        report("change of head", frames(page, "head", [i % 6 for i in range(36)]), "ms")
        page.close()


# Takes hold of what the locked query reads there.
HOLD = """(root, [name, key]) => {
  const { hand, cards } = root.view, card = cards.find((one) => one.name === name);
  hand.held = card.axes.map((axis) => hand.grip.key(card, axis, key)).find(Boolean);
}"""
# From the press of a key to the frame with the new answer, and to the last frame of the film.
TO_ANSWER = """(root, key) => new Promise((done) => {
  const { view } = root, start = performance.now(), times = {};
  const shown = () => root.querySelector(".answer tr, .answer ins, .answer p");
  const isThere = key === "0" ? shown : () => !shown();
  const look = () => {
    if (!times.answer && isThere()) times.answer = performance.now() - start;
    const isAtRest = times.answer && !view.film.tasks.length && !view.frame && !view.later;
    if (isAtRest) return done([times.answer, performance.now() - start]);
    requestAnimationFrame(() => setTimeout(look, 0));
  };
  view.hand.give(key === "0" ? 0 : null);
  look();
})"""


def by_hand(browser: Browser, count: int = 7) -> None:
    """A patch and a word that are locked, and a key of each that is shut and opened again."""
    print(f"by hand at 1440 x 1000 px; load average before {os.getloadavg()[0]:.1f}")
    for name, lock, key in (("image", "40", 57), ("sentence", "t2", 2)):
        page = browser.new_page(viewport={"width": 1440, "height": 1000}, locale="en-US")
        page.goto(f"{ADDRESS}/?vision_model=vision-cifar10&view=depth_0.5~{name}_{lock}", wait_until="commit")
        page.wait_for_selector(READY, timeout=240_000)
        page.get_by_role("button", name="By hand").click()
        root = page.locator(".sidelight")
        for scope in ("this", "all"):
            for select in ("For which query", "In which layer"):
                page.get_by_role("combobox", name=select).select_option(scope)
            times = []
            for n in range(count):  # another key each time: answers are kept
                root.evaluate(HOLD, [name, key + n])
                times.append(root.evaluate(TO_ANSWER, "0"))
                root.evaluate(TO_ANSWER, "+")
            for what, values in zip(("answer", "film at rest"), zip(*times[1:], strict=True), strict=True):
                report(f"{name}, {scope} queries and layers: {what}", list(values), "ms")
        page.close()


def report(name: str, values: list[float], unit: str) -> None:
    ordered = sorted(values)
    worst = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"  {name:<52} median {statistics.median(values):.1f} {unit}, 95th percentile {worst:.1f} {unit}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", default="pages,movements,hand", help="some of these, with commas")
    parser.add_argument("--named", default="", help='how the pages to be timed begin: "Differences"; all without it')
    parser.add_argument("--count", type=int, default=5, help="visits of each that are timed")
    chosen = parser.parse_args()
    parts = chosen.parts.split(",")
    server = serve()
    try:
        with sync_playwright() as driver:
            path = shutil.which("chromium")
            flags = ["--no-sandbox", "--disable-gpu", "--disable-frame-rate-limit"]  # our own time, not the screen's
            browser = driver.chromium.launch(executable_path=path, args=flags)
            if "pages" in parts:
                pages(browser, chosen.named, chosen.count)
            for size in (224, 518) if "movements" in parts else ():
                movements(browser, size)
            if "hand" in parts:
                by_hand(browser)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
