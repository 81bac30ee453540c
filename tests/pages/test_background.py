"""What takes seconds: kept over reruns, shared by those who ask for the same, stopped when nobody waits for it any more
or the server stops."""

from threading import Event
from types import SimpleNamespace

import pytest
from streamlit import runtime
from streamlit.runtime import RuntimeState
from streamlit.testing.v1 import AppTest

from core.errors import SidelightError
from core.store import store
from core.ui import background
from core.ui.background import Cancelled, Person, Work
from tests.waiting import PATIENCE, until

LOG: list[str] = []  # what became of the work
GO = Event()


def step_by_step(on_step: background.OnStep) -> str:
    """Goes on until it is let go."""
    LOG.append("begun")
    try:
        while not GO.wait(0.01):
            on_step(1, 4)
    except Cancelled:
        LOG.append("cancelled")
        raise
    return "done"


def failing(on_step: background.OnStep) -> str:
    LOG.append("failed")
    raise SidelightError("model.unknown", name="x", bundled="y")


def page() -> None:
    import streamlit as st

    from core.ui import background
    from tests.pages import test_background as here

    st.session_state.setdefault("lang", "en")
    how = st.session_state.get("how", {})
    work = here.failing if st.session_state.get("fails") else here.step_by_step
    ask = background.awaited if st.session_state.get("awaited") else background.result
    st.checkbox("elsewhere", key="elsewhere")
    try:
        st.text(str(ask("key", "do it", work, ("model",), **how)))
    except here.SidelightError as error:
        st.text(f"failed: {error.code}")


@pytest.fixture(autouse=True)
def nothing_yet():
    LOG.clear()
    GO.clear()
    store.cache_clear()
    background._failed.clear()
    yield
    GO.set()
    until(lambda: not background._works, "the end of all work")


def opened(**state: object) -> AppTest:
    test = AppTest.from_function(page, default_timeout=PATIENCE)
    for name, value in state.items():
        test.session_state[name] = value
    test.run()
    assert not test.exception
    return test


def press(test: AppTest, label: str) -> None:
    next(button for button in test.button if button.label == label).click().run()
    assert not test.exception


def labels(test: AppTest) -> list[str]:
    return [button.label for button in test.button]


def said(test: AppTest) -> str:
    return test.text[0].value


def at_rest(test: AppTest) -> AppTest:
    until(lambda: not background._works, "the end of the work")
    return test.run()


def test_a_click_elsewhere_loses_nothing() -> None:
    test = opened()
    assert said(test) == "None" and labels(test) == ["Cancel"]
    for _ in range(3):
        test.checkbox[0].set_value(not test.checkbox[0].value).run()
    until(lambda: LOG, "its turn")
    test.run()
    assert (
        "do it · 0 s so far" in test.get("progress")[0].proto.text or "s so far" in test.get("progress")[0].proto.text
    )
    GO.set()
    assert said(at_rest(test)) == "done" and LOG == ["begun"]


def test_how_long_it_takes_is_said_in_the_readers_language() -> None:
    test = opened(lang="zh")
    until(lambda: LOG, "its turn")
    test.run()
    assert test.get("progress")[0].proto.text.startswith("do it · 已用 ")


def test_two_share_it_and_a_cancel_of_one_is_none_of_the_other() -> None:
    first, second = opened(), opened()
    press(first, "Cancel")
    assert labels(first) == ["do it"] and labels(second.run()) == ["Cancel"]
    assert labels(first.run()) == ["do it"], "it is not begun again by itself"
    until(lambda: LOG, "its turn")
    assert LOG == ["begun"]
    press(second, "Cancel")
    until(lambda: "cancelled" in LOG, "the end, as nobody waits")
    press(second, "do it")
    until(lambda: LOG == ["begun", "cancelled", "begun"], "another beginning")
    GO.set()
    assert said(at_rest(first)) == said(at_rest(second)) == "done", "what is here is here for all"
    assert len(LOG) == 3


