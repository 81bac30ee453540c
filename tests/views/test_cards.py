"""A card is axes and traces: what no view code knows, such as a captioner, is drawn, pointed at, linked and exported by
the same rules as a photo and a translation."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from torch import Tensor
from torch.nn import functional as F

from core import wording
from core.attention.axes import Axis, PatchAxis
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import AttentionTrace, Kind
from core.views.linked import scores, state
from core.views.linked.cards import Card, Named, card_of, names_of
from core.views.linked.numbers import numbers, table
from core.views.linked.page import View
from tests.conftest import drawn
from tests.views.test_linked import close, in_view, opened, sentence_card, tokens, traces_of, vision_card
from tests.views.test_text_card import BOX, PHOTO, decoder_card, text_card

ROWS, COLUMNS = 3, 4
LIT = "Array.from(view.cards[0].lit(view.cards[0].query)[{axis}].weights)"


def recorded(kind: Kind, queries: Axis, keys: Axis, layers: int, heads: int = 2, **options: object) -> AttentionTrace:
    with Tape.record(values=True) as tape:
        for _ in range(layers):
            query, key = 2 * torch.randn(1, heads, len(queries), 8), torch.randn(1, heads, len(keys), 8)
            F.scaled_dot_product_attention(query, key, key, **options)
    return AttentionTrace.from_calls(kind, tape.calls, queries, keys)


def caption_card() -> Card:
    """A captioner that nobody has trained: an encoder of the photo, a decoder of four words that reads it."""
    torch.manual_seed(6)
    grid = PatchAxis((ROWS, COLUMNS), ("CLS",), (0, 0, 160, 120), (160, 120))
    written, given = tokens("a", "dog", "run", "+s", "</s>"), tokens("", "a", "dog", "run", "+s")
    traces: dict[Kind, AttentionTrace] = {
        "encoder": recorded("encoder", grid, grid, 3, heads=3),
        "decoder": recorded("decoder", given, given, 2, is_causal=True),
        "cross": recorded("cross", given, grid, 2),
    }
    return card_of(traces, "a caption", Image.new("RGB", (160, 120), "gray"), written)


@pytest.fixture(scope="module")
def caption() -> Card:
    return caption_card()


@pytest.fixture
def page(chromium, caption: Card, tmp_path) -> Iterator:
    with opened(chromium, tmp_path / "caption.html", [caption]) as page:
        in_view(page, "view.setDepth(1)")
        yield page


def brightness(page, patches: int) -> Tensor:
    """Of each patch on the screen, as a person sees it where light is not smoothed."""
    in_view(page, "view.set('smooth', false)")
    drawn(page)
    shot = np.asarray(Image.open(io.BytesIO(page.locator(".photo").screenshot())).convert("L")).astype(float)
    high, wide = shot.shape[0] / ROWS, shot.shape[1] / COLUMNS
    inner = [
        shot[int((r + 0.3) * high) : int((r + 0.7) * high), int((c + 0.3) * wide) : int((c + 0.7) * wide)].mean()
        for r in range(ROWS)
        for c in range(COLUMNS)
    ]
    return torch.tensor(inner[:patches])


def test_a_word_of_a_captioner_lights_the_patches_that_it_reads(page, caption: Card) -> None:
    cross, decoder = traces_of(caption)["cross"], traces_of(caption)["decoder"]
    page.get_by_role("button", name="dog", exact=True).hover()
    expect(page.locator(".say")).to_contain_text("Writing dog, the model puts half of its attention to patches on")
    row = torch.stack([cross.row(1, head, 1) for head in range(2)]).mean(0)  # row 1 writes output 1
    close(in_view(page, LIT.format(axis=0)), row)
    seen, patches = brightness(page, ROWS * COLUMNS), row[1:]
    assert seen.argmax() == patches.argmax() and seen.argmin() == patches.argmin()
    own = torch.stack([decoder.row(1, head, 1) for head in range(2)]).mean(0)
    close(in_view(page, LIT.format(axis=1))[:2], own[1:3])  # key 0 is the start mark, no word


def test_a_patch_lights_the_patches_that_it_looks_at_and_the_words_that_read_it(page, caption: Card) -> None:
    encoder, cross = traces_of(caption)["encoder"], traces_of(caption)["cross"]
    box = page.locator(".photo").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)  # row 2, column 2
    expect(page.locator(".note")).to_contain_text("row 2, column 2")
    at = 1 + COLUMNS + 1
    close(in_view(page, LIT.format(axis=0)), encoder.mean([2])[at])
    column = cross.mean([1])[:, at]
    words = torch.stack([column[0], column[1], (column[2] + column[3]) / 2, column[4]])
    close(in_view(page, LIT.format(axis=1)), words)
    told = [float(word.get_attribute("title").rstrip("%")) for word in page.locator(".word").all()]
    assert told == pytest.approx([100 * float(w) for w in words], abs=1)
    best = ["a", "dog", "runs"][int(words[:3].argmax())]  # the end is no word
    expect(page.locator(".say")).to_contain_text(f"It is read most when {best} is written")
    page.get_by_role("button", name="is looked at by").click()
    page.locator(".photo").click(position={"x": box["width"] * 0.3, "y": box["height"] * 0.5})
    close(in_view(page, LIT.format(axis=0)), encoder.mean([2])[:, at])
    close(in_view(page, LIT.format(axis=1)), words)


def test_nothing_in_the_photo_looks_back_at_a_word(page) -> None:
    page.get_by_role("button", name="is looked at by").click()
    page.get_by_role("button", name="dog", exact=True).click()
    expect(page.locator(".say")).to_contain_text("Nothing in the picture looks at dog")
    assert in_view(page, "view.cards[0].lit('t1')[0]") is None


def test_a_captioner_is_linked_keyed_and_named_like_the_others(page, caption: Card) -> None:
    assert page.locator(".card h2").inner_text().startswith("Photo and words")
    assert page.locator(".overview .tabs button").evaluate_all("all => all.map((one) => one.title)") == [
        "Image: 3 layers × 3 heads",
        "decoder: 2 layers × 2 heads",
        "cross: 2 layers × 2 heads",
    ]
    page.get_by_role("button", name="dog", exact=True).click()
    page.wait_for_function("document.querySelector('.sidelight').view.told === 'depth_1~caption_t1'")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".word.query")).to_have_text("runs")
    page.locator(".photo").press("ArrowLeft")
    page.wait_for_function("document.querySelector('.sidelight').view.told === 'depth_1~caption_7'")
    assert page.locator(".word.query").count() == 0
    chosen = state.read("depth_1~caption_t1.1")
    assert caption.place(chosen.at["caption"]) == (1, 1) and chosen.heads["caption"] == (1,)
    page.get_by_role("button", name="Display").click()
    assert page.get_by_label("Opacity").is_visible() and page.get_by_label("A word is").is_visible()


def test_with_hidden_marks_a_word_reads_the_patches_alone(page, caption: Card) -> None:
    in_view(page, "view.set('hide', true)")
    page.get_by_role("button", name="dog", exact=True).hover()
    expect(page.locator(".note")).to_contain_text("Without CLS")
    cross = traces_of(caption)["cross"]
    rows = torch.stack([cross.row(1, head, 1)[1:] for head in range(2)])
    close(in_view(page, LIT.format(axis=0))[1:], (rows / rows.sum(-1, keepdim=True)).mean(0))


def test_the_file_of_a_captioner_has_a_row_of_a_patch_and_the_map_of_its_words(caption: Card) -> None:
    def lines(at: str) -> list[dict[str, str]]:
        text = table(caption, "caption", state.Chosen(1.0, {"caption": at}))
        return list(csv.DictReader(text.removeprefix("\ufeff").splitlines()))

    patch = lines("6")
    assert len(patch) == 13 and {line["query"] for line in patch} == {"2,2"}
    words = lines("t1")
    assert len(words) == 5 * 13 and words[13]["written"] == "dog" and words[14]["source"] == "1,1"
    assert float(words[14]["head 2"]) == pytest.approx(float(traces_of(caption)["cross"].map(1, 1)[1, 1]), rel=1e-4)
    assert lines("") == words, "where nothing is chosen the view starts at a word"


def test_a_patch_of_a_detector_lights_the_objects_that_read_it(chromium, tmp_path) -> None:
    torch.manual_seed(4)
    card = decoder_card()
    with opened(chromium, tmp_path / "detector.html", [card]) as page:
        in_view(page, "view.setDepth(1)")
        in_view(page, "view.cards[0].lock('2')")
        column = traces_of(card)["cross"].mean([2])[:, 2]
        close(in_view(page, LIT.format(axis=1)), column)
        expect(page.locator(".say")).to_contain_text("dog 71% reads it most")
        chip = page.get_by_role("button", name="dog 71%")
        assert float(chip.get_attribute("title").rstrip("%")) == pytest.approx(100 * float(column[2]), abs=1)


def test_links_of_before_are_read_as_before() -> None:
    """A number counts through the photo's positions and on through the objects; words have their side."""
    photo, detector, sentence = vision_card(), decoder_card(), sentence_card()
    assert photo.place("16") == (0, 16) and photo.place("17") == photo.place("") == (0, 0)
    assert detector.place("3") == (0, 3) and detector.place("4") == (1, 0) and detector.place("6") == (1, 2)
    assert sentence.place("s3") == (0, 3) and sentence.place("t2") == (1, 2) and sentence.place("t3") == (1, 0)
    assert text_card("encoder", tokens("a", "b"), "").place("1") == (0, 1)


