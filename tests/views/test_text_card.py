"""The text card, and image positions that are no patches, in a real browser."""

from collections.abc import Iterator

import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from torch.nn import functional as F

from core.attention.axes import PatchAxis, TokenAxis
from core.attention.merge import merge_map
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Kind
from core.views.linked.cards import Card, Named, card_of
from core.views.linked.page import View
from tests.views.test_linked import HTML, close, in_view, opened, tokens, traces_of

BOX = (10.0, 10.0, 50.0, 50.0)


def recorded(kind: Kind, axis, layers: int = 2, **options: object) -> AttentionTrace:
    with Tape.record(values=True) as tape:
        for _ in range(layers):
            query, key = torch.randn(2, 1, 2, len(axis), 8).unbind()
            F.scaled_dot_product_attention(query, key, key, **options)
    return AttentionTrace.from_calls(kind, tape.calls, axis, axis)


PHOTO = Image.new("RGB", (80, 80), "navy")


def text_card(kind: Kind, words: TokenAxis, title: str, marked: tuple[int, ...] = (), **options: object) -> Card:
    return card_of({kind: recorded(kind, words, **options)}, title, marked=marked)


def detector_card() -> Card:
    """CLS, four patches, then two objects, of which the second was found."""
    axis = PatchAxis((2, 2), ("CLS",), (0, 0, 80, 80), (80, 80), ("object 1", "object 2"))
    return card_of({"encoder": recorded("encoder", axis)}, "boxes", PHOTO, named=[Named(6, "cat 98%", BOX)])


def decoder_card() -> Card:
    """Four cells; a decoder of three layers looks for three objects and found the last."""
    axis, objects = PatchAxis((2, 2), (), (0, 0, 80, 80), (80, 80)), tokens("a", "b", "c")
    with Tape.record(values=True) as tape:
        for _ in range(3):
            key = torch.randn(1, 2, 4, 8)
            F.scaled_dot_product_attention(torch.randn(1, 2, 3, 8), key, key)
    cross = AttentionTrace.from_calls("cross", tape.calls, objects, axis)
    traces = {"encoder": recorded("encoder", axis), "cross": cross}
    return card_of(traces, "a decoder's boxes", PHOTO, named=[Named(2, "dog 71%", BOX)])


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    torch.manual_seed(2)
    asked = tokens("who", "run", "+s", "</s>", HTML, "dog", "run", "+s", "</s>")
    told = tokens("a", "small", "dog", "run", "+s", "fast")
    return [
        detector_card(),
        text_card("encoder", asked, "question", (5,)),
        text_card("decoder", told, "text", (4, 5), is_causal=True),
    ]


@pytest.fixture
def page(chromium, cards: list, tmp_path) -> Iterator:
    with opened(chromium, tmp_path / "view.html", cards) as page:
        yield page


@pytest.mark.parametrize("card", [1, 2])
def test_words_get_the_librarys_weights(page, cards: list, card: int) -> None:
    (trace,) = traces_of(cards[card]).values()
    axis = trace.query_axis
    expected = merge_map(trace.mean([1]), axis, axis)
    in_view(page, "view.setDepth(1)")
    for word in range(len(expected)):
        lit = f"Array.from(view.cards[{card}].lit('{word}')[0].weights)"
        in_view(page, "view.set('turned', false)")
        close(in_view(page, lit), expected[word])
        in_view(page, "view.set('turned', true)")
        close(in_view(page, lit), expected[:, word])


def test_the_answer_is_marked_and_asked_first(page) -> None:
    answer = page.locator(".card").nth(1).locator(".word.marked")
    assert answer.all_inner_texts() == ["dog"]
    assert page.locator(".card").nth(1).locator(".word.query").inner_text() == "dog"


def test_the_future_is_out_of_sight_in_a_causal_text_only(page) -> None:
    asked, told = page.locator(".card").nth(1), page.locator(".card").nth(2)
    told.get_by_text("small", exact=True).click()
    expect(told.locator(".word.unseen")).to_have_text(["dog", "runs", "fast"])
    expect(told.locator(".note")).to_contain_text("cannot see the 3")
    asked.get_by_text("who", exact=True).click()
    expect(asked.locator(".word.query")).to_have_text("who")
    assert asked.locator(".word.unseen").count() == 0
    assert page.title() != "broken"


