"""A hub that needs no network: models laid into its cache as its own client would leave them, or served over HTTP."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

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
def server(root: Path, gate: Event | None = None, pause: float = 0.0) -> Iterator[tuple[str, list[str]]]:
    """The folders under `root` ("organisation/name") as a hub on this machine: its address, and the paths that were
    asked for. gate: weights are not sent before it is set. pause: seconds before each 64 KiB of them."""
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
            name = name.split("/revision/")[0]
            if not (root / name).is_dir():
                return self.missing("RepoNotFound")
            if "/api/" in self.path:
                files = [{"rfilename": one.name, "size": one.stat().st_size} for one in (root / name).iterdir()]
                return self.send(json.dumps({"id": name, "sha": COMMIT, "siblings": files}).encode(), body)
            place = root / name / file.split("/", 1)[1]
            if not place.is_file():
                return self.missing("EntryNotFound")
            self.send(place.read_bytes(), body, place.suffix == ".safetensors")

        def send(self, data: bytes, body: bool, slowly: bool = False) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body and slowly and gate:
                gate.wait(60)
            for start in range(0, len(data) if body else 0, BLOCK):
                time.sleep(pause if slowly else 0)
                with suppress(BrokenPipeError, ConnectionResetError):  # whoever asked has cancelled
                    self.wfile.write(data[start : start + BLOCK])

        def missing(self, code: str) -> None:
            self.send_response(404)
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
def served(monkeypatch: pytest.MonkeyPatch, root: Path, cache: Path, gate: Event | None = None) -> Iterator[list[str]]:
    """`server` as the hub of this process; gives the paths that were asked for."""
    with server(root, gate) as (address, asked):
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            address + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
        monkeypatch.setattr("urllib.request.getproxies", dict)
        yield asked
