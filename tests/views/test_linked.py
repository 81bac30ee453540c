"""The linked view in a real browser: its numbers are the library's, and hover, click and keys do what they say."""

import dataclasses
import io
import re
import xml.etree.ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from playwright.sync_api import expect
from torch import Tensor
from torch.nn import functional as F

import core.views.linked.page
from core import wording
from core.attention.axes import PatchAxis, TokenAxis
from core.attention.byhand import Edit, changed
from core.attention.merge import merge_map
from core.attention.statistics import NAMES, head_statistics
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Kind
from core.views.linked.cards import Card, Doubt, Row, card_of
from core.views.linked.page import View, standalone
from core.views.linked.payload import pack
from core.views.scripts import bundle
from tests.boxes import patch_box
from tests.conftest import drawn

WORDS = wording.starting_with("view.", "en")
COLOUR = Path(core.views.linked.page.__file__).with_name("colour.js")
KINDS = [(0, "encoder"), (1, "encoder"), (1, "decoder"), (1, "cross")]  # number of the card, kind of its trace
HTML = "<img src=x onerror=document.title='broken'>"


def vision_card() -> Card:
    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, depth=3, num_heads=3).eval()
    with torch.no_grad():
        for block in model.blocks:
            block.attn.qkv.weight.mul_(8)  # sharper than random weights are
        with Tape.record(values=True) as tape:
            model(torch.randn(1, 3, 64, 64))
    axis = PatchAxis((4, 4), ("CLS",), (20, 0, 100, 80), (120, 80))
    trace = AttentionTrace.from_calls("encoder", tape.calls, axis, axis)
    return card_of({"encoder": trace}, "a picture", Image.new("RGB", (120, 80), "green"))


def tokens(*pieces: str) -> TokenAxis:
    """A piece that starts with + continues the word before it."""
    words, word = [], -1
    for piece in pieces:
        word += not piece.startswith("+")
        words.append(word)
    return TokenAxis(tuple(p.removeprefix("+") for p in pieces), tuple(words), tuple(p == "</s>" for p in pieces))


def sentence_card() -> Card:
    """The encoder has an additive bias, the decoder a causal mask, cross-attention grouped keys."""
    torch.manual_seed(1)
    source = tokens(HTML, "dog", "run", "+s", "</s>")
    target, given = tokens("Ein", "Hund", "</s>"), tokens("", "Ein", "Hund")

    def record(
        kind: Kind, queries: TokenAxis, keys: TokenAxis, key_heads: int = 2, **options: Tensor
    ) -> AttentionTrace:
        with Tape.record(values=True) as tape:
            for _ in range(2):
                query, key = torch.randn(1, 2, len(queries), 8), torch.randn(1, key_heads, len(keys), 8)
                F.scaled_dot_product_attention(query, key, key, enable_gqa=key_heads == 1, **options)
        return AttentionTrace.from_calls(kind, tape.calls, queries, keys)

    traces = {
        "encoder": record("encoder", source, source, attn_mask=torch.randn(1, 2, 5, 5)),
        "decoder": record("decoder", given, given, is_causal=True),
        "cross": record("cross", given, source, key_heads=1),
    }
    return card_of(traces, "English to German", written=target)


def traces_of(card: Card) -> dict[str, AttentionTrace]:
    return {lead.trace.kind: lead.trace for lead in card.leads}


def words_of(card: Card) -> list[TokenAxis]:
    return [axis.axis for axis in card.axes if isinstance(axis, Row)]


@pytest.fixture(scope="module")
def cards() -> list[Card]:
    return [vision_card(), sentence_card()]


@contextmanager
def opened(chromium, path: Path, cards: list) -> Iterator:
    """The view of these cards, saved at `path`, in the browser; it may not fail there."""
    path.write_text(standalone(pack(cards, WORDS), "a test"), "utf-8")
    page = chromium.empty_page({"width": 1300, "height": 900})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    yield page
    assert failures == []


@pytest.fixture
def page(chromium, cards: list, tmp_path) -> Iterator:
    with opened(chromium, tmp_path / "view.html", cards) as page:
        yield page


def in_view(page, expression: str):
    return page.locator(".sidelight").evaluate(f"({{ view }}) => {expression}")


def close(found: list, expected: Tensor) -> None:
    """float16 queries and keys: weights within 2% of the largest of their row."""
    assert np.abs(np.array(found) - expected.numpy()).max() < 0.02 * float(expected.max())


