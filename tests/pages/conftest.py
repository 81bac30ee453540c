"""Pages are run hundreds of times: what takes seconds beside them is cut short."""

from collections.abc import Iterator

import pytest

from core import store
from core.ui import background, work
from core.ui.finetune import live
from tests.quick import shorten
from tests.waiting import until


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    shorten(monkeypatch)
    monkeypatch.setattr(store, "_settle", lambda: None)  # a quarter of a second for each of hundreds of models
    monkeypatch.setattr(live, "ensure_worker", lambda: None)  # a process that imports all; tests/finetune has it
    yield
    for one in [*background._works.values()]:  # a test that is over waits for nothing
        if one.waiting:
            one.waiting.clear()


@pytest.fixture(scope="module")
def small() -> Iterator[None]:
    """Photos of 8 x 8 patches, where nothing depends on their number: a quarter of the time."""
    with pytest.MonkeyPatch.context() as patch:
        forget_answers()
        patch.setattr(work, "SIDE", 112)
        yield
        forget_answers()


def forget_answers() -> None:
    """Of all models, which stay: lessons keep them by the photo, whose size is always the same elsewhere."""
    until(lambda: not background._works, "the end of all work")
    kept = store.store()
    for key in [key for key, entry in kept._entries.items() if not entry.settled]:
        kept._drop(key)
