"""`python -m benchmarks.memory`: what a process holds after each of many large photos, through what pages call.

At 1022 px a run's query, key and value are 295 MB. The bar: from what it held with the model alone, the process grows
by no more than its bound (`--keep`, megabytes) and a tenth. `SIDELIGHT_KEEP_MB` is what a server has for it.
`--server`: of a real server instead, each photo in a tab of its own that stays open; then all are closed.
"""

import argparse
import os
import re
import shutil
import time
from itertools import product

import psutil
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.serving import ADDRESS, serve
from core import samples, store
from core.models.catalogue import default
from core.models.images import open_image
from core.ui import work

PATIENCE = 600_000  # ms


def resident() -> float:
    """MB"""
    return psutil.Process().memory_info().rss / 1e6


def photos(count: int) -> list[Image.Image]:
    """The bundled photos, then from other sides, so that none was seen before."""
    bundled = [open_image(photo.path.read_bytes()) for photo in samples.photos()]
    return [bundled[n % len(bundled)].rotate(90 * (n // len(bundled)), expand=True) for n in range(count)]


def in_server(count: int, side: int, keep: int) -> None:
    os.environ["SIDELIGHT_KEEP_MB"] = str(keep)
    server = serve()
    process = psutil.Process(server.pid)

    def held() -> float:
        return process.memory_info().rss / 1e6

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        first = browser.new_page()
        first.goto(f"{ADDRESS}/vision")
        first.wait_for_selector(".sidelight .say b", timeout=PATIENCE)
        before = most = held()
        print(f"with the model and one photo at its own size: {before:,.0f} MB")
        seen = [(photo.path.stem, fit) for fit, photo in product(("crop", "letterbox", "stretch"), samples.photos())]
        for number, (photo, fit) in enumerate(seen[:count], 1):
            page = browser.new_page()
            page.goto(f"{ADDRESS}/vision?photo={photo}&fit={fit}&size={side}")
            run = page.get_by_role("button", name=re.compile("^Run"))
            run.or_(page.locator(".sidelight .say b")).first.wait_for(timeout=PATIENCE)
            if run.is_visible():
                run.click()
            page.wait_for_selector(".sidelight .say b", timeout=PATIENCE)
            page.get_by_role("heading", name="Foreground").wait_for(timeout=PATIENCE)
            most = max(most, held())
            print(f"photo {number}: {held():,.0f} MB", flush=True)
        browser.close()
    time.sleep(150)  # Streamlit keeps a session that lost its browser for two minutes
    print(f"grew by {most - before:,.0f} MB at most, bound {keep}; two minutes after the last tab: {held():,.0f} MB")
    server.terminate()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--side", type=int, default=1022)
    parser.add_argument("--keep", type=int, default=1000)
    parser.add_argument("--server", action="store_true")
    given = parser.parse_args()
    if given.server:
        return in_server(given.photos, given.side, given.keep)
    os.environ["SIDELIGHT_KEEP_MB"] = str(given.keep)
    name = default("vision").key
    work.vision_model(name)
    before = resident()
    print(f"with the model: {before:,.0f} MB")
    most = 0.0
    for number, photo in enumerate(photos(given.photos), 1):
        store.begin()  # as each run of a page does by its thread
        work.seen(name, photo, work.digest(photo), given.side, "crop")
        most = max(most, resident() - before)
        print(f"photo {number}: {resident():,.0f} MB, kept {store.store().bytes / 1e6:,.0f}", flush=True)
    store.store().forget(name)
    print(f"grew by {most:,.0f} MB at most, bound {given.keep}; after the model was forgotten {resident():,.0f} MB")


if __name__ == "__main__":
    main()
