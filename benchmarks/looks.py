"""`python -m benchmarks.looks`: every page, section and state, in both languages and themes, in headless Chromium:

- what axe-core finds of serious or critical kind, and headings that leave out a level;
- what is cut at 1440, 1280, 1024 and 390 px: text beyond the window's edge or beyond a box that hides it;
- pictures that have no text of their own;
- on Compare as it opens: a photo narrower than 45% of the window (90% on a phone), and what of photo, its words, the
  sentence's first word and the film lies below the fold;
- what does not come to rest within ten minutes, and what is still at work there.

`--save FOLDER` keeps a picture of each at each width, to be looked at. Exits with 1 where anything was found.
"""

import argparse
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from benchmarks.serving import ADDRESS, serve
from core.ui.differences.sections import SECTIONS

EXPLAIN = ("maps", "heads", "layers", "authors", "whatif", "flow", "ablation", "arithmetic")
PINNED = "view=pin_held!depth_0.2!image_100~depth_0.8~image_100"
WIDTHS = (1440, 1280, 1024, 390)
TALLEST = 9000
LONGEST = 600_000  # ms until a page rests
HEIGHTS = {1440: 900, 1280: 800, 1024: 768, 390: 844}


def pressed(*numbers: int) -> Callable[[Page], None]:
    """Presses these of the tools at the right of the view's bar."""

    def press(page: Page) -> None:
        for number in numbers:
            page.locator(".sidelight .bar .tool:not(.play)").nth(number).click()

    return press


def nothing(page: Page) -> None:
    pass


def opened(name: str) -> Callable[[Page], None]:
    return lambda page: page.locator(f".st-key-{name} button").first.click()


def unfolded(page: Page) -> None:
    folded = "[data-testid=stMain] details:not([open]) > summary"
    page.evaluate("(folded) => document.querySelectorAll(folded).forEach((one) => one.click())", folded)


# name: (page and query, what is done there)
PLACES: dict[str, tuple[str, Callable[[Page], None]]] = {
    "compare": ("/", nothing),
    "compare-pinned": (f"/?{PINNED}", nothing),
    "compare-matrix": ("/?view=layout_matrix", nothing),
    "compare-present": ("/?present=1", nothing),
    "compare-settings": ("/", opened("settings")),
    "compare-share": ("/", opened("share")),
    "vision": ("/vision", nothing),
    "vision-classes": ("/vision?vision_model=vision-cifar10", unfolded),
    "translation": ("/translation", unfolded),
    "bridge": ("/bridge", nothing),
    **{f"explain-{name}": (f"/explain?explain={name}", nothing) for name in EXPLAIN},
    **{f"differences-{name}": (f"/differences?section={name}", unfolded) for name in SECTIONS},
    "finetune": ("/finetune", unfolded),
    "finetune-translation": ("/finetune", lambda page: page.locator(".st-key-finetune_task button").nth(1).click()),
    "models": ("/models", unfolded),
}

STILL = """() => {
  const state = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
  const working = document.querySelector("[data-testid=stProgress], [data-testid=stSpinner]");
  const charts = [...document.querySelectorAll(".stPlotlyChart")].filter((one) => one.checkVisibility());
  const drawn = charts.every((one) => one.querySelector(".main-svg"));
  const tall = document.querySelector("[data-testid=stMain]")?.scrollHeight;
  const now = `${document.querySelectorAll("*").length} ${tall}`;
  if (state !== "notRunning" || working || !drawn || window.drawnLast !== now) window.stillSince = performance.now();
  window.drawnLast = now;
  return performance.now() - window.stillSince > 1200;
}"""

# Why it does not rest.
BUSY = """() => [
  document.querySelector("[data-test-script-state]")?.dataset.testScriptState,
  ...[...document.querySelectorAll("[data-testid=stProgress], [data-testid=stSpinner]")].map((one) => one.innerText),
].join(", ")"""

# All elements, those of shadow roots too.
ALL = """const all = (root) => [...root.querySelectorAll("*")].flatMap((one) =>
  [one, ...(one.shadowRoot ? all(one.shadowRoot) : [])]);
const up = (one) => one.parentElement ?? one.getRootNode().host ?? null;
const seen = (one) => one.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
const own = (one) => [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
"""
# Text that no scroll bar reaches.
CUT = f"""() => {{
  {ALL}
  const found = [];
  for (const one of all(document.body)) {{
    if (!own(one) || !seen(one) || one.closest("style, script, noscript, option, svg, .heard, .st-key-said")) continue;
    const range = document.createRange();
    range.selectNodeContents(one);
    const box = range.getBoundingClientRect();
    if (box.width < 2 || box.height < 2) continue;
    for (let at = one; at; at = up(at)) {{
      const style = getComputedStyle(at), edge = at.getBoundingClientRect();
      if (style.clipPath !== "none" || edge.width < 2) break;
      if (["auto", "scroll"].includes(style.overflowX)) break;
      const isLast = at === document.body, right = isLast ? innerWidth : edge.right, left = isLast ? 0 : edge.left;
      if (style.overflowX === "visible" && !isLast) continue;
      if (box.right > right + 1.5 || box.left < left - 1.5) {{
        found.push(`${{one.textContent.trim().slice(0, 60)}} [${{one.className?.baseVal ?? one.className}}]`);
        break;
      }}
    }}
  }}
  if (document.documentElement.scrollWidth > innerWidth) found.push("the page scrolls sideways");
  return [...new Set(found)];
}}"""
UNNAMED = f"""() => {{
  {ALL}
  const told = "[aria-hidden=true], button, [role=img] *, [role=slider] *, [data-testid=stDataFrame]";
  return all(document.body)
    .filter((one) => one.matches("img, canvas, .js-plotly-plot .main-svg, svg[role=img]") && seen(one) &&
      !one.closest(told) && !(one.alt ?? one.ariaLabel ?? one.parentElement.ariaLabel))
    .map((one) => one.outerHTML.slice(0, 120));
}}"""
LEVELS = f"""() => {{
  {ALL}
  const heads = all(document.body).filter((one) => /^H[1-6]$/.test(one.tagName) && seen(one) && one.textContent.trim());
  return heads.flatMap((one, x) => {{
    const level = Number(one.tagName[1]), before = x ? Number(heads[x - 1].tagName[1]) : 0;
    return level > before + 1 ? [`h${{level}} after h${{before}}: ${{one.textContent.trim().slice(0, 60)}}`] : [];
  }});
}}"""