def test_cards_are_named_by_what_is_on_them() -> None:
    text = text_card("encoder", tokens("a", "b"), "")
    cards = [vision_card(), decoder_card(), sentence_card(), text, caption_card(), vision_card()]
    assert names_of(cards) == ["image", "image2", "sentence", "text", "caption", "image3"]
    assert numbers([text], state.Chosen()).startswith(b"\xef\xbb\xbflayer")
    assert numbers([text, text], state.Chosen()).startswith(b"PK")


def test_a_box_without_a_position_is_drawn_and_never_asked(chromium, tmp_path) -> None:
    axis = PatchAxis((2, 2), (), (0, 0, 80, 80), (80, 80))
    card = card_of({"encoder": recorded("encoder", axis, axis, 1)}, "", PHOTO, named=[Named(None, "cat", BOX)])
    with opened(chromium, tmp_path / "box.html", [card]) as page:
        assert page.locator(".tokens .chip").count() == 0
        assert in_view(page, "view.cards[0].boxes") == [{"at": None, "box": list(BOX)}]
        page.locator(".saving summary").click()
        with page.expect_download() as saved:
            page.get_by_role("button", name=wording.text("view.figure_svg")).click()
        assert saved.value.path().read_text("utf-8").count('stroke="#fff"') == 1, "in the figure too"