@pytest.mark.parametrize("layer", [0, 1])
@pytest.mark.parametrize(("card", "kind"), KINDS)
def test_the_browser_computes_the_librarys_numbers(page, cards: list, card: int, kind: str, layer: int) -> None:
    trace = traces_of(cards[card])[kind]
    browser = f"view.cards[{card}].traces.{kind}"
    heads = list(range(trace.heads))
    maps = torch.stack([trace.map(layer, head) for head in heads])  # (H, Nq, Nk)
    for query in range(len(trace.query_axis)):
        row = in_view(page, f"Array.from({browser}.row({layer}, 1, {query}))")
        close(row, maps[1, query])
        assert sum(row) == pytest.approx(1, abs=1e-3)
        for method, expected in {"mean": maps[:, query].mean(0), "max": maps[:, query].amax(0)}.items():
            close(in_view(page, f"Array.from({browser}.rowOf({layer}, {heads}, {query}, '{method}'))"), expected)
    close(in_view(page, f"Array.from({browser}.column({layer}, 0, 1))"), maps[0, :, 1])
    value = trace.calls[layer].value[0]
    norms = value.norm(dim=-1).repeat_interleave(trace.heads // value.shape[0], 0)  # (H, Nk)
    weighted = (maps[:, 2] * norms / norms.mean(-1, keepdim=True)).mean(0)
    close(in_view(page, f"Array.from({browser}.rowOf({layer}, {heads}, 2, 'value'))"), weighted / weighted.sum())


@pytest.mark.parametrize("hidden", [[], [0]])
def test_a_row_that_was_changed_by_hand_is_the_library_s(page, cards: list, hidden: list[int]) -> None:
    trace, browser = traces_of(cards[1])["encoder"], "view.cards[1].traces.encoder"
    edits = [Edit("encoder", 1, 0, (2,), (1, 3), 0.6), Edit("encoder", None, None, None, (0,))]
    page.locator(".sidelight").evaluate(
        "({ view }, edits) => { view.hand.edits = { sentence: edits }; view.hand.apply(); }",
        [dataclasses.asdict(edit) for edit in edits],
    )
    in_view(page, f"{browser}.hide({hidden})")
    for head in (0, 1):
        expected = trace.map(1, head)
        for edit in edits[head:]:
            cells = torch.zeros(expected.shape, dtype=torch.bool)
            cells[slice(None) if edit.queries is None else list(edit.queries), ...] = torch.isin(
                torch.arange(5), torch.tensor(edit.keys)
            )
            expected = changed(expected, cells, edit.share)
        expected[:, hidden] = 0
        expected /= expected.sum(-1, keepdim=True)
        for query in (0, 2):
            close(in_view(page, f"Array.from({browser}.row(1, {head}, {query}))"), expected[query])
        close(in_view(page, f"Array.from({browser}.column(1, {head}, 3))"), expected[:, 3])
    assert in_view(page, "view.hand.button.hidden"), "a saved file has nobody to ask"


def test_whole_words_are_the_librarys_merge(page, cards: list) -> None:
    cross = traces_of(cards[1])["cross"].mean([1])
    expected = merge_map(cross, *words_of(cards[1])[::-1])
    in_view(page, "view.setDepth(1)")
    found = in_view(page, "view.cards[1].reading.map().map((row) => Array.from(row.weights))")
    for row, wanted in zip(found, expected, strict=True):
        close(row, wanted)
    display(page).get_by_label("whole words").uncheck()
    page.wait_for_function("document.querySelectorAll('.source .word').length === 5")


def test_hover_previews_click_locks_escape_releases(page) -> None:
    said = page.locator(".card").first.locator(".say")
    photo = page.locator(".photo")
    assert "CLS" in said.inner_text()
    box = photo.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 1, column 1')")
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.say').textContent.includes('CLS puts')")
    photo.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.9})
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 4, column 4')")
    photo.press("ArrowUp")
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 3, column 4')")
    photo.press("Escape")
    page.wait_for_function("document.querySelector('.say').textContent.includes('CLS puts')")


def test_words_answer_and_the_future_is_out_of_sight(page) -> None:
    page.get_by_role("button", name="Ein").hover()
    page.wait_for_function("document.querySelectorAll('.target .unseen').length === 2")
    page.get_by_role("button", name="dog", exact=True).click()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('dog looks most')")
    page.keyboard.press("ArrowRight")
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('runs looks most')")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('Writing the end')")


def display(page):
    """The drawer of what changes the drawing, opened."""
    if not page.locator(".panel").is_visible():
        page.get_by_role("button", name="Display").click()
    return page.locator(".panel")


def heads(page):
    """The heads of the first card, unfolded."""
    if not page.locator(".heads").is_visible():
        page.get_by_role("button", name="Heads", exact=True).click()
    return page.locator(".heads .group").first.locator(".head")


def test_a_head_is_looked_at_alone_and_the_last_stays(page) -> None:
    found = heads(page)
    found.nth(1).hover()
    assert in_view(page, "view.cards[0].chosenHeads") == [1], "hovering shows it"
    found.nth(1).click()
    page.mouse.move(5, 5)
    assert in_view(page, "view.cards[0].chosenHeads") == [1]
    found.nth(1).click(modifiers=["Shift"])
    assert in_view(page, "[...view.cards[0].heads]") == [1], "one stays on"
    found.nth(0).click(modifiers=["Shift"])
    assert in_view(page, "[...view.cards[0].heads].sort()") == [0, 1]
    found.nth(2).click()
    found.nth(2).click()
    assert in_view(page, "view.cards[0].heads.size") == 3, "once more brings back all"


def test_several_heads_are_chosen_by_keys_alone(page) -> None:
    found = heads(page)
    several = page.locator(".heads .group").first.get_by_role("button", name="several")
    for button in (several, found.nth(0), found.nth(1), found.nth(0)):
        button.press("Enter")
    assert in_view(page, "[...view.cards[0].heads].sort()") == [0, 2]
    several.press("Space")
    found.nth(1).press("Enter")
    assert in_view(page, "[...view.cards[0].heads]") == [1], "alone again"


def overview(page):
    """The drawer of layers and heads, opened and drawn."""
    page.get_by_role("button", name="Layers × heads").click()
    page.wait_for_function("document.querySelector('.sidelight').view.overview.drawnCells")
    return page.locator(".overview canvas")


def cell(page, layer: int, head: int) -> dict[str, float]:
    """Where a cell of the drawer lies on its canvas."""
    across, wide, tall = in_view(page, "[c.across, c.wide, c.tall]".replace("c.", "view.overview.drawnCells."))
    x, y = (layer, head) if across else (head, layer)
    return {"x": 20 + (x + 0.5) * wide, "y": 20 + (y + 0.5) * tall}


def test_pointing_at_layers_and_heads_shows_one_a_click_keeps_it_and_escape_closes(page) -> None:
    grid = overview(page)
    shown = "[view.cards[0].traces.encoder.at(view.cards[0].depth), ...view.cards[0].chosenHeads]"
    before = in_view(page, shown)
    grid.hover(position=cell(page, 0, 2))
    assert in_view(page, shown) == [0, 2]
    expect(page.locator(".cellnote")).to_contain_text("Layer 1, head 3")
    inside = "e => { const b = e.getBoundingClientRect(); return b.right <= innerWidth && b.bottom <= innerHeight; }"
    assert page.locator(".overview").evaluate(inside), "it opens within the window"
    page.mouse.move(5, 5)
    assert in_view(page, shown) == before
    grid.click(position=cell(page, 0, 2))
    page.mouse.move(5, 5)
    assert in_view(page, shown) == [0, 2]
    grid.press("ArrowLeft" if in_view(page, "!view.overview.drawnCells.across") else "ArrowUp")
    assert in_view(page, shown) == [0, 1]
    grid.press("Escape")
    assert not page.locator(".overview").is_visible()


