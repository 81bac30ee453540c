"""The Explain page in a real browser: maps come first and get their verdicts, heads go off by click, box and keys."""

import re
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import serving, settled


@pytest.fixture(scope="module")
def address():
    with serving("tests.quick") as found:
        yield found


def opened(tab, address: str, section: str) -> Page:
    return tab(f"{address}/explain?explain={section}", viewport={"width": 1440, "height": 1600})


# Of all frames: whether one had a picture and no figure nor the place of one.
WATCH = """requestAnimationFrame(function look() {
  const picture = document.querySelector("[data-testid=stImage] img")?.naturalWidth;
  if (picture && !document.querySelector(".stPlotlyChart")) window.picturesAlone = true;
  requestAnimationFrame(look);
})"""


def test_pictures_are_painted_first_and_stay_where_they_are_when_verdicts_come(tab, address: str) -> None:
    page = tab(viewport={"width": 1440, "height": 1600})
    page.add_init_script(WATCH)
    page.goto(f"{address}/explain")
    picture = page.locator("[data-testid=stImage] img").first
    picture.wait_for()
    before = picture.bounding_box()
    expect(page.get_by_text(re.compile("^beats .* of random maps$"))).to_have_count(19)
    assert page.evaluate("window.picturesAlone"), "they waited for plotly"
    assert picture.bounding_box() == pytest.approx(before, abs=2)
    page.locator(".st-key-deletion_photo .main-svg").first.wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    page.locator(".st-key-deletion_sentence .main-svg").first.wait_for()
    settled(page)
    words = page.locator(".st-key-map_sentence p span").all_inner_texts()
    for number, expected in enumerate(([], words)):
        with page.expect_download() as saved:
            page.get_by_role("button", name="Save the map (SVG)").nth(number).click()
        figure = ElementTree.parse(saved.value.path()).getroot()
        texts = [one.text for one in figure.iter("{http://www.w3.org/2000/svg}text")]
        assert texts[: len(expected)] == expected and "1×" in texts and figure.get("width") == "120mm"
        assert "random maps do" in " ".join(texts) and "Drawn with Sidelight" in " ".join(texts)
        assert len(list(figure.iter("{http://www.w3.org/2000/svg}image"))) == 2 - number, "photo and scale"


def test_an_opened_head_is_shown_by_the_linked_view_with_the_photo_and_the_sentence_that_were_chosen(
    tab, address: str
) -> None:
    """Both stand in the address and are bound to their boxes; to leave them by the server's switch was a traceback."""
    page = tab(f"{address}/explain?explain=heads&photo=Cat&sentence=A+dog+is+running.&lang=English")
    page.get_by_role("link", name="Open in the linked view").first.click()
    page.get_by_role("heading", name="One mechanism").wait_for()
    page.wait_for_selector(".sidelight .say b")
    assert page.locator("[data-testid=stException]").count() == 0
    assert "view=depth_" in page.url and "vision_model=vision-cifar10" in page.url
    expect(page.locator(".card small").first).to_contain_text("Cat")
    expect(page.get_by_label("English sentence")).to_have_value("A dog is running.")


def test_heads_go_off_by_click_by_box_and_by_key(tab, address: str) -> None:
    page = opened(tab, address, "ablation")
    page.get_by_text(re.compile("^Amber:")).nth(1).wait_for()
    settled(page)
    chart = page.locator("[data-testid=stPlotlyChart]").nth(1)
    plot = chart.locator(".nsewdrag").first
    box = plot.bounding_box()
    cell = (box["width"] / 6, box["height"] / 12)
    page.mouse.click(box["x"] + 1.5 * cell[0], box["y"] + 3.5 * cell[1])
    expect(page.get_by_text("encoder 4·2", exact=True)).to_be_visible()
    expect(page.locator(".legendtext", has_text="1 off")).to_be_attached()
    settled(page)  # another grid stands there, with a cross on that head, and perhaps lower
    chart.hover()
    chart.locator("[data-title='Box Select']").click()
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 1, box["y"] + 10 * cell[1] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 11 * cell[1] - 2, steps=8)
    page.mouse.up()
    for head in range(1, 7):  # all of layer 11
        expect(page.get_by_text(f"encoder 11·{head}", exact=True)).to_be_visible()

    box = page.get_by_role("combobox", name="Heads that are off").first
    box.focus()
    page.keyboard.type("coder 1·1")
    expect(box).to_have_attribute("aria-activedescendant", re.compile("select_matches"))  # all of them
    page.keyboard.press("ArrowDown")
    expect(box).to_have_attribute("aria-activedescendant", re.compile("option-0$"))  # the one that was typed
    page.keyboard.press("Enter")
    expect(page.get_by_text("encoder 1·1", exact=True).first).to_be_visible()
    expect(page.get_by_text("8 off").first).to_be_attached()
    assert page.locator("[data-testid=stException]").count() == 0


