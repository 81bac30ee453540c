"""The steps of one query as text that is read aloud, as rows of a table, and as files. Words come from outside."""

import io
import zipfile
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from core.attention.arithmetic import Arithmetic
from core.views.tables import as_csv
from core.wording import minus

SHOWN = 6  # components of a vector that are written out
KEYS = 5  # keys with the largest weights that are written out


def number(value: float) -> str:
    """Three decimals, and -inf as a person writes it."""
    if value == -torch.inf:
        return "−∞"
    if value != 0 and abs(value) < 5e-4:
        return minus(f"{value:.1e}")
    return minus(f"{value:.3f}")


def factor(value: float) -> str:
    """A number inside a product: in brackets where it is negative."""
    text = number(value)
    return f"({text})" if text.startswith("−") else text


def vector(name: str, values: Tensor) -> str:
    """ "q = [0.123, −0.456, …]" with the first components."""
    more = ", …" if len(values) > SHOWN else ""
    return f"{name} = [{', '.join(number(value) for value in values[:SHOWN].tolist())}{more}]"


def product_sum(a: Tensor, b: Tensor, result: float, more: str, shown: int = SHOWN) -> str:
    """ "0.1 × 0.2 + (−0.3) × 0.4 + [58 more: 1.2] = 1.1". more: what is said of the rest, with {count} and {value}."""
    terms = [f"{factor(x)} × {factor(y)}" for x, y in zip(a[:shown].tolist(), b[:shown].tolist(), strict=True)]
    if len(a) > shown:
        rest = float(a[shown:].double() @ b[shown:].double())
        terms.append(f"[{more.format(count=len(a) - shown, value=number(rest))}]")
    return f"{' + '.join(terms)} = {number(result)}"


def shown_keys(found: Arithmetic) -> list[int]:
    """The keys with the largest weights, and the first that the mask hides, where it hides one."""
    keys = [key for key in found.strongest[:KEYS].tolist() if found.mask[key] > -torch.inf]
    hidden = (found.mask == -torch.inf).nonzero()[:, 0].tolist()
    return [*keys, *hidden[:1]]


def steps_csv(found: Arithmetic, labels: Sequence[str]) -> str:
    """A line a key: every number from the product to the weight."""
    columns = {
        "q.k": found.products,
        "scaled": found.scaled,
        "mask": found.mask,
        "score": found.scores,
        "exp(score - max)": found.shifted,
        "weight": found.weights,
    }
    lines = [
        [position + 1, label, *(float(values[position]) for values in columns.values())]
        for position, label in enumerate(labels)
    ]
    return as_csv(["position", "key", *columns], lines)


def _vectors_csv(rows: Tensor, labels: Sequence[str]) -> str:
    header = ["position", "", *(str(component + 1) for component in range(rows.shape[1]))]
    return as_csv(
        header, [[n + 1, label, *row] for n, (label, row) in enumerate(zip(labels, rows.tolist(), strict=True))]
    )


def steps_zip(found: Arithmetic, labels: Sequence[str], query: str) -> bytes:
    """steps.csv and the whole vectors: q.csv, k.csv, v.csv, output.csv."""
    tables = {
        "steps": steps_csv(found, labels),
        "q": _vectors_csv(found.q[None], [query]),
        "k": _vectors_csv(found.k, labels),
        "v": _vectors_csv(found.v, labels),
        "output": _vectors_csv(found.output[None], [query]),
    }
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, table in tables.items():
            file.writestr(f"{name}.csv", table)
    return archive.getvalue()


def steps_npz(found: Arithmetic, labels: Sequence[str]) -> bytes:
    """Every array in float32, for numpy.load."""
    arrays = {name: getattr(found, name).numpy() for name in ("q", "k", "products", "scaled", "mask", "weights", "v")}
    archive = io.BytesIO()
    np.savez_compressed(
        archive, **arrays, output=found.output.numpy(), scale=np.float32(found.scale), labels=np.array(labels)
    )
    return archive.getvalue()
