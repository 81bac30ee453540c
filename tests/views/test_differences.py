"""Figures of the lessons: each number, name and frame stands where it belongs."""

import math

import pytest
import torch
from PIL import Image, ImageColor

from core.differences.structure import Part
from core.models.beams import BeamTree, Node
from core.views.beams import beam_figure
from core.views.charts import AMBER, TEAL
from core.views.differences import charts, diagrams, figures

GRID = (2, 3)  # rows, columns: not square, so that a swapped axis shows
AT = "row {row}, column {column}"


def frames(figure) -> list[tuple[float, float, str]]:
    """(column, row, colour) in the middle of each frame, without its white edge."""
    return [
        ((shape.x0 + shape.x1) / 2, (shape.y0 + shape.y1) / 2, shape.line.color)
        for shape in figure.layout.shapes
        if shape.line.color != "white"
    ]


def test_a_patch_answers_with_its_own_place() -> None:
    figure = figures.patch_picture(Image.new("RGB", (42, 28)), GRID, AT, {5: TEAL}, values=[0, 1, 2, 3, 4, 5])
    dots = figure.data[0]
    found = {patch: (x, y, text) for patch, x, y, text in zip(dots.customdata, dots.x, dots.y, dots.text, strict=True)}
    assert found[2] == (2, 0, "row 1, column 3: 2.000") and found[3] == (0, 1, "row 2, column 1: 3.000")
    assert frames(figure) == [(2, 1, TEAL)], "patch 5 is the last of the second row"
    picture = figure.layout.images[0]
    assert (picture.x, picture.y, picture.sizex, picture.sizey) == (-0.5, -0.5, 3, 2)


def test_a_picture_is_cut_into_its_patches() -> None:
    whole = Image.new("RGB", (42, 28), "red")
    whole.paste("blue", (28, 0, 42, 14))  # the third patch of the first row
    cut = figures.cut_up(whole, GRID, 14, 3)
    assert cut.size == (3 * 17 - 3, 2 * 17 - 3)
    assert cut.getpixel((40, 7)) == (0, 0, 255, 255) and cut.getpixel((40, 24)) == (255, 0, 0, 255)
    assert cut.getpixel((15, 7))[3] == 0, "clear between patches"


def test_a_map_over_the_patches_names_and_frames_them() -> None:
    figure = figures.grid_map(torch.arange(6.0).reshape(GRID), AT, marked=3, colour=AMBER, diverging=False)
    assert list(figure.data[0].z) == [[0, 1, 2], [3, 4, 5]] and figure.data[0].text[1][2] == "row 2, column 3"
    assert frames(figure) == [(0, 1, AMBER)]


def test_few_counts_are_named_on_the_axis_and_many_stand_on_a_usual_one() -> None:
    few = charts.lines({"a": [(5, 0.1), (20, 0.2)], "b": [(20, 0.3), (500, 0.4)]}, "n", "share", log=True)
    assert list(few.layout.xaxis.tickvals) == [5, 20, 500]
    many = charts.lines({"a": [(n, 0.5) for n in range(3, 30)]}, "n", "share", log=True)
    assert list(many.layout.xaxis.tickvals) == charts.TICKS


def test_strips_and_matrices_keep_rows_and_columns() -> None:
    strips = figures.strips(torch.tensor([[1.0, -4.0], [2.0, 0.0]]), ["a", "<b>"])
    assert list(strips.data[0].z) == [[1, -4], [2, 0]] and (strips.data[0].zmin, strips.data[0].zmax) == (-4, 4)
    assert strips.layout.yaxis.ticktext == ("a", "&lt;b&gt;") and strips.layout.yaxis.autorange == "reversed"
    figure = figures.matrix(torch.arange(6.0).reshape(GRID), ["q1", "q2"], ["k1", "k2", "k3"], 0, 5, titles=("Q", "K"))
    assert figure.data[0].customdata[1][2] == "q2 → k3" and figure.data[0].z[1][2] == 5
    assert (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text) == ("Q", "K")
    assert figure.layout.yaxis.autorange == "reversed", "the first query on top"


def test_the_piece_that_was_changed_is_amber() -> None:
    bars = figures.change_bars(["a", "b", "c"], [0, 0.2, 0.4], 1, "moved").data[0]
    assert list(bars.marker.color) == [TEAL, AMBER, TEAL] and list(bars.y) == [0, 0.2, 0.4]


def test_growth_marks_where_this_run_stands() -> None:
    line, here = figures.growth({"image": [(112, 65), (224, 257)]}, "px", "positions", [(224, 257)]).data
    assert (list(line.x), list(line.y)) == ([112, 224], [65, 257])
    assert (list(here.x), list(here.y), here.marker.color) == ([224], [257], AMBER)


def test_a_tensor_as_a_picture_is_clear_at_zero_amber_above_and_teal_below() -> None:
    picture = figures.heat_image(torch.tensor([[-1.0, 0.0, 1.0]]), width=3, height=1)
    low, zero, high = (picture.getpixel((x, 0)) for x in range(3))
    assert low == ImageColor.getcolor(TEAL, "RGBA") and high == ImageColor.getcolor(AMBER, "RGBA") and zero[3] == 0


