"""What is kept in memory, all of it in one place: models, what was computed with them, what browsers are sent.

One bound in bytes holds over all sessions. What was not used for longest goes first; what a request uses stays until
the request is over. What several ask for at the same time is made once.
"""

import ctypes
import gc
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

import psutil

from core import sizes
from core.settings import setting

SHARE = 4  # one in so many bytes of the machine's memory is for what is kept, unless SIDELIGHT_KEEP_MB says otherwise
OWN = 1024  # bytes that every entry counts besides what it holds
WORTH = 2**16  # bytes: what holds less goes last; it may have taken a minute to measure
NOTABLE = 2**25  # bytes: where so many came or went, what the allocator holds back is asked of it
GROUPS = Path("/sys/fs/cgroup")

Value = TypeVar("Value")


class Request:
    """Somebody who uses what is kept: while it lives, nothing that it was given is let go."""


_here = threading.local()


def request() -> Request:
    """That of this thread: it ends with the thread, or where the next begins."""
    if not hasattr(_here, "request"):
        _here.request = Request()
    return _here.request


def begin(of: Request | None = None) -> None:
    """From here this thread works for `of`, or for a request of its own."""
    _here.request = of or Request()


@dataclass(eq=False)
class _Entry:
    value: Any
    made_with: frozenset[str]
    settled: bool
    parts: dict[Hashable, int]
    users: WeakSet[Request] = field(default_factory=WeakSet)


@dataclass(eq=False)
class _Making:
    made_with: frozenset[str]
    done: threading.Event = field(default_factory=threading.Event)
    forgotten: bool = False


class Store:
    """bound: bytes. bytes: of all that is kept now, what entries share counted once."""

    def __init__(self, bound: int) -> None:
        self.bound, self.bytes = bound, 0
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()  # what was not used for longest comes first
        self._holders: dict[Hashable, int] = {}  # of each part, how many entries hold it
        self._making: dict[Hashable, _Making] = {}
        self._lock = threading.Lock()

    def find(self, key: Hashable, default: Any = None) -> Any:
        """What is kept for this key."""
        with self._lock:
            found = self._used(key) if key in self._entries else default
        self._make_room()
        return found

    def get(self, key: Hashable, make: Callable[[], Value], made_with: Collection[str], settle: bool = False) -> Value:
        """What is kept for this key; else what `make` gives, from now on kept. made_with: names of models, with which
        it is forgotten. settle: it is many objects that live long, as a model is, see `_settle`."""
        while (found := self.find(key, self)) is self:
            with self._lock:
                if key in self._entries:
                    continue
                if (other := self._making.get(key)) is None:
                    mine = self._making[key] = _Making(frozenset(made_with))
                    break
            other.done.wait()  # where that one fails, it is made here
        else:
            return found
        try:
            value = make()
            self._keep(key, _Entry(value, mine.made_with, settle, sizes.parts(value)), mine)
            return value
        finally:
            with self._lock:
                del self._making[key]
            mine.done.set()

    def forget(self, name: str) -> None:
        """A model is gone: it, what was made with it or holds the same bytes, and what is being made with it now."""
        with self._lock:
            for making in self._making.values():
                making.forgotten |= name in making.made_with
            before, dropped = self.bytes, [self._drop(key) for key in self._gone_with(name)]
            freed = before - self.bytes
        _let_go(dropped, freed)

    def _used(self, key: Hashable) -> Any:
        self._entries.move_to_end(key)
        self._entries[key].users.add(request())
        return self._entries[key].value

    def _keep(self, key: Hashable, entry: _Entry, making: _Making) -> None:
        with self._lock:
            if making.forgotten:
                return
            self._entries[key] = entry
            self.bytes += OWN
            for part, size in entry.parts.items():
                self.bytes += 0 if part in self._holders else size
                self._holders[part] = self._holders.get(part, 0) + 1
            self._used(key)
        if entry.settled:
            _settle()
        if sum(entry.parts.values()) >= NOTABLE:  # much more was held while it was made
            give_back()
        self._make_room()

    def _make_room(self) -> None:
        """What was not used for longest goes until the bound holds, but what is in use stays."""
        dropped: list[_Entry] = []
        with self._lock:
            before = self.bytes
            for least in (WORTH, 0):
                for key in [*self._entries] if self.bytes > self.bound else ():
                    entry = self._entries[key]
                    if self.bytes > self.bound and not entry.users and sum(entry.parts.values()) >= least:
                        dropped.append(self._drop(key))
            freed = before - self.bytes
        _let_go(dropped, freed)

    def _gone_with(self, name: str) -> list[Hashable]:
        entries = self._entries.items()
        held = {part for _, entry in entries if name in entry.made_with for part in entry.parts}
        return [key for key, entry in entries if name in entry.made_with or not held.isdisjoint(entry.parts)]

    def _gives_back(self, key: Hashable) -> int:
        return sum(size for part, size in self._entries[key].parts.items() if self._holders[part] == 1)

    def _drop(self, key: Hashable) -> _Entry:
        self.bytes -= OWN + self._gives_back(key)
        entry = self._entries.pop(key)
        for part in entry.parts:
            self._holders[part] -= 1
            if not self._holders[part]:
                del self._holders[part]
        return entry


def _let_go(dropped: list[_Entry], freed: int) -> None:
    """Outside of the lock, as it takes a while."""
    settled = any(entry.settled for entry in dropped)
    dropped.clear()
    if settled:
        _settle()
    if freed >= NOTABLE:
        give_back()


def _settle() -> None:
    """Streamlit looks for cycles among all objects after each rerun, a third of a second with PyTorch and two models in
    memory, also when a job is only glanced at. What is here by now need not be looked at again, until a model comes or
    goes."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def give_back() -> None:
    """Memory that was freed goes back to the machine; glibc keeps it for later."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def memory() -> int:
    """Bytes of this machine, or what its control groups allow us where that is less."""
    groups = [GROUPS, GROUPS / "memory"]
    try:
        own = [line.split(":", 2)[2].strip("/") for line in Path("/proc/self/cgroup").read_text().splitlines()]
    except OSError:
        own = []
    groups += [top / group for top in groups for path in own for group in (Path(path), *Path(path).parents)]
    files = [group / name for group in groups for name in ("memory.max", "memory.limit_in_bytes")]
    texts = (file.read_text().strip() for file in files if file.is_file())
    return min([psutil.virtual_memory().total, *(int(text) for text in texts if text.isdigit())])


@cache
def store() -> Store:
    """That of this process."""
    megabytes = setting("KEEP_MB")
    return Store(megabytes * 10**6 if megabytes else memory() // SHARE)
