"""What axe-core finds on the main pages, in both themes and languages: nothing of serious or critical kind. And every
picture there has a text, which is no other one's."""

from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError

from tests.conftest import missing, settled

PAGES = [
    ("", "en", "light"),
    ("vision", "zh", "dark"),
    ("translation", "en", "dark"),
    ("explain", "en", "light"),
    ("explain", "zh", "dark"),
    ("differences", "zh", "light"),
    ("finetune", "en", "dark"),
    ("models", "zh", "light"),
]


# What each picture is called: images, charts, and what is drawn and can be pointed at. A table of Streamlit's holds its
# cells as text; the rest is hidden from who hears.
NAMES = """() => {
  const roots = [document, ...[...document.querySelectorAll("*")].map((one) => one.shadowRoot).filter(Boolean)],
    drawn = "img, canvas, .js-plotly-plot .main-svg, svg[role=img]",
    all = roots.flatMap((root) => [...root.querySelectorAll(drawn)]);
  const told = "[aria-hidden=true], button, [role=img] *, [role=slider] *, [data-testid=stDataFrame]";
  return all
    .filter((one) => one.checkVisibility() && !one.closest(told))
    .map((one) => [one.outerHTML.slice(0, 200), one.alt ?? one.ariaLabel ?? one.parentElement.ariaLabel]);
}"""


@pytest.mark.parametrize(("name", "language", "theme"), PAGES)
def test_nothing_keeps_anybody_out(tab, app_address: str, name: str, language: str, theme: str) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed")
    page = tab(f"{app_address}/{name}?lang={language}", color_scheme=theme)
    page.get_by_role("heading", level=1).wait_for()
    page.locator(".st-key-photo, [data-testid=stAlert], h2").first.wait_for()
    settled(page)
    found = Axe().run(page).response["violations"]
    told = [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")
    ]
    assert not told
    with suppress(TimeoutError):  # what is drawn just now is called something a moment later
        page.wait_for_function(f"({NAMES})().every(([, text]) => text)", timeout=30_000)
    pictures = page.evaluate(NAMES)
    assert all(text for _, text in pictures), [html for html, text in pictures if not text]
