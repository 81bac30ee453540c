"""What takes seconds: computed beside the page, kept for everybody who asks for the same, with progress and Cancel.

A rerun, a click elsewhere or another page does not lose it. Two at a time: a sentence need not wait for a photo.
What is fetched waits for a network, not for a processor, and takes neither's place.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import streamlit as st
from cachetools import LRUCache
from streamlit import runtime
from streamlit.runtime import RuntimeState

from core.ui.language import say

KEPT = 128  # results, over all sessions
HEAVY_KEPT = 4  # of those that hold the attention of a whole run
EVERY = 0.5  # seconds between two looks

OnStep = Callable[[int, int], None]


class Cancelled(Exception):
    """Raised inside the work, where it next tells how far it is."""


@dataclass(eq=False)
class Work:
    """done, total: as the work tells them; 0 of 0 before it has begun."""

    done: int = 0
    total: int = 0
    stop: threading.Event = field(default_factory=threading.Event)
    future: Future = field(default_factory=Future)

    def on_step(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self.stop.is_set() or _is_stopping():
            raise Cancelled


def _is_stopping() -> bool:
    """Whether the server was told to stop; it would wait until all that was begun, or waits its turn, is done."""
    return runtime.exists() and runtime.get_instance().state in (RuntimeState.STOPPING, RuntimeState.STOPPED)


@st.cache_resource(show_spinner=False)
def _desk() -> tuple[dict[bool, ThreadPoolExecutor], dict[bool, LRUCache], threading.Lock]:
    """Who works (by whether they fetch), what is kept (by whether it is heavy), and the lock for that."""
    return (
        {False: ThreadPoolExecutor(2, "sidelight-work"), True: ThreadPoolExecutor(8, "sidelight-fetch")},
        {False: LRUCache(KEPT), True: LRUCache(HEAVY_KEPT)},
        threading.Lock(),
    )


def result(
    key: Hashable,
    title: str,
    work: Callable[[OnStep], Any],
    wait: bool = False,
    heavy: bool = False,
    fetch: bool = False,
) -> Any | None:
    """What `work` gives for this key, or None while it is not there; then progress, Cancel or Start is drawn here, and
    the page runs again once it is there.

    wait: it begins when Start is pressed, else at once. heavy: the result is large, and few such are kept. fetch: it
    comes from a network. What `work` raises is raised here; with `wait` or `fetch`, Start is offered again.
    """
    pools, desk, lock = _desk()
    kept = desk[heavy]
    with lock:
        found: Work | None = kept.get(key)
    failed, place, name = None, st.empty(), f"work_{hash(key)}"
    if found and found.future.done() and not found.future.cancelled():
        failed = found.future.exception()
        if not failed or not (wait or fetch or isinstance(failed, Cancelled)):
            return found.future.result()
        found = None
    error = None if isinstance(failed, Cancelled) else failed
    cancelled = st.session_state.setdefault("cancelled_work", set())  # by this person: others go on
    if found is None and (wait or error or key in cancelled):
        if not place.button(title, key=f"{name}_start", icon=":material/play_arrow:"):
            if error:
                raise error
            return None
        cancelled.discard(key)
    if found is None:
        with lock:
            found = kept[key] = Work()
            found.future = pools[fetch].submit(_do, work, found)
    with place.container():
        st.fragment(_progress, run_every=EVERY)(found, key, name, title, heavy)
    return None


def _do(work: Callable[[OnStep], Any], told: Work) -> Any:
    if _is_stopping():
        raise Cancelled
    return work(told.on_step)


def _progress(work: Work, key: Hashable, name: str, title: str, heavy: bool) -> None:
    if work.future.done():
        st.rerun(scope="app")
    left, right = st.columns([5, 1], vertical_alignment="center")
    share = work.done / work.total if work.total else 0.0
    left.progress(min(1.0, share), title if work.total else say("background.waiting", title=title))
    if right.button(say("background.cancel"), key=f"{name}_cancel", width="stretch"):
        work.stop.set()
        work.future.cancel()
        st.session_state.cancelled_work.add(key)
        with _desk()[2]:
            _desk()[1][heavy].pop(key, None)
        st.rerun(scope="app")
