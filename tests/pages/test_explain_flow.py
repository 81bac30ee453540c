"""The section *Where from*: its numbers are the walk's, and an opened edge is in the link."""

import pytest

from core import wording
from core.attention.routes import drawn, routes
from core.models.catalogue import default
from core.models.subjects import translation_subject
from core.models.translation import load_translator
from core.ui import work
from core.views.flow import flow_graph
from tests.pages.test_explain import settled, texts
from tests.pages.test_explain_link import in_link, linked

SENTENCE = "A dog is running."


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", 112)


def test_what_is_told_is_the_walk_s_and_an_edge_of_the_link_is_opened() -> None:
    translator = load_translator(default("translation").key)
    written = translator.translate(SENTENCE, "deu")
    found = routes(translation_subject(translator, SENTENCE, "deu", written, 1))
    edge = next(one for one in drawn(found, 4) if one.kind == "cross")
    text = "-".join(["cross", *(str(n + 1) for n in (edge.layer, edge.head, edge.query, edge.key))])
    test = settled(linked("flow", sentence=SENTENCE, piece="2", edges="4", sentence_edge=text, photo_edge="²"))
    told = texts(test).replace("\\", "")
    assert not test.exception and len(test.get("plotly_chart")) == 2
    assert in_link(test, "sentence_edge") == text and not in_link(test, "photo_edge")
    values = {
        "kind": wording.text("ablation.cross", "en"),
        "layer": edge.layer + 1,
        "head": edge.head + 1,
        "share": f"{edge.share:.1%}",
        "key": written.source.pieces[edge.key],
        "query": written.target.pieces[edge.query],
    }
    assert wording.text("flow.opened", "en", **values) in told
    arrived, edges = found.arrives["encoder"][0], drawn(found, 4)
    shown = {e.key for e in edges if e.kind != "decoder"} | {e.query for e in edges if e.kind == "encoder"}
    written_at = {e.query for e in edges if e.kind != "encoder"} | {e.key for e in edges if e.kind == "decoder"}
    left = {"encoder_drawn": len(shown), "encoder_all": len(arrived), "decoder_drawn": len(written_at)}
    left |= {"decoder_all": len(written.target), "share": f"{float(arrived[sorted(shown)].sum() / arrived.sum()):.0%}"}
    assert wording.text("flow.left_out_sentence", "en", **left) in told
    box = next(one for one in test.selectbox if str(one.key).startswith("flow_edge_sentence"))
    assert box.value == text and len(box.options) == 1 + len(edges)
    box.set_value("").run()
    assert not test.exception and not in_link(test, "sentence_edge")
    most = int(arrived.argmax())
    assert f"{written.source.pieces[most]}: {float(arrived[most]):.1%}" in told


def test_every_edge_of_the_figure_carries_its_number() -> None:
    translator = load_translator(default("translation").key)
    written = translator.translate(SENTENCE, "deu")
    found = routes(translation_subject(translator, SENTENCE, "deu", written))
    edges = drawn(found, 2)
    names = {"encoder": [f"<b>{n}" for n in range(20)], "decoder": [str(n) for n in range(20)]}
    kinds = {kind: kind for kind in ("encoder", "decoder", "cross")}
    figure = flow_graph(edges, found.arrives, names, lambda edge: edge.kind, lambda *_: "", "layer", kinds, edges[0])
    handles = next(trace for trace in figure.data if trace.customdata is not None)
    assert list(handles.customdata) == list(range(len(edges)))
    assert list(handles.text) == [edge.kind for edge in edges]
    assert not any("<b>" in text for text in figure.layout.xaxis.ticktext), "names are text"
    assert {trace.name for trace in figure.data if trace.showlegend is not False} <= set(kinds)