# The photo's share of the window, and where things end over the room that is free for them: 1 is the fold, or the film
# where that sticks to it.
FOLD = f"""() => {{
  {ALL}
  const find = (name) => all(document.body).find((one) => one.matches(name)).getBoundingClientRect(),
    film = find(".foot"), free = innerWidth < 760 ? film.top : innerHeight;
  return {{
    "width of the photo": find(".photo").width / innerWidth,
    "end of its words": find(".told .note").bottom / free,
    "end of the first word": find(".word").bottom / free,
    "end of the film": film.bottom / innerHeight,
  }};
}}"""


def below(page: Page, width: int) -> Iterator[str]:
    seen = page.evaluate(FOLD)
    print(f"  at {width} px:", *(f"{name} {share:.1%}" for name, share in seen.items()), sep=" | ", flush=True)
    for name, share in seen.items():
        least, most = (0.9 if width < 760 else 0.45, 1.0) if name.startswith("width") else (0.0, 1.0)
        if not least <= share <= most:
            yield f"fold at {width} px: {name} {share:.1%}"


def settle(page: Page) -> None:
    page.evaluate("window.drawnLast = null")
    page.wait_for_function(STILL, polling=200, timeout=LONGEST)


def found(page: Page, name: str, widths: tuple[int, ...], picture: Callable[[int, str], None]) -> Iterator[str]:
    """What is wrong on a page that stands, in both themes and at each width."""
    yield from (f"heading: {one}" for one in page.evaluate(LEVELS))
    yield from (f"no text: {one}" for one in page.evaluate(UNNAMED))
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        for width in widths if theme == "light" else (widths[0], widths[-1]):
            page.set_viewport_size({"width": width, "height": HEIGHTS[width]})
            settle(page)
            yield from (f"cut at {width} px: {one}" for one in page.evaluate(CUT))
            if name == "compare" and theme == "light":
                yield from below(page, width)
            picture(width, theme)
        page.set_viewport_size({"width": widths[0], "height": HEIGHTS[widths[0]]})
        settle(page)
        for one in Axe().run(page).response["violations"]:
            if one["impact"] in ("serious", "critical"):
                for node in one["nodes"]:
                    why = node["any"][0]["message"] if node["any"] else ""
                    yield f"axe, {theme}: {one['id']}: {node['html'][:160]} {why[:160]}"


def visit(
    browser: Browser, address: str, name: str, language: str, widths: tuple[int, ...], folder: Path | None
) -> list[str]:
    path, act = PLACES[name]
    page = browser.new_page(viewport={"width": widths[0], "height": HEIGHTS[widths[0]]}, locale="en-US")
    page.set_default_timeout(LONGEST)
    wrong: dict[str, None] = {}  # in order, each once

    def picture(width: int, theme: str) -> None:
        if not folder:
            return
        called = f"{name}-{width}-{theme}-{language}"
        page.screenshot(path=folder / f"{called}.png")
        tall = page.locator("[data-testid=stMain]").evaluate("one => one.scrollHeight")
        if tall > HEIGHTS[width] + 100:  # the rest of it, below the fold
            page.set_viewport_size({"width": width, "height": min(tall + 60, TALLEST)})
            settle(page)
            page.screenshot(path=folder / f"{called}-all.png")

    try:
        page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={language}")
        page.get_by_role("heading", level=1).wait_for(state="attached")
        settle(page)
        act(page)
        settle(page)
        for one in found(page, name, widths, picture):
            wrong[one] = None
    except TimeoutError:
        wrong[f"no rest: {page.evaluate(BUSY)}"] = None
    finally:
        page.close()
    return list(wrong)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--named", default="", help='how what is looked at begins: "explain,models"; all without it')
    parser.add_argument("--languages", default="en,zh")
    parser.add_argument("--widths", default=",".join(map(str, WIDTHS)))
    parser.add_argument("--address", help="of a server that runs already")
    parser.add_argument("--save", type=Path, help="a folder for a picture of each")
    chosen = parser.parse_args()
    if chosen.save:
        chosen.save.mkdir(parents=True, exist_ok=True)
    named = tuple(chosen.named.split(","))
    widths = tuple(int(one) for one in chosen.widths.split(","))
    server, count = None if chosen.address else serve(), 0
    try:
        with sync_playwright() as driver:
            flags = ["--no-sandbox", "--disable-gpu"]
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
            for name in PLACES:
                for language in chosen.languages.split(",") if name.startswith(named) else ():
                    wrong = visit(browser, chosen.address or ADDRESS, name, language, widths, chosen.save)
                    count += len(wrong)
                    print(f"{name}, {language}: {len(wrong)}", *wrong, sep="\n  ", flush=True)
            browser.close()
    finally:
        if server:
            server.terminate()
            server.wait(20)
    print(f"{count} found")
    return int(count > 0)


if __name__ == "__main__":
    sys.exit(main())
