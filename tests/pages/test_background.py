"""What is computed beside a page: told to stop, it stops at its next step, and what waits its turn is not begun."""

from types import SimpleNamespace

import pytest
from streamlit import runtime
from streamlit.runtime import RuntimeState

from core.ui.background import Cancelled, Work, _do


def counted(on_step) -> int:
    for step in range(3):
        on_step(step, 3)
    return 3


def test_work_goes_to_its_end_or_stops_where_a_person_cancels_it() -> None:
    work = Work()
    assert _do(counted, work) == 3 and (work.done, work.total) == (2, 3)
    work.stop.set()
    with pytest.raises(Cancelled):
        work.on_step(0, 3)


@pytest.mark.parametrize("state", [RuntimeState.STOPPING, RuntimeState.STOPPED])
def test_a_server_that_stops_begins_nothing_and_goes_on_with_nothing(monkeypatch, state: RuntimeState) -> None:
    server = SimpleNamespace(state=RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    assert _do(counted, Work()) == 3
    begun = Work()
    server.state = state
    with pytest.raises(Cancelled):
        begun.on_step(1, 3)
    with pytest.raises(Cancelled):
        _do(lambda on_step: pytest.fail("begun"), Work())
