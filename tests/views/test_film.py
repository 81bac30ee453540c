"""Films hold what the model looked at, on the scale of the linked view, and are played in the browser alone, by pointer
or by keyboard."""

import base64
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import core.views.linked.page
from core.views.film import Film, film_photo, film_sentence
from core.views.light import DARKEST, GLOW, NIGHT, RAMP, STRONGEST
from core.views.scripts import bundle

COLOUR = Path(core.views.linked.page.__file__).with_name("colour.js")
WORDS = {
    "name": "A <film>",
    "play": "Play",
    "pause": "Pause",
    "slider": "Frame",
    "keys": "Space",
    "scale": "<against> uniform",
    "at": "step {step}, {number} of {count}",
}
PHOTO = Image.new("RGB", (64, 48), (90, 120, 60))
TIMES = [0, 0.01, 0.125, 0.3, 0.99, 1, 1.5, 4, 20, 64, 100, 12]  # against uniform, of 12 patches


def picture(source: str) -> Image.Image:
    kind, data = source.split(",")
    assert kind in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def photo_film() -> Film:
    uniform = torch.full((3, 4), 1 / 12)
    return film_photo(PHOTO, [(0, uniform), (10, torch.tensor(TIMES).div(12).half())], (3, 4), WORDS)


def test_light_on_the_photo_is_that_of_the_linked_view(chromium) -> None:
    """Night falls and a glow rises as light.js says, whose 1/8 to 64 times an even share become 0 to 1."""
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(COLOUR.with_name("light.js")))
    found = page.evaluate(
        "(times) => times.map((one) => (Math.log2(one) + 3) / 9).map((t) => [daylight(t), warmth(t)])", TIMES
    )
    pixels = np.asarray(picture(photo_film().data["frames"][1]["picture"])).reshape(12, 4).astype(float)
    for (*colour, opacity), (day, warm) in zip(pixels, found, strict=True):
        night = DARKEST * (1 - day) if day < 1 else STRONGEST * warm
        assert opacity == pytest.approx(255 * night, abs=2)
        assert opacity == 0 or colour == list(NIGHT if day < 1 else GLOW)


def test_the_ramp_is_that_of_the_linked_view(chromium) -> None:
    page = chromium.empty_page()
    page.add_script_tag(content=bundle(COLOUR))
    assert page.evaluate("RAMPS.light") == [[place, list(colour)] for place, colour in RAMP]


def test_a_photo_film_says_its_numbers_and_its_scale() -> None:
    data = photo_film().data
    assert [frame["step"] for frame in data["frames"]] == [0, 10]
    assert np.array(data["frames"][0]["times"]) == pytest.approx(1)
    assert np.array(data["frames"][1]["times"]).flatten() == pytest.approx(TIMES, rel=1e-2, abs=1e-3)
    assert data["ticks"] == ["⅛×", "1×", "8×", "64×"]
    assert picture(data["photo"]).size == PHOTO.size


def test_a_sentence_film_says_weights_against_uniform() -> None:
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 0.5, 0.5, 0.0]])
    source, target = ["a", "<b>", "a", "</s>"], ["x", "y"]
    data = film_sentence([(5, weights), (9, weights.flip(0))], source, target, WORDS).data
    assert data["frames"][0]["times"] == [[1, 1, 1, 1], [0, 2, 2, 0]]
    assert data["frames"][1]["times"] == [[0, 2, 2, 0], [1, 1, 1, 1]]
    assert (data["columns"], data["rows"]) == (source, target)
    pixels = np.asarray(picture(data["frames"][0]["picture"]))
    night, even = (list(colour) for _, colour in RAMP[:2])
    assert pixels[0].tolist() == [even] * 4 and pixels[1, 0].tolist() == night
    assert pixels[1, 1].sum() > sum(even), "more is lighter"


def test_a_film_is_small() -> None:
    frames = [(step, torch.rand(37, 37).softmax(-1) / 37) for step in range(20)]
    photo = Image.effect_noise((518, 518), 80).convert("RGB")
    assert len(film_photo(photo, frames, (37, 37), WORDS).html()) < 1_500_000


def test_what_does_not_fit_is_refused() -> None:
    weights = torch.full((3, 4), 1 / 12)
    with pytest.raises(ValueError, match="grid"):
        film_photo(PHOTO, [(0, weights)], (4, 4), WORDS)
    with pytest.raises(ValueError, match="pieces"):
        film_sentence([(0, weights)], ["a"] * 3, ["b"] * 4, WORDS)
    with pytest.raises(ValueError, match="frame"):
        film_photo(PHOTO, [], (4, 4), WORDS)


