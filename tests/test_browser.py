"""The main path as a person walks it: open, upload a photo, type a sentence, read the result, switch the language."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import serving

READY = ".sidelight .say b"


@pytest.fixture
def page(chromium, app_address: str):
    page = chromium.new_page(viewport={"width": 1440, "height": 1000}, locale="en-US")
    page.goto(app_address)
    page.wait_for_selector(READY, timeout=90_000)
    yield page
    page.close()


def jpeg(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (320, 240), colour).save(stream, "JPEG")
    return stream.getvalue()


def test_open_upload_type_and_read(page) -> None:
    assert page.locator(".card").count() == 2, "both modalities are explained before anything is done"
    page.get_by_role("button", name="Your photo").click()
    chooser = page.locator("input[type=file]")
    chooser.set_input_files({"name": "mine.jpg", "mimeType": "image/jpeg", "buffer": jpeg("orange")})
    expect(page.locator(".card small").first).to_contain_text("mine.jpg")
    chooser.set_input_files({"name": "not.png", "mimeType": "image/png", "buffer": b"only text"})
    page.get_by_text("is not a picture that can be read").first.wait_for()
    assert "mine.jpg" in page.locator(".card small").first.inner_text(), "the last good photo stays"
    page.keyboard.press("Escape")

    sentence = page.get_by_label("English sentence")
    sentence.fill("A <b>dog</b> is running.")
    sentence.press("Enter")
    page.get_by_role("button", name="running").wait_for()
    assert page.locator(".sidelight b b, .word b").count() == 0, "typed markup stays text"
    assert page.locator("[data-testid=stException]").count() == 0


PASTE = """(bytes) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File([new Uint8Array(bytes)], "pasted.jpg", { type: "image/jpeg" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
}"""


def test_a_picture_can_be_pasted(page) -> None:
    page.get_by_role("button", name="Your photo").click()
    page.get_by_text("Or paste a picture here").wait_for()
    page.evaluate(PASTE, list(jpeg("purple")))
    expect(page.locator(".card small").first).to_contain_text("pasted.jpg")


def test_a_deep_link_opens_its_page_on_a_new_server(chromium) -> None:
    with serving() as address:
        page = chromium.new_page(locale="en-US")
        page.goto(f"{address}/vision")
        page.wait_for_selector(READY, timeout=90_000)
        expect(page.get_by_role("heading", name="What a Vision Transformer looks at")).to_be_visible()
        expect(page.get_by_role("link", name="Compare")).to_be_visible()
        page.close()


def test_language_and_sentence_survive_a_reload_and_other_pages(page) -> None:
    page.get_by_role("radio", name="中文").or_(page.get_by_role("button", name="中文")).first.click()
    page.get_by_text("同一机制，两种感官").wait_for()
    page.reload()
    page.get_by_text("同一机制，两种感官").wait_for()
    page.get_by_role("link", name="翻译").click()
    page.get_by_text("翻译模型如何对齐句子").wait_for()
    page.wait_for_selector(READY)


def test_nothing_asks_the_server_while_pointing_and_scrubbing(page) -> None:
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    page.on("websocket", lambda socket: sent.append(socket.url))
    photo = page.locator(".photo").bounding_box()
    for step in range(10):
        page.mouse.move(photo["x"] + 20 + 15 * step, photo["y"] + 40 + 10 * step)
    page.locator(".bar input[type=range]").first.focus()
    for _ in range(5):
        page.keyboard.press("ArrowLeft")
    page.wait_for_timeout(300)
    assert sent == []


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_no_sideways_scrolling(page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.wait_for_timeout(700)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    view = page.locator(".sidelight")
    assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")
