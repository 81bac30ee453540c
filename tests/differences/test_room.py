"""A class predicts on phones: what a phone may say, what is counted, and that a room is gone without a trace."""

from collections import Counter

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from core.differences import room as rooms
from core.differences.room import ROOMS, Question, Room
from core.ui import classroom

WORDS = Question("words", "Which word?", "en", ("a", "dog", "a"))
PATCHES = Question("patches", "哪一块？", "zh", grid=(2, 3), picture=b"RIFF")


@pytest.fixture
def room():
    room = ROOMS.open()
    assert room
    yield room
    ROOMS.close(room)


@pytest.fixture(scope="module")
def phones() -> TestClient:
    return TestClient(Starlette(routes=classroom.routes()))


def says(phones: TestClient, room: Room, phone: str, choice: object, number: object = 1) -> int:
    return phones.post(f"/class/{room.code}", json={"phone": phone, "number": number, "choice": choice}).status_code


def looks(phones: TestClient, room: Room, phone: str) -> dict:
    answer = phones.get(f"/class/{room.code.lower()}", params={"phone": phone})
    assert answer.status_code == 200
    return answer.json()


def test_a_phone_sees_what_is_asked_and_is_counted_once(phones: TestClient, room: Room) -> None:
    assert looks(phones, room, "1")["question"] is None
    room.ask(WORDS)
    for phone in ("1", "2", "3"):
        assert looks(phones, room, phone)["question"]["options"] == ["a", "dog", "a"]
        assert says(phones, room, phone, 1) == 204
    assert says(phones, room, "3", 0) == 204, "one may think again"
    assert looks(phones, room, "3")["given"] == 0
    assert room.counts("words") == Counter({1: 2, 0: 1}) and room.here() == 3
    room.ask(PATCHES)
    seen = looks(phones, room, "1")
    assert seen["given"] is None and seen["question"]["grid"] == [2, 3] and seen["language"] == "zh"
    assert phones.get(f"/class/{room.code}/picture").content == PATCHES.picture
    assert says(phones, room, "1", 1, number=1) == 409, "that question is over"
    assert says(phones, room, "1", 5, number=2) == 204
    room.end("It is the sixth.")
    assert says(phones, room, "2", 5, number=2) == 409
    seen = looks(phones, room, "1")
    assert seen["question"]["text"] == PATCHES.text and (seen["answer"], seen["given"]) == ("It is the sixth.", 5), (
        "a phone keeps what it was asked, what it said and the answer"
    )
    assert phones.get(f"/class/{room.code}/picture").content == PATCHES.picture
    assert room.counts("words").total() == 3 and room.counts("patches") == Counter({5: 1}), (
        "kept while the room is open"
    )


def test_what_is_no_prediction_is_refused(phones: TestClient, room: Room) -> None:
    room.ask(WORDS)
    looks(phones, room, "1")
    for choice, number in ((3, 1), (-1, 1), ("1", 1), (True, 1), (1.0, 1), (None, 1), (0, "1"), (0, 2)):
        assert says(phones, room, "1", choice, number) in (400, 409)
    assert says(phones, room, "never looked", 1) == 409
    assert phones.post(f"/class/{room.code}", content=b"[]").status_code == 400
    assert phones.post(f"/class/{room.code}", content=b"x" * 1000).status_code == 413
    assert phones.get(f"/class/{room.code}", params={"phone": "x" * 100}).status_code == 404
    assert not room.counts("words")


def test_rooms_and_phones_are_bounded_and_go(phones: TestClient, room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rooms, "MOST_PHONES", 2)
    room.ask(WORDS)
    for phone in ("1", "2", "3"):
        looks(phones, room, phone)
        says(phones, room, phone, 0)
    assert room.counts("words").total() == 2
    for n in range(rooms.MOST_RESULTS + 5):
        room.ask(Question(f"{n}", "?", "en", ("x",)))
        room.answer("1", room.number, 0)
    assert len(room.results) == rooms.MOST_RESULTS
    monkeypatch.setattr(rooms, "MOST_ROOMS", 1)
    assert ROOMS.open() is None
    monkeypatch.setattr(rooms, "ALONE", -1)
    other = ROOMS.open()
    assert other and ROOMS.find(room.code) is None, "who left a room alone finds it gone"
    ROOMS.close(other)
    assert phones.get(f"/class/{other.code}", params={"phone": "1"}).status_code == 404


def test_the_phones_page_has_both_languages_and_needs_no_network(phones: TestClient) -> None:
    page = phones.get("/class").text
    assert "Join" in page and "\\u52a0\\u5165" in page and "_HERE" not in page
    assert "http://" not in page and "https://" not in page
