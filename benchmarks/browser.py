"""`python -m benchmarks.browser`: what a person waits for, measured in headless Chromium against a warm server.

First paint of the Compare page with both modalities explained; from a change of layer or head, and from a pointer
move, to the painted frame. Needs the system's Chromium (Debian: `apt-get install chromium`).
"""

import shutil
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = "http://127.0.0.1:8731"
READY = ".sidelight .say b"
# The time from an action to the end of the frame that shows it, thumbnails included.
TO_FRAME = """(root, [action, argument]) => new Promise((done) => {
  const view = root.view, start = performance.now();
  if (action === "depth") view.setDepth(argument);
  if (action === "head") { view.parts.forEach((p) => { p.heads.clear(); p.heads.add(argument); }); view.draw(); }
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
            page = browser.new_page(viewport={"width": 1440, "height": 1000})
            page.goto(ADDRESS)
            page.wait_for_selector(READY)
            report("change of layer to painted frame", frames(page, "depth", [i % 12 / 11 for i in range(48)]), "ms")
            report("change of head to painted frame", frames(page, "head", [i % 6 for i in range(36)]), "ms")
            report("pointer on a patch to painted frame, 256 patches", frames(page, "patch", list(range(1, 120))), "ms")
            browser.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
