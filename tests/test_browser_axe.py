"""What axe-core finds on every page, in both themes and languages: nothing of serious or critical kind. And every
picture there has a text, which is no other one's."""

from contextlib import suppress

import pytest
from playwright.sync_api import TimeoutError

from core import wording
from tests.conftest import missing, settled

PAGES = ("", "vision", "translation", "bridge", "explain", "differences", "finetune", "models")


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


@pytest.mark.parametrize("name", PAGES)
def test_nothing_keeps_anybody_out(tab, app_address: str, name: str) -> None:
    try:
        from axe_playwright_python.sync_playwright import Axe
    except ImportError:
        missing("axe-playwright-python is not installed")
    page = tab(f"{app_address}/{name}?lang=en", color_scheme="light")
    page.get_by_role("heading", level=1).wait_for(state="attached")
    page.locator(".st-key-photo, [data-testid=stAlert], h2").first.wait_for()
    for language, title in wording.LANGUAGES.items():  # a page is opened once: to load it takes longer than to ask
        page.locator(".st-key-language").get_by_text(title, exact=True).click()
        page.locator(f"html[lang^={language}]").wait_for(state="attached")
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            settled(page)
            found = Axe().run(page).response["violations"]
            grave = [one for one in found if one["impact"] in ("serious", "critical")]
            told = [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in grave]
            assert not told, f"{language}, {theme}"
        with suppress(TimeoutError):  # what is drawn just now is called something a moment later
            page.wait_for_function(f"({NAMES})().every(([, text]) => text)", timeout=30_000)
        pictures = page.evaluate(NAMES)
        assert all(text for _, text in pictures), [html for html, text in pictures if not text]
