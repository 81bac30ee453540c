"""The main path as a person walks it: open, upload a photo, type a sentence, read the result, switch the language."""

import io

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.conftest import serving, settled

READY = ".sidelight .say b"


@pytest.fixture
def page(tab, app_address: str):
    page = tab(f"{app_address}/?view=depth_0.91")  # where a view starts that nobody chose an opening for
    page.wait_for_selector(READY)
    return page


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


def test_a_deep_link_opens_its_page_on_a_new_server(tab) -> None:
    with serving() as address:
        page = tab(f"{address}/vision")
        page.wait_for_selector(READY)
        expect(page.get_by_role("heading", name="What a Vision Transformer looks at")).to_be_visible()
        expect(page.get_by_role("link", name="Compare")).to_be_visible()


def test_choices_survive_a_reload_and_other_pages(page) -> None:
    page.get_by_role("radio", name="中文").or_(page.get_by_role("button", name="中文")).first.click()
    page.get_by_text("同一机制，两种感官").wait_for()
    sentence = page.get_by_label("英文句子")
    sentence.fill("The cat sleeps.")
    sentence.press("Enter")
    page.get_by_role("button", name="sleeps").click()
    page.wait_for_function("location.search.includes('sentence_s')")
    page.reload()
    page.get_by_text("同一机制，两种感官").wait_for()
    expect(page.get_by_label("英文句子")).to_have_value("The cat sleeps.")
    expect(page.get_by_role("button", name="sleeps")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("link", name="翻译").click()
    page.get_by_text("翻译模型如何对齐句子").wait_for()
    expect(page.get_by_label("英文句子")).to_have_value("The cat sleeps.")


def test_a_lock_comes_back_to_the_page_and_a_link_restores_it(page, tab) -> None:
    page.get_by_text("What you are seeing").click()
    page.locator(".photo").press("ArrowUp")
    page.get_by_text("in layer 11, the one chosen above").wait_for()
    page.get_by_role("button", name="Layers × heads").click()
    page.locator(".overview .tabs [aria-pressed=true]").wait_for()  # it is drawn
    page.locator(".overview canvas").click(position={"x": 25, "y": 25})
    page.get_by_text("in layer 1, the one chosen above").wait_for()
    page.wait_for_function("location.search.includes('depth_0~image_137.0')")
    other = tab(page.url)
    other.wait_for_selector(READY)
    expect(other.locator(".note").first).to_contain_text("row 9, column 9")
    other.get_by_text("What you are seeing").click()
    other.get_by_text("in layer 1, the one chosen above").wait_for()


def test_nothing_asks_the_server_while_pointing_and_scrubbing(tab, app_address: str) -> None:
    page = tab()
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda _: sent.append(socket.url)))
    page.on("request", lambda request: sent.append(request.url))
    page.goto(app_address)
    page.wait_for_selector(READY)
    settled(page)
    assert sent, "the opening of the page is seen"
    sent.clear()
    photo = page.locator(".photo").bounding_box()
    for step in range(10):
        page.mouse.move(photo["x"] + 20 + 15 * step, photo["y"] + 40 + 10 * step)
    film = page.locator(".strip").bounding_box()
    page.mouse.move(film["x"] + film["width"] * 0.9, film["y"] + 8)
    page.mouse.down()
    for step in range(9):
        page.mouse.move(film["x"] + film["width"] * (0.9 - 0.1 * step), film["y"] + 8)
    page.wait_for_timeout(800)
    assert sent == []
    page.mouse.up()
    page.wait_for_function("location.search.includes('depth_')")
    assert sent, "where it came to rest is told"


LIGHTS = "words => words.map(word => +word.style.getPropertyValue('--light'))"


def test_on_the_bridge_a_word_lights_what_it_read_and_a_patch_the_words_that_read_it(tab, app_address: str) -> None:
    page = tab(f"{app_address}/bridge?view=depth_1")
    page.wait_for_selector(READY)
    settled(page)
    words, photo = page.locator(".sidelight .word"), page.locator(".sidelight .photo").bounding_box()
    for number in (1, 4):
        words.nth(number).hover()
        expect(page.locator(READY).first).to_have_text(words.nth(number).inner_text().strip())
        expect(page.locator(".sidelight .say").first).to_contain_text("of 256")
    lit = []
    for across, down in ((0.04, 0.04), (0.25, 0.65)):  # the ground in a corner, a thing
        page.mouse.move(photo["x"] + across * photo["width"], photo["y"] + down * photo["height"])
        page.wait_for_timeout(100)
        lit.append(words.evaluate_all(LIGHTS))
    assert max(lit[1]) > 0 and lit[0] != lit[1], "each patch has readers of its own"


def test_the_saved_view_is_small_and_opens_from_disk(page, tab, tmp_path) -> None:
    page.locator(".photo").press("ArrowUp")
    page.wait_for_function("location.search.includes('image_137')")
    settled(page)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save as HTML").click()
    path = tmp_path / "saved.html"
    download.value.save_as(path)
    assert path.stat().st_size < 8e6
    saved = tab()
    asked: list[str] = []
    saved.on("request", lambda request: asked.append(request.url))
    saved.goto(path.as_uri())
    saved.wait_for_selector(READY)
    expect(saved.locator(".note").first).to_contain_text("row 9, column 9")
    assert [url for url in asked if not url.startswith(("file:", "blob:"))] == []


def test_no_sideways_scrolling(page) -> None:
    view = page.locator(".sidelight")
    for width in (1440, 1024, 390):
        page.set_viewport_size({"width": width, "height": 900})
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert view.evaluate("e => e.scrollWidth <= e.clientWidth + 1")


def test_the_translation_is_copied_by_its_button(tab, app_address: str) -> None:
    page = tab(f"{app_address}/translation", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_role("button", name="Copied").wait_for()
    shown = page.locator(".text p").inner_text()
    assert len(shown.split()) > 3 and page.evaluate("navigator.clipboard.readText()") == shown