def test_one_key_is_one_layer_and_a_drag_scrubs(page) -> None:
    layer = "view.cards[0].traces.encoder.at(view.depth)"
    strip = page.locator(".strip")
    strip.press("Home")
    assert in_view(page, layer) == 0
    strip.press("ArrowRight")
    assert in_view(page, layer) == 1
    page.keyboard.press("]")
    assert in_view(page, layer) == 2
    page.keyboard.press("[")
    assert in_view(page, layer) == 1
    expect(strip).to_have_attribute("aria-valuenow", "2")
    box = strip.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + 10)
    page.mouse.up()
    assert in_view(page, layer) == 2
    watched = (
        "function (depth) { (this.walked ??= []).push(depth); Object.getPrototypeOf(this).setDepth.call(this, depth); }"
    )
    in_view(page, f"void (view.setDepth = {watched})")
    page.get_by_role("button", name="Play the film, layer by layer").click()
    page.wait_for_function("document.querySelector('.sidelight').view.walked?.length === 3")
    assert in_view(page, "view.walked") == [0, 0.5, 1]


def test_matrix_and_input_reading(page) -> None:
    display(page).get_by_label("Sentences as").select_option("matrix")
    page.wait_for_selector(".matrix td")
    assert page.locator(".matrix tbody tr").count() == 3
    assert page.locator(".matrix td").first.bounding_box()["width"] > 40, "as large as there is room for"
    assert in_view(page, "view.cards[1].leads[2].rows([0], view.reading)") == [0]
    page.locator("select").filter(has_text="what was just read").select_option("input")
    page.wait_for_function("document.querySelectorAll('.note')[1].textContent.includes('just read')")
    assert in_view(page, "view.cards[1].leads[2].rows([0], view.reading)") == [1]
    assert in_view(page, "view.cards[1].leads[2].rows([2], view.reading)") == []


def test_typed_text_never_becomes_markup(page) -> None:
    in_view(page, "view.set('layout', 'matrix')")
    page.wait_for_selector(".matrix td")
    assert page.title() == "a test"
    assert page.locator(".sidelight img").count() == 0
    assert HTML in page.locator(".matrix thead").inner_text()


def test_the_picture_is_dark_where_attention_is_not(page, cards: list) -> None:
    """The screenshot of the overlay: the patch with most attention is brighter than the one with least."""
    page.wait_for_timeout(200)
    shot = Image.open(io.BytesIO(page.locator(".photo").screenshot())).convert("L")
    depth = in_view(page, "view.cards[0].traces.encoder.at(view.depth)")
    row = traces_of(cards[0])["encoder"].mean([depth])[0, 1:]
    axis = traces_of(cards[0])["encoder"].query_axis

    def brightness(patch: int) -> float:
        box = [c * shot.width / 120 for c in patch_box(axis, patch + 1)]
        return float(np.asarray(shot.crop([round(c) for c in box])).mean())

    assert brightness(int(row.argmax())) > brightness(int(row.argmin()))


def told(page, text: str) -> None:
    """Wait until what was chosen stands in `view.told`, from where the page and the link take it."""
    page.wait_for_function("(text) => document.querySelector('.sidelight').view.told === text", arg=text)


def test_what_is_chosen_is_told_once_it_rests(page) -> None:
    page.locator(".photo").hover()
    page.wait_for_timeout(500)
    assert in_view(page, "view.told") == "", "hovering tells nothing"
    page.locator(".photo").press("ArrowUp")
    heads(page).nth(1).click()
    told(page, "image_11.1")
    page.locator(".photo").press("Escape")
    page.locator(".heads .all").first.click()
    told(page, "")


STATE = "depth_0.5~turned_yes~method_value~hues_yes~keep_0.6~hide_yes~layout_matrix~image_6.0.2~sentence_s1.1"


def test_a_link_restores_the_view(chromium, cards: list, tmp_path) -> None:
    path = tmp_path / "view.html"
    path.write_text(standalone(pack(cards, WORDS), "a test", STATE), "utf-8")
    page = chromium.empty_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert in_view(page, "view.text") == STATE
    assert "row 2, column 2" in page.locator(".note").first.inner_text()
    assert page.get_by_role("button", name="is looked at by").get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize(
    "start",
    [
        "image_999.77~sentence_t99",
        "depth_x~depth_~_~image_~layout_<b>",
        "constructor_x~toString_y~__proto___z",
        "~" * 50,
    ],
)
def test_a_damaged_link_is_no_error(chromium, cards: list, tmp_path, start: str) -> None:
    path = tmp_path / "view.html"
    path.write_text(standalone(pack(cards, WORDS), "a test", start), "utf-8")
    page = chromium.empty_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert failures == []
    assert in_view(page, "view.cards[0].heads.size") == 3
    assert in_view(page, "view.depth") == 0.91, "what cannot be read stays at its default, as in state.py"


def test_a_second_click_and_escape_release_a_word(page) -> None:
    dog = page.get_by_role("button", name="dog", exact=True)
    query = "view.cards[1].choice?.at ?? null"
    dog.click()
    assert in_view(page, query) == "s1"
    dog.click()
    assert in_view(page, query) is None
    dog.click()
    dog.press("Escape")
    assert in_view(page, query) is None


def test_a_word_that_another_sentence_lacks_is_no_longer_locked_in_the_link(page) -> None:
    page.get_by_role("button", name="dog", exact=True).click()
    in_view(page, "view.cards[0].lock('6')")
    in_view(
        page,
        """(() => {
          const header = structuredClone(view.header), tell = (text) => { window.told = text; };
          for (const axis of header.cards[1].axes) axis.pieces[0] = "other";
          view.destroy();
          view.root.view = new view.constructor(view.root, { header, buffer: view.buffer }, view.text, tell, view);
        })()""",
    )
    page.wait_for_function("window.told !== undefined")
    assert page.evaluate("window.told") == "image_6"


