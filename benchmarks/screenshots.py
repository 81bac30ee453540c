"""`python -m benchmarks.screenshots`: the pictures in the README, taken from the running app in headless Chromium."""

import shutil

from playwright.sync_api import sync_playwright

from benchmarks.browser import ADDRESS, READY, ROOT, serve

CHECKED = ":nth-match(:text('of random maps'), 19)"  # ten methods for the photo, nine for the sentence
SHOTS = {  # file: (page and query, width, height, colour scheme, what is there when it is drawn)
    "compare.png": ("/", 1440, 960, "light", READY),
    "translation-dark.png": ("/translation", 1440, 960, "dark", READY),
    "explain.png": ("/explain?photo=cat", 1440, 1300, "light", CHECKED),
}


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
                page.wait_for_timeout(1000)
                page.screenshot(path=ROOT / "assets" / "screenshots" / name)
                page.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
