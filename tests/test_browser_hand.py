"""By hand in the linked view: weights are dragged, shut by key and put back, and the answer comes from the server."""

import re
import time

import pytest
import torch
from playwright.sync_api import expect

from core.attention.byhand import ByHand, Edit
from core.models.catalogue import default
from core.models.subjects import translation_subject
from core.models.translation import load_translator
from tests.conftest import PATIENCE, settled
from tests.waiting import until

READY = ".sidelight .say b"
SENTENCE = "A woman in an orange suit is smiling in front of a flag."


@pytest.fixture(scope="module")
def page(chromium, app_address: str):
    context = chromium.new_context(viewport={"width": 1440, "height": 1000}, locale="en-US")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(f"{app_address}/?vision_model=vision-cifar10&sentence={SENTENCE.replace(' ', '%20')}&view=depth_1")
    page.wait_for_selector(READY)
    settled(page)
    failures: list[str] = []
    page.on("pageerror", lambda error: failures.append(str(error)))
    yield page
    assert failures == []
    context.close()


DOUBLINGS = 5  # of the odds, that a weight is dragged down


@pytest.fixture(scope="module")
def held() -> tuple[str, str, str]:
    """A word of the translation, the one that it reads most in the last layer, and how the link begins that shuts it:
    of those without which another translation is written."""
    model = load_translator(default("translation").key)
    translation = model.translate(SENTENCE, "deu")
    asked, source = translation_subject(model, SENTENCE, "deu", translation), model.source_pieces(SENTENCE, "deu")[0]
    cross = translation.traces["cross"]
    written, read = (~torch.tensor(axis.special) for axis in (translation.target, translation.source))
    most = (cross.mean([cross.layers - 1]) * written[:, None] * read).max(1)
    for writer in most.values.argsort(descending=True).tolist():
        share, reader = float(most.values[writer]), int(most.indices[writer])
        odds = share / (1 - share) / 2**DOUBLINGS
        edit = Edit("cross", cross.layers - 1, None, (writer,), (reader,), odds / (1 + odds))
        with torch.inference_mode(), ByHand(asked, [edit]):
            anew = model.text(model.search(source, target="deu")[0])
        if anew != translation.text:
            return translation.target.pieces[writer], translation.source.pieces[reader], edit.text.rpartition("-")[0]
    raise AssertionError("no word of this sentence is needed for its translation")


def drag(page, x: float, y: float, up: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - up / 2)
    page.mouse.move(x, y - up)
    page.mouse.up()


def test_a_weight_is_dragged_shut_and_put_back_and_the_answer_follows(page, held: tuple[str, str, str]) -> None:
    writer, reader, shut = held
    words = [page.locator(".word", has_text=re.compile(rf"^\s*{re.escape(one)}\s*$")).first for one in (writer, reader)]
    hand = page.get_by_role("button", name="By hand")
    hand.click()
    line = page.locator(".handline p")
    expect(line).to_contain_text("Click on what reads")
    words[0].click()
    expect(line).to_contain_text("Drag what it reads")
    settled(page)
    box = words[1].bounding_box()
    drag(page, box["x"] + 8, box["y"] + 8, -24 * DOUBLINGS)
    begun = time.perf_counter()
    expect(page.locator(".answer ins").first).to_be_visible()
    print(f"an answer after {time.perf_counter() - begun:.2f} s")
    page.wait_for_function(f"location.search.includes('sentence_shut={shut}-')")
    expect(line).to_contain_text(f"{writer} reads {reader}: ")
    page.keyboard.press("Delete")
    expect(line).to_have_text(f"{writer} reads {reader}: 0.0%")
    page.wait_for_function(f"location.search.endsWith('sentence_shut={shut}')")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function(f"location.search.includes('sentence_shut={shut}-')")
    page.keyboard.press("Control+z")
    page.wait_for_function("!location.search.includes('sentence_shut')")
    expect(page.locator(".answer")).to_have_count(0)
    page.get_by_role("button", name="Redo").click()
    expect(page.locator(".answer")).to_have_count(1)
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".answer")).to_have_count(0)


def test_patches_are_held_by_pointer_and_keys_for_all_queries_and_layers(page) -> None:
    photo = page.locator(".photo").first
    photo.click(position={"x": 30, "y": 30})
    settled(page)
    page.get_by_role("combobox", name="For which query").select_option("all")
    page.get_by_role("combobox", name="In which layer").select_option("all")
    photo.press("ArrowRight")
    held = page.locator(".heldpatch.held")
    expect(held).to_be_visible()
    before = held.bounding_box()
    photo.press("ArrowDown")
    until(lambda: held.bounding_box()["y"] > before["y"], "the patch below")
    assert "image_" in page.evaluate("decodeURIComponent(location.search)"), "the query stays"
    photo.press("0")
    page.wait_for_function("/photo_shut=encoder-a-a-a-[0-9]+$/.test(location.search)")
    expect(page.locator(".answer tr")).to_have_count(3)
    photo.press("+")
    page.wait_for_function("!location.search.includes('photo_shut')")
    photo.press("Escape")
    expect(held).to_have_count(0)