def test_touch_locks(chromium, cards: list, tmp_path) -> None:
    path = tmp_path / "view.html"
    path.write_text(standalone(pack(cards, WORDS), "a test"), "utf-8")
    context = chromium.new_context(has_touch=True, viewport={"width": 390, "height": 800})
    page = context.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    photo = page.locator(".photo")
    box = photo.bounding_box()
    photo.tap(position={"x": box["width"] * 0.75, "y": box["height"] * 0.9})
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 4, column 4')")
    page.get_by_role("button", name="dog", exact=True).tap()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('dog looks most')")
    page.get_by_role("button", name="Heads", exact=True).tap()
    group = page.locator(".heads .group").first
    group.get_by_role("button", name="several").tap()
    group.locator(".head").nth(1).tap()
    assert in_view(page, "[...view.cards[0].heads].sort()") == [0, 2], "two of three"
    context.close()


def test_a_screen_reader_hears_the_top_three(page, cards: list) -> None:
    page.locator(".photo").press("Escape")
    heard = page.locator(".heard[aria-live=polite]").first
    row = traces_of(cards[0])["encoder"].mean([in_view(page, "view.cards[0].traces.encoder.at(view.depth)")])[0, 1:]
    top = [divmod(int(patch), 4) for patch in row.topk(3).indices]
    page.wait_for_function("document.querySelector('.heard').textContent.startsWith('CLS: ')")
    said = heard.inner_text()
    places = [said.find(f"row {r + 1}, column {c + 1}") for r, c in top]
    assert -1 not in places and places == sorted(places)


def test_top_mass_keeps_the_fewest_that_hold_it(page, cards: list) -> None:
    slider = display(page).get_by_label("Keep the top")
    slider.evaluate("e => { e.value = 0.5; e.oninput(); e.onchange(); }")
    page.wait_for_function("document.querySelector('.note').textContent.includes('top 50%')")
    weights = np.array(in_view(page, "Array.from(view.cards[0].lit('0')[0].weights.subarray(1))"))
    shown = np.array(
        in_view(page, "Array.from(view.functions.topMass(view.cards[0].lit('0')[0].weights.subarray(1), view.keep))"),
        bool,
    )
    assert weights[shown].sum() >= 0.5 * weights.sum() - 1e-6
    assert weights[shown].sum() - weights[shown].min() < 0.5 * weights.sum()
    assert weights[shown].min() >= weights[~shown].max()


@pytest.mark.parametrize("method", ["mean", "max", "value"])
def test_hidden_marks_leave_rows_that_sum_to_one(page, cards: list, method: str) -> None:
    """Each head's row without CLS, divided by what is left, from the library's own maps."""
    trace = traces_of(cards[0])["encoder"]
    maps = torch.stack([trace.map(1, head) for head in range(3)])[..., 1:]  # (H, Nq, patches)
    maps = maps / maps.sum(-1, keepdim=True)
    norms = trace.calls[1].value[0].norm(dim=-1)  # (H, Nk)
    weighted = (maps * (norms / norms.mean(-1, keepdim=True))[:, None, 1:]).mean(0)
    expected = {
        "mean": maps.mean(0),
        "max": maps.amax(0),
        "value": weighted / weighted.sum(-1, keepdim=True),
    }[method]
    display(page).get_by_label("hide CLS and marks").check()
    page.wait_for_function("document.querySelector('.note').textContent.startsWith('Without CLS')")
    trace_js = "view.cards[0].traces.encoder"
    close(in_view(page, f"Array.from({trace_js}.rowOf(1, [0, 1, 2], 4, '{method}')).slice(1)"), expected[4])
    close(in_view(page, f"Array.from({trace_js}.columnOf(1, [0, 1, 2], 4, '{method}'))"), expected[:, 3])


def test_the_other_direction_of_a_target_word(page, cards: list) -> None:
    page.get_by_role("button", name="is looked at by").click()
    page.get_by_role("button", name="Ein").click()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.includes('encoder never sees')")
    found = in_view(page, "Array.from(view.cards[1].lit(view.cards[1].query)[1].weights)")
    close(found, traces_of(cards[1])["decoder"].mean([1])[:, 1])  # key 1 of the decoder is output 0


def test_hue_names_the_head(page) -> None:
    """One head alone paints its own hue; the chips show which is which."""
    display(page).get_by_label("colour by head").check()
    heads(page).nth(2).click()
    assert in_view(page, "view.cards[0].tints('0')[0][3]") == in_view(page, "view.functions.hueOf(2, 3)")


@pytest.mark.parametrize("order", [(0, 0), (1, 1), (1, 0)])
def test_any_two_cards_stand_side_by_side(chromium, cards: list, tmp_path, order: tuple[int, int]) -> None:
    path = tmp_path / "view.html"
    View([cards[x] for x in order]).save(path)
    page = chromium.empty_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.say b').length >= 2")
    heads(page).nth(0).click()
    names = in_view(page, "view.cards.map(({ name }) => name)")
    assert len(set(names)) == 2
    assert in_view(page, "view.text").startswith(names[0])


def test_a_notebook_shows_it(chromium, cards: list) -> None:
    page = chromium.empty_page()
    page.set_content(View(cards, "zh")._repr_html_())
    page.frame_locator("iframe").locator(".say b").first.wait_for()


def test_a_layer_that_is_not_here_is_said(chromium, cards: list, tmp_path) -> None:
    """Above the byte budget one layer is sent: the view shows it and says that the wanted one is on its way."""
    path = tmp_path / "view.html"
    one = dataclasses.replace(cards[0], leads=(dataclasses.replace(cards[0].leads[0], layers=(2,)),))
    path.write_text(standalone(pack([one], WORDS), "a test", "depth_0"), "utf-8")
    page = chromium.empty_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert "Layer 1 is on its way" in page.locator(".note").inner_text()
    assert "Image 3/3" in page.locator(".layers").first.inner_text()


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_shows_the_librarys_statistics(page, cards: list, name: str) -> None:
    grid = overview(page)
    page.locator(".overview").get_by_label("Show").select_option(name)
    page.wait_for_function(
        "(help) => document.querySelector('.cellnote').textContent === help", arg=WORDS[f"grid_{name}_help"]
    )
    for card, kind in KINDS:
        found = in_view(page, f"view.cards[{card}].traces.{kind}.statistics['{name}']")
        expected = head_statistics(traces_of(cards[card])[kind])[name].tolist()
        assert found == [pytest.approx(row, abs=1e-5) for row in expected]
    grid.hover(position=cell(page, 0, 0))
    first = head_statistics(traces_of(cards[0])["encoder"])[name][0, 0]
    expect(page.locator(".cellnote")).to_contain_text(f"{first:.2f}")


