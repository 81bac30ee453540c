"""Films hold what the model looked at, on the scale of the linked view, and are played in the browser alone."""

import base64
import io
from pathlib import Path

import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from PIL import Image

import core.views.linked.page
from core.views.film import film_photo, film_sentence

COLOUR = Path(core.views.linked.page.__file__).with_name("colour.js")
WORDS = {"step": "Step", "play": "Play", "pause": "Pause", "scale": "<against> uniform"}
PHOTO = Image.new("RGB", (64, 48), (90, 120, 60))
TIMES = [0, 0.01, 0.125, 0.3, 0.99, 1, 1.5, 4, 20, 64, 100, 12]  # against uniform, of 12 patches


def picture(source: str) -> Image.Image:
    kind, data = source.split(",")
    assert kind in ("data:image/png;base64", "data:image/jpeg;base64")
    return Image.open(io.BytesIO(base64.b64decode(data)))


def photo_film() -> go.Figure:
    uniform = torch.full((3, 4), 1 / 12)
    return film_photo(PHOTO, [(0, uniform), (10, torch.tensor(TIMES).div(12).half())], (3, 4), WORDS)


def test_light_on_the_photo_is_that_of_the_linked_view(chromium) -> None:
    """The same overlay as colour.js, whose 1/8 to 64 times uniform become 0 to 1."""
    page = chromium.new_page()
    page.add_script_tag(content=COLOUR.read_text("utf-8"))
    found = page.evaluate(
        "(w) => scaled(w, w.map(() => 1 / w.length), 'uniform').t.map((t) => overlayAt('light', t, 0.85))",
        [times / 12 for times in TIMES],
    )
    page.close()
    expected = np.array(found)
    pixels = np.asarray(picture(photo_film().frames[1].data[0].source)).reshape(12, 4).astype(int)
    away = np.abs(pixels - expected)
    away[[2, 5]] = 0  # on a step of the scale, half precision may fall on either side
    assert away.max() <= 1


def test_darker_below_uniform_and_lit_above() -> None:
    pixels = np.asarray(picture(photo_film().frames[1].data[0].source)).reshape(12, 4).astype(int)
    dark, lit = pixels[:5], pixels[6:]
    assert (dark[:, 0] < 20).all() and (lit[:, 0] == 255).all()
    assert (np.diff(dark[:, 3]) <= 0).all() and (np.diff(lit[:5, 3]) >= 0).all()


def test_a_photo_film_says_its_numbers_and_its_scale() -> None:
    figure = photo_film()
    assert [frame.name for frame in figure.frames] == ["0", "10"] and figure.layout.sliders[0].active == 1
    assert np.array(figure.frames[0].data[1].customdata) == pytest.approx(1)
    assert np.array(figure.data[1].customdata).flatten() == pytest.approx(TIMES, rel=1e-2, abs=1e-3)
    assert np.array(figure.data[1].z).min() == -3 and np.array(figure.data[1].z).max() == 6
    bar = figure.layout.coloraxis
    assert (bar.cmin, bar.cmax) == (-3, 6) and bar.colorbar.ticktext == ("⅛×", "1×", "8×", "64×")
    assert bar.colorbar.title.text == "&lt;against&gt; uniform"
    (behind,) = figure.layout.images
    assert picture(behind.source).size == (224, 224) and behind.layer == "below"


def test_a_sentence_film_says_weights_against_uniform() -> None:
    weights = torch.tensor([[0.25, 0.25, 0.25, 0.25], [0.0, 0.5, 0.5, 0.0]])
    source, target = ["a", "<b>", "a", "</s>"], ["x", "y"]
    figure = film_sentence([(5, weights), (9, weights.flip(0))], source, target, WORDS)
    assert np.array(figure.frames[0].data[0].z).tolist() == [[0, 0, 0, 0], [-3, 1, 1, -3]]
    assert np.array(figure.frames[0].data[0].customdata).tolist() == [[1, 1, 1, 1], [0, 2, 2, 0]]
    assert np.array(figure.data[0].z).tolist() == [[-3, 1, 1, -3], [0, 0, 0, 0]]  # the last frame
    assert figure.layout.xaxis.ticktext == ("a", "&lt;b&gt;", "a", "&lt;/s&gt;")
    assert figure.data[0].text[1][1] == "y ← &lt;b&gt;"


def test_a_film_is_small() -> None:
    frames = [(step, torch.rand(37, 37).softmax(-1) / 37) for step in range(20)]
    photo = Image.effect_noise((518, 518), 80).convert("RGB")
    assert len(film_photo(photo, frames, (37, 37), WORDS).to_json()) < 1_500_000


def test_what_does_not_fit_is_refused() -> None:
    weights = torch.full((3, 4), 1 / 12)
    with pytest.raises(ValueError, match="grid"):
        film_photo(PHOTO, [(0, weights)], (4, 4), WORDS)
    with pytest.raises(ValueError, match="pieces"):
        film_sentence([(0, weights)], ["a"] * 3, ["b"] * 4, WORDS)
    with pytest.raises(ValueError, match="frame"):
        film_photo(PHOTO, [], (4, 4), WORDS)


def test_the_browser_plays_and_scrubs_alone(chromium, tmp_path: Path) -> None:
    page = chromium.new_page()
    path = tmp_path / "film.html"
    path.write_text(photo_film().to_html(auto_play=False), "utf-8")
    page.goto(path.as_uri())
    page.wait_for_selector(".slider-label")
    drawn = page.locator("g.im image, .imagelayer.mlayer image, .plot image").last

    def shown() -> str:
        page.wait_for_timeout(300)
        return drawn.evaluate("e => e.getAttribute('xlink:href') || e.getAttribute('href')")

    figure = photo_film()
    assert shown() == figure.frames[1].data[0].source
    rail = page.locator(".slider-rail-touch-rect").bounding_box()
    page.mouse.click(rail["x"] + 2, rail["y"] + rail["height"] / 2)
    assert shown() == figure.frames[0].data[0].source and "Step 0" in page.locator(".slider-label").first.text_content()
    page.locator("text=Play").click()
    page.wait_for_function("document.querySelector('.slider-label').textContent.includes('10')")
    assert shown() == figure.frames[1].data[0].source
    page.close()
