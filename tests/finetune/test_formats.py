"""Tables as people have them: what is a sentence is found whatever stands beside it, and what was understood is said.

The tables are made here in the form of real ones: Tatoeba's exports, Anki's decks, OPUS's Moses files, TMX, JSON lines.
"""

import csv
import gzip
import io
import json
import time
from pathlib import Path

import pytest

from core.errors import SidelightError
from core.finetune import data
from core.finetune.data import PairData
from core.finetune.parallel import Pair
from tests.finetune.person import packed, refused

PLACES = {
    "station": "am Bahnhof",
    "market": "am Markt",
    "school": "an der Schule",
    "hospital": "am Krankenhaus",
    "river": "am Fluss",
    "church": "an der Kirche",
    "library": "an der Bücherei",
    "bridge": "an der Brücke",
}
PAIRS = [
    (f"The number {n} bus stops at the {place}.", f"Der Bus Nummer {n} hält {ort}.")
    for n in range(1, 6)
    for place, ort in PLACES.items()
]


def as_csv(rows: list[list[object]], header: list[str] | None = None, separator: str = ",") -> bytes:
    stream = io.StringIO()
    csv.writer(stream, delimiter=separator).writerows([*([header] if header else []), *rows])
    return stream.getvalue().encode()


def read(content: bytes, language: str = "de", name: str = "pairs.csv", **options: object) -> PairData:
    return data.pairs_from_table(name, content, language, **options)  # type: ignore[arg-type]


def has_all(found: PairData, pairs: list[tuple[str, str]] = PAIRS) -> bool:
    language = found.language
    return set(found.train + found.held_out) == {Pair(source, target, language) for source, target in pairs}


def warned(found: PairData, code: str) -> dict[str, object]:
    return next(error.values for error in found.report.warnings if error.code == code)


ROWS: list[list[object]] = [[n, source, target, 0.9] for n, (source, target) in enumerate(PAIRS)]


@pytest.mark.parametrize("header", [["id", "English", "German", "score"], ["nr", "satz a", "satz b", "güte"], None])
def test_ids_and_scores_are_no_sentences(header: list[str] | None) -> None:
    found = read(as_csv(ROWS, header))
    names = header or ["1", "2", "3", "4"]
    assert has_all(found) and found.report.chosen == (1, 2) and list(found.report.choices) == names
    assert warned(found, "data.warn_columns")["left"] == f"“{names[0]}”, “{names[3]}”"
    (said,) = found.report.understood
    assert said.code == ("data.read_header" if header else "data.read_columns")
    assert said.values == {"source": names[1], "target": names[2]}


def test_ids_before_each_sentence_as_tatoeba_gives_them() -> None:
    lines = [f"{1276 + n}\t{a}\t{77312 + n}\t{b}\n" for n, (a, b) in enumerate(PAIRS)]
    found = read("".join(lines).encode(), name="pairs.tsv")
    assert has_all(found) and found.report.chosen == (1, 3)
    assert warned(found, "data.warn_columns")["left"] == "“1”, “3”"


def test_languages_and_attributions_are_no_sentences() -> None:
    rows: list[list[object]] = [
        ["eng", a, "deu", b, f"CC-BY 2.0 (France) tatoeba.org #{n}"] for n, (a, b) in enumerate(PAIRS)
    ]
    assert has_all(read(as_csv(rows, separator="\t"), name="deu.txt"))
    assert has_all(read(as_csv([[f"s_{n}.wav", a, b] for n, (a, b) in enumerate(PAIRS)])))


@pytest.mark.parametrize(
    "header",
    [
        ["English words/sentences", "German words/sentences"],
        ["sentence_eng_Latn", "sentence_deu_Latn"],
        ["en-GB", "de_AT"],
        ["src", "tgt"],
        ["text", "translation"],
        ["英文句子", "德语翻译"],
        ["Phrase anglaise", "Phrase allemande"],
    ],
)
def test_an_unusual_header_is_recognised(header: list[str]) -> None:
    found = read(as_csv([[a, b] for a, b in PAIRS], header))
    assert has_all(found) and found.report.choices == tuple(header)


def test_a_first_pair_that_is_short_is_no_header() -> None:
    pairs = [("English please", "Englisch bitte"), ("Text", "Der Text"), *PAIRS]
    found = read(as_csv([[a, b] for a, b in pairs]))
    assert has_all(found, pairs) and found.report.understood[0].code == "data.read_columns"


def test_english_in_the_later_column_is_found_and_said() -> None:
    found = read(as_csv([[b, a] for a, b in PAIRS]))
    assert has_all(found) and found.report.chosen == (1, 0)
    assert [error.code for error in found.report.understood] == ["data.read_columns", "data.read_swapped"]


def test_a_person_may_choose_other_columns() -> None:
    rows: list[list[object]] = [[a, b, b.upper()] for a, b in PAIRS]
    assert has_all(read(as_csv(rows)))
    other = read(as_csv(rows), columns=(0, 2))
    assert has_all(other, [(a, b.upper()) for a, b in PAIRS]) and other.report.chosen == (0, 2)