def test_cards_of_the_same_input_are_pointed_at_together(chromium, cards: list, tmp_path) -> None:
    """As before and after training; another photo beside it keeps to itself."""
    other = card_of(traces_of(cards[0]), "another picture", Image.new("RGB", (120, 80), "red").effect_spread(9))
    path = tmp_path / "twins.html"
    View([cards[0], cards[0], other, cards[1], cards[1]]).save(path)
    page = chromium.empty_page({"width": 1400, "height": 1400})
    page.goto(path.as_uri())
    page.locator(".photo").first.press("ArrowDown")
    page.evaluate("document.querySelector('.sidelight').view.cards[3].lock('s1')")
    locked = page.evaluate("document.querySelector('.sidelight').view.cards.map((card) => card.locked)")
    assert locked[0] == locked[1] != "" and locked[2] == ""
    assert locked[3:] == ["s1", "s1"]
    page.evaluate("document.querySelector('.sidelight').view.cards[1].preview('2')")
    hovered = page.evaluate("document.querySelector('.sidelight').view.cards.map((card) => card.hovered)")
    assert hovered == ["2", "2", None, None, None]


def test_an_even_share_is_of_the_keys_that_may_be_seen(page) -> None:
    """What the default scale divides by: of words the share of all their pieces, and without what is hidden."""
    shares = "Array.from(view.cards[1].{}.shares)"
    assert in_view(page, shares.format("reading.map()[0]")) == pytest.approx([1 / 5, 1 / 5, 2 / 5, 1 / 5])
    assert in_view(page, shares.format("lit('t1')[1]")) == pytest.approx([1 / 2, 0, 0]), "the start mark is no word"
    assert in_view(page, "view.cards[0].traces.encoder.share(0, 0, 0)") == pytest.approx(1 / 17)
    display(page).get_by_label("hide CLS and marks").check()
    page.wait_for_function("document.querySelector('.note').textContent.startsWith('Without CLS')")
    assert in_view(page, shares.format("reading.map()[0]")) == pytest.approx([1 / 4, 1 / 4, 2 / 4, 0])
    assert in_view(page, shares.format("lit('t1')[1]")) == pytest.approx([1, 0, 0])
    assert in_view(page, "view.cards[0].traces.encoder.share(0, 0, 0)") == pytest.approx(1 / 16)


def test_what_the_hidden_marks_hold_is_told(page, cards: list) -> None:
    display(page).get_by_label("hide CLS and marks").check()
    page.wait_for_function("document.querySelector('.note').textContent.startsWith('Without CLS')")
    depth = in_view(page, "view.cards[0].traces.encoder.at(view.depth)")
    held = float(traces_of(cards[0])["encoder"].mean([depth])[0, 0])
    assert in_view(page, f"view.cards[0].traces.encoder.hiddenShare({depth}, [0, 1, 2], 0)") == pytest.approx(
        held, abs=2e-3
    )
    assert f"{held:.0%}" in page.locator(".note").first.inner_text()


def test_a_ribbon_joins_the_word_that_reads_with_the_word_that_is_read(page, cards: list) -> None:
    page.get_by_role("button", name="Hund").click()
    row = merge_map(traces_of(cards[1])["cross"].mean([1]), *words_of(cards[1])[::-1])[1]
    shares = torch.tensor([1, 1, 2, 1]) / 5
    found = page.evaluate(
        """() => {
          const box = document.querySelector(".reading").getBoundingClientRect();
          const middle = (e) => { const r = e.getBoundingClientRect(); return r.left - box.left + r.width / 2; };
          const words = (side) => [...document.querySelectorAll(`.${side} .word`)];
          const near = (side, x) => words(side).findIndex((e) => Math.abs(middle(e) - x) < 1);
          return [...document.querySelectorAll(".reading svg .on")].map((path) => {
            const [x0, , , , , , x1] = path.getAttribute("d").match(/-?[0-9.]+/g).map(Number);
            return [near("source", x0), near("target", x1), Number(path.getAttribute("stroke-width"))];
          });
        }"""
    )
    assert [source for source, _, _ in found] == (row / shares >= 0.9).nonzero()[:, 0].tolist()
    assert {target for _, target, _ in found} == {1}, "Hund"
    for source, _, width in found:
        mark = source == 3  # the end is dotted, and never the thickest
        assert width == pytest.approx(2 if mark else max(1.2, 18 * float(row[source])), abs=0.4), (
            "as wide as its weight"
        )


def test_a_cell_of_the_matrix_says_both_words_and_their_weight(page, cards: list) -> None:
    in_view(page, "view.set('layout', 'matrix')")
    page.wait_for_selector(".matrix td")
    rows = merge_map(traces_of(cards[1])["cross"].mean([1]), *words_of(cards[1])[::-1])
    titles = "[...r.querySelectorAll('td')].map((cell) => cell.title)"
    said = page.evaluate(f"[...document.querySelectorAll('.matrix tbody tr')].map((r) => {titles})")
    words = [*page.locator(".matrix thead .top").all_inner_texts()]
    assert len(said) == 3 and len(said[0]) == len(words) == 4
    for target, name in enumerate(page.locator(".matrix tbody th").all_inner_texts()):
        for source, word in enumerate(words):
            told, share = said[target][source].rsplit(": ", 1)
            assert told == f"{name} → {word}"
            assert float(share.rstrip("%")) == pytest.approx(100 * float(rows[target, source]), abs=2)


def test_a_photo_alone_has_a_film_of_several_lines(chromium, tmp_path) -> None:
    path = tmp_path / "a.html"
    path.write_text(standalone(pack([vision_card()], WORDS), "a test"), "utf-8")
    page = chromium.empty_page({"width": 1280, "height": 800})
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    lines, columns = in_view(page, "[view.film.lines, view.film.columns]")
    strip = page.locator(".strip").bounding_box()
    assert lines > 1
    page.mouse.click(strip["x"] + 20, strip["y"] + strip["height"] * 1.5 / lines)
    assert in_view(page, "view.film.at") == columns, "the first of the second line"
    page.set_viewport_size({"width": 1024, "height": 480})
    in_view(page, "view.cards[0].note.textContent = 'words '.repeat(80)")
    drawn(page)
    note, foot = page.locator(".note").bounding_box(), page.locator(".foot").bounding_box()
    assert note["y"] + note["height"] <= foot["y"], "what is said stands above the film"


