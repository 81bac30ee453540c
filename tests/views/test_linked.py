"""The linked view in a real browser: its numbers are the library's, and hover, click and keys do what they say."""

import dataclasses
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

import core.views.linked.page
from core import wording
from core.attention.axes import PatchAxis, TokenAxis
from core.attention.merge import merge_map
from core.attention.statistics import NAMES, head_statistics
from core.attention.tape import Tape
from core.attention.trace import AttentionTrace, Kind
from core.views.linked.cards import Card, Row, card_of
from core.views.linked.page import View, standalone
from core.views.linked.payload import pack
from core.views.scripts import bundle
from tests.boxes import patch_box

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
    page = chromium.new_page(viewport={"width": 1300, "height": 900})
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    yield page
    assert failures == []
    page.close()


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


def test_whole_words_are_the_librarys_merge(page, cards: list) -> None:
    cross = traces_of(cards[1])["cross"].mean([1])
    expected = merge_map(cross, *words_of(cards[1])[::-1])
    page.locator(".bar input[type=range]").first.evaluate("e => { e.value = 1; e.oninput(); }")
    found = in_view(page, "view.cards[1].pair.map().map((row) => Array.from(row.weights))")
    for row, wanted in zip(found, expected, strict=True):
        close(row, wanted)
    page.get_by_label("whole words").uncheck()
    page.wait_for_function("document.querySelectorAll('.source .word').length === 5")


def test_hover_previews_click_locks_escape_releases(page) -> None:
    said = page.locator(".card").first.locator(".say")
    photo = page.locator(".photo")
    assert "CLS" in said.inner_text()
    box = photo.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 1, column 1')")
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.say').textContent.includes('CLS puts')")
    photo.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.9})
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 4, column 4')")
    photo.press("ArrowUp")
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 3, column 4')")
    photo.press("Escape")
    page.wait_for_function("document.querySelector('.say').textContent.includes('CLS puts')")


def test_words_answer_and_the_future_is_out_of_sight(page) -> None:
    page.get_by_role("button", name="Ein").hover()
    page.wait_for_function("document.querySelectorAll('.target .unseen').length === 2")
    page.get_by_role("button", name="dog", exact=True).click()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('dog looks most')")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('runs looks most')")


def test_chips_toggle_solo_and_the_last_stays(page) -> None:
    chips = page.locator(".card").first.locator(".chip:not(.all)")
    chips.nth(1).dblclick()
    assert in_view(page, "[...view.cards[0].heads]") == [1]
    chips.nth(1).click()
    assert in_view(page, "[...view.cards[0].heads]") == [1]
    chips.nth(0).click()
    assert in_view(page, "[...view.cards[0].heads].sort()") == [0, 1]


def test_an_overview_cell_opens_its_layer_and_head(page) -> None:
    grid = page.locator(".overview canvas").first
    box = grid.bounding_box()
    grid.click(position={"x": box["width"] * 0.9, "y": box["height"] * 0.1})
    assert in_view(page, "[view.cards[0].traces.encoder.at(view.depth), ...view.cards[0].heads]") == [0, 2]


def test_matrix_and_input_reading(page) -> None:
    page.get_by_role("button", name="matrix").click()
    page.wait_for_selector(".matrix td")
    assert page.locator(".matrix tbody tr").count() == 3
    assert in_view(page, "view.cards[1].leads[2].rows([0], view.reading)") == [0]
    page.locator("summary").click()
    page.locator("select").filter(has_text="what was just read").select_option("input")
    page.wait_for_function("document.querySelectorAll('.note')[1].textContent.includes('just read')")
    assert in_view(page, "view.cards[1].leads[2].rows([0], view.reading)") == [1]
    assert in_view(page, "view.cards[1].leads[2].rows([2], view.reading)") == []


def test_typed_text_never_becomes_markup(page) -> None:
    page.get_by_role("button", name="matrix").click()
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
    page.locator(".card").first.locator(".chip").nth(1).dblclick()
    told(page, "image_11.1")
    page.locator(".photo").press("Escape")
    page.locator(".card").first.locator(".chip.all").click()
    told(page, "")


STATE = "depth_0.5~turned_yes~method_value~hues_yes~keep_0.6~hide_yes~layout_matrix~image_6.0.2~sentence_s1.1"


