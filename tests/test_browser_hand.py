"""By hand in the linked view: weights are dragged, shut by key and put back, and the answer comes from the server."""

import time

import pytest
from playwright.sync_api import expect

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


def drag(page, x: float, y: float, up: float) -> None:
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - up / 2)
    page.mouse.move(x, y - up)
    page.mouse.up()


def test_a_weight_is_dragged_shut_and_put_back_and_the_answer_follows(page) -> None:
    hand = page.get_by_role("button", name="By hand")
    hand.click()
    line = page.locator(".handline p")
    expect(line).to_contain_text("Click on what reads")
    page.locator(".word", has_text="Anzug").click()
    expect(line).to_contain_text("Drag what it reads")
    settled(page)
    suit = page.locator(".word", has_text="suit").bounding_box()
    drag(page, suit["x"] + 8, suit["y"] + 8, -120)
    begun = time.perf_counter()
    expect(page.locator(".answer ins").first).to_be_visible()
    print(f"an answer after {time.perf_counter() - begun:.2f} s")
    page.wait_for_function("location.search.includes('sentence_shut=cross-3-a-7-7-')")
    expect(line).to_contain_text("Anzug reads suit: ")
    page.keyboard.press("Delete")
    expect(line).to_have_text("Anzug reads suit: 0.0%")
    page.wait_for_function("location.search.endsWith('sentence_shut=cross-3-a-7-7')")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("location.search.includes('sentence_shut=cross-3-a-7-7-')")
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