def test_the_matrix_is_walked_by_keys_and_by_touch(page) -> None:
    in_view(page, "view.set('layout', 'matrix')")
    page.wait_for_selector(".matrix td")
    cells, told, box = page.locator(".matrix td"), page.locator(".matrix + .matrixnote"), page.locator(".matrix")
    box.press("ArrowDown")
    box.press("ArrowRight")
    assert told.inner_text() == page.locator(".matrix td.pointed").get_attribute("title") != ""
    box.press("Enter")
    page.wait_for_function("document.querySelector('.sidelight').view.cards[1].choice?.at.startsWith('t')")
    cells.last.dispatch_event("pointerenter", {"pointerType": "touch"})
    assert told.inner_text() == cells.last.get_attribute("title")


def test_a_table_scrolls_above_the_film_is_saved_whole_and_words_come_back_as_they_fit(page, tmp_path) -> None:
    page.set_viewport_size({"width": 1024, "height": 480})
    in_view(page, "view.set('layout', 'matrix')")
    page.wait_for_selector(".side .matrix td")
    told, foot = page.locator(".told").nth(1).bounding_box(), page.locator(".foot").bounding_box()
    assert told["y"] + told["height"] <= foot["y"], "what is said stands above the film"
    page.locator(".matrix").evaluate("one => { one.style.width = '140px'; one.scrollLeft = 50; }")
    in_view(page, "view.togglePin()")
    page.locator("[data-pane=a] .saving summary").nth(1).click()
    with page.expect_download() as download:
        page.locator("[data-pane=a] .saving").nth(1).get_by_role("button", name=WORDS["figure_svg"]).click()
    assert download.value.suggested_filename == "sidelight-sentence-a.svg"
    download.value.save_as(tmp_path / "table.svg")
    figure = xml.etree.ElementTree.parse(tmp_path / "table.svg").getroot()
    left, _, width, _ = (float(one) for one in figure.get("viewBox").split())
    found = {
        tag: list(figure.iter(f"{{http://www.w3.org/2000/svg}}{tag}")) for tag in ("rect", "text", "stop", "image")
    }
    cells = [float(one.get("x")) for one in found["rect"] if one.get("rx") == "3"]
    assert len(cells) == 12 and left + 20 <= min(cells) and max(cells) < left + width - 40, "all columns"
    assert any((one.text or "").startswith(f"{WORDS['pane_a']} · ") for one in found["text"])
    assert found["stop"][-1].get("stop-color") == "rgb(255,240,210)" and not found["image"], "the scale of its cells"
    in_view(page, "view.togglePin()")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_selector(".narrow")
    in_view(page, "view.set('layout', 'reading')")
    page.wait_for_selector(".reading path", state="attached")
    boxes = in_view(page, "[...view.cards[1].reading.boxes.values()].flat().map(({ w }) => w)")
    assert min(boxes) > 0, "measured where they are seen"


def test_hues_are_mixed_by_the_square_of_their_weights(chromium) -> None:
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(COLOUR))
    assert page.evaluate("mixed([0.8, 0.2], [[255, 0, 0], [0, 0, 255]])") == [240, 0, 15]
    assert page.evaluate("mixed([0, 0], [[255, 0, 0], [0, 0, 255]])") == [0, 0, 0]


def test_hovering_previews_while_a_lock_stays(page) -> None:
    photo = page.locator(".photo")
    box = photo.bounding_box()
    photo.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.9})
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 1, column 1')")
    assert in_view(page, "view.cards[0].choice.at") == "16", "the lock stays, row 4, column 4"
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.note').textContent.includes('row 4, column 4')")
    page.get_by_role("button", name="dog", exact=True).click()
    page.get_by_role("button", name="Ein").hover()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('Writing Ein')")
    assert in_view(page, "view.cards[1].choice.at") == "s1"


@pytest.mark.parametrize("hidden", [False, True])
def test_who_looks_at_a_word_and_the_even_share_of_it(page, cards: list, hidden: bool) -> None:
    """Sum over its pieces, mean over those of the word that looks; of a hidden mark in rows that still count it."""
    source, encoder = words_of(cards[1])[0], traces_of(cards[1])["encoder"]
    in_view(page, "view.set('turned', true)")
    in_view(page, f"view.set('hide', {str(hidden).lower()})")
    in_view(page, "view.drawNow()")
    maps = torch.stack([encoder.map(1, head) for head in range(2)])
    if hidden:
        rest = maps[..., :-1] / maps[..., :-1].sum(-1, keepdim=True)
        maps = torch.cat([rest, maps[..., -1:]], -1)
    expected = merge_map(maps.mean(0), source, source)
    even = torch.tensor([1, 1, 2, 1]) / torch.tensor([4, 4, 4, 5] if hidden else 5)
    for word in range(4):
        found = f"view.cards[1].lit('s{word}')[0]"
        close(in_view(page, f"Array.from({found}.weights)"), expected[:, word])
        shares = in_view(page, f"Array.from({found}.shares)")
        assert shares == pytest.approx([float(even[word])] * 4)
    written = "view.cards[1].lit('t0')[1]"
    shares = in_view(page, f"Array.from({written}.shares)")
    assert shares == pytest.approx([0, 1, 1 / 2] if hidden else [0, 1 / 2, 1 / 3]), "the start mark is no word"


