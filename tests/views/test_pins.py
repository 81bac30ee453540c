"""Pin A | B in a real browser: the difference is the library's, A stays while B goes on, a link brings both back."""

import dataclasses
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from PIL import Image

from core.attention.merge import merge_map
from core.views.linked import state
from core.views.linked.cards import Card, Grid
from core.views.linked.page import standalone
from core.views.linked.payload import pack
from tests.conftest import drawn
from tests.views.test_cards import caption_card
from tests.views.test_linked import WORDS, in_view, sentence_card, traces_of, vision_card, words_of

SIDES = "view.pin.panes[{}].{}"


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    return [vision_card(), sentence_card()]


@contextmanager
def opened(chromium, path: Path, payload: bytes, start: str = "", width: int = 1300) -> Iterator:
    path.write_text(standalone(payload, "a test", start), "utf-8")
    page = chromium.empty_page({"width": width, "height": 900})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".card:not([hidden]) .say b")
    yield page
    assert failures == []


def told(page, row: int = 0) -> str:
    drawn(page)
    return in_view(page, f"{SIDES.format(row, 'difference')}.say.textContent")


def rows(card: Card, layer: int, position: int) -> torch.Tensor:
    return next(iter(traces_of(card).values())).mean([layer])[position]


def test_the_difference_is_the_librarys_and_a_link_brings_it_back(chromium, cards: list, tmp_path) -> None:
    """Everything that needs one page: the numbers of both cards, the keys, what stays and what goes on."""
    with opened(chromium, tmp_path / "a.html", pack(cards, WORDS), "depth_0~image_6~sentence_t1") as page:
        assert page.locator(".card").count() == 2
        page.keyboard.press("p")
        page.wait_for_selector(".pinbar")
        assert page.locator(".card").count() == 6
        assert told(page) == told(page, 1) == WORDS["moved_nothing"], "A and B are the same yet"
        page.keyboard.press("]")
        page.keyboard.press("]")
        before, after = (rows(cards[0], layer, 6) for layer in (0, 2))
        moved = float((after - before).abs().sum()) / 2
        found = re.match(r"([\d.]+) points", told(page))
        assert found and float(found[1]) == pytest.approx(100 * moved, abs=1)
        drawn = in_view(page, "[...view.pin.panes[0].difference.axes[0].lit.weights]")
        assert (torch.tensor(drawn) - (after - before)[1:]).abs().max() < 0.02 * float(after.max())
        source, target = words_of(cards[1])
        cross = traces_of(cards[1])["cross"]
        both = [merge_map(cross.mean([layer]), target, source)[1] for layer in (0, 1)]
        found = re.match(r"([\d.]+) points", told(page, 1))
        assert found and float(found[1]) == pytest.approx(50 * float((both[1] - both[0]).abs().sum()), abs=1)
        assert [one.inner_text() for one in page.locator(".letter").all()] == ["A", "B", "B − A"] * 2
        said = page.locator(".say").all_inner_texts()
        page.add_init_script("if (parent !== window) window.print = () => {}")
        page.locator(".saving summary").first.click()
        page.locator(".saving").first.get_by_role("button", name=WORDS["figure_pdf"]).click()
        page.wait_for_selector("iframe", state="attached")
        assert page.locator("iframe").evaluate("frame => frame.srcdoc.match(/<svg /g).length") == 6, "A, B, B − A"
        page.locator("iframe").evaluate("frame => frame.remove()")
        page.wait_for_function("document.querySelector('.sidelight').view.told.includes('pin_held!depth_0!image_6')")
        text = in_view(page, "view.text")
        # A stays while B asks something else; the patch under the pointer is told by both.
        held = in_view(page, "view.pin.panes[0].a.state()")
        in_view(page, "view.cards[0].lock('9')")
        in_view(page, "view.pin.panes[0].difference.preview('3')")
        told(page)
        assert in_view(page, "view.pin.panes[0].a.query") == "6" and in_view(page, "view.cards[0].query") == "9"
        assert in_view(page, "view.pin.panes[0].a.state()") == held
        note = in_view(page, "view.pin.panes[0].difference.note.textContent")
        values = [float(rows(cards[0], layer, at)[3]) for layer, at in ((0, 6), (2, 9))]
        assert f"{100 * values[0]:.1f}% in A, {100 * values[1]:.1f}% in B" in note
        page.locator("[data-pane=difference] .saving summary").first.click()
        with page.expect_download() as download:
            page.get_by_role("button", name="SVG").locator("visible=true").click()
        figure = Path(download.value.path()).read_text("utf-8")
        assert WORDS["change_uniform"] in figure and "A: Image 1/3 | B: Image 3/3" in figure and "points of" in figure
        page.keyboard.press("x")
        told(page)
        assert in_view(page, "[view.cards[0].query, view.pin.panes[0].a.query, view.depth]") == ["6", "9", 0]
        page.get_by_label("Same question").check()
        told(page)
        assert in_view(page, "[view.pin.panes[0].a.query, view.pin.panes[0].a.depth]") == ["6", 0]
        assert told(page) == WORDS["moved_nothing"]
        page.get_by_role("button", name="Unpin").click()
        page.wait_for_selector(".pinbar", state="detached")
        assert page.locator(".card").count() == 2 and "pin" not in in_view(page, "view.text")
    with opened(chromium, tmp_path / "b.html", pack(cards, WORDS), text) as page:
        told(page)
        assert page.locator(".say").all_inner_texts() == said
        assert in_view(page, "view.text") == text


