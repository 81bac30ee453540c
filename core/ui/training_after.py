"""What a finished run shows."""

from pathlib import Path


def show(folder: Path) -> None:
    return None


def upload() -> Path | None:
    return None
