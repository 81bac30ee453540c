"""`python -m benchmarks.fuzz --minutes 60`: every reader of what people send gets true files that were damaged at
random, and must end in a value or in one sentence, within 5 s of the processor and 300 MB.

Each trial is its reader's name and a number, so it can be repeated: `--repeat tables:4711` does, with the traceback.
`tests/test_fuzz.py` runs the first few of each; what was found once stands there by its number or as a test of its own.
"""

import argparse
import gzip
import io
import json
import multiprocessing
import random
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from PIL import Image

from benchmarks.forged import resigned, result
from core import samples
from core.errors import SidelightError
from core.finetune import data, results
from core.models.images import open_image
from core.ui import pins
from core.views.linked import state

SECONDS, BYTES = 5.0, 300_000_000
HANGS = 30.0  # seconds after which a process is ended
TOKENS = (
    b"\0",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\r",
    b'"',
    b"\t",
    b"../",
    b"PK",
)
NASTY = (
    None,
    -1,
    0,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\ud800",
    "\u202e",
    "x" * 10**5,
    [],
    {},
    True,
)
LINKS = (
    "depth_0.5~method_max~image_57.0.2~sentence_t2.1",
    "pin_held!depth_0.2!image_57~image-hand_encoder-a-a-41-1-20",
    "kind=photo&model=vision-vit-s-14&size=224&photo=cat|kind=sentence&model=m&sentence=A+dog&target=deu&beams=5",
)
PAIRS = [("A dog runs.", "Ein Hund rennt."), ("Two men talk.", "Zwei Männer reden."), ("It rains.", "Es regnet.")] * 6


@dataclass(frozen=True)
class Reader:
    """seeds: true inputs, with their names. read: takes a name and bytes; a folder that it may write to. forged: makes
    what was damaged pass for true, so that it gets beyond the first look."""

    seeds: Callable[[], Sequence[tuple[str, bytes]]]
    read: Callable[[str, bytes, Path], object]
    forged: Callable[[bytes], bytes] = bytes


def _picture(kind: str, mode: str = "RGB") -> bytes:
    stream, photo = io.BytesIO(), Image.open(samples.photos()[0].path).resize((40, 30)).convert(mode)
    photo.save(stream, kind)
    return stream.getvalue()


@cache
def pictures() -> list[tuple[str, bytes]]:
    kinds = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
    modes = (("PNG", "RGBA"), ("PNG", "I;16"), ("TIFF", "F"), ("TIFF", "CMYK"), ("PNG", "P"), ("GIF", "L"))
    return [(kind, _picture(kind)) for kind in kinds] + [(kind, _picture(kind, mode)) for kind, mode in modes]


@cache
def archives() -> list[tuple[str, bytes]]:
    files = {f"{name}/{n}.png": _different(n, name) for name in ("cat", "dog") for n in range(5)}
    table = "file,label\n" + "".join(f"{name.replace('/', '_')},{name[:3]}\n" for name in files)
    flat = {name.replace("/", "_"): content for name, content in files.items()}
    return [("folders.zip", zipped(files)), ("table.zip", zipped(flat | {"labels.csv": table.encode()}))]


def _different(number: int, name: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (24, 24), (20 * number, len(name) * 10, ord(name[0]))).save(stream, "PNG")
    return stream.getvalue()


@cache
def tables() -> list[tuple[str, bytes]]:
    rows, pairs = [[f"{n} {one}", f"{n} {other}"] for n, (one, other) in enumerate(PAIRS)], []
    for name, sign in (("a.csv", ","), ("a.tsv", "\t"), ("a.txt", " ||| ")):
        pairs.append((name, sign.join(("en", "de")).encode() + b"\n" + "\n".join(map(sign.join, rows)).encode()))
    records = [{"translation": {"en": one, "de": other}} for one, other in rows]
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{one}</seg></tuv><tuv xml:lang="de"><seg>{other}</seg></tuv></tu>'
        for one, other in rows
    )
    pairs += [
        ("a.json", json.dumps(records).encode()),
        ("a.jsonl", "\n".join(map(json.dumps, records)).encode()),
        ("a.tmx", f'<?xml version="1.0"?><tmx version="1.4"><body>{units}</body></tmx>'.encode()),
        ("b.csv", pairs[0][1].decode().encode("utf-16")),
        ("a.csv.gz", gzip.compress(pairs[0][1])),
        ("a.zip", zipped({"a.csv": pairs[0][1]})),
    ]
    return pairs


