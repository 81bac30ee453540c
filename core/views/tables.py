"""Attention as CSV: one line a key position (image) or a pair of pieces (sentence), one column a head."""

import csv
import io
from collections.abc import Sequence

from core.attention.trace import AttentionTrace

FORMULA = ("=", "+", "-", "@", "\t")  # what a cell that a spreadsheet computes may start with


def row_table(trace: AttentionTrace, layer: int, heads: Sequence[int], query: int) -> str:
    """What one position of an image looks at. layer, heads and query count from 0, in the file from 1."""
    rows = [trace.row(layer, head, query).tolist() for head in heads]
    lines = []
    for position, label in enumerate(trace.key_axis.labels):
        lines.append([layer + 1, trace.query_axis.labels[query], label, *(f"{row[position]:.6g}" for row in rows)])
    return as_csv(["layer", "query", "key", *(f"head {head + 1}" for head in heads)], lines)


def map_table(trace: AttentionTrace, layer: int, heads: Sequence[int], outputs: Sequence[str] = ()) -> str:
    """Every weight of one layer. outputs: the piece that each row writes, of cross-attention."""
    maps = [trace.map(layer, head).tolist() for head in heads]
    lines = []
    for query, output in enumerate(outputs or trace.query_axis.labels):
        for key, label in enumerate(trace.key_axis.labels):
            weights = (f"{weight[query][key]:.6g}" for weight in maps)
            lines.append([layer + 1, query + 1, output, key + 1, label, *weights])
    names = (f"head {head + 1}" for head in heads)
    columns = ("step", "written", "source position", "source") if outputs else ("position", "query", "at", "key")
    return as_csv(["layer", *columns, *names], lines)


def as_csv(header: Sequence[str], lines: Sequence[Sequence[object]]) -> str:
    """With a byte order mark: spreadsheets then read it as UTF-8. What would start a formula there is set in quotes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    for line in lines:
        writer.writerow([f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in line])
    return "\ufeff" + text.getvalue()
