"""What the home page and the workbenches say is what the library finds for what was chosen; what is wrong is told."""

import json

import pytest
from streamlit.testing.v1 import AppTest

from core import samples, wording
from core.attention.statistics import effective_keys
from core.models import foreground
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import VisionResult, estimate, load_vision
from core.views.linked import state
from tests.pages.test_pages import opened, views

PHOTO = samples.photos()[0]
TRANSLATOR, VISION, CLASSES = "translation-en-de-fr-cs-zh", "vision-vit-s-14", "vision-cifar10"


def seen(name: str = VISION) -> VisionResult:
    return load_vision(name).run(open_image(PHOTO.path.read_bytes()), 224, "crop")


def drawn(test: AppTest) -> bytes:
    """What the browser gets of the linked view."""
    return next(view.proto.bytes for view in test.get("bidi_component") if view.key.startswith("linked_"))


def captions(test: AppTest) -> list[str]:
    return [one.value for one in test.caption]


@pytest.mark.parametrize("view", ["", "depth_0~image_.5~sentence_.0.7", "depth_1~image_.0~sentence_t2.3"])
def test_the_home_page_counts_the_keys_of_the_chosen_layer_and_heads(view: str) -> None:
    test = opened("compare", lang="en", view=view)
    chosen, vision = state.read(view), seen()
    translation = load_translator(TRANSLATOR).translate(PHOTO.caption, "deu")
    layer, cross = chosen.layer(12), chosen.layer(3)
    used = effective_keys(vision.traces["encoder"], layer, chosen.heads_of("image", 6))
    read = effective_keys(translation.traces["cross"], cross, chosen.heads_of("sentence", 8))
    told = wording.text(
        "compare.text",
        "en",
        patches=257,
        source=len(translation.source),
        layer=layer + 1,
        cross_layer=cross + 1,
        vision_keys=f"{used:.0f}",
        cross_keys=f"{read:.1f}",
        encoder=4,
        decoder=3,
    )
    assert told in [one.value for one in test.markdown]


def test_the_foreground_follows_the_threshold_that_is_set() -> None:
    test, result = opened("vision", lang="en"), seen()
    scores = {
        "attention": foreground.attention_score(result.traces["encoder"]),
        "features": foreground.feature_score(result.features),
    }

    def told(name: str, threshold: float) -> str:
        share = f"{float((scores[name] > threshold).float().mean()):.0%}"
        return wording.text("vision.foreground_share", "en", share=share, threshold=f"{threshold:.2f}")

    for name, score in scores.items():
        assert told(name, foreground.otsu(score)) in captions(test), "found by itself at first"
    test.toggle(key="auto_attention").set_value(False).run()
    test.slider(key="threshold_attention").set_value(0.8).run()
    assert not test.exception
    assert told("attention", 0.8) in captions(test)
    assert told("features", foreground.otsu(scores["features"])) in captions(test), "the other one stays"


def test_the_bars_are_the_models_probabilities() -> None:
    test, predictions = opened("vision", lang="en", vision_model=CLASSES), seen(CLASSES).predictions
    bars = json.loads(test.get("plotly_chart")[0].proto.spec)["data"][0]
    assert bars["x"] == pytest.approx([one.probability for one in predictions], abs=1e-4)
    assert bars["y"] == [wording.text(f"class.{one.label}", "en") for one in predictions]


def test_what_a_run_would_take_is_told_for_the_size_that_is_set() -> None:
    test, photo = opened("vision", lang="en"), open_image(PHOTO.path.read_bytes())
    for size in (224, 448):
        test.select_slider(key=f"size_{VISION}").set_value(size).run()
        tokens = estimate(load_vision(VISION), size, "crop", photo.size).tokens
        assert any(f"{tokens:,}" in text or str(tokens) in text for text in captions(test)), size


def test_the_steps_of_a_translation_are_its_own_and_a_limit_that_cuts_it_off_is_told() -> None:
    test = opened("translation", lang="en")
    translation = load_translator(TRANSLATOR).translate(PHOTO.caption, "deu")
    table = test.dataframe[0].value
    steps = translation.steps
    assert table[wording.text("translation.piece")].tolist() == [*(one.piece for one in steps[:-1]), "⟨end⟩"]
    for name, unit in (("probability", 100), ("entropy", 1)):  # per cent, bits
        shown = table[wording.text(f"translation.{name}")].tolist()
        assert shown == pytest.approx([unit * getattr(one, name) for one in steps], rel=1e-4)
    told = wording.text("translation.stopped", "en", limit=10).encode()
    assert told not in drawn(test), "nothing is cut off"
    test.slider(key="limit").set_value(10).run()
    assert told in drawn(test)
    assert len(test.dataframe[0].value) == 10


@pytest.mark.parametrize("page", ["compare", "vision"])
def test_a_file_that_is_no_picture_is_told_and_the_last_photo_stays(page: str) -> None:
    test = opened(page, lang="en")
    test.file_uploader(key="upload_0").upload("photo.png", b"no picture").run()
    assert not test.exception
    assert sum(text.value.startswith("⚠") for text in test.text) == 1
    beside = [text.value for one in test.get("popover") for text in one.get("text")]
    assert beside[0] == "photo.png" and beside[1].startswith("⚠"), "told where the file was given"
    assert not test.file_uploader(key="upload_1").value, "and not listed as if it were taken"
    assert test.segmented_control(key="photo").value == PHOTO.path.stem and views(test)
