"""The Explain page in a real browser: every map gets its verdict, heads are switched off by click, box and keys."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import serving, settled


@pytest.fixture(scope="module")
def address():
    with serving() as found:
        yield found


def opened(chromium, address: str, section: str) -> Page:
    page = chromium.new_page(viewport={"width": 1440, "height": 1600}, locale="en-US")
    page.goto(f"{address}/explain?explain={section}")
    return page


def test_every_map_gets_its_verdict(chromium, address: str) -> None:
    page = opened(chromium, address, "maps")
    expect(page.get_by_text(re.compile("^explains more than .* of random maps$"))).to_have_count(17, timeout=240_000)
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()


def test_heads_go_off_by_click_by_box_and_by_key(chromium, address: str) -> None:
    page = opened(chromium, address, "ablation")
    page.get_by_text(re.compile("^Brown:")).nth(1).wait_for(timeout=120_000)
    settled(page)
    chart = page.locator("[data-testid=stPlotlyChart]").nth(1)
    plot = chart.locator(".nsewdrag").first
    box = plot.bounding_box()
    cell = (box["width"] / 6, box["height"] / 12)
    page.mouse.click(box["x"] + 1.5 * cell[0], box["y"] + 3.5 * cell[1])
    expect(page.get_by_text("encoder 4·2", exact=True)).to_be_visible(timeout=20_000)
    expect(page.locator(".legendtext", has_text="1 off")).to_be_attached(timeout=20_000)
    settled(page)  # another grid stands there, with a cross on that head, and perhaps lower
    chart.hover()
    chart.locator("[data-title='Box Select']").click()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 10 * cell[1] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 11 * cell[1] - 2, steps=8)
    page.mouse.up()
    for head in range(1, 7):  # all of layer 11
        expect(page.get_by_text(f"encoder 11·{head}", exact=True)).to_be_visible(timeout=20_000)

    page.get_by_role("combobox", name="Heads that are off").first.focus()
    page.keyboard.type("coder 1·1")
    page.keyboard.press("ArrowDown")  # the first entry takes all that match
    page.keyboard.press("Enter")
    expect(page.get_by_text("encoder 1·1", exact=True).first).to_be_visible(timeout=20_000)
    expect(page.get_by_text("8 off").first).to_be_attached(timeout=20_000)
    assert page.locator("[data-testid=stException]").count() == 0
    page.close()
