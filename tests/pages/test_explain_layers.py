"""The sections on the answer of every layer and on who wrote it: what they say is what the models' runs give."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
from streamlit.testing.v1 import AppTest

from core import wording
from core.attention.direct import direct
from core.attention.lens import lens
from core.models.catalogue import default
from core.models.images import open_image
from core.models.states import translation_states, vision_states
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.samples import photos
from core.ui.explain.sides import CLASSIFIER
from core.ui.plain import plain
from tests.pages.test_explain_numbers import opened, texts

SENTENCE = "A dog is running."


@pytest.fixture(scope="module")
def layers() -> Iterator[AppTest]:
    yield opened("layers", lang="en")


def test_the_layer_from_which_it_is_known_is_the_runs(layers: AppTest) -> None:
    model = load_vision(CLASSIFIER)
    result = model.run(open_image(photos()[0].path.read_bytes()), 224, "crop")
    found = lens(vision_states(model, result)[0], model.temperature)
    settled, answer = int(found.settled), result.predictions[0].label
    key = "layers.settled_last" if settled == 12 else "layers.settled"
    assert wording.text(key, "en", answer=answer, layer=settled) in texts(layers)


def test_every_layer_s_pieces_stand_in_the_table(layers: AppTest) -> None:
    translator = load_translator(default("translation").key)
    translation = translator.translate(SENTENCE, "deu")
    found = lens(translation_states(translator, translator.source_pieces(SENTENCE, "deu")[0], translation))
    table = next(element.proto.body for element in layers.get("html") if "class='layers'" in element.proto.body)
    cells = [unescape(cell) for cell in re.findall(r"<td style[^>]*>([^<]*)</td>", table)]
    wanted = [translator.pieces(layer[:, 0]) for layer in found.top]
    end = wording.text("view.end_mark", "en")
    shown = [end if piece == "</s>" else piece for layer in reversed(wanted) for piece in layer]
    assert cells == shown and end in cells, "the last layer on top"
    early = int((found.settled < 3).sum())
    said = wording.text("layers.settled_pieces", "en", early=early, count=len(translation.target), last=3)
    assert said in texts(layers)


@pytest.mark.parametrize("section", ["layers", "authors"])
def test_the_sections_open_in_chinese(section: str) -> None:
    assert not opened(section, lang="zh").markdown[0].value.isascii()


def test_a_model_without_classes_gets_a_sentence_and_the_other_side_stays() -> None:
    test = opened("layers", lang="en", model="vision-vit-s-14")
    assert test.get("plotly_chart") and "names no classes" in texts(test)


def test_the_parts_that_are_written_are_what_the_models_give() -> None:
    """Of the photo its representation, as none of the classes fits it; of the sentence all of its pieces."""
    model, translator = load_vision(CLASSIFIER), load_translator(default("translation").key)
    photo = open_image(photos()[0].path.read_bytes())
    translation = translator.translate(SENTENCE, "deu")
    asked = (
        photo_subject(model, photo, 224, "crop"),
        translation_subject(translator, SENTENCE, "deu", translation),
    )
    told = texts(opened("authors", lang="en"))
    for subject in asked:
        found = direct(subject)
        values = {"total": found.total, "start": found.start, "biases": found.biases}
        assert wording.text("authors.sum", "en", **{name: f"{value:+.3f}" for name, value in values.items()}) in told


def test_what_a_model_writes_is_no_markup(layers: AppTest) -> None:
    text = load_translator(default("translation").key).translate(SENTENCE, "deu").text
    told = "##### " + wording.text("layers.answer", "en", answer=plain(text))
    assert text.endswith(".") and told.endswith(r"\.") and told in [one.value for one in layers.markdown]
