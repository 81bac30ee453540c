"""The weights that a view shows as a file: one CSV, or a ZIP of one for each card."""

import io
import zipfile
from collections.abc import Mapping, Sequence

from core.views.linked.cards import Card, Row, names_of
from core.views.linked.state import Chosen
from core.views.tables import map_table, row_table


def numbers(cards: Sequence[Card], chosen: Chosen) -> bytes:
    """Of the chosen layer and heads; the file is a ZIP where there are several cards."""
    return as_file(
        {f"{name}.csv": table(card, name, chosen) for card, name in zip(cards, names_of(cards), strict=True)}
    )


def as_file(tables: Mapping[str, str]) -> bytes:
    """tables: texts by the names of their files."""
    if len(tables) == 1:
        return next(iter(tables.values())).encode()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in tables.items():
            file.writestr(name, text)
    return archive.getvalue()


def table(card: Card, name: str, chosen: Chosen) -> str:
    """What one position looks at, where positions lie on a photo or are objects; of words the whole map."""
    lead, position = card.asked(chosen.at.get(name, ""))
    trace, axis = lead.trace, card.axes[lead.queries]
    layer, heads = chosen.layer(trace.layers), chosen.heads_of(name, trace.heads)
    if not isinstance(axis, Row):
        return row_table(trace, layer, heads, position)
    return map_table(trace, layer, heads, axis.axis.labels if lead.written else ())
