"""`python -m benchmarks.screenshots`: the pictures in the README, taken from the running app in headless Chromium."""

import shutil

from playwright.sync_api import sync_playwright

from benchmarks.browser import ADDRESS, READY, ROOT, serve

SHOTS = {  # file: (page and query, width, colour scheme)
    "compare.png": ("/", 1440, "light"),
    "translation-dark.png": ("/translation", 1440, "dark"),
}


def main() -> None:
    server = serve()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            for name, (place, width, scheme) in SHOTS.items():
                page = browser.new_page(viewport={"width": width, "height": 960}, color_scheme=scheme, locale="en-US")
                page.goto(ADDRESS + place)
                page.wait_for_selector(READY, timeout=90_000)
                page.wait_for_timeout(1000)
                page.screenshot(path=ROOT / "assets" / "screenshots" / name)
                page.close()
    finally:
        server.terminate()
        server.wait(20)


if __name__ == "__main__":
    main()
