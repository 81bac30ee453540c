"""The numbers as CSV are the trace's numbers."""

import csv

import pytest

from core.views.linked.numbers import table
from core.views.linked.state import Chosen
from core.views.tables import as_csv, map_table, row_table
from tests.views.test_linked import sentence_card, traces_of, vision_card, words_of
from tests.views.test_text_card import decoder_card


def read(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(text[1:].splitlines()))


def test_a_row_of_an_image() -> None:
    trace = traces_of(vision_card())["encoder"]
    lines = read(row_table(trace, 1, [0, 2], 5))
    assert len(lines) == 17 and lines[0]["key"] == "CLS" and lines[1]["key"] == "1,1"
    assert [float(line["head 3"]) for line in lines] == pytest.approx(trace.row(1, 2, 5).tolist(), rel=1e-4)


def test_a_map_of_a_sentence_with_typed_markup() -> None:
    card = sentence_card()
    lines = read(map_table(traces_of(card)["cross"], 0, [1], words_of(card)[1].labels))
    assert len(lines) == 15
    assert lines[6]["written"] == "Hund" and lines[6]["source"] == "dog"
    assert float(lines[6]["head 2"]) == pytest.approx(float(traces_of(card)["cross"].map(0, 1)[1, 1]), rel=1e-4)


def test_a_piece_never_becomes_a_formula() -> None:
    card = sentence_card()
    lines = read(map_table(traces_of(card)["cross"], 0, [0], ["=1+1", "Hund", "</s>"]))
    assert lines[0]["written"] == "'=1+1"


def test_an_empty_cell_stays_empty() -> None:
    assert as_csv(["a", "b"], [["", "-1"]]) == "\ufeffa,b\n,'-1\n"


def test_a_map_of_a_text_names_both_positions() -> None:
    trace = traces_of(sentence_card())["encoder"]
    lines = read(map_table(trace, 1, [0]))
    assert len(lines) == 25 and lines[7]["query"] == "dog" and lines[7]["key"] == "run"
    assert float(lines[7]["head 1"]) == pytest.approx(float(trace.map(1, 0)[1, 2]), rel=1e-4)


def test_numbers_of_query_and_key_are_not_swapped() -> None:
    card = sentence_card()  # three outputs, five source pieces
    for line in read(map_table(traces_of(card)["cross"], 1, [0, 1], words_of(card)[1].labels)):
        row, column = int(line["step"]) - 1, int(line["source position"]) - 1
        assert line["written"] == words_of(card)[1].labels[row] and line["source"] == words_of(card)[0].labels[column]
        weights = [float(traces_of(card)["cross"].map(1, head)[row, column]) for head in range(2)]
        assert [float(line[f"head {head + 1}"]) for head in range(2)] == pytest.approx(weights, rel=1e-4)
    for line in read(map_table(traces_of(card)["encoder"], 1, [0])):
        row, column = int(line["position"]) - 1, int(line["at"]) - 1
        assert line["query"] == words_of(card)[0].labels[row] and line["key"] == words_of(card)[0].labels[column]
        assert float(line["head 1"]) == pytest.approx(
            float(traces_of(card)["encoder"].map(1, 0)[row, column]), rel=1e-4
        )


def test_an_object_of_a_decoder_has_a_row_of_its_own() -> None:
    card = decoder_card()  # four cells, then three objects
    lead, row = card.asked("6")
    trace = traces_of(card)["cross"]
    assert lead.trace is trace and row == 2
    lines = read(table(card, "image", Chosen(0.5, {"image": "6"}, {"image": (0,)})))
    assert [line["query"] for line in lines] == ["c"] * 4 and [line["key"] for line in lines] == [
        "1,1",
        "1,2",
        "2,1",
        "2,2",
    ]
    assert [float(line["head 1"]) for line in lines] == pytest.approx(trace.row(1, 0, 2).tolist(), rel=1e-4)
    own = traces_of(card)["encoder"]
    assert (card.asked("3")[0].trace, card.asked("3")[1]) == (own, 3)
    assert (card.asked("7")[0].trace, card.asked("7")[1]) == (own, card.axes[0].start), "no such object"
