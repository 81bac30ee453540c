"""The section *What if*: what it says is what the runs give; B and what is opened come back from the link."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import wording
from core.attention import patching
from core.attention.byhand import ByHand, edit_of
from core.attention.subject import Subject
from core.models.catalogue import default
from core.models.images import open_image
from core.models.others import one_word_changed, painted
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.samples import photos
from core.ui import work
from core.ui.explain.sides import CLASSIFIER
from tests.pages.test_explain import settled, texts
from tests.pages.test_explain_link import in_link, linked, state

SENTENCE = "A dog is running."
SIDE = 112


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", SIDE)


def section(**said: str) -> AppTest:
    return linked("whatif", photo="cat", sentence=SENTENCE, **said)


def photo_pair() -> tuple[Subject, Subject]:
    """The cat, and it with the four blocks in the middle blurred."""
    model = load_vision(CLASSIFIER)
    photo = open_image(next(one.path for one in photos() if one.path.stem == "cat").read_bytes())
    result = model.run(photo, SIDE, "crop")
    inside = [row * 8 + column for row in range(2, 6) for column in range(2, 6)]
    other = painted(result.fitted.pixels, result.axis.grid, inside, "blur")
    target = int(result.probabilities.argmax())
    return photo_subject(model, photo, SIDE, "crop", target), photo_subject(model, other, SIDE, "crop", target)


def sentence_pair() -> tuple[Subject, Subject]:
    translator = load_translator(default("translation").key)
    written = translator.translate(SENTENCE, "deu")
    other = one_word_changed(translator, SENTENCE, "deu")
    read = translator.read(*translator.source_pieces(other, "deu"), torch.tensor([written.ids]))
    return (
        translation_subject(translator, SENTENCE, "deu", written),
        translation_subject(translator, other, "deu", read),
    )


def test_what_is_told_is_what_the_runs_give() -> None:
    told = texts(settled(section()))
    model = load_vision(CLASSIFIER)
    for subjects, key in ((photo_pair(), "whatif.margin"), (sentence_pair(), "whatif.margin_pieces")):
        pair = patching.swap(*subjects)
        names = {}
        if key == "whatif.margin" and pair.rivals is not None:
            names = {"answer": "cat", "rival": model.classes[int(pair.rivals[0])]}
        assert wording.text(key, "en", a=f"{pair.a:+.3f}", b=f"{pair.b:+.3f}", **names) in told
        every = np.concatenate([row.recovery.numpy() for row in patching.heads(pair)])
        now, share = f"{pair.b + float(every.max()) * (pair.a - pair.b):+.3f}", f"{float(every.max()):.0%}"
        assert f"becomes **{now}**: {share} of the way" in told
        assert f"carries over {every.mean():+.1%}" in told


def test_positions_are_asked_for_and_all_of_them_are_the_control() -> None:
    test = settled(section())
    charts = len(test.get("plotly_chart"))
    starts = [one for one in test.button if one.label == wording.text("whatif.measuring_positions", "en")]
    assert len(starts) == 2
    starts[1].click().run()
    settled(test)
    assert not test.exception and len(test.get("plotly_chart")) == charts + 2, "the encoder's and the decoder's"


def test_b_and_what_is_opened_are_in_the_link_and_can_be_taken_back() -> None:
    said = {
        "other": "grey",
        "painted": "1,4",
        "put": "pattern",
        "photo_patched": "3-2",
        "sentence_patched": "cross-1-8",
    }
    test = settled(section(other_sentence="A cat is running.", **said))
    assert {name: in_link(test, name) for name in said} == said
    assert test.session_state["whatif_other_sentence"] == "A cat is running."
    assert state(test, "whatif_part") == "pattern" and state(test, "whatif_other_") == "grey"
    assert "With head encoder 3·2 of A" in texts(test) and "With head cross 1·8 of A" in texts(test)
    test.button(key="whatif_unpaint").click().run()
    assert not in_link(test, "painted") and test.button(key="whatif_unpaint").disabled


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"other_sentence": "A dog is running home."}, "positions and B has"),
        ({"other_sentence": SENTENCE}, "give the same answer"),
        ({"painted": "0", "other": "blur"}, "give the same answer"),
    ],
)
def test_what_cannot_be_compared_gets_a_sentence(said: dict[str, str], told: str) -> None:
    test = section(**said)
    assert not test.exception and any(told in one.value for one in test.text)


def test_keys_shut_by_hand_are_in_the_link_told_and_taken_back_one_by_one() -> None:
    patches, word = "encoder-a-a-a-20.21", "cross-2-a-3-2-40"
    test = settled(section(photo_shut=f"{patches},encoder-12-6-1-5", sentence_shut=word))
    told = texts(test)
    photo, sentence = photo_pair()[0], replace(sentence_pair()[0], target=None)
    shut = [edit_of(text, photo) for text in (patches, "encoder-12-6-1-5")]
    with torch.inference_mode(), ByHand(photo, [edit for edit in shut if edit]):
        after = (photo.copies(1)[0, 0] / load_vision(CLASSIFIER).temperature).softmax(-1)
    assert f"**{float(after[photo.target or 0]):.1%}** now" in told
    one = edit_of(word, sentence)
    assert one and sentence.asked is not None
    with torch.inference_mode(), ByHand(sentence, [one]):
        written = sentence.copies(1)[0].argmax(-1)
    changed, count = int((written != sentence.asked).sum()), len(written)
    assert wording.text("byhand.sentence", "en", changed=changed, count=count) in told
    undo = next(button for button in test.button if str(button.key).startswith("byhand_undo_photo"))
    undo.click().run()
    assert in_link(test, "photo_shut") == patches and in_link(test, "sentence_shut") == word
    kept = next(box for box in test.multiselect if str(box.key).startswith("byhand_kept_sentence"))
    kept.set_value([]).run()
    assert not test.exception and not in_link(test, "sentence_shut")


def test_edits_belong_to_what_they_were_made_on() -> None:
    """Another photo begins without them, which is said, and they are there again with the earlier one."""
    made, other = "encoder-a-a-a-20.21", "encoder-1-a-a-3"
    test = settled(section(photo_shut=made))

    def choose(photo: str) -> str:
        test.segmented_control(key="photo").set_value(photo).run()
        assert not test.exception
        return in_link(test, "photo_shut")

    assert in_link(test, "photo_shut") == made and not test.toast
    assert choose("coffee") == "" and "1 set aside" in test.toast[0].value
    test.session_state["choices"].chosen["photo_shut"] = other  # as the linked view tells it
    assert settled(test.run()) and choose("cat") == made and choose("coffee") == other


def test_a_form_shuts_what_was_chosen_in_it() -> None:
    test = settled(section())
    layer, keys = (
        next(box for box in boxes if str(box.key).startswith(f"byhand_{name}_cross_sentence"))
        for boxes, name in ((test.selectbox, "layer"), (test.multiselect, "keys"))
    )
    layer.set_value(1)
    keys.set_value([2]).run()
    next(button for button in test.button if str(button.key).startswith("byhand_do_sentence")).click().run()
    assert not test.exception and in_link(test, "sentence_shut") == "cross-2-a-a-3"


def test_nonsense_in_a_link_is_passed_over() -> None:
    names = ("other", "painted", "put", "photo_patched", "sentence_patched", "photo_shut", "sentence_shut")
    test = settled(section(**dict.fromkeys(names, "99999"), lang="zh"))
    assert not test.exception and not any(in_link(test, name) for name in names)
    assert not test.markdown[0].value.isascii()
