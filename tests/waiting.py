"""To wait for what must come: on a slow machine it comes later, and that is no failure."""

import time
from collections.abc import Callable

PATIENCE = 240  # seconds for what takes a few on a quiet machine


def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for: {what}"
        time.sleep(0.02)
