"""A hub that needs no network: models laid into its cache as the hub's own client would have left them."""

from pathlib import Path
from typing import Any

import pytest

COMMIT = "0" * 40


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Use this folder as the hub's cache, and nothing else."""
    monkeypatch.setattr("core.models.loading.hub_is_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))


def lay(folder: Path, name: str, *parts: Any) -> None:
    """Put what has `save_pretrained` (a model, a tokenizer, an image processor) under this name."""
    place = folder / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for part in parts:
        part.save_pretrained(place / "snapshots" / COMMIT)
