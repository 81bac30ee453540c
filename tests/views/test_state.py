"""What a link says of a view: read leniently, whatever stands in it."""

import string

from hypothesis import given
from hypothesis import strategies as st

from core.views.linked import state


def test_a_state_is_read() -> None:
    chosen = state.read("depth_0.5~method_max~image_57.0.2~sentence_t2.1")
    assert chosen.layer(12) == 6
    assert chosen.position("image", 257) == 57
    assert chosen.heads_of("image", 6) == [0, 2]
    assert chosen.heads_of("sentence", 8) == [1]
    assert chosen.at["sentence"] == "t2"


def test_what_is_missing_has_its_default() -> None:
    chosen = state.read("")
    assert chosen.layer(12) == 10
    assert chosen.position("image", 257) == 0
    assert chosen.heads_of("image", 3) == [0, 1, 2]


@given(
    st.text(alphabet=string.printable + "图²", max_size=60).map(lambda text: "image_" + text) | st.text(max_size=600)
)
def test_any_text_gives_a_choice_that_the_model_has(text: str) -> None:
    chosen = state.read(text)
    assert 0 <= chosen.layer(12) < 12
    assert 0 <= chosen.position("image", 17) < 17
    assert set(chosen.heads_of("image", 6)) <= set(range(6)) and chosen.heads_of("image", 6)
