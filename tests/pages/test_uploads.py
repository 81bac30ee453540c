"""A photo that a person brings: in her link under an id that nobody guesses, kept for a while, and forgotten at a
click."""

import io

import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from core import wording
from core.ui import uploads
from tests.pages.test_pages import opened


@pytest.fixture(autouse=True)
def empty() -> None:
    uploads._kept.clear()


def png(colour: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (64, 64), colour).save(stream, "PNG")
    return stream.getvalue()


def in_link(test: AppTest) -> str:
    found = test.query_params.get("photo", "")
    return found if isinstance(found, str) else found[0]


def test_it_survives_a_reload_and_another_page_until_it_is_forgotten() -> None:
    test = opened("vision", lang="en")
    test.file_uploader(key="upload_0").upload("mine.png", png("orange"), "image/png").run()
    assert not test.exception
    text = in_link(test)
    assert text.startswith("up-") and len(text) > 20 and test.segmented_control(key="photo").options[-1] == "mine\\.png"
    kept = wording.text("input.kept", "en", hours=24)
    assert kept in [one.value for one in test.caption]
    test.session_state["share"] = True
    seen = wording.text("share.own", "en")
    assert seen in [one.value for one in test.run().caption] and uploads.named(text) and not uploads.named("cat")

    again = opened("vision", lang="en", photo=text)  # what a reload is to the server: another session
    assert again.segmented_control(key="photo").value == text and in_link(again) == text
    again.switch_page("pages/models.py").run()
    again.query_params.clear()
    again.switch_page("pages/vision.py").run()
    assert again.segmented_control(key="photo").value == text and in_link(again) == text

    next(one for one in again.button if one.label == wording.text("input.forget")).click().run()
    assert not again.exception and again.segmented_control(key="photo").value == "astronaut" and not in_link(again)
    assert not uploads.find(text.removeprefix("up-"))
    late = opened("vision", lang="en", photo=text)
    assert not late.exception and late.segmented_control(key="photo").value == "astronaut" and not in_link(late)
    gone = wording.text("error.image.gone", "en", hours=24)
    assert "⚠ " + gone in [one.value for one in late.text]
    late.segmented_control(key="photo").set_value("cat").run()
    assert "⚠ " + gone not in [one.value for one in late.text]


def test_one_that_cannot_be_read_any_more_is_said() -> None:
    test = opened("vision", lang="en", photo="up-" + uploads.keep("mine.png", png("orange")[:60]))
    assert not test.exception and test.segmented_control(key="photo").value == "astronaut"
    assert [one.value for one in test.text if one.value.startswith("⚠")]


def test_what_was_opened_least_lately_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_UPLOAD_MEGABYTES", "1")
    first, second = (uploads.keep(name, bytes(400_000)) for name in "ab")
    assert uploads.find(first)
    third = uploads.keep("c", bytes(400_000))
    assert uploads.find(first) and uploads.find(third) and not uploads.find(second)
    large = uploads.keep("d", bytes(2_000_000))
    assert uploads.find(large) and not uploads.find(first), "the newest stays"


def test_its_time_begins_anew_when_it_is_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    hours = [0]
    monkeypatch.setattr(uploads.time, "monotonic", lambda: 3600.0 * hours[-1])
    token = uploads.keep("a", b"x")
    hours.append(23)
    assert uploads.find(token)
    hours.append(46)
    assert uploads.find(token)
    hours.append(71)
    assert not uploads.find(token)