def test_who_comes_back_after_a_cancel_joins_what_goes_on_for_another() -> None:
    first, second = opened(), opened()
    press(first, "Cancel")
    press(first, "do it")
    press(second, "Cancel")
    assert labels(first.run()) == ["Cancel"]
    GO.set()
    assert said(at_rest(first)) == "done" and LOG == ["begun"]


def test_what_waits_for_a_button_is_begun_by_it_alone() -> None:
    test = opened(how={"wait": True})
    other = opened(how={"wait": True})
    assert labels(test) == ["do it"] and not LOG
    press(test, "do it")
    assert labels(test) == ["Cancel"] and labels(other.run()) == ["do it"]
    GO.set()
    assert said(at_rest(test)) == said(at_rest(other)) == "done" and LOG == ["begun"]


def test_a_session_that_is_over_waits_for_nothing() -> None:
    test = opened()
    until(lambda: LOG, "its turn")
    del test.session_state["person"]
    until(lambda: "cancelled" in LOG, "the end, as nobody waits")


@pytest.mark.parametrize("how", [{}, {"wait": True}])
def test_a_failure_is_told_again_and_not_tried_again_by_itself(how: dict) -> None:
    test = opened(fails=True, how=how)
    if how:
        press(test, "do it")
    for _ in range(2):
        assert said(at_rest(test)) == "failed: model.unknown" and LOG == ["failed"]
    assert background._failed["key"].__traceback__ is None, "its frames would hold the model"
    if how:
        press(test, "do it")
        at_rest(test)
        assert LOG == ["failed", "failed"]


def test_what_the_page_cannot_do_without_is_waited_for_and_survives_its_leaving() -> None:
    GO.set()
    test, other = opened(awaited=True), opened(awaited=True)
    assert said(test) == said(other) == "done" and LOG == ["begun"] and not test.get("progress")


def test_what_was_forgotten_is_done_again() -> None:
    GO.set()
    test = opened(awaited=True)
    store().forget("model")
    assert said(test.run()) == "done" and LOG == ["begun", "begun"]


def test_what_is_too_large_to_stay_is_not_begun_for_ever() -> None:
    def script() -> None:
        from concurrent.futures import Future

        import streamlit as st

        from core.ui import background
        from tests.pages import test_background as here

        if "seen" not in st.session_state:  # the end is seen, but there was no room for what came of it
            st.session_state.update(seen=True, person=background.Person(), stopped_work=set())
            over: Future = Future()
            over.set_result("done")
            background._progress(background.Work(future=over), "key", "work_key", "do it")
        background.result("key", "do it", here.step_by_step, ())

    test = AppTest.from_function(script, default_timeout=PATIENCE).run()
    assert labels(test) == ["do it"] and not LOG


def counted(on_step: background.OnStep) -> int:
    for step in range(3):
        on_step(step, 3)
    return 3


def test_work_goes_to_its_end_or_stops_where_nobody_waits() -> None:
    person = Person()
    work = Work()
    work.waiting.add(person)
    assert background._do("key", counted, work) == 3 and (work.done, work.total) == (2, 3)
    work.waiting.discard(person)
    with pytest.raises(Cancelled):
        work.on_step(0, 3)


@pytest.mark.parametrize("state", [RuntimeState.STOPPING, RuntimeState.STOPPED])
def test_a_server_that_stops_begins_nothing_and_goes_on_with_nothing(monkeypatch, state: RuntimeState) -> None:
    server = SimpleNamespace(state=RuntimeState.ONE_OR_MORE_SESSIONS_CONNECTED)
    monkeypatch.setattr(runtime, "exists", lambda: True)
    monkeypatch.setattr(runtime, "get_instance", lambda: server)
    assert background._do("key", counted, Work(None)) == 3
    begun = Work(None)
    server.state = state
    with pytest.raises(Cancelled):
        begun.on_step(1, 3)
    with pytest.raises(Cancelled):
        background._do("key", lambda on_step: pytest.fail("begun"), Work(None))