def test_what_cannot_be_a_card_is_refused() -> None:
    axis = PatchAxis((2, 2), (), (0, 0, 80, 80), (80, 80))
    with pytest.raises(ValueError, match="trace"):
        card_of({}, "nothing")
    with pytest.raises(ValueError, match="photo"):
        card_of({"encoder": recorded("encoder", axis, axis, 1)}, "no photo")


def test_an_even_share_is_of_what_each_head_may_see(chromium, tmp_path) -> None:
    """Head 0 sees the nearest two, head 1 all of six: a key has the mean of its shares, or the largest."""
    words, near = tokens(*"abcdef"), (torch.arange(6)[:, None] - torch.arange(6)).abs() > 1
    mask = torch.stack([torch.zeros(6, 6).masked_fill(near, -torch.inf), torch.zeros(6, 6)])[None]
    card = text_card("encoder", words, "a mask a head", layers=1, attn_mask=mask)
    with opened(chromium, tmp_path / "heads.html", [card]) as page:
        shares = "Array.from(view.cards[0].lit('0').at(0).shares)"
        assert in_view(page, shares) == pytest.approx([(1 / 2 + 1 / 6) / 2] * 2 + [1 / 12] * 4)
        in_view(page, "view.set('method', 'max')")
        assert in_view(page, shares) == pytest.approx([1 / 2] * 2 + [1 / 6] * 4)
        in_view(page, "(view.cards[0].heads = new Set([1]))")
        assert in_view(page, shares) == pytest.approx([1 / 6] * 6)


def test_a_layer_in_float32_counts_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers of 2 x 4096 numbers; one that float16 does not hold makes the difference."""
    axis = tokens(*["a"] * 64)
    draw = torch.Generator().manual_seed(7)

    def trace(sharp: float) -> AttentionTrace:
        drawn = [[one * torch.randn(1, 2, 64, 32, generator=draw) for _ in range(2)] for one in (0.1, sharp)]
        calls = [AttentionCall(x, query, key, None, None, 1.0, False) for x, (query, key) in enumerate(drawn)]
        return AttentionTrace.from_calls("encoder", calls, axis, axis)

    small = 4 * 2 * 3 * 64 * 2  # log-sum-exp, flow and norms
    monkeypatch.setattr(scores, "BUDGET", 2 * 2 * 8192 + small)
    assert scores.fits_budget(trace(0.1))
    assert not scores.fits_budget(trace(6.0))
    monkeypatch.setattr(scores, "BUDGET", 3 * 2 * 8192 + small)
    assert scores.fits_budget(trace(6.0))


def test_a_caption_stands_beside_a_photo_and_is_kept_in_the_link(chromium, caption: Card, tmp_path) -> None:
    path = tmp_path / "both.html"
    View([caption, vision_card()], start="caption_t2.0~image_5~sentence_s1").save(path)
    page = chromium.empty_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert in_view(page, "view.text") == "caption_t2.0~image_5~sentence_s1"


SCRIPTS = sorted(Path(scores.__file__).parent.glob("*.js"))


def test_every_word_that_a_script_names_is_there() -> None:
    known = wording.starting_with("view.", "en")
    named = {name for path in SCRIPTS for name in re.findall(r"\bwords\.([a-z_]+)\b(?!\()", path.read_text("utf-8"))}
    assert named and named <= set(known)
