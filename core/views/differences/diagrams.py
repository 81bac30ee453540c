"""The diagram of the Differences page: two models as stacks of parts to click."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from core.differences.structure import Part
from core.views.charts import AMBER, GREY, TEAL, house, plain
from core.wording import large

STACKS = ("vision", "encoder", "decoder")
FILL = {
    "embed": "rgba(124,111,220,0.25)",
    "layer": "rgba(15,143,134,0.22)",
    "norm": "rgba(128,136,144,0.18)",
    "head": "rgba(217,119,6,0.25)",
}
ROW = 31  # px of a part
HALF, TALL = 0.44, 0.38  # half the width and height of a box, in columns and rows


def architecture(
    parts: Sequence[Part], names: Mapping[str, str], titles: Sequence[str], chosen: str, words: Mapping[str, str]
) -> go.Figure:
    """Every part a box, data from the bottom up, one column a stack; customdata of the clear marker on it is its key.

    names: what each box says, by the part's key. titles: of the columns. words: "both" and "causal" stand for the two
    kinds of self-attention, "cross" for the reading of the encoder, beside the layers that have them; "shared" for a
    part all of whose parameters another one counts; "ink" is the colour of the text, "language" that of
    its numbers.
    """
    figure = go.Figure()
    places, heights = {}, dict.fromkeys(STACKS, 0)
    for part in parts:
        places[part.key] = (STACKS.index(part.stack), heights[part.stack])
        heights[part.stack] += 1
    boxes = [_box(part, places[part.key], names[part.key], part.key == chosen, words) for part in parts]
    figure.add_scatter(
        x=[x for x, _ in places.values()],
        y=[y for _, y in places.values()],
        mode="markers",
        customdata=list(places),
        text=[plain(names[key]) for key in places],
        hovertemplate="%{text}<extra></extra>",
        marker={"size": 20, "opacity": 0},
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )
    top = max(heights.values())
    heads = [
        {"x": column, "y": heights[stack] - 0.1, "text": f"<b>{plain(title)}</b>", "showarrow": False, "font_size": 13}
        for column, (stack, title) in enumerate(zip(STACKS, titles, strict=True))
    ]
    written = [{"font_color": words["ink"], **one} for one in (*heads, *(text for _, text in boxes))]
    # All at once: plotly copies its whole list for each that is added.
    figure.update_layout(shapes=[box for box, _ in boxes], annotations=[*written, *_cross_lines(parts, places)])
    hidden = {"visible": False, "fixedrange": True}
    figure.update_xaxes(range=[-0.5, 2.5], **hidden)
    figure.update_yaxes(range=[-0.6, top + 0.3], **hidden)
    figure.update_layout(hovermode="closest", hoverdistance=-1, showlegend=False, dragmode=False)
    return house(figure, ROW * (top + 1)).update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0})


Drawn = dict[str, object]  # a shape or an annotation of plotly's


def _box(part: Part, place: tuple[int, int], name: str, chosen: bool, words: Mapping[str, str]) -> tuple[Drawn, Drawn]:
    """The box and what stands in it."""
    x, y = place
    line = {"color": TEAL if chosen else GREY, "width": 3 if chosen else 0.8}
    corners = {"x0": x - HALF, "x1": x + HALF, "y0": y - TALL, "y1": y + TALL}
    signs = [words["causal" if kind == "decoder" else "both" if kind == "encoder" else "cross"] for kind in part.calls]
    shared = all(counted == "before" for *_, counted in part.tensors)
    text = plain(
        " ".join([name, "·", words["shared"] if shared else large(part.parameters, words["language"]), *signs])
    )
    shape = {"type": "rect", "fillcolor": FILL[part.role], "line": line, **corners}
    return shape, {"x": x, "y": y, "text": text, "showarrow": False, "font_size": 11}


def _cross_lines(parts: Sequence[Part], places: Mapping[str, tuple[int, int]]) -> list[Drawn]:
    """From the encoder's last part to every decoder layer that reads it."""
    sources = [places[part.key] for part in parts if part.stack == "encoder"]
    readers = [places[part.key] for part in parts if "cross" in part.calls]
    return [
        {
            "x": x - HALF,
            "y": y,
            "ax": sources[-1][0] + HALF,
            "ay": sources[-1][1],
            "xref": "x",
            "yref": "y",
            "axref": "x",
            "ayref": "y",
            "showarrow": True,
            "arrowhead": 2,
            "arrowwidth": 1.4,
            "arrowcolor": AMBER,
            "text": "",
        }
        for x, y in readers
    ]
