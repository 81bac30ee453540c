"""The sections on the answer of every layer and on who wrote it: what they say is what the models' runs give."""

import re
from collections.abc import Iterator
from html import unescape

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import wording
from core.attention.direct import direct
from core.attention.lens import lens
from core.models.catalogue import default
from core.models.images import open_image
from core.models.lenses import tuned_lens
from core.models.states import translation_states, vision_states
from core.models.subjects import photo_subject, translation_subject, vision_subject
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.samples import photos
from core.ui.explain.sides import CLASSIFIER
from core.ui.plain import plain
from tests.pages.test_explain_numbers import opened, texts
from tests.pages.test_pages import opened as page

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
    end = wording.text("list.end_mark", "en")
    shown = [end if piece == "</s>" else piece for layer in reversed(wanted) for piece in layer]
    assert cells == shown and end in cells, "the last layer on top"
    rank = {"piece": end, "rank": int(found.rank[0, -1]) + 1, "chance": f"{float(found.answer[0, -1]):.1%}"}
    assert wording.text("layers.rank", "en", **rank) in unescape(table)
    early = int((found.settled < 3).sum())
    said = wording.text("layers.settled_pieces", "en", early=early, count=len(translation.target), last=3)
    assert said in texts(layers)


def test_every_patch_tells_the_class_that_it_would_say(layers: AppTest) -> None:
    model = load_vision(CLASSIFIER)
    result = model.run(open_image(photos()[0].path.read_bytes()), 224, "crop")
    each = vision_states(model, result)[1]
    with torch.inference_mode():  # as the lens reads them: the merged model may learn, what it recorded may not
        said = each.head(each.states[11])[1:].argmax(-1).bincount(minlength=10)
    box = next(one for one in layers.selectbox if one.label == wording.text("layers.shown", "en"))
    first = box.value
    box.set_value(-1).run()
    assert not layers.exception and "own" in layers.query_params["lens_class"]
    most = int(said.argmax())
    name = wording.text(f"class.{model.classes[most]}", "en")
    assert f"Patches a class: {name} {int(said[most])}" in texts(layers)
    assert int(said.sum()) == 256
    next(one for one in layers.selectbox if one.label == box.label).set_value(first).run()


@pytest.mark.parametrize("section", ["layers", "authors"])
def test_the_sections_open_in_chinese(section: str) -> None:
    assert not opened(section, lang="zh").markdown[0].value.isascii()


def test_the_layer_is_the_film_s_and_moves_it() -> None:
    test = page("explain", {"explain": "layers", "view": "depth_0.5~image_57"}, lang="en")
    assert test.select_slider(key="layers_layer").value == 7  # of twelve, 0 is the embedding
    table = next(element.proto.body for element in test.get("html") if "class='layers'" in element.proto.body)
    assert re.search(r"<tr class=at><th scope='row'>([^<]*)", table)[1] == wording.text("layers.after", "en", layer=2)
    test.select_slider(key="layers_layer").set_value(3).run()
    assert not test.exception and test.select_slider(key="layers_layer").value == 3
    assert sorted("".join(test.query_params["view"]).split("~")) == ["depth_0.181818", "image_57"]
    assert "lens_layer" not in test.query_params
    test.select_slider(key="layers_layer").set_value(0).run()
    assert "".join(test.query_params["lens_layer"]) == "0", "before the film's first layer"


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
    found = direct(asked[0])
    head = divmod(int(found.heads["encoder"].argmax()), found.heads["encoder"].shape[1])
    most = int(found.keys["encoder"][head].abs().argmax()) - 1
    row, column = divmod(most, 16)
    assert wording.text("lessons.patch_at", "en", row=row + 1, column=column + 1) in told


def test_what_a_model_writes_is_no_markup(layers: AppTest) -> None:
    text = load_translator(default("translation").key).translate(SENTENCE, "deu").text
    told = "## " + wording.text("layers.answer", "en", answer=plain(text))
    assert text.endswith(".") and told.endswith(r"\.") and told in [one.value for one in layers.markdown]


def test_a_second_answer_is_in_the_link_and_its_logit_is_taken_off() -> None:
    """Of the photo "cat" rather than "dog"; of the sentence the second piece rather than the likeliest other."""
    test = opened("authors", lang="en", **{"class": "cat", "photo_against": "5", "piece": "2"})
    model, translator = load_vision(CLASSIFIER), load_translator(default("translation").key)
    assert model.classes[5] == "dog"
    result = model.run(open_image(photos()[0].path.read_bytes()), 224, "crop")
    found = direct(vision_subject(model, result, model.classes.index("cat"), 5))
    values = {"total": found.total, "start": found.start, "biases": found.biases}
    assert wording.text("authors.sum", "en", **{name: f"{value:+.3f}" for name, value in values.items()}) in texts(test)
    assert wording.text("authors.difference_help", "en", answer="cat", rival="dog") in texts(test)
    translation = translator.translate(SENTENCE, "deu")
    box = next(one for one in test.selectbox if "against" in str(one.key) and one.key.endswith("_1"))
    assert len(box.options) == 11 and translation.target.pieces[1] not in box.options
    box.select_index(1).run()
    assert not test.exception and test.query_params["sentence_against"][0].isdigit()
    assert plain(box.options[1]) in texts(test)


def test_the_tuned_lens_says_what_it_is_worth(layers: AppTest) -> None:
    test = opened("layers", lang="en", lens="tuned")
    _, gain = tuned_lens(CLASSIFIER)
    plain_kl, tuned_kl = (f"{value:.2f}" for value in gain.mean)
    told = wording.text("layers.gain_photo", "en", count=f"{gain.count:,}", plain=plain_kl, tuned=tuned_kl)
    assert told in texts(test) and told not in texts(layers)
    plain_table, tuned_table = (
        next(one.proto.body for one in page.get("html") if "class='layers'" in one.proto.body)
        for page in (layers, test)
    )
    assert plain_table != tuned_table
