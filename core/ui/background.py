"""What takes seconds: computed beside the page, kept for everybody who asks for the same, with progress and Cancel.

A rerun, a click elsewhere or another page does not lose it, and those who ask for the same share it. `result` lets the
page go on and two such work at a time: a sentence need not wait for a photo. `awaited` is for what the page cannot do
without. What is fetched waits for a network, not for a processor, and takes neither's place.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from typing import Any, TypeVar
from weakref import WeakSet

import streamlit as st
from cachetools import LRUCache
from streamlit import runtime
from streamlit.runtime import RuntimeState

from core import store
from core.ui.language import say

FAILURES = 128  # that are remembered
EVERY = 0.5  # seconds between two looks

OnStep = Callable[[float, float], None]
Result = TypeVar("Result")

_log = logging.getLogger(__name__)


class Cancelled(Exception):
    """Raised inside the work, where it next tells how far it is."""


class Person:
    """A session, while it lasts."""


@dataclass(eq=False)
class Work:
    """done, total: as the work tells them; 0 of 0 before it does. begun: when, s. waiting: who would miss it; None
    where nobody can cancel it. request: whose use of what is kept it goes on with."""

    waiting: WeakSet[Person] | None = field(default_factory=WeakSet)
    request: store.Request | None = field(default_factory=store.request)
    done: float = 0
    total: float = 0
    begun: float | None = None
    future: Future = field(default_factory=Future)

    def on_step(self, done: float, total: float) -> None:
        self.done, self.total = done, total
        if _is_stopping() or (self.waiting is not None and not self.waiting):
            raise Cancelled

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0

    def told(self, title: str) -> str:
        """How it stands, in the reader's language."""
        if self.begun is None:
            return say("background.waiting", title=title)
        return say("background.running", title=title, seconds=int(time.monotonic() - self.begun))


_pools = {
    "work": ThreadPoolExecutor(2, "sidelight-work"),
    "fetch": ThreadPoolExecutor(8, "sidelight-fetch"),
    "awaited": ThreadPoolExecutor(32, "sidelight-awaited"),
}
_works: dict[Hashable, Work] = {}  # what goes on, or waits for its turn
_failed: LRUCache[Hashable, Exception] = LRUCache(FAILURES)
_lock = threading.Lock()


def _is_stopping() -> bool:
    """Whether the server was told to stop; it would wait until all that was begun, or waits its turn, is done."""
    return runtime.exists() and runtime.get_instance().state in (RuntimeState.STOPPING, RuntimeState.STOPPED)


def counts() -> dict[str, int]:
    """How many computations go on, and how many wait for their turn."""
    with _lock:
        begun = [work.begun is not None for work in _works.values()]
    return {"running": sum(begun), "waiting": len(begun) - sum(begun)}


def result(
    key: Hashable,
    title: str,
    work: Callable[[OnStep], Result],
    made_with: Collection[str],
    wait: bool = False,
    fetch: bool = False,
) -> Result | None:
    """What `work` gives for this key, or None while it is not there; then progress, Cancel or Start is drawn here, and
    the page runs again once it is there.

    made_with: names of models, with which it is forgotten. wait: it begins when Start is pressed, else at once. fetch:
    it comes from a network. What `work` raises is raised here; with `wait` or `fetch`, Start is offered again.
    """
    place, name = st.empty(), f"work_{hash(key)}"
    me = st.session_state.setdefault("person", Person())
    # By this person: what was cancelled, while others go on, and what did not stay here until it could be shown.
    stopped: set[Hashable] = st.session_state.setdefault("stopped_work", set())
    if (found := store.store().find(key)) is not None:
        stopped.discard(key)
        return found
    with _lock:
        going, failed = _works.get(key), _failed.get(key)
    if failed and not (wait or fetch):
        raise _bare(failed)
    if not (going and going.waiting and me in going.waiting) and (wait or failed or key in stopped):
        if not place.button(title, key=f"{name}_start", icon=":material/play_arrow:"):
            if failed:
                raise _bare(failed)
            return None
        stopped.discard(key)

    def make(on_step: OnStep) -> Result:
        return store.store().get(key, lambda: work(on_step), made_with)

    going = _going(key, make, "fetch" if fetch else "work", me)
    with place.container():
        st.fragment(_progress, run_every=EVERY)(going, key, name, title)
    return None


def awaited(
    key: Hashable, title: str, work: Callable[[OnStep], Result], made_with: Collection[str], settle: bool = False
) -> Result:
    """What `work` gives for this key. Where it is not there yet, the page stands still and tells how far it is; a click
    elsewhere leaves the page, not the work. settle: see `Store.get`."""
    place = st.empty()
    found = store.store().find(key, Cancelled)
    if found is not Cancelled:
        return found
    going = _going(
        key, lambda on_step: store.store().get(key, lambda: work(on_step), made_with, settle), "awaited", None
    )
    while not wait_for([going.future], EVERY).done:
        place.progress(going.share, going.told(title))
    place.empty()
    store.store().find(key)  # used by this request too, where another began it
    return going.future.result()


def goes_on(key: Hashable) -> bool:
    """Whether `result` has work under this key that is not over."""
    with _lock:
        return key in _works


def shares(on_step: OnStep) -> Callable[[float], None]:
    """For work that tells one number, from 0 to 1."""
    return lambda share: on_step(share, 1.0)


def _going(key: Hashable, make: Callable[[OnStep], Any], pool: str, me: Person | None) -> Work:
    """What is done for this key now: by somebody else already, or from here on."""
    with _lock:
        _failed.pop(key, None)
        going = _works.get(key)
        is_new = going is None
        if going is None:
            going = _works[key] = Work() if me else Work(None)
        if me and going.waiting is not None:
            going.waiting.add(me)
        if is_new:
            going.future = _pools[pool].submit(_do, key, make, going)
    return going


def _do(key: Hashable, make: Callable[[OnStep], Result], going: Work) -> Result:
    store.begin(going.request)
    try:
        going.on_step(0, 0)  # it may have been cancelled before its turn came
        going.begun = time.monotonic()
        return make(going.on_step)
    except Exception as error:
        if going.waiting is not None and not isinstance(error, Cancelled):
            _log.info("%s", key, exc_info=True)
            with _lock:
                _failed[key] = _bare(error)
        raise
    finally:
        going.request = None
        store.begin()
        with _lock:
            if _works.get(key) is going:
                del _works[key]


def _bare(error: Exception) -> Exception:
    """Without what it was raised through: the frames of a traceback hold models."""
    bare = type(error).__new__(type(error), *error.args)
    vars(bare).update(vars(error))
    return bare


def _progress(going: Work, key: Hashable, name: str, title: str) -> None:
    me, stopped = st.session_state.person, st.session_state.stopped_work
    if going.future.done():
        if going.future.cancelled() or going.future.exception() is None:
            stopped.add(key)  # begun again by a click only, should it be too large to stay
        st.rerun(scope="app")
    left, right = st.columns([5, 1], vertical_alignment="center")
    left.progress(going.share, going.told(title))
    if right.button(say("background.cancel"), key=f"{name}_cancel", width="stretch"):
        stopped.add(key)
        with _lock:
            if going.waiting is not None:
                going.waiting.discard(me)
            if not going.waiting and _works.get(key) is going:  # who asks from now on begins anew
                del _works[key]
                going.future.cancel()
        st.rerun(scope="app")
