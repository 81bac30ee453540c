"""What is kept: counted once, bounded whatever is done, never taken from whoever uses it, made once, gone for good."""

import gc
import threading
import weakref
from functools import partial

import numpy as np
import psutil
import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from PIL import Image
from torch import nn

from core import sizes, store
from core.errors import SidelightError
from core.store import OWN, Store

KB = 1000


class Loop:
    """Holds bytes, and itself: only the cycle collector frees it."""

    def __init__(self, count: int) -> None:
        self.held, self.own = torch.zeros(count, dtype=torch.uint8), self


@pytest.fixture(autouse=True)
def own_request():
    """The main thread never ends, so each test ends what it began."""
    store.begin()
    yield
    store.begin()


def test_every_holder_of_bytes_is_found_and_counted_once() -> None:
    tensor = torch.zeros(1000)
    array, picture = np.zeros(500), Image.new("RGB", (20, 10))
    inside = {"view": tensor[:10], "again": [tensor, (array[3:],)], "picture": picture, "text": "x" * 2000, "n": 1}
    assert sizes.size(inside) == 4000 + 4000 + 600 + sizes.size("x" * 2000) >= 10_600
    assert sizes.size(torch.from_numpy(array).numpy()) == 4000
    assert sizes.size(Image.new("I;16", (3, 5))) == 30


def test_closures_partials_methods_and_modules_are_looked_into() -> None:
    layer = nn.Linear(10, 10)
    for value in (layer, lambda: layer, partial(print, layer), layer.forward, partial(print, x=layer), iter):
        assert sizes.size(value) == (440 if value is not iter else 0)


def test_what_two_share_is_counted_once_and_stays_until_both_are_gone() -> None:
    kept, tensor = Store(10_000 * KB), torch.zeros(250 * KB)
    kept.get("a", lambda: [tensor], ("a",))
    kept.get("b", lambda: [tensor, torch.zeros(25 * KB)], ("b",))
    assert kept.bytes == 1100 * KB + 2 * OWN
    store.begin()
    kept.bound = 1100 * KB + OWN
    assert kept.find("b") and kept.bytes == kept.bound and not kept.find("a")
    kept.forget("b")
    assert kept.bytes == 0


def test_what_holds_the_bytes_of_what_is_forgotten_goes_too() -> None:
    kept, tensor = Store(10_000 * KB), torch.zeros(250 * KB)
    kept.get("run", lambda: [tensor], ("model",))
    kept.get("view", lambda: [tensor, bytes(KB)], ())
    kept.get("other", lambda: bytes(2 * KB), ("other",))
    kept.forget("model")
    assert [name for name in ("run", "view", "other") if kept.find(name)] == ["other"]


def test_the_least_recently_used_goes_first_and_what_takes_no_room_last() -> None:
    kept = Store(1000 * KB)
    for name in ("measured", "a", "b", "c"):
        kept.get(name, lambda name=name: bytes(2 * KB if name == "measured" else 300 * KB), ())
    store.begin()
    kept.find("a")
    store.begin()
    kept.get("d", lambda: bytes(300 * KB), ())
    assert [name for name in ("measured", "a", "b", "c", "d") if kept.find(name)] == ["measured", "a", "c", "d"]


def test_what_is_used_stays_until_its_request_is_over() -> None:
    kept, entered, leave = Store(1000 * KB), threading.Event(), threading.Event()

    def other() -> None:
        kept.get("theirs", lambda: bytes(600 * KB), ())
        entered.set()
        leave.wait()

    thread = threading.Thread(target=other)
    thread.start()
    entered.wait()
    kept.get("mine", lambda: bytes(600 * KB), ())
    assert kept.find("mine") and kept.bytes > kept.bound, "nothing is idle"
    store.begin()
    assert kept._entries.keys() == {"theirs", "mine"}
    leave.set()
    thread.join()
    kept.find("anything")
    assert kept.bytes <= kept.bound, "the end of a thread is the end of its request"


def test_what_several_ask_for_is_made_once_and_a_failure_only_fails_its_own() -> None:
    kept, made, begun = Store(1000 * KB), [], threading.Event()
    found: list[object] = []

    def make(fails: bool) -> str:
        made.append(fails)
        begun.wait()
        if fails:
            raise SidelightError("model.unknown", name="x", bundled="y")
        return "made"

    def ask(fails: bool) -> None:
        try:
            found.append(kept.get("key", lambda: make(fails), ()))
        except SidelightError as error:
            found.append(error)

    for fails, count in ((True, 1), (False, 4)):
        threads = [threading.Thread(target=ask, args=(fails,)) for _ in range(count)]
        for thread in threads:
            thread.start()
        begun.set()
        for thread in threads:
            thread.join()
    assert isinstance(found[0], SidelightError) and found[1:] == ["made"] * 4 and made == [True, False]


