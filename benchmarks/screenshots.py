"""`python -m benchmarks.screenshots`: the pictures in the README and its film of the pointer, taken from the running
app in headless Chromium."""

import io
import shutil

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from benchmarks.browser import READY
from benchmarks.serving import ADDRESS, ROOT, serve

CHECKED = ":nth-match(:text('of random maps'), 19)"  # ten methods for the photo, nine for the sentence
SHOTS = {  # file: (page and query, width, height, colour scheme, what is there when it is drawn)
    "compare.png": ("/", 1440, 960, "light", READY),
    "translation-dark.png": ("/translation", 1440, 960, "dark", READY),
    "bridge.png": ("/bridge", 1440, 900, "light", READY),
    "explain.png": ("/explain?photo=cat", 1440, 1300, "light", CHECKED),
}


FOLDER = ROOT / "assets" / "screenshots"
WAY = ((0.36, 0.41), (0.40, 0.41), (0.44, 0.42), (0.52, 0.55), (0.56, 0.68), (0.60, 0.60), (0.67, 0.46), (0.71, 0.45))
WORDS = (1, 2, 4, 5, 7, 9)  # of the sentence that is written
FRAME = 450  # ms


def film(page: Page) -> None:
    """The pointer goes from one eye of the cat over its nose to the other, then along the sentence that is written."""
    page.goto(f"{ADDRESS}/?photo=cat&sentence=A+brown+cat+with+green+eyes+is+looking+at+the+camera.")
    page.wait_for_selector(READY, timeout=300_000)
    page.wait_for_timeout(4000)
    photo = page.locator(".sidelight canvas.photo").bounding_box()
    words = [word.bounding_box() for word in page.locator(".sidelight button.word").all()]
    written = [word for word in words if word["y"] > sum(one["y"] for one in words) / len(words)]
    places = [(photo["x"] + x * photo["width"], photo["y"] + y * photo["height"]) for x, y in WAY]
    places += [(word["x"] + word["width"] / 2, word["y"] + word["height"] / 2) for word in (written[i] for i in WORDS)]
    frames = []
    for place in places:
        page.mouse.move(*place, steps=4)
        page.wait_for_timeout(400)
        frames.append(Image.open(io.BytesIO(page.screenshot())).convert("RGB"))
    frames[0].save(FOLDER / "hover.webp", save_all=True, append_images=frames[1:], duration=FRAME, loop=0, quality=70)


def main() -> None:
    server = serve()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for name, (place, width, height, scheme, ready) in SHOTS.items():
                size = {"width": width, "height": height}
                page = browser.new_page(viewport=size, color_scheme=scheme, locale="en-US")
                page.goto(ADDRESS + place)
                page.wait_for_selector(ready, timeout=300_000)
                page.wait_for_selector("[data-test-script-state=notRunning]", state="attached", timeout=300_000)
                page.wait_for_timeout(6000)  # the film is drawn frame by frame
                page.screenshot(path=FOLDER / name)
                page.close()
            film(browser.new_page(viewport={"width": 1200, "height": 750}, locale="en-US"))
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
