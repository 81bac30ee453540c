"""The worksheet has what stood on the page, what was answered and what the class said, and nothing typed in it is
markup."""

import re
from collections import Counter

from PIL import Image, ImageColor

from core.ui.differences import gather
from core.ui.differences import worksheet as sheet
from core.views.charts import TEAL
from core.views.differences.worksheet import Entry, document
from tests.pages.test_pages import opened

WORDS = {name: name for name in ("print", "chosen", "run", "class", "own")}


def test_answers_and_counts_stand_beside_their_options() -> None:
    asked = Entry(
        "1 Input", "How *many* \\<b\\>?", ("two", "th\\*ree"), "two", "**Two**, of 5 < 6.", Counter({1: 3, 0: 1})
    )
    made = document("en", "Lesson", "a <i> b", {"1 Input": "Goal", "2 Task": "None"}, [asked], WORDS)
    assert "How <i>many</i> &lt;b&gt;?" in made and "a &lt;i&gt; b" in made
    assert re.findall("☒</span><span>(.*?)<", made) == ["two"] and re.findall("☐</span><span>(.*?)<", made) == [
        "th*ree"
    ]
    assert 'max="4" value="3"' in made and "<b>Two</b>, of 5 &lt; 6." in made
    assert "2 Task" not in made


def test_the_patch_that_is_asked_about_is_framed_on_paper() -> None:
    drawn = gather.heat(Image.new("RGB", (40, 40)), (4, 4), (5,), Counter())
    side = drawn.width // 4
    framed = {(x // side, y // side) for x in range(2, 448, 8) for y in range(2, 448, 8) if _teal(drawn, x, y)}
    assert (1, 1) in framed and framed <= {(1, 1), (2, 1), (1, 2), (2, 2)}, "the frame lies on the patch's edge"


def _teal(picture: Image.Image, x: int, y: int) -> bool:
    return picture.getpixel((x, y)) == ImageColor.getrgb(TEAL)


def test_the_page_hands_over_what_was_asked_and_answered(monkeypatch) -> None:
    made = {}
    monkeypatch.setattr(sheet.st, "download_button", lambda label, data, *rest, **more: made.update(text=data()))
    test = opened("differences", lang="en", section="input")
    pills = next(one for one in test.get("button_group") if "quiz_input_capitals" in one.proto.id)
    pills.set_value("fewer").run()
    assert not test.exception
    text = made["text"].decode()
    assert "☒</span><span>Fewer" in text and "instead of 16" in text, "an answer and the run's"
    assert text.count("<section>") >= 3 and text.count("<img") == 1, "questions that are open, one on the photo"
    assert "A woman in an orange suit" in text
