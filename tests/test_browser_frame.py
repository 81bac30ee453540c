"""The frame around the pages, in a real browser: menu, theme and language."""

from playwright.sync_api import Page, expect

from tests.conftest import settled

PHONE = {"width": 390, "height": 844}


def ground(page: Page) -> str:
    return page.get_by_test_id("stApp").evaluate("app => getComputedStyle(app).backgroundColor")


def test_a_theme_holds_on_every_page(tab, app_address: str) -> None:
    page = tab(f"{app_address}/models")
    page.get_by_role("heading", level=1).wait_for()
    light = ground(page)
    page.get_by_role("button", name="Main menu").click()
    page.get_by_role("menuitemradio", name="Dark").click()
    page.wait_for_function(
        "light => getComputedStyle(document.querySelector('.stApp')).backgroundColor !== light", arg=light
    )
    dark = ground(page)
    settled(page)  # what keeps the theme is there once the page is
    page.goto(f"{app_address}/finetune")
    page.get_by_role("heading", level=1).wait_for()
    assert ground(page) == dark


def test_on_a_phone_the_menu_is_folded_and_goes_once_it_was_used(tab, app_address: str) -> None:
    page = tab(f"{app_address}/models", viewport=PHONE, locale="zh-CN")
    title = page.get_by_role("heading", level=1)
    title.wait_for()
    header = page.get_by_test_id("stHeader").bounding_box()
    assert header["y"] + header["height"] <= title.bounding_box()["y"], "nothing lies over the title"
    page.wait_for_function("document.documentElement.lang === 'zh-Hans'")
    menu = page.get_by_test_id("stSidebar")
    page.get_by_role("button", name="Expand sidebar").click()
    expect(menu).to_have_attribute("data-collapsed", "false")
    menu.get_by_role("link", name="微调").click()
    expect(menu).to_have_attribute("data-collapsed", "true")
    expect(title).to_have_text("按下按钮，看它学习")


def test_the_document_has_its_language_before_anything_runs(tab, app_address: str) -> None:
    page = tab(locale="en-US")
    page.route("**/static/js/**", lambda asked: asked.abort())
    for query, language in (("", "en"), ("?lang=zh", "zh-Hans"), ("?lang=中文", "zh-Hans"), ("?lang=en", "en")):
        page.goto(f"{app_address}/models{query}")
        assert page.evaluate("document.documentElement.lang") == language


def test_a_talk_has_no_controls_goes_by_keys_and_ends_by_escape(tab, app_address: str) -> None:
    page = tab(f"{app_address}/?present=1")
    page.wait_for_selector(".sidelight .say b")
    settled(page)
    for gone in (".stAppHeader", ".st-key-inputs", ".st-key-tries", ".sidelight .foot", ".stDownloadButton"):
        expect(page.locator(gone).first).to_be_hidden()
    assert page.locator(".say").first.evaluate("say => say.currentCSSZoom") == 1.5
    page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('image_34')")
    page.keyboard.press("Escape")
    expect(page.locator(".st-key-inputs")).to_be_visible()
    page.wait_for_function("!location.search.includes('present')")
    page.locator(".st-key-share button").click()
    expect(page.get_by_role("img", name="The link as a QR code")).to_be_visible()
    expect(page.get_by_role("button", name="Copy the link")).to_be_visible()


# Where the inputs stand in each frame that shows them.
WATCH = """window.stood = new Set();
requestAnimationFrame(function look() {
  const inputs = document.querySelector(".st-key-inputs");
  if (inputs) window.stood.add(Math.round(inputs.getBoundingClientRect().y));
  requestAnimationFrame(look);
})"""


def test_a_page_is_laid_out_once_and_asks_for_nothing_that_is_not_there(tab, app_address: str) -> None:
    page = tab(viewport=PHONE)
    missing: list[str] = []
    page.on("response", lambda one: missing.append(one.url) if one.status >= 400 else None)
    page.add_init_script(WATCH)
    page.goto(f"{app_address}/translation")
    page.locator(".st-key-inputs").wait_for()
    settled(page)
    assert page.evaluate("window.stood.size") == 1, page.evaluate("[...window.stood]")
    assert not missing and page.title() == "Sidelight"


def test_a_mistyped_address_has_the_frame_and_a_file_is_a_file(tab, app_address: str) -> None:
    page = tab(f"{app_address}/visoin")
    expect(page.get_by_role("dialog")).to_be_visible()
    expect(page.locator(".st-key-inputs")).to_be_visible()
    assert page.title() == "Sidelight"
    assert page.request.get(f"{app_address}/favicon.png").headers["content-type"] == "image/png"


def test_the_inputs_are_one_slim_line_and_nothing_of_them_is_cut(tab, app_address: str) -> None:
    page = tab(app_address)
    page.wait_for_selector(".sidelight .say b")
    for width in (1440, 1280, 1024, 390):
        page.set_viewport_size({"width": width, "height": 844})
        settled(page)
        line = page.locator(".st-key-inputs").bounding_box()
        assert line["y"] + line["height"] <= (130 if width == PHONE["width"] else 100), "pictures begin below"
        for button in page.locator(".st-key-inputs").get_by_role("button").all():
            box = button.bounding_box()
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
        assert page.get_by_role("radio", name="Cat").bounding_box()["width"] > 30
        into = page.get_by_role("combobox", name="Into")
        assert into.evaluate("e => e.scrollWidth <= e.clientWidth"), "the whole name is seen"
        figure, tries = (page.locator(one).last.bounding_box() for one in (".card summary", ".st-key-tries"))
        apart = figure["x"] + figure["width"] <= tries["x"] or tries["y"] >= figure["y"] + figure["height"]
        assert apart, "what to try lies over nothing else"
