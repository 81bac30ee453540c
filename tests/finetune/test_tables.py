"""A person's sentence pairs: tables in every common form; what is wrong with a line is named by its number."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SidelightError
from core.finetune import data
from core.finetune.data import formats
from core.finetune.parallel import Pair
from tests.finetune.person import CELLS, packed, refused, table


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_tables_in_every_common_form_are_read(separator: str, encoding: str, end: str) -> None:
    text = table(separator=separator).replace("here", "hère 猫").replace("\n", end)
    found = data.pairs_from_table("pairs.txt", text.encode(encoding), "de")
    assert found.report.counts == {"de": (24, 6)} and found.language == "de"
    assert Pair("Sentence 3 hère 猫", "Satz 3 hier", "de") in found.train + found.held_out
    assert not {p.source for p in found.train} & {p.source for p in found.held_out}


def test_quoted_fields_keep_their_separators_and_quotation_marks() -> None:
    odd = '"Salt, pepper, and ""sugar""","Salz, Pfeffer und\n„Zucker“"\n'
    found = data.pairs_from_table("pairs.csv", (odd + table()).encode(), "de")
    assert Pair('Salt, pepper, and "sugar"', "Salz, Pfeffer und „Zucker“", "de") in found.train + found.held_out
    tabs = 'He said "hello" to\t"Hallo", sagte er\n"Only, quoted"\t"So ""ist"" es"\n"Never closed\tNie zu\n'
    found = data.pairs_from_table("pairs.tsv", (tabs + table(separator="\t")).encode(), "de")
    every = {(pair.source, pair.target) for pair in found.train + found.held_out}
    assert ('He said "hello" to', '"Hallo", sagte er') in every and ("Only, quoted", 'So "ist" es') in every
    assert ('"Never closed', "Nie zu") in every


@pytest.mark.parametrize("header", ["source,target\n", "en,de\n", "English,Deutsch\n", "原文,译文\n"])
def test_a_header_is_recognised(header: str) -> None:
    found = data.pairs_from_table("pairs.csv", table(header=header).encode(), "de")
    assert sum(found.report.counts["de"]) == 30
    assert all(pair.source.startswith("Sentence") for pair in found.train)


def test_a_header_chooses_the_columns_and_a_wrong_language_is_told() -> None:
    text = "de,fr,en\n" + "".join(f"Satz {n},Phrase {n},Sentence {n}\n" for n in range(20))
    found = data.pairs_from_table("pairs.csv", text.encode(), "fr")
    assert {(p.source.split()[0], p.target.split()[0]) for p in found.train} == {("Sentence", "Phrase")}
    assert [error.code for error in found.report.warnings][-1] == "data.warn_columns"
    error = refused("data.table_language", data.pairs_from_table, "pairs.csv", text.encode(), "zh")
    assert error.values == {"header": "de", "language": "zh"}


def test_lines_that_cannot_be_used_are_named_by_their_number() -> None:
    lines = table().splitlines()
    lines[2:2] = ["", "only one side", "empty target,", ",empty source", f"{'x' * 401},long", lines[0]]
    report = data.pairs_from_table("pairs.csv", "\n".join(lines).encode(), "de").report
    assert [(line, error.code) for line, error in report.unreadable] == [
        ("4", "data.line_columns"),
        ("5", "data.line_empty"),
        ("6", "data.line_empty"),
        ("7", "data.line_long"),
    ]
    assert report.duplicates == ("8",) and report.counts == {"de": (24, 6)}


def test_two_translations_of_a_sentence_stay_in_one_part() -> None:
    lines = [f"Sentence {n},Satz {n} {way}" for n in range(20) for way in "ab"]
    found = data.pairs_from_table("pairs.csv", "\n".join(lines).encode(), "de")
    assert found.report.counts == {"de": (32, 8)} and not found.report.duplicates
    assert not {p.source for p in found.train} & {p.source for p in found.held_out}


def test_tables_that_cannot_be_used_are_refused() -> None:
    def code(expected: str, content: bytes, language: str = "de") -> None:
        refused(expected, data.pairs_from_table, "pairs.csv", content, language)

    code("data.table_empty", b"")
    code("data.table_empty", b"\n \n,\n")
    code("data.table_encoding", "Sätze,Phrasen\n".encode("latin-1"))
    code("data.table_encoding", b"a,b\0\n")
    code("data.table_encoding", b"\xff\xfea")
    code("data.table_spreadsheet", packed({"xl/workbook.xml": b"x"}))
    code("data.table_columns", b"one column\n" * 20)
    code("data.few_pairs", table(9).encode())
    code("data.table_quote", ('"never closed,x\n' + table(30)).encode())
    code("data.table_long", table(formats.LINES + 2).encode())
    code("data.table_large", b"a,b\n" * (formats.SIZE // 4 + 1))
    code("data.language", table().encode(), "xx")


def test_a_table_may_have_no_language_and_says_what_may_disappoint() -> None:
    text = "".join(f"Sentence {n},Sentence {n}\n" for n in range(20))
    found = data.pairs_from_table("pairs.csv", text.encode(), "")
    assert found.language == "" and found.report.counts == {"": (16, 4)}
    codes = [error.code for error in found.report.warnings]
    assert codes == ["data.warn_few_pairs", "data.warn_validation", "data.warn_same"]


def test_a_table_from_the_disk_may_be_packed(tmp_path: Path) -> None:
    (tmp_path / "pairs.tsv").write_text(table(separator="\t"))
    (tmp_path / "pairs.tsv.gz").write_bytes(gzip.compress(table(separator="\t").encode()))
    plain, unpacked = (data.pairs_from_path(tmp_path / name, "de") for name in ("pairs.tsv", "pairs.tsv.gz"))
    assert plain.train == unpacked.train and plain.digest == unpacked.digest
    (tmp_path / "bad.tsv.gz").write_bytes(b"\x1f\x8bnothing")
    refused("data.not_archive", data.pairs_from_path, tmp_path / "bad.tsv.gz", "de")
    refused("data.path_missing", data.pairs_from_path, tmp_path / "none.tsv", "de")


@settings(max_examples=200)
@given(
    st.binary(max_size=400) | st.text(st.sampled_from("ab \"',;\t\r\n\ufeff\u2028\x0b猫"), max_size=400).map(str.encode)
)
def test_any_bytes_as_a_table_are_a_result_or_a_sentence(content: bytes) -> None:
    try:
        found = data.pairs_from_table("x.csv", content, "de")
    except SidelightError as error:
        assert error.sentence()
    else:
        assert len({p.source.casefold() for p in found.train + found.held_out}) >= 10


@settings(max_examples=150)
@given(st.lists(st.tuples(CELLS, CELLS), min_size=5, max_size=40), st.sampled_from("\t,;"), st.integers(0, 3))
def test_any_lines_give_clean_parts_or_a_sentence(rows: list[tuple[str, str]], separator: str, seed: int) -> None:
    text = "\n".join(separator.join(row) for row in rows)
    try:
        found = data.pairs_from_table("x.csv", text.encode(), "de", seed)
    except SidelightError as error:
        assert error.sentence()
        return
    assert not {p.source.casefold() for p in found.train} & {p.source.casefold() for p in found.held_out}
    assert len(set(found.train + found.held_out)) == len(found.train) + len(found.held_out)
