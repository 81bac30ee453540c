"""The page on differences as a person uses it: a patch and a part by a click, a section by a link, at every width."""

import pytest
from playwright.sync_api import expect

from tests.conftest import settled

PLOT = ".stPlotlyChart .nsewdrag"


@pytest.fixture
def page(tab):
    return tab()


def opened(page, address: str, section: str) -> None:
    page.goto(f"{address}/differences?section={section}&lang=English")
    page.get_by_test_id("stHeading").nth(1).wait_for()


def test_a_patch_is_chosen_by_a_click_and_by_its_row(page, app_address: str) -> None:
    opened(page, app_address, "input")
    picture = page.locator(PLOT).first
    picture.wait_for()
    settled(page)
    box = picture.bounding_box()
    side = min(box["width"], box["height"])
    left, top = box["x"] + (box["width"] - side) / 2, box["y"] + (box["height"] - side) / 2
    page.mouse.click(left + side * 2.5 / 16, top + side * 4.5 / 16)
    expect(page.get_by_label("Row", exact=True).first).to_have_value("5")
    expect(page.get_by_label("Column", exact=True).first).to_have_value("3")
    row = page.get_by_label("Row", exact=True).first
    row.fill("12")
    row.press("Enter")
    settled(page)
    expect(page.get_by_label("Row", exact=True).first).to_have_value("12")
    expect(page.get_by_label("Column", exact=True).first).to_have_value("3")


def test_a_part_of_the_diagram_is_chosen_by_a_click(page, app_address: str) -> None:
    opened(page, app_address, "architecture")
    settled(page)
    page.get_by_role("button", name="Show me").first.click()
    page.get_by_role("combobox", name="Part", exact=True).wait_for()  # other charts stand below before the diagram does
    settled(page)
    diagram = page.locator(PLOT).first
    diagram.scroll_into_view_if_needed()
    box = diagram.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] * (1 - 3.6 / 15.9))  # decoder, layer 2
    page.get_by_text("Cross-attention:").wait_for()
    expect(page.get_by_text("layers.1")).to_be_visible()


def test_a_link_opens_the_section_the_menu_writes_it_and_back_and_reload_keep_what_was_answered(
    page, app_address: str
) -> None:
    opened(page, app_address, "pipeline")
    page.get_by_text("The whole way, stage by stage").wait_for()
    page.locator("[class*=st-key-quiz_pipe_ratio] button").first.click()
    page.get_by_text("You chose:").wait_for()
    page.get_by_role("radio", name="4 Task").click()
    page.get_by_text("One label for the whole picture").wait_for()
    page.wait_for_function("location.search.includes('section=task')")
    settled(page)
    page.reload()
    page.get_by_text("One label for the whole picture").wait_for()
    page.go_back()
    page.get_by_text("You chose:").wait_for()
    settled(page)
    page.get_by_role("radio", name="4 Task").click()
    page.get_by_text("One label for the whole picture").wait_for()
    page.get_by_text("中文", exact=True).click()
    page.get_by_text("整张图像一个标签").wait_for()


def test_what_is_chosen_in_a_section_is_in_the_link_also_after_another_page(page, app_address: str) -> None:
    page.goto(f"{app_address}/differences?section=architecture&lang=English&answers=shown&step=5&part=nonsense")
    step = page.get_by_role("slider").first
    step.wait_for()
    settled(page)
    assert step.evaluate("e => e.value || e.ariaValueNow") == "5"
    assert "part=" not in page.url, "what is not offered is dropped"
    step.focus()
    step.press("ArrowRight")
    page.wait_for_function("location.search.includes('step=6')")  # chosen in a fragment
    diagram = page.locator(PLOT).first
    diagram.scroll_into_view_if_needed()
    box = diagram.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 5 / 6, box["y"] + box["height"] * (1 - 3.6 / 15.9))  # decoder, layer 2
    page.wait_for_function("decodeURIComponent(location.search).includes('part=decoder:layers.1')")
    settled(page)
    page.get_by_test_id("stTopNavLink").filter(has_text="Models").click()
    page.get_by_role("heading", name="The models that come with it").wait_for()
    assert "step=" not in page.url
    page.get_by_test_id("stTopNavLink").filter(has_text="Differences").click()
    page.wait_for_function("location.search.includes('step=6') && location.search.includes('layers.1')")
    page.get_by_text("Cross-attention:").wait_for()


@pytest.mark.parametrize("section", ["input", "task", "architecture", "pipeline"])
def test_no_sideways_scrolling(page, app_address: str, section: str) -> None:
    opened(page, app_address, section)
    main = page.get_by_test_id("stMain")
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert main.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
    assert page.get_by_test_id("stException").count() == 0


def test_a_class_predicts_on_a_phone_before_the_run_answers(page, tab, app_address: str) -> None:
    opened(page, app_address, "input")
    page.get_by_role("button", name="Class").click()
    page.get_by_role("button", name="Open a room").click()
    page.get_by_role("button", name="Close the room").wait_for()
    code = page.locator("output").inner_text()
    page.keyboard.press("Escape")
    phone = tab(f"{app_address}/class", viewport={"width": 390, "height": 700})
    phone.locator("#code").fill(code)
    phone.get_by_role("button", name="Join").click()
    phone.get_by_text("You are in.").wait_for()
    assert phone.url.endswith(f"/class?room={code}"), "a reload finds the room"
    page.locator("[class*=st-key-room_ask_input_capitals] button").click()
    phone.get_by_role("button", name="Fewer").click()
    phone.get_by_text("Sent.").wait_for()
    phone.reload()
    phone.get_by_text("Sent.").wait_for()
    page.get_by_text("Predictions: 1 · phones here: 1").wait_for()
    assert "instead of" not in page.content(), "the run has not answered"
    page.get_by_text("Show what the class predicts").click()
    page.get_by_text("The class predicts.").wait_for()
    page.locator("[class*=st-key-quiz_input_capitals] button").last.click()
    page.get_by_text("Right.").wait_for()
    phone.get_by_text("The question is over.").wait_for()
    fewer = phone.get_by_role("button", name="Fewer")
    assert fewer.is_disabled() and fewer.get_attribute("aria-pressed") == "true", "what was said stays"
    assert "instead of" in phone.locator("#answer").inner_text()
    page.get_by_text("The class predicts.").wait_for()
    page.get_by_role("button", name=f"Class {code}").click()
    page.get_by_role("button", name="Close the room").click()
    phone.get_by_text("The room was closed.").wait_for()
