"""The sections of the Explain page that are numbers, heads and arithmetic, each on a page of its own."""

from contextlib import suppress
from urllib.parse import parse_qsl

import pytest
import streamlit as st
import torch
from streamlit.errors import StreamlitPageNotFoundError
from streamlit.testing.v1 import AppTest

from core import wording
from core.attention.arithmetic import arithmetic
from core.attention.statistics import NAMES, head_statistics
from core.models.catalogue import default
from core.models.images import open_image
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.samples import photos
from core.ui import background
from core.ui.explain.sides import CLASSIFIER
from core.views.arithmetic import number, vector
from tests.pages.test_pages import opened as opened_page
from tests.pages.test_pages import views
from tests.waiting import PATIENCE

SENTENCE = "A <b>dog</b> & a *cat* are $2."


@pytest.fixture(autouse=True)
def sections_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A section that is run by itself has no other page to link to; in the app, links are as they are."""
    page_link = st.page_link

    def where_there_is_navigation(*args: object, **how: object) -> None:
        with suppress(StreamlitPageNotFoundError):
            page_link(*args, **how)

    monkeypatch.setattr(st, "page_link", where_there_is_navigation)


def page(section: str) -> None:
    import importlib

    import streamlit as st

    from core.models.images import open_image
    from core.samples import photos
    from core.ui import choices, inputs, work
    from core.ui.explain import sides

    choices.begin()
    model = st.session_state.get("model", sides.CLASSIFIER)
    photo = open_image(photos()[0].path.read_bytes())
    name = inputs.bundled("translation")
    sentence = (st.session_state.get("sentence", "A dog is running."), "deu")
    pair = sides.pair((model, work.vision_model(model)), ("photo", photo), (name, work.translator(name)), sentence)
    importlib.import_module(f"core.ui.explain.{section}").show(pair)


def opened(section: str, **state: object) -> AppTest:
    """state: what the link says by its name, and what else the session has."""
    test = AppTest.from_function(page, default_timeout=PATIENCE, kwargs={"section": section})
    for key, value in state.items():
        test.session_state[key] = test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


def texts(test: AppTest) -> str:
    """What is written, without the backslashes that keep signs what they are."""
    kinds = (test.markdown, test.caption, test.text, test.code)
    return "\n".join(str(element.value) for kind in kinds for element in kind).replace("\\", "")


@pytest.mark.parametrize("section", ["heads", "arithmetic"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_section_opens_in_both_languages(section: str, language: str) -> None:
    test = opened(section, lang=language)
    assert test.markdown[0].value.isascii() == (language == "en")
    assert test.get("plotly_chart") and test.dataframe and test.get("download_button")


@pytest.mark.parametrize("section", ["heads", "arithmetic"])
@pytest.mark.parametrize("model", ["vision-vit-s-14", "vision-cifar10"])
def test_typed_markup_stays_text_and_any_model_is_shown(section: str, model: str) -> None:
    assert "**" not in opened(section, sentence=SENTENCE, model=model).dataframe[0].value.to_csv()


@pytest.mark.parametrize("section", ["heads", "arithmetic"])
def test_without_a_sentence_the_photo_is_still_shown(section: str) -> None:
    test = opened(section, sentence="   ")
    assert any("empty" in text.value for text in test.text) and test.get("plotly_chart")


@pytest.mark.parametrize("most, told", [(1000, False), (100, True)])
def test_heads_say_when_their_numbers_are_not_of_all_queries(
    most: int, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.attention.statistics.QUERIES", most)
    found = texts(opened("heads", lang="en"))
    said = wording.text("heads.sampled", "en", count="257", taken="86", step=3)  # 3 is prime to 16 columns
    assert (said in found) == told and ("one query in" in found) == told


def test_the_table_of_heads_has_the_runs_numbers() -> None:
    test = opened("heads", lang="en")
    table = test.dataframe[0].value
    translation = load_translator(default("translation").key).translate("A dog is running.", "deu")
    trace, found = translation.traces["cross"], head_statistics(translation.traces["cross"])
    heads = sum(one.layers * one.heads for one in (trace, translation.traces["encoder"], translation.traces["decoder"]))
    own = table[(table["input"] == "Sentence") & (table["Attention"] == "from translation to source")]
    assert len(own) == trace.layers * trace.heads and len(table) == 72 + heads
    for name, column in zip(NAMES, ("entropy", "distance", "sink mass", "diagonal", "variation"), strict=True):
        assert own[column].tolist() == pytest.approx(found[name].flatten().tolist(), abs=1e-4)
    assert set(own["sink mostly on"]) <= {"language tag", "end mark"}


@pytest.mark.parametrize("place", [(11, 3), (2, 0)])
def test_the_opened_head_says_how_much_of_its_weight_is_on_patches(place: tuple[int, int]) -> None:
    test = opened("heads", lang="en", photo_open=f"{place[0] + 1}-{place[1] + 1}")
    photo = open_image(photos()[0].path.read_bytes())
    share = float(load_vision(CLASSIFIER).run(photo, 224, "crop").traces["encoder"].row(*place, 0)[1:].sum())
    assert f"Layer {place[0] + 1}, head {place[1] + 1}" in texts(test)
    assert wording.text("heads.photo_scale", "en", query="CLS", share=f"{share:.0%}") in texts(test)


def test_each_statistic_kind_and_order_is_drawn() -> None:
    test = opened("heads", lang="en")
    before = [chart.proto.spec for chart in test.get("plotly_chart")]
    for key, value in (("statistic", "sink"), ("attention", "decoder"), ("sorted", "1")):
        test.query_params[key] = value
        test.run()
        assert not test.exception
        now = [chart.proto.spec for chart in test.get("plotly_chart")]
        assert now != before, key
        before = now
    test.query_params["sentence_open"] = "decoder-2-6"
    test.run()
    assert "Layer 2, head 6" in texts(test) and "start mark" in texts(test)
    test.query_params["sentence_open"] = "decoder-100-6"  # of a larger model that was here before
    assert not test.run().exception


def test_averages_come_with_progress_and_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def at_once(key: object, title: str, work: object, wait: bool = False) -> object:
        return work(lambda done, total: told.append((done, total)))

    monkeypatch.setattr(background, "result", at_once)
    one = opened("heads", lang="en").dataframe[0].value
    test = opened("heads", lang="en", over="samples")
    assert told[:7] == [(n, 7) for n in range(7)] and len(told) > 15
    assert "averages" in texts(test)
    average = test.dataframe[0].value
    assert len(average) == len(one) and (average["entropy"] - one["entropy"]).abs().max() > 0.01


def test_the_steps_of_a_word_are_the_models() -> None:
    test = opened("arithmetic", lang="en")
    trace = load_translator(default("translation").key).translate("A dog is running.", "deu").traces["decoder"]
    chosen = {"attention": "decoder", "sentence_layer": "2", "sentence_head": "5", "word": "3"}
    test.query_params.update(chosen)
    test.run()
    assert not test.exception
    found, said = arithmetic(trace, 1, 4, 2), texts(test)
    assert vector("q", found.q) in said and vector("o", found.output) in said
    assert f"= {number(float(found.products[found.weights.argmax()]))}" in said
    hidden = int((found.mask == -torch.inf).sum())
    assert hidden and f"{hidden} of {len(found.k)} keys are hidden" in said
    assert any("−∞" in frame.value.to_csv() for frame in test.dataframe)


def test_a_query_is_a_patch_or_cls() -> None:
    test = opened("arithmetic", lang="en", show="photo")
    patch = texts(test)
    assert "query: row 9, column 9" in patch
    test.query_params["patch"] = "2,2"
    test.run()
    assert "query: row 2, column 2" in texts(test)
    test.query_params["asks"] = "CLS"
    test.run()
    assert not test.exception and "query: CLS" in texts(test) and texts(test) != patch


def test_the_whole_block_goes_on_to_both_models_own_logits() -> None:
    """In the last layer: of the photo the class that it answers, of the sentence the piece that the row writes."""
    test = opened("arithmetic", lang="en", walk="block")
    model, translator = load_vision(CLASSIFIER), load_translator(default("translation").key)
    result = model.run(open_image(photos()[0].path.read_bytes()), 224, "crop")
    translation = translator.translate("A dog is running.", "deu")
    answers = [result.predictions[0].label, translation.target.pieces[1]]
    tables = [frame.value for frame in test.dataframe]
    assert [table.iloc[0, 0] for table in tables[:1]] + [tables[-1].iloc[0, 0]] == answers
    pixels = model.pixels(result.fitted.pixels)
    with torch.inference_mode():
        logits = model.forward(pixels)[0]
    assert tables[0].iloc[0, 1] == pytest.approx(float(logits.max()), abs=1e-3)
    said = texts(test)
    assert wording.text("block.order_both", "en") in "\n".join(one.value for one in test.info)
    assert "The head reads CLS, not row 9, column 9" in said, "a patch was chosen"
    assert 'p["blocks.11.mlp.fc1.weight"]' in said and 'p["final_logits_bias"]' in said
    assert wording.text("block.none_first_norm", "en") in said and wording.text("block.none_end_norm", "en") in said
    test.query_params["photo_layer"] = "3"
    test.run()
    assert not test.exception and wording.text("block.none_answer", "en") in texts(test)


@pytest.mark.parametrize("photo", ["astronaut", "cat"])
def test_an_opened_head_goes_to_the_linked_view_with_its_model(photo: str) -> None:
    """Also where the link already names a photo, which is no default: that was a traceback."""
    test = opened_page("explain", lang="en")
    test.query_params.update({"explain": "heads", "photo_open": "12-3", "photo": photo})
    test.run()
    assert not test.exception
    chosen = dict(parse_qsl(test.get("page_link")[0].proto.query_string))
    assert chosen["view"] == "depth_1~image_.2" and chosen["vision_model"] == "vision-cifar10"
    test.switch_page("pages/compare.py")
    test.query_params.clear()
    test.query_params.update(chosen)
    test.run()
    assert not test.exception and views(test)
    assert test.session_state.vision_model == "vision-cifar10" and test.session_state.photo == photo


def test_what_was_chosen_in_a_longer_sentence_or_another_model_does_no_harm() -> None:
    test = opened("arithmetic", lang="en", sentence="A brown dog and a white cat are running in the park.")
    test.query_params.update({"word": "10", "photo_layer": "11"})
    test.run()
    assert not test.exception
    test.session_state.sentence = test.query_params["sentence"] = "Dog."
    test.query_params.update({"photo_open": "41-41", "patch": "99,99"})
    test.run()
    assert not test.exception and "query: row 9, column 9" in texts(test)