def test_what_is_made_while_its_model_is_forgotten_is_not_kept() -> None:
    kept = Store(1000 * KB)
    assert kept.get("result", lambda: kept.forget("model") or "made", ("model",)) == "made"
    assert kept.find("result") is None and kept.bytes == 0


def test_a_model_that_is_forgotten_is_freed_also_where_it_holds_itself_and_was_settled() -> None:
    gc.unfreeze()  # what was there before this test
    kept = Store(1000 * KB)
    model = weakref.ref(kept.get("model", lambda: Loop(100), ("model",), settle=True))
    asks = kept.get("subject", lambda: lambda: model(), ("model",))
    assert asks() is not None and gc.get_freeze_count() > 0
    kept.forget("model")
    assert model() is None


class Anything(RuleBasedStateMachine):
    """Any sequence of puts, gets and forgets by requests that come and go."""

    requests = Bundle("requests")

    @initialize()
    def nothing_is_kept(self) -> None:
        self.kept, self.using = Store(500 * KB), {}
        self.shared = [torch.zeros(size * KB, dtype=torch.uint8) for size in (1, 100, 200)]
        store.begin()

    @rule(target=requests)
    def comes(self) -> store.Request:
        request = store.Request()
        self.using[request] = {}
        return request

    @rule(
        request=requests,
        key=st.integers(0, 12),
        size=st.sampled_from([0, 1, 60, 70, 150, 400, 700]),
        shares=st.sets(st.integers(0, 2)),
        model=st.sampled_from("ab"),
    )
    def asks(self, request: store.Request, key: int, size: int, shares: set[int], model: str) -> None:
        if request in self.using:
            store.begin(request)
            make = lambda: [bytes(size * KB), *(self.shared[one] for one in shares)]  # noqa: E731
            self.using[request][key, model] = self.kept.get((key, model), make, (model,))
            store.begin()

    @rule(request=requests)
    def is_over(self, request: store.Request) -> None:
        if request in self.using:
            del self.using[request]
            for entry in self.kept._entries.values():
                entry.users.discard(request)  # as if it were collected: the bundle holds it
            self.kept.find("anything")

    @rule(model=st.sampled_from("ab"))
    def is_forgotten(self, model: str) -> None:
        before = {key: set(entry.parts) for key, entry in self.kept._entries.items()}
        held = set().union(*(parts for key, parts in before.items() if key[1] == model))
        gone = {key for key, parts in before.items() if key[1] == model or parts & held}
        self.kept.forget(model)
        assert self.kept._entries.keys() == before.keys() - gone
        for used in self.using.values():
            for key in used.keys() & gone:
                del used[key]

    @invariant()
    def what_is_used_is_there(self) -> None:
        for used in self.using.values():
            for key, value in used.items():
                assert self.kept._entries[key].value is value

    @invariant()
    def the_bound_holds_for_all_that_nobody_uses(self) -> None:
        idle = [key for key, entry in self.kept._entries.items() if not entry.users]
        assert self.kept.bytes <= self.kept.bound or not idle

    @invariant()
    def bytes_are_what_is_kept(self) -> None:
        entries = self.kept._entries.values()
        assert self.kept.bytes == sizes.size([entry.value for entry in entries]) + OWN * len(entries)


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=40, stateful_step_count=30)


def test_the_bound_comes_from_the_setting_or_the_machine(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    make = store.store.__wrapped__
    monkeypatch.setenv("SIDELIGHT_KEEP_MB", "300")
    assert make().bound == 300 * 10**6
    monkeypatch.delenv("SIDELIGHT_KEEP_MB")
    monkeypatch.setattr(store, "GROUPS", tmp_path)
    assert make().bound == store.memory() // store.SHARE > 0
    (tmp_path / "memory.max").write_text("max\n")
    without = store.memory()
    (tmp_path / "memory.max").write_text("400000000\n")
    assert store.memory() == 400_000_000 < without


def test_freed_memory_goes_back_to_the_machine() -> None:
    """Blocks that the allocator keeps in its heap, as the activations of a run are."""
    kept, process = Store(10**9), psutil.Process()
    # a small block stays behind each large one, so that the heap does not shrink by itself
    blocks = kept.get("run", lambda: [[b"x" * (100 * KB), b"x" * KB] for _ in range(2000)], ("model",))
    stays = [small for _, small in blocks]
    del blocks
    before = process.memory_info().rss
    kept.forget("model")
    assert before - process.memory_info().rss > 150 * KB * KB and len(stays) == 2000
