"""A hub that needs no network: models laid into its cache as its own client would leave them, or served over HTTP."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import sha1, sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any
from urllib.parse import unquote

import pytest

from core.models.catalogue import BUNDLED, LANGUAGE
from core.store import store

COMMIT = "0" * 40
BLOCK = 2**16  # bytes


def offline(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Use this folder as the hub's cache, and nothing else."""
    monkeypatch.setattr("core.models.hub.is_reachable", lambda: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder))


def lay(folder: Path, name: str, *parts: Any) -> None:
    """Put what has `save_pretrained` (a model, a tokenizer, an image processor) under this name."""
    place = folder / f"models--{name.replace('/', '--')}"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(COMMIT)
    for part in parts:
        part.save_pretrained(place / "snapshots" / COMMIT)


@contextmanager
def server(
    root: Path,
    gate: Event | None = None,
    pause: float = 0.0,
    refused: Mapping[str, tuple[int, str]] | None = None,
    moved: Mapping[str, str] | None = None,
    private: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, list[str]]]:
    """The folders under `root` ("organisation/name", of another branch "organisation/name@branch") as a hub on this
    machine: its address, and the paths that were asked for. gate: weights are not sent before it is set. pause: seconds
    before each 64 KiB of them. refused: by name, the status and the code that every request is answered with. moved: by
    its old name, what a model is called now. private: by name, the token that is asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            asked.append(self.path)
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = self.path.split("?")[0].removeprefix("/api/models/").strip("/")
            name, _, file = path.partition("/resolve/")
            name, _, revision = name.partition("/revision/")
            if file:
                revision, file = file.split("/", 1)
            if name in (refused or {}):
                return self.refuse(*refused[name])
            if name in (moved or {}):
                return self.send_on(name, moved[name])
            if name in (private or {}) and self.headers["Authorization"] != f"Bearer {private[name]}":
                return self.refuse(401, "RepoNotFound")
            if not (root / name).is_dir():
                return self.refuse(404, "RepoNotFound")
            branch = unquote(revision) not in ("", "main", COMMIT)
            folder = root / f"{name}@{unquote(revision)}" if branch else root / name
            if not folder.is_dir():
                return self.refuse(404, "RevisionNotFound")
            commit = sha1(revision.encode()).hexdigest() if branch else COMMIT
            if "/api/" in self.path:
                files = [{"rfilename": one.name, "size": one.stat().st_size} for one in folder.iterdir()]
                return self.send(json.dumps({"id": name, "sha": commit, "siblings": files}).encode(), commit, body)
            place = folder / file
            if not place.is_file():
                return self.refuse(404, "EntryNotFound")
            self.send(place.read_bytes(), commit, body, place.suffix == ".safetensors")

        def send(self, data: bytes, commit: str, body: bool, slowly: bool = False) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", commit)
            self.end_headers()
            if body and slowly and gate:
                gate.wait(60)
            for start in range(0, len(data) if body else 0, BLOCK):
                time.sleep(pause if slowly else 0)
                with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has cancelled
                    self.wfile.write(data[start : start + BLOCK])

        def send_on(self, old: str, new: str) -> None:
            self.send_response(307)
            self.send_header("Location", self.path.replace(old, new, 1))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def refuse(self, status: int, code: str) -> None:
            self.send_response(status)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    Thread(target=listening.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}", asked
    finally:
        listening.shutdown()


@contextmanager
def served(
    monkeypatch: pytest.MonkeyPatch,
    root: Path,
    cache: Path,
    gate: Event | None = None,
    **how: Any,
) -> Iterator[list[str]]:
    """`server` as the hub of this process; gives the paths that were asked for."""
    with server(root, gate, **how) as (address, asked):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        monkeypatch.setattr("urllib.request.getproxies", dict)
        yield asked


def forget_fetched() -> None:
    """What a hub's models gave is asked of them again; the bundled ones stay."""
    made = [*store()._entries.values(), *store()._making.values()]
    names = {name for one in made for name in one.made_with}
    for name in names - {card.key for card in (*BUNDLED, *LANGUAGE)}:
        store().forget(name)
