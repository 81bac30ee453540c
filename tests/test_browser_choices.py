"""Choices in a real browser: Back and Forward give a page back as it was left, the menu keeps what was chosen, and a
link says the same in every language."""

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import settled

SENTENCE = "The cat sleeps."


@pytest.fixture
def page(tab, app_address: str) -> Page:
    page = tab(f"{app_address}/translation")
    page.get_by_role("button", name="Copy", exact=True).wait_for()
    return page


def type_sentence(page: Page, text: str) -> None:
    box = page.get_by_label("English sentence")
    box.fill(text)
    box.press("Enter")
    page.wait_for_function("text => new URL(location).searchParams.get('sentence') === text", arg=text)


def menu(page: Page, name: str, title: str) -> None:
    page.get_by_test_id("stTopNavLink").filter(has_text=name).click()
    page.get_by_role("heading", name=title).wait_for()


def test_back_and_forward_give_each_page_back_as_it_was_left(page: Page) -> None:
    type_sentence(page, "Two dogs run.")
    type_sentence(page, SENTENCE)
    menu(page, "Models", "The models that come with it")
    menu(page, "Translation", "How a translator aligns")
    expect(page.get_by_label("English sentence")).to_have_value(SENTENCE)  # the menu keeps it
    page.wait_for_function("location.search.includes('sentence=The+cat')")
    type_sentence(page, "A bird sings.")
    page.go_back()
    page.get_by_role("heading", name="The models that come with it").wait_for()
    page.go_back()
    expect(page.get_by_label("English sentence")).to_have_value(SENTENCE)
    page.reload()
    expect(page.get_by_label("English sentence")).to_have_value(SENTENCE)
    page.go_forward()
    page.get_by_role("heading", name="The models that come with it").wait_for()
    page.go_forward()
    expect(page.get_by_label("English sentence")).to_have_value("A bird sings.")


def test_back_gives_back_what_was_tried_in_either_language(tab, app_address: str) -> None:
    page = tab(f"{app_address}/?lang=zh")
    page.wait_for_selector(".sidelight .say b")
    page.locator(".st-key-try_1 button").click()
    page.wait_for_function("location.search.includes('image_34')")
    settled(page)
    left = page.url
    page.get_by_test_id("stTopNavLink").last.click()
    page.wait_for_url("**/models*")
    page.get_by_role("heading", level=1).wait_for()
    settled(page)
    page.go_back()
    page.wait_for_selector(".sidelight .say b")
    assert page.url == left


def test_what_a_page_left_out_is_its_default_again_after_back(page: Page) -> None:
    expect(page.get_by_label("English sentence")).not_to_have_value("")  # it is filled a moment after it is drawn
    first = page.get_by_label("English sentence").input_value()
    menu(page, "Models", "The models that come with it")
    menu(page, "Translation", "How a translator aligns")
    type_sentence(page, SENTENCE)
    page.go_back()
    page.get_by_role("heading", name="The models that come with it").wait_for()
    page.go_back()
    expect(page.get_by_label("English sentence")).to_have_value(first)
    settled(page)
    assert "sentence" not in page.url


def test_a_link_opens_in_its_readers_language(page: Page, tab) -> None:
    page.get_by_role("combobox", name="Into").click()
    page.get_by_role("option", name="French").click()
    page.wait_for_function("location.search.includes('to=fr')")
    type_sentence(page, SENTENCE)
    reader = tab(page.url, locale="zh-CN")
    expect(reader.get_by_label("英文句子")).to_have_value(SENTENCE)
    expect(reader.get_by_role("combobox", name="译为")).to_have_value("法语")
    reader.get_by_role("radio", name="English").or_(reader.get_by_role("button", name="English")).first.click()
    expect(reader.get_by_role("combobox", name="Into")).to_have_value("French")
    reader.wait_for_function("location.search.includes('lang=en') && location.search.includes('to=fr')")