@pytest.fixture
def opened(chromium, tmp_path: Path):
    """Opens a film as a file; the page must raise nothing."""
    page, errors = chromium.empty_page({"width": 700, "height": 800}), []
    page.on("pageerror", lambda error: errors.append(str(error)))

    def show(film: Film):
        film.save(tmp_path / "film.html")
        page.goto((tmp_path / "film.html").as_uri())
        page.wait_for_selector(".frame")
        return page

    yield show
    assert not errors


def long_film(count: int = 6) -> Film:
    torch.manual_seed(0)
    return film_photo(PHOTO, [(step * 10, torch.rand(3, 4).softmax(-1) / 3) for step in range(count)], (3, 4), WORDS)


def at(page) -> int:
    """The frame that is drawn, found by its picture; the slider, what it says aloud and the text say the same."""
    pictures = [frame["picture"] for frame in long_film().data["frames"]]
    found = pictures.index(page.locator(".frame").get_attribute("src"))
    slider = page.get_by_role("slider", name="Frame")
    said = f"step {found * 10}, {found + 1} of 6"
    assert slider.input_value() == str(found) and slider.get_attribute("aria-valuetext") == said
    assert page.locator(".now").text_content() == said
    return found


def test_a_film_is_stepped_by_keyboard(opened) -> None:
    page = opened(long_film())
    assert page.get_by_role("group", name="A <film>").count() == 1, "typed text stays text"
    assert at(page) == 5, "the last frame at first"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"
    for focus in ("on the button", "on the slider"):
        for key, frame in [
            ("Home", 0),
            ("ArrowRight", 1),
            ("ArrowUp", 2),
            ("ArrowLeft", 1),
            ("ArrowDown", 0),
            ("ArrowLeft", 0),
            ("End", 5),
            ("ArrowRight", 5),
        ]:
            page.keyboard.press(key)
            assert at(page) == frame, (focus, key)
        if focus == "on the button":
            assert page.get_by_role("status").text_content() == "step 50, 6 of 6", "a slider without focus says nothing"
        page.keyboard.press("Tab")


# Time goes on when the test says so, not while a busy machine is late with a key.
CLOCK = """() => {
  let tick = null;
  window.setInterval = (call) => { tick = call; return 1; };
  window.clearInterval = () => { tick = null; };
  window.ticks = (count) => { while (count--) tick?.(); };
}"""


@pytest.mark.parametrize("tabs", [1, 2], ids=["on the button", "on the slider"])
def test_space_plays_and_pauses(opened, tabs: int) -> None:
    page = opened(long_film())
    page.evaluate(CLOCK)
    for _ in range(tabs):
        page.keyboard.press("Tab")
    page.keyboard.press("Space")  # from the end: it begins anew
    assert page.get_by_role("button", name="Pause").count() == 1 and at(page) == 0
    page.evaluate("ticks(2)")
    assert at(page) == 2
    page.keyboard.press("Space")
    page.evaluate("ticks(2)")
    assert at(page) == 2 and page.get_by_role("status").text_content() == "step 20, 3 of 6"
    page.keyboard.press("Space")
    page.evaluate("ticks(9)")
    assert page.get_by_role("button", name="Play").count() == 1, "it stops by itself"
    assert at(page) == 5 and page.get_by_role("status").text_content() == "step 50, 6 of 6"


def test_a_film_answers_the_pointer(opened) -> None:
    page = opened(photo_film())
    box = page.locator(".layers").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)  # second row, second column
    assert page.locator(".said").text_content() == "1×"
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.5)
    assert page.locator(".said").text_content() == "4×"
    slider = page.locator("input").bounding_box()
    page.mouse.click(slider["x"] + 2, slider["y"] + slider["height"] / 2)
    assert page.locator(".frame").get_attribute("src") == photo_film().data["frames"][0]["picture"]


def test_a_sentence_lies_under_its_words_and_stays_text(opened) -> None:
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 0.5, 0.5, 0.0]])
    page = opened(film_sentence([(5, weights)], ["a", "<b>", "c", "</s>"], ["x", "<i>y</i>"], WORDS))
    assert page.locator("input, button").count() == 0, "one frame is not played"
    layers = page.locator(".layers").bounding_box()
    word, row = page.locator(".column").nth(1).bounding_box(), page.locator(".row").nth(1).bounding_box()
    x, y = word["x"] + word["width"] / 2, row["y"] + row["height"] / 2
    assert layers["x"] + layers["width"] / 4 < x < layers["x"] + layers["width"] / 2
    assert layers["y"] + layers["height"] / 2 < y < layers["y"] + layers["height"]
    page.mouse.move(x, y)
    assert page.locator(".said").text_content() == "<i>y</i> ← <b>  2×"
    assert page.get_by_role("img", name="A <film>").count() == 1