def test_one_column_of_sentences_is_not_trained_against_its_numbers() -> None:
    refused("data.table_sentences", read, as_csv([[n, a] for n, (a, _) in enumerate(PAIRS)]))
    refused("data.table_sentences", read, as_csv([[n, a] for n, (a, _) in enumerate(PAIRS)], ["id", "English"]))


RECORDS = {
    "nested": [{"translation": {"en": a, "de": b}} for a, b in PAIRS],
    "flat": [{"id": n, "de": b, "en": a} for n, (a, b) in enumerate(PAIRS)],
    "named": [{"source": a, "target": b, "meta": {"score": 0.5}} for a, b in PAIRS],
}


@pytest.mark.parametrize("kind", RECORDS)
@pytest.mark.parametrize("name", ["pairs.jsonl", "pairs.txt", "pairs.json"])
def test_json_records_are_read_by_their_fields(kind: str, name: str) -> None:
    lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in RECORDS[kind])
    assert has_all(read(lines.encode(), name=name))
    assert has_all(read(json.dumps(RECORDS[kind]).encode(), name=name))


def test_a_record_that_is_damaged_is_named_by_its_line() -> None:
    lines = [json.dumps(record) for record in RECORDS["flat"]]
    lines[3:3] = ["", '{"en": "cut', "[1, 2]"]
    found = read("\n".join(lines).encode())
    assert [(line, error.code) for line, error in found.report.unreadable] == [
        ("5", "data.line_json"),
        ("6", "data.line_json"),
    ]
    refused("data.json_damaged", read, json.dumps(RECORDS["flat"]).encode()[:-5])
    refused("data.table_language", read, "\n".join(lines).encode(), "fr")
    refused("data.json_damaged", read, b'[{"a":' + b"[" * 100_000)


def tmx(pairs: list[tuple[str, str]] = PAIRS) -> str:
    units = "".join(
        f'<tu tuid="{n}"><prop type="x">p</prop><tuv xml:lang="EN-GB"><seg>{a}<ph>{{1}}</ph></seg></tuv>'
        f'<tuv xml:lang="de"><seg><hi>{b}</hi></seg></tuv></tu>'
        for n, (a, b) in enumerate(pairs)
    )
    head = '<?xml version="1.0"?><!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx version="1.4"><header srclang="en"/><body>'
    return f"{head}{units}</body></tmx>"


def test_a_translation_memory_is_read_by_its_languages() -> None:
    for content in (tmx().encode(), tmx().encode("utf-16")):
        assert has_all(read(content, name="memory.tmx"))
    assert has_all(read(tmx().encode(), name="memory.txt"))
    refused("data.tmx_damaged", read, tmx().encode()[:-30], "de", "memory.tmx")
    bomb = tmx().replace('"tmx14.dtd">', '"tmx14.dtd" [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;">]>')
    refused("data.tmx_damaged", read, bomb.encode(), "de", "memory.tmx")


def test_bars_stand_between_the_sides() -> None:
    found = read("".join(f"{a} ||| {b}\n" for a, b in PAIRS).encode(), name="corpus.txt")
    assert has_all(found)


SIDES = [("\n".join(side) + "\n").encode() for side in zip(*PAIRS, strict=True)]


@pytest.mark.parametrize("stem", ["corpus", "Tatoeba.de-en"])
def test_two_files_that_agree_line_by_line(stem: str, tmp_path: Path) -> None:
    plain = {f"{stem}.de": SIDES[1], f"{stem}.en": SIDES[0]}
    gzipped = {f"{name}.gz": gzip.compress(content) for name, content in plain.items()}
    for files in (plain, gzipped):
        assert has_all(data.pairs_from_files(list(files.items()), "de"))
        inner = packed({f"de-en/{name}": content for name, content in files.items()} | {"README": b"OPUS"})
        assert has_all(data.pairs_from_files([("de-en.zip", inner)], "de"))
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, content in files.items():
            (folder / name).write_bytes(content)
        for name in (*files, stem):
            assert has_all(data.pairs_from_path(folder / name, "de"))
    short = plain | {f"{stem}.de": SIDES[1].rpartition(b"Der")[0]}
    error = refused("data.moses_lengths", data.pairs_from_files, list(short.items()), "de")
    assert error.values["count"] == 40 and error.values["other"] == 39
    refused("data.several_tables", data.pairs_from_files, list(plain.items()), "fr")
    two = [(name, as_csv([[a, b] for a, b in PAIRS])) for name in ("a.csv", "b.csv")]
    refused("data.several_tables", data.pairs_from_files, two, "de")


@pytest.mark.parametrize("unit", ["\n", "  \n", ",,,,,,\n", "\t\t\n", "a,", '"a\n'])
def test_large_tables_of_nothing_end_at_once(unit: str) -> None:
    """Nineteen megabytes of blank lines took more than ninety seconds; ten is what the slowest machine needs."""
    content = (unit * (19_000_000 // len(unit))).encode()
    begun = time.process_time()
    with pytest.raises(SidelightError):
        read(content)
    assert time.process_time() - begun < 10