def test_what_the_model_never_saw_is_dark_and_hatched_and_said(page, cards: list) -> None:
    """The photo is 120 x 80, the model saw its middle: a strip of 20 px on each side."""
    assert in_view(page, "view.cards[0].axes[0].unseen") == [[0, 0, 20, 80], [100, 0, 20, 80]]
    assert "Hatched: cut away" in page.locator(".note").first.inner_text()
    page.wait_for_timeout(200)
    shot = np.asarray(Image.open(io.BytesIO(page.locator(".photo").screenshot())).convert("RGB")).astype(int)
    pixel = shot.shape[1] / 120
    strip, photo = shot[:, : int(18 * pixel)], np.array([0, 128, 0])  # the photo is plain green
    assert (np.abs(strip - photo).sum(-1) > 40).mean() > 0.99, "nothing of it is left as bright as it was"
    assert len(np.unique(strip[int(4 * pixel)].sum(-1) // 60)) > 1, "stripes"


def test_nothing_is_hatched_where_the_model_saw_all(chromium, cards: list, tmp_path) -> None:
    whole = PatchAxis((4, 4), ("CLS",), (0, -20, 120, 100), (120, 80))
    trace = dataclasses.replace(traces_of(cards[0])["encoder"], query_axis=whole, key_axis=whole)
    with opened(
        chromium, tmp_path / "whole.html", [card_of({"encoder": trace}, "all", cards[0].axes[0].photo)]
    ) as page:
        assert in_view(page, "view.cards[0].axes[0].unseen") == []
        assert "Hatched" not in page.locator(".note").inner_text()


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1024, 768)])
def test_pictures_words_readouts_and_film_lie_above_the_fold(page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate("document.body.style.paddingTop = '110px'")
    page.wait_for_function("document.querySelectorAll('.sidelight.two').length === 1")
    page.wait_for_timeout(300)
    ends = "all => all.map((e) => e.getBoundingClientRect().bottom)"
    assert max(page.locator(".card, .foot, .say, .word").evaluate_all(ends)) <= height
    photo = page.locator(".photo").bounding_box()
    assert photo["width"] >= 0.45 * width and photo["width"] / photo["height"] == pytest.approx(1.5, rel=0.02)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.querySelectorAll('.sidelight.two').length === 0")
    page.wait_for_timeout(300)
    assert page.locator(".photo").bounding_box()["width"] >= 0.9 * 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_marks_are_named_by_what_they_are_and_words_by_how_sure_the_model_was(chromium, tmp_path) -> None:
    plain = sentence_card()
    source = TokenAxis((">>deu<<", "dog", "run", "s", "</s>"), (0, 1, 2, 2, 3), (True, False, False, False, True))
    traces = {
        kind: dataclasses.replace(trace, key_axis=source) if trace.key_axis is words_of(plain)[0] else trace
        for kind, trace in traces_of(plain).items()
    }
    card = card_of(traces, "sure", written=tokens("Ein", "Hu", "+nd", "</s>").part([0, 1, 3]), sure=[0.9, 0.4, 0.99])
    with opened(chromium, tmp_path / "sure.html", [card]) as page:
        assert page.locator(".source .word.mark").all_inner_texts() == ["→ DE", "end"]
        assert page.locator(".target .word.unsure").all_inner_texts() == ["Hu"]
        assert page.locator(".target .sure").count() == 2, "the end is no word"
        page.get_by_role("button", name="Ein").click()
        page.wait_for_function("document.querySelector('.note').textContent.includes('90% sure')")
        assert "the language tag and the end mark" in page.locator(".note").inner_text()
        assert page.locator(".reading text.later").text_content() == "not written yet"


def test_doubts_stand_on_one_line_below_the_picture_and_unfold(chromium, tmp_path) -> None:
    doubts = tuple(Doubt(f"{HTML} doubt {n}", f"doubt {n} in full", "why") for n in range(9))
    card = dataclasses.replace(sentence_card(), doubts=doubts)
    with opened(chromium, tmp_path / "doubts.html", [card]) as page:
        line, words = page.locator(".doubts summary"), page.locator(".reading").bounding_box()
        assert line.bounding_box()["y"] > words["y"] + words["height"] - 1 and line.bounding_box()["height"] < 24
        line.click()
        expect(page.get_by_text("doubt 8 in full")).to_be_visible()
        box = page.locator(".doubts .menu").bounding_box()
        assert box["y"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
        page.keyboard.press("Escape")
        expect(page.get_by_text("doubt 8 in full")).to_be_hidden()
        assert page.title() != "broken"


def test_the_border_of_bright_patches_keeps_to_their_edges(chromium) -> None:
    """Two patches side by side on a grid of 2 x 3: one border around both, none between them."""
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(COLOUR.with_name("marked.js")))
    grid = "{ rows: 2, columns: 3, box: [0, 0, 30, 20] }"
    edges = page.evaluate(f"borderOf({grid}, (p) => p === 1 || p === 2).match(/M[^M]*/g).sort()")
    assert edges == ["M10 0h10", "M10 0v10", "M10 10h10", "M20 0h10", "M20 10h10", "M30 0v10"]
    times = "[1, 30, 20, 1, 1, 1]"
    assert page.evaluate(f"brightest({grid}, {times}, {times}, null)") == [1], "the next one is too near"
    line = "{ rows: 1, columns: 9, box: [0, 0, 90, 10] }"
    marked = "(({ strokes, tags }) => [strokes.map(({ d }) => d), tags.map(({ text }) => text)])"
    strokes, tags = page.evaluate(
        f"{marked}(marksOf({line}, [.5, .3, 0, 0, 0, 0, 0, .1, 0], [50, 22, 1, 1, 1, 1, 1, 7, 1], 0, [90, 10]))"
    )
    assert tags == ["22×", "7×"], "the brightest other, which the sentence tells of, though it is near"
    assert sum("Q" in d for d in strokes) == 2, "one arc and its shadow: to the far one alone"
    strokes, tags = page.evaluate(f"{marked}(marksOf({line}, [0, .1, 0], [1, 6.4, 1], null, [90, 10]))")
    assert tags == ["6.4×"] and "M10 0h10" in strokes[0], "no number without an edge"


def test_light_is_night_below_an_even_share_and_full_from_eight_times(chromium) -> None:
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(COLOUR.with_name("light.js")))
    place = "(times) => (Math.log2(times) + 3) / 9"
    day = page.evaluate(f"[1 / 8, 1, 8, 64].map({place}).map(daylight)")
    assert day == pytest.approx([0, 0.5, 1, 1])
    assert page.evaluate(f"[1, 8, 64].map({place}).map(warmth)") == pytest.approx([0, 0, 1])


