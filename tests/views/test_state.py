"""What a link says of a view: read leniently, whatever stands in it."""

import string

from hypothesis import given
from hypothesis import strategies as st

from core.views.linked import state
from tests.views.test_linked import vision_card

CARD = vision_card()  # of 17 positions


def test_a_state_is_read() -> None:
    chosen = state.read("depth_0.5~method_max~image_57.0.2~sentence_t2.1")
    assert chosen.layer(12) == 6
    assert chosen.at["image"] == "57"
    assert chosen.heads_of("image", 6) == [0, 2]
    assert chosen.heads_of("sentence", 8) == [1]
    assert chosen.at["sentence"] == "t2"


def test_what_is_missing_has_its_default() -> None:
    chosen = state.read("")
    assert chosen.layer(12) == 10
    assert "image" not in chosen.at
    assert chosen.heads_of("image", 3) == [0, 1, 2]


@given(
    st.text(alphabet=string.printable + "图²", max_size=60).map(lambda text: "image_" + text) | st.text(max_size=600)
)
def test_any_text_gives_a_choice_that_the_model_has(text: str) -> None:
    chosen = state.read(text)
    assert 0 <= chosen.layer(12) < 12
    axis, number = CARD.place(chosen.at.get("image", ""))
    assert axis == 0 and 0 <= number < 17
    assert set(chosen.heads_of("image", 6)) <= set(range(6)) and chosen.heads_of("image", 6)


def test_one_head_is_opened_and_the_rest_of_the_choice_stays() -> None:
    text = state.with_head("depth_0.2~method_max~image_57.0.2~sentence_t1.3", 5 / 11, ("image", "image2"), 4)
    found = state.read(text)
    assert "method_max" in text.split("~")
    assert found.layer(12) == 5
    assert found.at == {"image": "57", "image2": "", "sentence": "t1"}
    assert found.heads == {"image": (4,), "image2": (4,), "sentence": (3,)}
    assert state.read(state.with_head("", 0, ("sentence",), 0)) == state.Chosen(0, {"sentence": ""}, {"sentence": (0,)})
    assert state.read(state.with_head("no~pair_", 1, ("image",), 11)).heads == {"image": (11,)}