def test_arrow_keys_walk_along_the_text_and_escape_releases(page) -> None:
    told = page.locator(".card").nth(2)
    told.get_by_text("small", exact=True).focus()
    page.keyboard.press("ArrowRight")
    expect(told.locator(".word.query")).to_have_text("dog")
    page.keyboard.press("Escape")
    expect(told.locator(".word.query")).to_have_text("runs")
    assert told.locator(".word[tabindex='0']").all_inner_texts() == ["runs"], "one stop for Tab"


def test_arabic_runs_from_right_to_left_and_keys_go_where_their_arrows_point(chromium, tmp_path) -> None:
    words = tokens("الكلب", "يجري", "في", "الثلج", "</s>")
    with opened(chromium, tmp_path / "arabic.html", [text_card("encoder", words, "arabic")]) as page:
        at = [page.locator(".word", has_text=word).bounding_box()["x"] for word in words.pieces[:4]]
        assert at == sorted(at, reverse=True)
        page.locator(".word", has_text="يجري").focus()
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".word.query")).to_have_text("في")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".word.query")).to_have_text("يجري")


def test_an_object_is_asked_by_name(page, cards: list) -> None:
    card = page.locator(".card").first
    assert card.locator(".tokens .chip").all_inner_texts() == ["CLS", "cat 98%"]
    card.get_by_role("button", name="cat 98%").click()
    in_view(page, "view.setDepth(1)")
    page.wait_for_function("document.querySelector('.say b').textContent === 'cat 98%'")
    expect(card.get_by_role("button", name="cat 98%")).to_have_attribute("aria-pressed", "true")
    shown = in_view(page, "Array.from(view.cards[0].lit(view.cards[0].query)[0].weights.subarray(1, 5))")
    close(shown, traces_of(cards[0])["encoder"].mean([1])[6, 1:5])
    page.wait_for_function("document.querySelector('.sidelight').view.text.includes('image_6')")


def test_a_long_text_stays_quick(chromium, tmp_path) -> None:
    words = tokens(*(f"w{i}" for i in range(400)))
    path = tmp_path / "long.html"
    View([text_card("decoder", words, "long", layers=6, is_causal=True)]).save(path)
    page = chromium.empty_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert page.locator(".word").count() == 400


def test_an_object_of_a_decoder_reads_the_picture(chromium, tmp_path) -> None:
    torch.manual_seed(4)
    card = decoder_card()
    path = tmp_path / "decoder.html"
    View([card], start="depth_1~image_6").save(path)
    page = chromium.empty_page({"width": 1300, "height": 900})
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelector('.say b')?.textContent === 'dog 71%'")
    shown = "Array.from(view.cards[0].lit(view.cards[0].query)[0].weights)"
    close(in_view(page, shown), traces_of(card)["cross"].mean([2])[2])
    assert page.locator(".overview .tabs button").evaluate_all("all => all.map((one) => one.title)") == [
        "Image: 2 layers × 2 heads",
        "cross: 3 layers × 2 heads",
    ]
    page.get_by_role("button", name="is looked at by").click()
    page.get_by_text("the decoder reads the encoder, never the other way round").wait_for()
    page.locator(".photo").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelector('.say b').textContent === 'This patch'")
    close(in_view(page, shown), traces_of(card)["encoder"].mean([1])[:, 3])


def test_hovering_previews_an_object_while_a_patch_is_locked(page) -> None:
    card = page.locator(".card").first
    page.evaluate("document.querySelector('.sidelight').view.cards[0].lock('2')")
    card.get_by_role("button", name="cat 98%").hover()
    page.wait_for_function("document.querySelector('.say b').textContent === 'cat 98%'")
    assert in_view(page, "view.cards[0].choice.at") == "2"
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.say b').textContent === 'This patch'")
