"""`python -m benchmarks.browser`: what a person waits for, measured in headless Chromium against a warm server.

First paint of the Compare page with both modalities explained; from a pointer move and from a change of layer or
head to the painted frame, for 256 and 1,369 patches, in a saved view.
Needs the system's Chromium (Debian: `apt-get install chromium`).
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from core import samples
from core.models.catalogue import default
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.views.linked.page import View
from core.views.linked.payload import ImagePart, SentencePart

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "http://127.0.0.1:8731"
READY = ".sidelight .say b"
# The time from an action to the end of the frame that shows it.
TO_FRAME = """(root, [action, argument]) => new Promise((done) => {
  const view = root.view, start = performance.now();
  if (action === "depth") view.setDepth(argument);
  if (action === "head") { view.parts.forEach((p) => { p.heads = new Set([argument]); }); view.draw(); }
  if (action === "patch") view.parts[0].preview(argument);
  requestAnimationFrame(() => setTimeout(() => done(performance.now() - start), 0));
})"""


def serve() -> subprocess.Popen:
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", "--server.port=8731"]
    server = subprocess.Popen([*command, "--server.address=127.0.0.1"], cwd=ROOT, stdout=subprocess.DEVNULL)
    for _ in range(120):
        try:
            urllib.request.urlopen(f"{ADDRESS}/_stcore/health", timeout=1)
            return server
        except OSError:
            time.sleep(0.5)
    raise RuntimeError("the server did not start")


def first_paints(browser, count: int) -> list[float]:
    """Seconds from navigation to both cards explained, in new sessions; the first, which loads the models, left out."""
    seconds = []
    for _ in range(count + 1):
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        start = time.perf_counter()
        page.goto(ADDRESS)
        page.wait_for_selector(READY, timeout=90_000)
        seconds.append(time.perf_counter() - start)
        page.close()
    return seconds[1:]


def frames(page: Page, action: str, arguments: list[float]) -> list[float]:
    root = page.locator(".sidelight")
    return [root.evaluate(TO_FRAME, [action, argument]) for argument in arguments]


def saved_view(size: int, folder: Path) -> Path:
    """The bundled models' attention of one sample photo at `size` px and of its caption, as one HTML file."""
    photo = samples.photos()[0]
    image = open_image(photo.path.read_bytes())
    vision = load_vision(default("vision").key).explain(image, size, "crop")
    spoken = load_translator(default("translation").key).translate(photo.caption, "deu")
    axes = (spoken.source, spoken.target)
    sentence = SentencePart(*axes, spoken.encoder, spoken.decoder, spoken.cross, "English to German")
    path = folder / f"{size}.html"
    View([ImagePart(image, vision.trace, "a photo"), sentence]).save(path)
    return path


def movements(browser: Browser, size: int) -> None:
    """Frames of a saved view, in both directions of the attention."""
    with tempfile.TemporaryDirectory() as folder:
        path = saved_view(size, Path(folder))
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.goto(path.as_uri())
        page.wait_for_selector(READY, timeout=60_000)
        page.wait_for_timeout(1000)
        patches = page.locator(".sidelight").evaluate("({ view }) => view.parts[0].trace.keys - 1")
        print(f"{patches} patches and a sentence, saved as HTML: {path.stat().st_size / 1e6:.1f} MB")
        some = list(range(1, patches, max(1, patches // 200)))
        for turned, direction in ((False, "looks at"), (True, "is looked at by")):
            page.locator(".sidelight").evaluate("({ view }, turned) => view.set('turned', turned)", turned)
            report(f"pointer on a patch ({direction})", frames(page, "patch", some), "ms")
            report(f"change of layer ({direction})", frames(page, "depth", [i % 12 / 11 for i in range(60)]), "ms")
        report("change of head", frames(page, "head", [i % 6 for i in range(36)]), "ms")
        page.close()


def report(name: str, values: list[float], unit: str) -> None:
    ordered = sorted(values)
    worst = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    print(f"  {name:<52} median {statistics.median(values):.1f} {unit}, 95th percentile {worst:.1f} {unit}")


def main() -> None:
    server = serve()
    try:
        with sync_playwright() as driver:
            path = shutil.which("chromium")
            browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            print("Compare page, 1440 px, warm server")
            report("first paint with both explained", first_paints(browser, 5), "s")
            for size in (224, 518):
                movements(browser, size)
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
