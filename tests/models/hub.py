"""A hub that needs no network: models laid into its cache as its own client would leave them, or served over HTTP."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

COMMIT = "0" * 40


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
def served(monkeypatch: pytest.MonkeyPatch, root: Path, cache: Path) -> Iterator[list[str]]:
    """The folders under `root` ("organisation/name") as a hub on this machine; gives the paths that were asked for."""
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
            return self.send(place.read_bytes(), body) if place.is_file() else self.missing("EntryNotFound")

        def send(self, data: bytes, body: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.send_header("ETag", f'"{sha256(data).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if body:
                self.wfile.write(data)

        def missing(self, code: str) -> None:
            self.send_response(404)
            self.send_header("X-Error-Code", code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr(
        "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("urllib.request.getproxies", dict)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield asked
    finally:
        server.shutdown()
