"""Pages that stand open hold names: a model that is forgotten is freed, with all that was made with it."""

import gc
import weakref
from functools import partial

import pytest
import streamlit as st
from streamlit.elements.widgets.button import ButtonMixin

from core import sizes
from core import store as kept
from core.store import _settle, store
from core.ui import background, linked, work
from core.ui.differences.sections import SECTIONS
from tests.pages.test_pages import opened
from tests.waiting import until

PAGES = {
    "explain": [{"explain": name} for name in ("maps", "heads", "ablation", "arithmetic")],
    "differences": [{"section": name} for name in SECTIONS],
    "vision": [{}],
}


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What buttons hold until they are pressed, which no page of a test would ever let go."""
    held, draw = [], ButtonMixin.download_button

    def drawn(place, label, data, *more, **named):
        held.append(data)
        return draw(place, label, data, *more, **named)

    monkeypatch.setattr(ButtonMixin, "download_button", drawn)
    monkeypatch.setattr(st, "download_button", partial(drawn, st._main))
    return held


@pytest.mark.parametrize("page", PAGES)
def test_a_forgotten_model_is_freed_though_its_pages_stand_open(
    page: str, offered: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SIDE", 56)
    monkeypatch.setattr(kept, "_settle", _settle)  # as it is, not as it is cut short for other tests
    store.cache_clear()
    tests = []
    for chosen in PAGES[page]:
        tests.append(opened(page, chosen | {"sentence": "Dogs run."}, lang="en"))
        assert not tests[-1].exception
        until(lambda: not background._works, "the end of all work")
        assert not tests[-1].run().exception
    found = [
        (name, weakref.ref(one.value.module))
        for one in store()._entries.values()
        if one.settled
        for name in one.made_with
    ]
    assert found
    runs = [one.value.traces for one in store()._entries.values() if getattr(one.value, "traces", None)]
    assert runs
    attention = {part for traces in runs for part in sizes.parts(traces)}
    assert attention.isdisjoint(part for one in offered for part in sizes.parts(one)), "a button keeps a run for itself"
    for name, _ in found:
        store().forget(name)
    gc.collect()
    assert not [name for name, model in found if model() is not None]
    assert store().bytes < 2**20, "nothing else was made without a model's name"
    assert tests


def test_what_a_page_offers_to_save_is_found_again_or_told_to_be_gone() -> None:
    test = opened("vision", lang="en")
    packed = next(key for key in store()._entries if key[0] == "packed")
    assert b"</html>" in linked._saved(packed, "", "en", "gone <b>")
    assert linked._numbers(packed, "", "gone", False).startswith(b"\xef\xbb\xbflayer")
    for name in {name for one in store()._entries.values() for name in one.made_with}:
        store().forget(name)
    assert linked._saved(packed, "", "en", "gone <b>") == b"<p>gone &lt;b&gt;</p>"
    assert linked._numbers(packed, "", "gone", False) == b"gone"
    assert linked._numbers(packed, "", "gone", True).startswith(b"PK")
    assert not test.run().exception