def test_a_link_restores_the_view(chromium, cards: list, tmp_path) -> None:
    path = tmp_path / "view.html"
    path.write_text(standalone(pack(cards, WORDS), "a test", STATE), "utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert in_view(page, "view.text") == STATE
    assert "row 2, column 2" in page.locator(".say").first.inner_text()
    assert page.get_by_role("button", name="is looked at by").get_attribute("aria-pressed") == "true"
    page.close()


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
    page = chromium.new_page()
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert failures == []
    assert in_view(page, "view.cards[0].heads.size") == 3
    assert in_view(page, "view.depth") == 0.91, "what cannot be read stays at its default, as in state.py"
    page.close()


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
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 4, column 4')")
    page.get_by_role("button", name="dog", exact=True).tap()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('dog looks most')")
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
    page.locator("summary").click()
    slider = page.get_by_label("Keep the top")
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
    page.locator("summary").click()
    page.get_by_label("hide CLS and marks").check()
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
    page.get_by_label("colour by head").check()
    page.locator(".card").first.locator(".chip").nth(2).dblclick()
    page.wait_for_selector(".chips.hues")
    assert in_view(page, "view.cards[0].tints('0')[0][3]") == in_view(page, "view.functions.hueOf(2, 3)")


def test_hovering_the_overview_enlarges(page) -> None:
    large = page.locator(".large").first
    assert not large.is_visible()
    page.locator(".overview canvas").first.hover(position={"x": 5, "y": 5})
    assert large.is_visible() and "Layer 1, head 1" in large.inner_text()
    page.mouse.move(5, 5)
    assert not large.is_visible()


@pytest.mark.parametrize("order", [(0, 0), (1, 1), (1, 0)])
def test_any_two_cards_stand_side_by_side(chromium, cards: list, tmp_path, order: tuple[int, int]) -> None:
    path = tmp_path / "view.html"
    View([cards[x] for x in order]).save(path)
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_function("document.querySelectorAll('.say b').length >= 2")
    page.locator(".chip").nth(0).click()
    names = in_view(page, "view.cards.map(({ name }) => name)")
    assert len(set(names)) == 2
    assert in_view(page, "view.text").startswith(names[0])
    page.close()


def test_a_notebook_shows_it(chromium, cards: list) -> None:
    page = chromium.new_page()
    page.set_content(View(cards, "zh")._repr_html_())
    page.frame_locator("iframe").locator(".say b").first.wait_for()
    page.close()


def test_a_layer_that_is_not_here_is_said(chromium, cards: list, tmp_path) -> None:
    """Above the byte budget one layer is sent: the view shows it and says that the wanted one is on its way."""
    path = tmp_path / "view.html"
    one = dataclasses.replace(cards[0], leads=(dataclasses.replace(cards[0].leads[0], layers=(2,)),))
    path.write_text(standalone(pack([one], WORDS), "a test", "depth_0"), "utf-8")
    page = chromium.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector(".say b")
    assert "Layer 1 is on its way" in page.locator(".note").inner_text()
    assert "Image 3/3" in page.locator(".layers").first.inner_text()
    page.close()


@pytest.mark.parametrize("name", NAMES)
def test_the_grid_shows_the_librarys_statistics(page, cards: list, name: str) -> None:
    page.locator("summary").click()
    page.get_by_label("Grid").select_option(name)
    page.wait_for_function("document.querySelector('.note').textContent.includes('each head')")
    for card, kind in KINDS:
        found = in_view(page, f"view.cards[{card}].traces.{kind}.statistics['{name}']")
        expected = head_statistics(traces_of(cards[card])[kind])[name].tolist()
        assert found == [pytest.approx(row, abs=1e-5) for row in expected]
    page.locator(".overview canvas").first.hover(position={"x": 5, "y": 5})
    first = head_statistics(traces_of(cards[0])["encoder"])[name][0, 0]
    assert f"{first:.2f}" in page.locator(".large").first.inner_text()


def test_cards_of_the_same_input_are_pointed_at_together(chromium, cards: list, tmp_path) -> None:
    """As before and after training; another photo beside it keeps to itself."""
    other = card_of(traces_of(cards[0]), "another picture", Image.new("RGB", (120, 80), "red").effect_spread(9))
    path = tmp_path / "twins.html"
    View([cards[0], cards[0], other, cards[1], cards[1]]).save(path)
    page = chromium.new_page(viewport={"width": 1400, "height": 1400})
    page.goto(path.as_uri())
    page.locator(".photo").first.press("ArrowDown")
    page.evaluate("document.querySelector('.sidelight').view.cards[3].lock('s1')")
    locked = page.evaluate("document.querySelector('.sidelight').view.cards.map((card) => card.locked)")
    assert locked[0] == locked[1] != "" and locked[2] == ""
    assert locked[3:] == ["s1", "s1"]
    page.evaluate("document.querySelector('.sidelight').view.cards[1].preview('2')")
    hovered = page.evaluate("document.querySelector('.sidelight').view.cards.map((card) => card.hovered)")
    assert hovered == ["2", "2", None, None, None]
    page.close()


def test_an_even_share_is_of_the_keys_that_may_be_seen(page) -> None:
    """What the default scale divides by: of words the share of all their pieces, and without what is hidden."""
    shares = "Array.from(view.cards[1].{}.shares)"
    assert in_view(page, shares.format("pair.map()[0]")) == pytest.approx([1 / 5, 1 / 5, 2 / 5, 1 / 5])
    assert in_view(page, shares.format("lit('t1')[1]")) == pytest.approx([1 / 2, 0, 0]), "the start mark is no word"
    assert in_view(page, "view.cards[0].traces.encoder.share(0, 0, 0)") == pytest.approx(1 / 17)
    page.locator("summary").click()
    page.get_by_label("hide CLS and marks").check()
    page.wait_for_function("document.querySelector('.note').textContent.startsWith('Without CLS')")
    assert in_view(page, shares.format("pair.map()[0]")) == pytest.approx([1 / 4, 1 / 4, 2 / 4, 0])
    assert in_view(page, shares.format("lit('t1')[1]")) == pytest.approx([1, 0, 0])
    assert in_view(page, "view.cards[0].traces.encoder.share(0, 0, 0)") == pytest.approx(1 / 16)


def test_what_the_hidden_marks_hold_is_told(page, cards: list) -> None:
    page.locator("summary").click()
    page.get_by_label("hide CLS and marks").check()
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
          const box = document.querySelector(".words").getBoundingClientRect();
          const middle = (e) => { const r = e.getBoundingClientRect(); return r.top - box.top + r.height / 2; };
          const words = (side) => [...document.querySelectorAll(`.${side} .word`)];
          const near = (side, y) => words(side).findIndex((e) => Math.abs(middle(e) - y) < 1);
          return [...document.querySelectorAll(".words svg .on")].map((path) => {
            const [, y0, , , , , , y1] = path.getAttribute("d").match(/-?[0-9.]+/g).map(Number);
            return [near("source", y0), near("target", y1), Number(path.getAttribute("stroke-width"))];
          });
        }"""
    )
    assert [source for source, _, _ in found] == (row / shares >= 0.9).nonzero()[:, 0].tolist()
    assert {target for _, target, _ in found} == {1}, "Hund"
    for source, _, width in found:
        assert width == pytest.approx(1 + 12 * float(row[source]), abs=0.15), "as wide as its weight"


def test_a_cell_of_the_matrix_says_both_words_and_their_weight(page, cards: list) -> None:
    page.get_by_role("button", name="matrix").click()
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


def test_hues_are_mixed_by_the_square_of_their_weights(chromium) -> None:
    page = chromium.new_page()
    page.add_script_tag(content=bundle(COLOUR))
    assert page.evaluate("mixed([0.8, 0.2], [[255, 0, 0], [0, 0, 255]])") == [240, 0, 15]
    assert page.evaluate("mixed([0, 0], [[255, 0, 0], [0, 0, 255]])") == [0, 0, 0]
    page.close()


def test_hovering_previews_while_a_lock_stays(page) -> None:
    photo = page.locator(".photo")
    box = photo.bounding_box()
    photo.click(position={"x": box["width"] * 0.75, "y": box["height"] * 0.9})
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.1)
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 1, column 1')")
    assert in_view(page, "view.cards[0].choice.at") == "16", "the lock stays, row 4, column 4"
    page.mouse.move(5, 5)
    page.wait_for_function("document.querySelector('.say').textContent.includes('row 4, column 4')")
    page.get_by_role("button", name="dog", exact=True).click()
    page.get_by_role("button", name="Ein").hover()
    page.wait_for_function("document.querySelectorAll('.say')[1].textContent.startsWith('Ein reads')")
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
