"""Pages are run hundreds of times: what takes seconds beside them is cut short."""

import pytest

from core.ui import work
from tests.quick import shorten


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten(monkeypatch)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Photos of 8 x 8 patches, where nothing depends on their number: a quarter of the time."""
    monkeypatch.setattr(work, "SIDE", 112)