def test_the_target_of_a_loss_stands_at_its_class() -> None:
    bars, diamonds = charts.against_target(["cat", "dog"], [0.2, 0.8], [0.95, 0.05], ("model", "target")).data
    assert (list(bars.x), list(diamonds.x)) == ([0.2, 0.8], [0.95, 0.05]) and list(bars.y) == list(diamonds.y)


def test_a_pieces_loss_and_its_smoothed_loss_stand_at_the_piece() -> None:
    bars, dots = charts.piece_losses(["a", "b"], [1, 2], [1.5, 2.5], ["said a", "said b"], ("p", "s"), "nats").data
    assert (list(bars.y), list(dots.y), list(bars.text)) == ([1, 2], [1.5, 2.5], ["said a", "said b"])


def test_a_fitted_power_is_drawn_through_its_points() -> None:
    points, line = charts.powers({"see": [(4, 32), (16, 512)]}, {"see": (2, 2)}, "N", "s").data
    assert list(line.y) == pytest.approx(list(points.y)) and list(line.x) == list(points.x)


def test_bars_side_by_side_and_a_line_where_the_slider_stands() -> None:
    first, second = charts.pairs_of_bars(["one", "two"], {"p": [1, 2], "r": [3, 4]}, "%").data
    assert (first.name, list(first.y), second.name, list(second.y)) == ("p", [1, 2], "r", [3, 4])
    figure = charts.lines({"kept": [(0, 1.0), (1, 0.5)]}, "share", "", here=0.25)
    assert list(figure.data[0].y) == [1.0, 0.5]
    assert (figure.layout.shapes[0].x0, figure.layout.shapes[0].x1) == (0.25, 0.25)


def part(stack: str, name: str, **calls: object) -> Part:
    role = "layer" if calls else "embed"
    return Part(stack, role, name, 1 if calls else 0, 1_775_232, (("w", (2, 2), False),), calls)


def test_every_part_of_the_models_has_its_box_and_only_readers_get_an_arrow() -> None:
    parts = [
        part("vision", "blocks.0", encoder=None),
        part("encoder", "layers.0", encoder=None),
        part("decoder", "embed_tokens"),
        part("decoder", "layers.0", decoder=None, cross=None),
    ]
    names = {one.key: f"box {number}" for number, one in enumerate(parts)}
    words = {"both": "<->", "causal": "|>", "cross": "x", "shared": "shared", "ink": "#000", "language": "en"}
    figure = diagrams.architecture(parts, names, ["V", "E", "D"], "encoder:layers.0", words)
    dots = figure.data[0]
    places = dict(zip(dots.customdata, zip(dots.x, dots.y, strict=True), strict=True))
    assert places == {
        "vision:blocks.0": (0, 0),
        "encoder:layers.0": (1, 0),
        "decoder:embed_tokens": (2, 0),
        "decoder:layers.0": (2, 1),
    }
    written = [one.text for one in figure.layout.annotations if one.text and "box" in one.text]
    assert written == [
        "box 0 · 1.78\u00a0M &lt;-&gt;",
        "box 1 · 1.78\u00a0M &lt;-&gt;",
        "box 2 · 1.78\u00a0M",
        "box 3 · 1.78\u00a0M |&gt; x",
    ]
    arrows = [one for one in figure.layout.annotations if one.showarrow]
    assert [(one.y, one.ay) for one in arrows] == [(1, 0)], "to the layer that reads, not to the table"
    assert [box.line.color == TEAL for box in figure.layout.shapes] == [False, True, False, False]


def test_a_tree_of_beams_stands_step_by_step_with_the_best_on_top() -> None:
    def node(step: int, parent: int, piece: str, fate: str) -> Node:
        return Node(step, parent, piece, -1.0 - step, math.exp(-1), fate)

    tree = BeamTree(
        (
            node(0, -1, "a", "best"),
            node(0, -1, "b", "kept"),
            node(1, 0, "c", "best"),
            node(1, 1, "d", "pruned"),
            node(2, 2, "e", "best"),
        ),
        (0, 1),
        "ace",
    )
    words = {
        "best": "best",
        "kept": "kept",
        "finished": "finished",
        "pruned": "pruned",
        "ink": "#000",
        "cell": "{piece} {chance} {score}",
    }
    figure = beam_figure(tree, 1, 2, words)
    dots = {trace.name: trace for trace in figure.data if trace.mode == "markers+text"}
    assert [*zip(dots["best"].x, dots["best"].y, dots["best"].text, strict=True)] == [(1, 0, "c"), (2, 0, "e")]
    assert [*zip(dots["pruned"].x, dots["pruned"].y, strict=True)] == [(1, 1)]
    assert dots["best"].hovertext[0] == "c 36.8% −2.00" and not dots["kept"].x
    lines = [trace for trace in figure.data if trace.mode == "lines" and trace.x]
    assert [(trace.x, trace.y) for trace in lines] == [((1, 2, None), (0, 0, None))], "none from what is not shown"
    assert figure.layout.xaxis.ticktext == ("2", "3")