def test_where_a_and_b_cannot_be_compared_it_is_said_and_why(chromium, cards: list, tmp_path) -> None:
    grid = cards[0].axes[0]
    assert isinstance(grid, Grid)
    other = dataclasses.replace(cards[0], axes=(Grid(Image.new("RGB", (120, 80), "red"), grid.axis),), title="red")
    payload = pack(cards, WORDS, [other, None])
    with opened(chromium, tmp_path / "a.html", payload, "image_6~pin_held!depth_0!image_9") as page:
        assert told(page) == WORDS["differ_photo"]
        nothing = page.locator("[data-pane=difference] .axes").first
        assert nothing.locator("canvas").first.is_hidden() and nothing.bounding_box()["height"] == 0, "no empty frame"
        assert "red" in page.locator("[data-pane=a] h2").first.inner_text()
        assert re.match(r"[\d.]+ points", told(page, 1)), "the sentence is the same one"
        page.keyboard.press("x")
        page.wait_for_function("document.querySelector('[data-pane=b] h2').textContent.includes('red')")
        assert in_view(page, "view.cards[0].query") == "9"
        assert told(page) == WORDS["differ_photo"]
    # Directions that differ have no points of one whole; marks are matched by what they are.
    with opened(chromium, tmp_path / "b.html", pack(cards, WORDS), "image_6~pin_held!turned_yes!image_6") as page:
        assert re.match(r"Against an even share, .* gained most \(\+[\d.]+×\)", told(page))


def test_what_was_changed_by_hand_is_pinned_and_comes_back_with_the_link(chromium, cards: list, tmp_path) -> None:
    text = "image_6~pin_held!image_6!image-hand_encoder-a-a-a-3"
    with opened(chromium, tmp_path / "a.html", pack(cards, WORDS), text) as page:
        assert re.match(r"[\d.]+ points", told(page)), "A lacks a key, B has it"
        kept = in_view(page, "[...view.pin.panes[0].a.lit('6')[0].weights]")
        assert kept[2] == 0 and in_view(page, "view.text") == text
        assert WORDS["hand_edited"] in in_view(page, "view.pin.panes[0].a.note.textContent")
        page.keyboard.press("x")
        told(page)
        assert in_view(page, "view.cards[0].lit('6')[0].weights[2]") == 0, "B has what A had"
        assert in_view(page, "view.pin.panes[0].a.lit('6')[0].weights[2]") > 0


