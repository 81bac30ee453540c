"""What was answered comes back from the browser's cookie as it went, and a cookie that somebody wrote does no harm."""

import pytest

from core.ui.differences.remembered import LONGEST, Answer, read, written

RUN = "0123456789abcdef"


def test_answers_come_back_as_they_were_given() -> None:
    given = {
        "input_double": Answer(RUN, "1024", True),
        "task_label": Answer("ff", "tabby, tabby cat; 猫*!", False),
        "loss_dearest_a b": Answer(RUN, None, False),
    }
    text = written(given)
    assert read(text) == given and list(read(text)) == list(given)
    assert text.isascii() and not set(text) & set(' ,;"\\')  # what a cookie cannot hold


def test_the_newest_have_room() -> None:
    given = {f"question_{n}": Answer(RUN, "x" * 40, True) for n in range(200)}
    text = written(given)
    assert len(text) <= LONGEST
    assert list(read(text)) == list(given)[-len(read(text)) :] and len(read(text)) > 30


@pytest.mark.parametrize("text", ["", "!", "a*b*c*d", "a*zz*c*1", "a*ff*c*2", "<b>*ff", "a*ff*c*1*1!" * 3])
def test_what_nobody_wrote_is_passed_over(text: str) -> None:
    assert read(text) == {}
