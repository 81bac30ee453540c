"""What people send, damaged at random: the first trials of `benchmarks.fuzz`, a command that goes on for hours."""

import pytest

from benchmarks import fuzz

TRIALS = {"pictures": 120, "archives": 20, "tables": 150, "results": 200, "links": 300}


@pytest.mark.filterwarnings("ignore")  # what Pillow and NumPy say of damaged files
@pytest.mark.parametrize("reader", fuzz.READERS)
def test_what_is_damaged_ends_in_a_value_or_a_sentence_soon_and_in_little_memory(reader: str) -> None:
    first = len(fuzz.READERS[reader].seeds())
    wrong = {n: found for n in range(first, first + TRIALS[reader]) if (found := fuzz.run(reader, n))}
    assert not wrong


@pytest.mark.parametrize("reader", ["pictures", "archives", "tables"])
def test_what_is_not_damaged_is_read(reader: str, tmp_path: object) -> None:
    for name, sent in fuzz.READERS[reader].seeds():
        assert fuzz.READERS[reader].read(name, sent, tmp_path)  # type: ignore[arg-type]