def links() -> list[tuple[str, bytes]]:
    return [("link", text.encode()) for text in LINKS]


def read_link(name: str, sent: bytes, folder: Path) -> None:
    """All that asks a link's text what it says; nothing may be raised at all."""
    text = sent.decode("utf-8", "replace")
    chosen = state.read(text)
    assert 0 <= chosen.layer(12) < 12 and set(chosen.heads_of("image", 6)) <= set(range(6))
    state.read(state.moved(text, 0.5, {"image": "3"})), state.pinned(text), state.by_hand(text), state.unpinned(text)
    state.with_head(text, 0.5, ("image",), 2)
    found = pins.read(text)
    assert pins.read(pins.text_of(list(found.values()))) == found


READERS = {
    "pictures": Reader(pictures, lambda name, sent, folder: open_image(sent)),
    "archives": Reader(archives, lambda name, sent, folder: data.pictures_from_zip(sent)),
    "tables": Reader(tables, lambda name, sent, folder: data.pairs_from_files([(name, sent)], "de")),
    "results": Reader(
        lambda: [("result.zip", result())], lambda name, sent, folder: results.unpack(sent, folder), resigned
    ),
    "links": Reader(links, read_link),
}


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


def damaged(sent: bytes, draw: random.Random) -> bytes:
    """One to four changes: within a file of the archive where it is one, within a value where it is JSON."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        if sent[:2] == b"PK" and draw.random() < 0.8:
            sent = _within(sent, draw)
        elif sent[:1] in (b"{", b"[") and draw.random() < 0.8:
            sent = _json(sent, draw)
        else:
            sent = _bytes(sent, draw)
    return sent


def _within(sent: bytes, draw: random.Random) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(sent)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # it was damaged before: more of it
        return _bytes(sent, draw)
    name = draw.choice(sorted(files) or ["new"])
    action = draw.random()
    content = files.pop(name, b"")
    if action < 0.8:
        files[name] = damaged(content, draw)
    elif action < 0.9:
        files[draw.choice(("../", "/", "a/b/", "\u202e", "x" * 300, ".", "C:\\")) + name] = content
    return zipped(files)


def _json(sent: bytes, draw: random.Random) -> bytes:
    try:
        whole = json.loads(sent)
    except (ValueError, RecursionError):
        return _bytes(sent, draw)
    place, steps = whole, draw.randrange(1, 5)
    while isinstance(place, dict | list) and place:
        key = draw.choice(list(place)) if isinstance(place, dict) else draw.randrange(len(place))
        steps -= 1
        if steps <= 0 or not isinstance(place[key], dict | list) or not place[key]:
            value = draw.choice((*NASTY, [place[key]] * 3, {"x": place[key]}))
            if draw.random() < 0.2 and isinstance(place, dict):
                del place[key]
            else:
                place[key] = value
            break
        place = place[key]
    text = json.dumps(whole)
    return (text.replace("[]", "[" * 10**4, 1) if draw.random() < 0.05 else text).encode("utf-8", "surrogatepass")


def _bytes(sent: bytes, draw: random.Random) -> bytes:
    old = bytearray(sent)
    at = draw.randrange(len(old) + 1)
    length = draw.choice((1, 2, 4, 16, 200, len(old) // 2))
    match draw.randrange(7):
        case 0 if at < len(old):
            old[at] ^= 1 << draw.randrange(8)
        case 1:
            old[at : at + length] = draw.randbytes(length)
        case 2:
            del old[at : at + length]
        case 3:
            old[at:at] = old[at : at + length] * draw.choice((1, 3, 50))
        case 4:
            old[at:] = b""
        case 5:
            old[at : at + draw.choice((0, 4))] = draw.choice(TOKENS)
        case _:
            old[at:at] = draw.choice(TOKENS) * draw.choice((1, 100, 10_000))
    return bytes(old)


def trial(reader: str, number: int) -> tuple[str, bytes]:
    """The input of this number and its name; the first ones are the true files themselves."""
    seeds, draw = READERS[reader].seeds(), random.Random(f"{reader}:{number}")
    name, sent = seeds[number % len(seeds)]
    if number >= len(seeds):
        sent = damaged(sent, draw)
        sent = READERS[reader].forged(sent) if draw.random() < 0.5 else sent
    return name, sent


def run(reader: str, number: int) -> str:
    """ "" or what is wrong: another exception than ours, a sentence that is none, too long, too much memory."""
    name, sent = trial(reader, number)
    with tempfile.TemporaryDirectory() as folder:
        before, start = _resident(reset=True), time.process_time()
        try:
            READERS[reader].read(name, sent, Path(folder))
            problem = ""
        except SidelightError as error:
            told = [error.sentence(language).encode() for language in ("en", "zh")]
            problem = "" if all(told) else f"no sentence for {error.code}"
        except Exception as error:
            at = traceback.extract_tb(error.__traceback__)[-1]
            problem = f"{type(error).__name__} at {Path(at.filename).name}:{at.lineno}"
        seconds, peak = time.process_time() - start, _resident()
    if seconds > SECONDS:
        problem += f" {seconds:.0f} s"
    if peak - before > BYTES:
        problem += f" {(peak - before) // 10**6} MB"
    return problem.strip()


def _resident(reset: bool = False) -> int:
    """Bytes: the most that this process had since the last reset; 0 where the system does not tell."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    if reset:
        Path("/proc/self/clear_refs").write_text("5")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def _work(reader: str, first: int, until: float, told: multiprocessing.Queue) -> None:
    number = first
    while time.time() < until:
        told.put((number, None))  # before it is read: it may end the process
        told.put((number, run(reader, number)))
        number += 1
    told.put(None)


