"""The steps as text and files say the numbers of the run."""

import csv
import io
import zipfile

import numpy as np
import pytest
import torch

from core.attention.arithmetic import Arithmetic, arithmetic
from core.views.arithmetic import number, product_sum, shown_keys, steps_csv, steps_npz, steps_zip, vector
from tests.views.test_linked import sentence_card, traces_of


def steps() -> tuple[Arithmetic, list[str]]:
    trace = traces_of(sentence_card())["decoder"]
    return arithmetic(trace, 0, 1, 1), list(trace.key_axis.labels)


def test_numbers_are_written_as_a_person_writes_them() -> None:
    assert [number(x) for x in (1.23456, -0.5, 0, -torch.inf, 0.00012)] == ["1.235", "−0.500", "0.000", "−∞", "1.2e−04"]
    assert vector("q", torch.arange(8.0)) == "q = [0.000, 1.000, 2.000, 3.000, 4.000, 5.000, …]"
    assert vector("q", torch.tensor([1.0])) == "q = [1.000]"


def test_a_product_is_written_term_by_term_and_its_rest_is_the_rest() -> None:
    a, b = torch.tensor([1.0, -2.0, 3.0, 4.0]), torch.tensor([0.5, 0.5, -1.0, 2.0])
    assert (
        product_sum(a, b, 4.5, "{count} more: {value}", 2)
        == "1.000 × 0.500 + (−2.000) × 0.500 + [2 more: 5.000] = 4.500"
    )
    assert product_sum(a[:1], b[:1], 0.5, "") == "1.000 × 0.500 = 0.500"


def test_the_files_hold_every_number() -> None:
    found, labels = steps()
    lines = list(csv.DictReader(steps_csv(found, labels).removeprefix("\ufeff").splitlines()))
    assert [line["key"] for line in lines] == labels
    for name, values in {"q.k": found.products, "weight": found.weights, "mask": found.mask}.items():
        assert [float(line[name]) for line in lines] == pytest.approx(values.tolist(), rel=1e-6)
    with zipfile.ZipFile(io.BytesIO(steps_zip(found, labels, "query"))) as file:
        assert set(file.namelist()) == {"steps.csv", "q.csv", "k.csv", "v.csv", "output.csv"}
        rows = list(csv.reader(file.read("k.csv").decode("utf-8-sig").splitlines()))[1:]
    assert np.array([row[2:] for row in rows], float) == pytest.approx(found.k.numpy(), rel=1e-6)
    arrays = np.load(io.BytesIO(steps_npz(found, labels)))
    assert arrays["weights"] @ arrays["v"] == pytest.approx(arrays["output"], rel=1e-4, abs=1e-6)
    assert list(arrays["labels"]) == labels and arrays["scale"] == pytest.approx(found.scale)


def test_a_hidden_key_is_shown_once() -> None:
    found, labels = steps()
    keys = shown_keys(found)
    hidden = [key for key in keys if found.mask[key] == -torch.inf]
    assert hidden == [2] and len(keys) == 3, "query 1 of a causal decoder sees keys 0 and 1 of three"
    assert found.weights[keys].tolist() == sorted(found.weights.tolist(), reverse=True)[:3]