@pytest.mark.parametrize("card", [0, 1])
def test_a_card_is_saved_as_a_figure_with_its_scale_a_caption_and_a_line_to_cite(page, tmp_path, card: int) -> None:
    """SVG that a strict reader of XML takes, whatever was typed; a PNG is the same at two or four times its size."""
    page.locator(".photo").press("ArrowUp")  # a patch is framed where it asks
    saving = page.locator(".saving").nth(card)

    def save(kind: str) -> Path:
        saving.locator("summary").click()
        with page.expect_download() as download:
            saving.get_by_role("button", name=WORDS[f"figure_{kind}"]).click()
        path = tmp_path / download.value.suggested_filename
        download.value.save_as(path)
        return path

    def read(path: Path) -> tuple[xml.etree.ElementTree.Element, list[str]]:
        figure = xml.etree.ElementTree.parse(path).getroot()
        return figure, [one.text for one in figure.iter("{http://www.w3.org/2000/svg}text")]

    path = save("svg")
    assert path.stat().st_size < 1e6
    figure, texts = read(path)
    for times in (2, 4):
        image = Image.open(save(f"png{times}"))
        assert image.size == (times * int(figure.get("width")), times * int(figure.get("height")))
        assert image.info["dpi"][0] == pytest.approx(96 * times, abs=0.1), "it says how large it is on paper"
    flat = " ".join("".join(f"{text} " for text in texts).split())
    said = " ".join(page.locator(".say").nth(card).inner_text().split())
    note = page.locator(".note").nth(card).inner_text()
    assert f"{said} {note[0].upper()}{note[1:]}." in flat and "8×" in texts
    stops, pictures = (list(figure.iter(f"{{http://www.w3.org/2000/svg}}{one}")) for one in ("stop", "image"))
    assert (len(stops), len(pictures)) == ((0, 2) if card == 0 else (11, 0)), "the scale is lit as photo or words are"
    outlined = WORDS["outlined"].format(times="8×")
    for told in (WORDS["method_mean"], WORDS["scale_uniform"], "Drawn with Sidelight", *[outlined][card:]):
        assert told in flat
    assert len(list(figure.iter("{http://www.w3.org/2000/svg}path"))) > 1
    assert card == 0 or HTML in texts, "typed markup is a word of the figure"

    saving.locator("summary").click()
    saving.get_by_label(WORDS["figure_wide"]).select_option("85")
    saving.get_by_label(WORDS["figure_ground"]).select_option("dark")
    saving.locator("summary").click()
    ground = page.evaluate("getComputedStyle(document.querySelector('.sidelight')).getPropertyValue('--card')")
    figure, texts = read(save("svg"))
    caption = list(figure.iter("{http://www.w3.org/2000/svg}text"))[-1]
    box = [float(one) for one in figure.get("viewBox").split()]
    points = float(caption.get("font-size")) * 85 / box[2] / 25.4 * 72
    assert figure.get("width") == "85mm" and points > 5.9, "a caption of a column is read"
    fill = next(figure.iter("{http://www.w3.org/2000/svg}rect")).get("fill")
    assert fill == "rgb(16,17,19)"
    now = page.evaluate("getComputedStyle(document.querySelector('.sidelight')).getPropertyValue('--card')")
    assert now == ground, "the page stays as it is"


def test_all_cards_are_printed_as_pages_of_their_size_with_their_letters(page) -> None:
    page.add_init_script("if (parent !== window) window.print = () => { parent.printed = true; }")
    page.locator(".saving summary").first.click()
    page.locator(".saving").first.get_by_role("button", name=WORDS["figure_pdf"]).click()
    page.wait_for_function("window.printed")
    html = page.locator("iframe").evaluate("frame => frame.srcdoc")
    page.set_content(html)
    pdf = page.pdf(prefer_css_page_size=True)
    assert pdf.count(b"/Type /Page\n") == 2 and (b"/FontFile" in pdf or b"/Type3" in pdf)
    sizes = {tuple(box.split()) for box in re.findall(rb"/MediaBox \[([^\]]+)\]", pdf)}
    assert len(sizes) == 2, "each page is as large as its figure"


def test_e_shows_the_exact_patches_and_the_drawer_knows(page) -> None:
    page.locator(".photo").press("e")
    assert in_view(page, "view.smooth") is False
    assert not display(page).get_by_label("smooth between patches").is_checked()
    told(page, "smooth_no")


def test_words_on_any_line_have_their_number_and_let_ribbons_through(chromium, tmp_path) -> None:
    plain = sentence_card()
    long = TokenAxis(
        tuple(f"extraordinarily{n}" for n in range(4)) + ("</s>",), (0, 1, 2, 3, 4), (False,) * 4 + (True,)
    )
    source = words_of(plain)[0]
    traces = {
        kind: dataclasses.replace(
            trace, **{side: long for side in ("query_axis", "key_axis") if getattr(trace, side) is source}
        )
        for kind, trace in traces_of(plain).items()
    }
    card = card_of(traces, "first part · a second part that is longer than a phone is wide", written=words_of(plain)[1])
    with opened(chromium, tmp_path / "lines.html", [card]) as page:
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_function(
            "document.querySelector('.narrow') && document.querySelector('.source').offsetHeight > 60"
        )
        for at, head in ((at, head) for at in ("t0", "t1") for head in (0, 1)):
            in_view(page, f"view.cards[0].lock('{at}')")
            in_view(page, f"view.cards[0].chooseHeads(new Set([{head}]))")
            page.wait_for_timeout(150)
            assert page.locator(".reading text.share").count() == 1
        grounds = page.locator(".source .word").evaluate_all(
            "words => words.filter((one) => !Number(one.style.getPropertyValue('--light')))"
            ".map((one) => getComputedStyle(one).backgroundColor)"
        )
        assert grounds and all(colour.endswith(("/ 0)", ", 0)")) for colour in grounds[:-1]), grounds  # but the mark's
        parts = page.locator(".card h2 small span")
        assert [one.bounding_box()["y"] < page.locator(".card h2").bounding_box()["y"] + 20 for one in parts.all()] == [
            True,
            False,
        ], "a part that has no room is left out whole"
