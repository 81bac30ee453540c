"""`python -m benchmarks.visitors --sessions 30`: a class at one server, each with its own photo, framing and sentence.

Every visitor is a raw connection of Streamlit's protocol that asks for the home page by a link and, once it has its
answer, for another picture; a new request begins every 1 / --rate seconds. Seconds are from the request to the linked
view with its numbers. A second server is asked for the same links one after the other: each visitor of the crowd must
have had that answer (all texts alike, numbers to two decimals).

Also the server's resident memory: after its first answer, with all visitors, and after they left; and what it keeps
against its bound. Figures come from `/metrics`.
"""

import argparse
import asyncio
import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.serving import serve
from core import samples

PORT = 8715
FITS = ("crop", "letterbox", "stretch", "native")
LONGEST = 600  # s until an answer counts as none
Answer = tuple[float, Any]  # seconds; the view's header


@dataclass
class Found:
    """first, other: seconds of each visitor's first and second picture. answers: headers by link."""

    first: list[float] = field(default_factory=list)
    other: list[float] = field(default_factory=list)
    answers: dict[str, Any] = field(default_factory=dict)


def links(count: int) -> list[str]:
    """Two different pictures with a sentence for each visitor; no two visitors ask for the same."""
    photos = list(product(FITS, list(samples.by_name())))
    sentences = [sentence.text for sentence in samples.sentences()]
    found = []
    for number in range(2 * count):
        fit, photo = photos[number % len(photos)]
        asked = {"photo": photo, "fit": fit, "sentence": f"{sentences[number % len(sentences)]} We are {number + 2}."}
        found.append(urlencode({"lang": "en", **asked}))
    return found


@contextmanager
def server(runs: Path) -> Iterator[None]:
    process = serve(PORT, runs)
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)


def figures() -> dict[str, float]:
    text = urllib.request.urlopen(f"http://127.0.0.1:{PORT}/metrics", timeout=60).read().decode()
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


async def ask(socket: ClientConnection, link: str) -> Answer:
    """The view that stands when the script has ended, and when it was there."""
    message = BackMsg()
    message.rerun_script.query_string = link
    began, seen, there = time.monotonic(), None, 0.0
    await socket.send(message.SerializeToString())
    while True:
        told = ForwardMsg()
        told.ParseFromString(await asyncio.wait_for(socket.recv(decode=False), LONGEST))
        part = told.delta.new_element.bidi_component
        if part.bytes:
            seen, there = part.bytes, time.monotonic() - began
        if told.HasField("script_finished") and told.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY and seen:
            return there, header(seen)


def header(data: bytes) -> Any:
    """What `payload.pack` says in words and single numbers, these to two decimals; where its arrays lie does not
    matter."""
    length = int(np.frombuffer(data[:4], "<u4")[0])
    return _rounded(json.loads(data[4 : 4 + length])["cards"])


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items() if name not in ("trace", "photo")}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, 2) if isinstance(value, float) else value


def visit() -> connect:
    address = f"ws://127.0.0.1:{PORT}/_stcore/stream"
    return connect(address, subprotocols=["streamlit"], max_size=None, ping_timeout=None)  # type: ignore[list-item]


async def crowd(asked: list[str], rate: float) -> tuple[Found, dict[str, float]]:
    """All at once, each beginning 1 / rate s after the one before. Returns what was found, and the server's figures
    while all are there."""
    found, everybody = Found(), asyncio.Event()
    times: list[tuple[float, float]] = []

    async def one(number: int, own: list[str]) -> None:
        await asyncio.sleep(number / rate)
        async with visit() as socket:
            first, found.answers[own[0]] = await ask(socket, own[0])
            await asyncio.sleep(len(asked) / 2 / rate)
            other, found.answers[own[1]] = await ask(socket, own[1])
            times.append((first, other))
            if 2 * len(times) == len(asked):
                everybody.set()
            await everybody.wait()
            await asyncio.sleep(3)

    async def look() -> dict[str, float]:
        await everybody.wait()
        return await asyncio.to_thread(figures)

    pairs = [asked[number : number + 2] for number in range(0, len(asked), 2)]
    *_, there = await asyncio.gather(*(one(number, pair) for number, pair in enumerate(pairs)), look())
    found.first, found.other = map(list, zip(*times, strict=True))
    return found, there


async def alone(asked: list[str]) -> tuple[dict[str, Any], list[float]]:
    found, times = {}, []
    for link in asked:
        async with visit() as socket:
            seconds, found[link] = await ask(socket, link)
            times.append(seconds)
    return found, times


async def warm() -> None:
    """A first visitor, whom the imports and the models keep waiting."""
    async with visit() as socket:
        await ask(socket, "lang=en")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--sessions", type=int, default=30)
    parser.add_argument("--rate", type=float, default=1.0, help="requests a second")
    chosen = parser.parse_args()
    asked = links(chosen.sessions)
    print(f"load average before {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder) / "runs"
        with server(runs):
            asyncio.run(warm())
            first = figures()
            found, there = asyncio.run(crowd(asked, chosen.rate))
            time.sleep(10)
            left = figures()
        with server(Path(folder) / "other"):
            asyncio.run(warm())
            right, times = asyncio.run(alone(asked))
    wrong = [link for link in asked if found.answers[link] != right[link]]
    print("| | median, s | 95%, s | longest, s |\n|---|---|---|---|")
    for name, seconds in (("first picture", found.first), ("another picture", found.other), ("alone", times)):
        print(f"| {name} | " + " | ".join(f"{np.quantile(seconds, q):.2f}" for q in (0.5, 0.95, 1)) + " |")
    print(f"{len(asked)} answers, {len(wrong)} of them not the visitor's own")
    for name, one in (("after the first visitor", first), ("all there", there), ("all gone", left)):
        resident, kept = one["sidelight_resident_bytes"] / 1e6, one["sidelight_kept_bytes"] / 1e6
        print(f"{name}: {one['sidelight_sessions']:.0f} sessions, {resident:.0f} MB resident, {kept:.0f} MB kept")
    print(f"errors that nobody foresaw: {left['sidelight_errors_total']:.0f}")
    print(f"load average after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