def test_two_choices_made_quickly_both_count_once(tab, address: str) -> None:
    """The second breaks off the run of the first, before that drew the grid again."""
    page = opened(tab, address, "ablation")
    page.get_by_text(re.compile("^Amber:")).nth(1).wait_for()
    settled(page)
    box = page.locator("[data-testid=stPlotlyChart] .nsewdrag").nth(1).bounding_box()
    page.mouse.click(box["x"] + 1.5 * box["width"] / 6, box["y"] + 3.5 * box["height"] / 12)
    page.get_by_text("encoder 4·2", exact=True).wait_for()
    page.locator("[class*=st-key-off_photo][class*=_toggle] button").click()  # the first one may be the sentence's
    expect(page).to_have_url(re.compile(r"photo_off=4-2%2C1-1%2C1-2%2C1-3%2C1-4%2C1-5%2C1-6$"))
    settled(page)
    assert page.url.endswith("photo_off=4-2%2C1-1%2C1-2%2C1-3%2C1-4%2C1-5%2C1-6")
    assert page.locator("[data-testid=stException]").count() == 0


def test_a_link_opens_what_was_clicked(tab, address: str) -> None:
    page = opened(tab, address, "heads")
    page.get_by_role("heading", name=re.compile("^Layer")).nth(1).wait_for()
    settled(page)
    chart = page.locator(".js-plotly-plot").first
    chart.hover()
    with page.expect_download() as download:
        chart.locator(".modebar-btn").click()
    saved = ElementTree.parse(download.value.path()).getroot()
    assert saved.get("width") in ("85mm", "120mm", "180mm") and saved.get("height", "").endswith("mm")
    title = saved.findtext("{*}title")
    assert title and chart.locator("[role=img]").get_attribute("aria-label").startswith(title)
    assert title in " ".join(saved.itertext()).replace(title, "", 1), "it is read below, too"
    box = page.locator("[data-testid=stPlotlyChart] .nsewdrag").first.bounding_box()
    page.mouse.click(box["x"] + 1.5 / 6 * box["width"], box["y"] + 3.5 / 12 * box["height"])
    expect(page.get_by_role("heading", name="Layer 4, head 2")).to_be_visible()
    expect(page).to_have_url(re.compile("photo_open=4-2"))
    page.get_by_role("radio", name="distance").or_(page.get_by_role("button", name="distance")).first.click()
    expect(page).to_have_url(re.compile("statistic=distance"))
    settled(page)
    page.reload()
    expect(page.get_by_role("heading", name="Layer 4, head 2")).to_be_visible()
    expect(page).to_have_url(re.compile("photo_open=4-2.*statistic=distance|statistic=distance.*photo_open=4-2"))
    assert page.locator("[data-testid=stException]").count() == 0


def test_in_a_narrow_window_the_sides_stand_one_under_the_other(tab, address: str) -> None:
    page = opened(tab, address, "arithmetic")
    layers = page.get_by_role("combobox", name="Layer")
    photo, sentence = layers.nth(0), layers.nth(1)
    sentence.wait_for()
    assert sentence.bounding_box()["x"] > photo.bounding_box()["x"] + 300
    page.set_viewport_size({"width": 1024, "height": 1600})
    settled(page)
    assert sentence.bounding_box()["x"] == pytest.approx(photo.bounding_box()["x"], abs=2)
    assert sentence.bounding_box()["y"] > photo.bounding_box()["y"] + 300
