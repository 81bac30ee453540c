"""A class that predicts together: a teacher's room, what is asked in it, and how often each answer was given.

All of it is in this process's memory, within bounds, and gone when the room is closed or was left alone. A phone is a
number that it makes up; nobody has a name.
"""

import secrets
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # without those that are taken for others
CODE = 4  # letters; nobody is let in by it but to give a prediction
MOST_ROOMS, MOST_PHONES, MOST_RESULTS = 50, 300, 60
ALONE = 3 * 3600  # seconds after which a room that nobody used is gone
AWAY = 15  # seconds after which a phone that asks no more counts as gone


@dataclass(frozen=True)
class Question:
    """name: what tells it from all others on the page. options: as they are read, or empty where a patch of `picture`
    (a file of an image format) is asked for, row by row from 0 in `grid`. asked: patches that the question is about."""

    name: str
    text: str
    language: str
    options: tuple[str, ...] = ()
    grid: tuple[int, int] = (0, 0)
    picture: bytes = b""
    asked: tuple[int, ...] = ()

    @property
    def choices(self) -> int:
        return len(self.options) or self.grid[0] * self.grid[1]


@dataclass(eq=False)
class Room:
    """secret: what only its teacher knows. number: of the last question, from 1. outcome: what the run said of it, once
    it is over. given: the choice of each phone. results: of questions that were open before."""

    code: str
    secret: str
    number: int = 0
    question: Question | None = None
    outcome: str | None = None
    given: dict[str, int] = field(default_factory=dict)
    results: dict[str, Counter[int]] = field(default_factory=dict)
    seen: dict[str, float] = field(default_factory=dict)
    used: float = field(default_factory=time.monotonic)
    lock: Lock = field(default_factory=Lock)

    def ask(self, question: Question) -> None:
        """Open a question in place of the one before."""
        with self.lock:
            self._keep()
            self.number, self.question, self.outcome, self.given = self.number + 1, question, None, {}
            self.used = time.monotonic()

    def end(self, outcome: str) -> None:
        """No more predictions of the question that is open; phones keep it with the run's answer until the next."""
        with self.lock:
            self._keep()
            self.outcome = outcome

    def _keep(self) -> None:
        if self.question and self.given:
            self.results.pop(self.question.name, None)
            self.results[self.question.name] = Counter(self.given.values())
            while len(self.results) > MOST_RESULTS:
                del self.results[next(iter(self.results))]

    def is_open(self, name: str) -> bool:
        return self.question is not None and self.outcome is None and self.question.name == name

    def counts(self, name: str) -> Counter[int]:
        """How often each choice was given, of the open question or one that was open before."""
        with self.lock:
            return Counter(self.given.values()) if self.is_open(name) else Counter(self.results.get(name, {}))

    def here(self) -> int:
        """Phones that are in the room."""
        with self.lock:
            return sum(time.monotonic() - at < AWAY for at in self.seen.values())

    def hello(self, phone: str) -> None:
        """A phone asks. Where there are too many, it may look on."""
        with self.lock:
            self.used = time.monotonic()
            if phone in self.seen or len(self.seen) < MOST_PHONES:
                self.seen[phone] = self.used

    def answer(self, phone: str, number: int, choice: int) -> bool:
        """Whether it was taken: the question is open, the choice is one of its own. A phone may think again."""
        with self.lock:
            question = self.question
            if question is None or self.outcome is not None or number != self.number:
                return False
            if phone not in self.seen or not 0 <= choice < question.choices:
                return False
            self.given[phone] = choice
            return True


class Rooms:
    """All rooms of this process."""

    def __init__(self) -> None:
        self._rooms: dict[str, Room] = {}
        self._lock = Lock()

    def open(self) -> Room | None:
        """A new room; None where there are too many."""
        with self._lock:
            now = time.monotonic()
            for code in [code for code, room in self._rooms.items() if now - room.used > ALONE]:
                del self._rooms[code]
            if len(self._rooms) >= MOST_ROOMS:
                return None
            code = _code(self._rooms)
            room = self._rooms[code] = Room(code, secrets.token_hex(8))
            return room

    def find(self, code: str) -> Room | None:
        with self._lock:
            return self._rooms.get(code.strip().upper())

    def close(self, room: Room) -> None:
        with self._lock:
            self._rooms.pop(room.code, None)


def _code(taken: Mapping[str, Room]) -> str:
    while True:
        code = "".join(secrets.choice(LETTERS) for _ in range(CODE))
        if code not in taken:
            return code


ROOMS = Rooms()