def fuzz(reader: str, first: int, minutes: float) -> tuple[int, dict[str, list[int]]]:
    """Trials from this number on, in a process of their own. Returns how many, and the numbers by what was wrong."""
    context, wrong = multiprocessing.get_context("fork"), {}
    number, until = first, time.time() + 60 * minutes
    while time.time() < until:
        told = context.Queue()
        process = context.Process(target=_work, args=(reader, number, until, told), daemon=True)
        process.start()
        try:
            while (found := told.get(timeout=HANGS)) is not None:
                number, problem = found
                if problem:
                    wrong.setdefault(problem, []).append(number)
        except Exception:  # queue.Empty: it hangs, or the process is gone
            wrong.setdefault("hangs or ends the process", []).append(number)
        process.kill()
        process.join()
        number += 1
    return number - first, wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=60, help="of all readers together")
    parser.add_argument("--first", type=int, default=0, help="the number of the first trial")
    parser.add_argument("--readers", default=",".join(READERS), help="some of these, with commas")
    parser.add_argument("--repeat", help="one trial, as tables:4711")
    chosen = parser.parse_args()
    if chosen.repeat:
        reader, _, number = chosen.repeat.partition(":")
        name, sent = trial(reader, int(number))
        print(name, len(sent), sent[:300])
        print(run(reader, int(number)) or "nothing is wrong")
        with tempfile.TemporaryDirectory() as folder:
            print(READERS[reader].read(name, sent, Path(folder)))
        return
    readers, total = chosen.readers.split(","), Counter()
    for reader in readers:
        total[reader], wrong = fuzz(reader, chosen.first, chosen.minutes / len(readers))
        print(f"{reader}: {total[reader]} trials, {sum(map(len, wrong.values()))} with something wrong", flush=True)
        for problem, numbers in sorted(wrong.items(), key=lambda item: -len(item[1])):
            print(f"  {problem}: {len(numbers)}, such as {reader}:{numbers[0]}", flush=True)
    raise SystemExit(0)


if __name__ == "__main__":
    main()
