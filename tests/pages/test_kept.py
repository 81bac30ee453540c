"""Pages that stand open hold names: a model that is forgotten is freed, with all that was made with it."""

import gc
import weakref

import pytest

from core.store import store
from core.ui import background, work
from core.ui.differences.sections import SECTIONS
from tests.pages.test_pages import opened
from tests.waiting import until

PAGES = {
    "explain": [{"explain": name} for name in ("maps", "heads", "ablation", "arithmetic")],
    "differences": [{"section": name} for name in SECTIONS],
    "vision": [{}],
}


@pytest.mark.parametrize("page", PAGES)
def test_a_forgotten_model_is_freed_though_its_pages_stand_open(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", 56)
    store.cache_clear()
    tests = []
    for chosen in PAGES[page]:
        tests.append(opened(page, lang="en"))
        tests[-1].query_params.update(chosen)
        assert not tests[-1].run().exception
        until(lambda: not background._works, "the end of all work")
        assert not tests[-1].run().exception
    found = [
        (name, weakref.ref(one.value.module))
        for one in store()._entries.values()
        if one.settled
        for name in one.made_with
    ]
    assert found
    for name, _ in found:
        store().forget(name)
    gc.collect()
    assert not [name for name, model in found if model() is not None]
    assert store().bytes < 2**20, "nothing else was made without a model's name"
    assert tests