def test_three_panes_of_a_photo_and_words_stand_above_the_film(chromium, cards: list, tmp_path) -> None:
    grid = cards[0].axes[0]
    assert isinstance(grid, Grid)
    square = dataclasses.replace(cards[0], axes=(Grid(Image.new("RGB", (80, 80), "red"), grid.axis),))
    with opened(chromium, tmp_path / "a.html", pack([square, cards[1]], WORDS), "pin_held!image_9", 1280) as page:
        told(page)
        page.set_viewport_size({"width": 1280, "height": 800})
        drawn(page)
        film = page.locator(".foot").bounding_box()["y"]
        lowest = max(
            box["y"] + box["height"] for box in (one.bounding_box() for one in page.locator(".note").all()) if box
        )
        assert lowest <= film
        corner = "getContext('2d').getImageData(3, 3, 1, 1).data[3]"
        shown = [in_view(page, f"{SIDES.format(0, one)}.axes[0].canvas.{corner}") for one in ("a", "b", "difference")]
        assert shown == [255, 255, 255], "all three are drawn again in the smaller window"


def test_before_and_after_stand_there_by_themselves(chromium, cards: list, tmp_path) -> None:
    tuned = dataclasses.replace(cards[0], title="after")
    with opened(chromium, tmp_path / "a.html", pack([tuned], WORDS, [cards[0]], True), "image_5") as page:
        assert [one.inner_text() for one in page.locator(".letter").all()] == ["A", "B", "B − A"]
        assert page.get_by_role("button", name="Unpin").count() == 0 and in_view(page, "view.text") == "image_5"
        page.keyboard.press("p")
        in_view(page, "view.pin.panes[0].a.lock('7')")
        told(page)
        assert in_view(page, "[view.cards[0].query, view.pin.panes[0].a.query]") == ["7", "7"]
        assert told(page) == WORDS["moved_nothing"]


def test_a_page_that_cannot_pin_keeps_what_is_pinned_for_others(chromium, cards: list, tmp_path) -> None:
    text = "image_5~pin_held!depth_0!image_9"
    with opened(chromium, tmp_path / "a.html", pack(cards, WORDS, pins=False), text) as page:
        assert page.locator(".pinbar").count() == 0 and in_view(page, "view.text") == text


@pytest.mark.parametrize("width", [390, 1024])
def test_a_captioner_is_pinned_by_the_same_renderer_on_any_window(chromium, tmp_path, width: int) -> None:
    payload = pack([caption_card()], WORDS)
    with opened(chromium, tmp_path / "a.html", payload, "pin_held!depth_0!caption_t0", width) as page:
        in_view(page, "view.setDepth(1)")
        in_view(page, "view.cards[0].lock('t0')")
        assert re.match(r"[\d.]+ points of attention moved", told(page))
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".card:visible").count() == (1 if width < 760 else 3)
        scales = page.locator(".legend:visible")
        if width < 760:
            assert scales.count() == 1 and page.locator(".pinbar").bounding_box()["height"] < 50, "one slim line"
            page.locator(".pinbar .choice button").last.click()
            page.wait_for_function("!document.querySelector('[data-pane=difference]').hidden")
            assert scales.count() == 1 and "−63" in scales.inner_text(), "the scale of what is shown"
            page.locator(".pinbar .choice button").first.click()
            page.wait_for_function("!document.querySelector('[data-pane=a]').hidden")
            assert page.locator(".card:visible").get_attribute("data-pane") == "a"


def test_what_is_pinned_is_read_from_the_text() -> None:
    shown = state.pinned("depth_0.5~pin_held!depth_0.2!image_57.1~image_3")
    assert shown and (shown.depth, shown.at, shown.heads) == (0.2, {"image": "57"}, {"image": (1,)})
    assert state.pinned("depth_0.5~pin_with") == state.read("depth_0.5")
    assert state.pinned("depth_0.5") is state.pinned("pin_what!depth_1") is None
    assert state.unpinned("depth_0.5~pin_held!depth_0.2~image_3") == "depth_0.5~image_3"
    assert state.moved("pin_held!depth_0.2~image_3", None, {"image": "4"}) == "pin_held!depth_0.2~image_4"
