"""Routes: shares sum to 1, each is that of its parts computed by hand, and planted models show their route."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
import transformers as hf
from torch import nn

from core.attention.repeated import projection_after
from core.attention.routes import contributions, drawn, routes, taken_away
from core.attention.subject import Subject
from core.errors import SidelightError
from core.models.subjects import photo_subject
from core.models.translation import Translator
from tests.attention import planted
from tests.attention.architectures import SEQ2SEQ, T5
from tests.models.untrained import spread

SIZE = len(planted.SPECIAL + planted.WORDS)
SMALL = SEQ2SEQ | {"forced_eos_token_id": None}
del SMALL["vocab_size"]


def sentence(target: int | None) -> Subject:
    return planted.sentence_subject(planted.random_translator(), "w3 w1 w4 w2", "w2 w5 w6", target)


@pytest.mark.parametrize("make", [planted.random_subject, sentence])
@pytest.mark.parametrize("target", [2, None])
def test_nothing_is_lost_on_any_level(make: Callable, target: int | None) -> None:
    found = routes(make(target))
    inputs = sum(float(level[0].sum()) for level in found.arrives.values())
    assert inputs == pytest.approx(1, abs=1e-4)
    for kind, level in found.arrives.items():
        if kind == "decoder":  # what cross-attention took goes to the source
            assert bool((level.sum(1).diff() >= -1e-5).all()) and float(level[-1].sum()) == pytest.approx(1, abs=1e-4)
        else:
            torch.testing.assert_close(level.sum(1), level[-1].sum().expand(len(level)), rtol=0, atol=1e-4)
    assert min(edge.share for edge in found.edges) >= 0


def test_shares_of_a_row_sum_to_one() -> None:
    torch.manual_seed(0)
    parts = torch.randn(2, 5, 8)
    shares, rest = contributions(parts.sum((0, 1)) + torch.randn(8), parts)
    assert float(shares.sum()) + rest == pytest.approx(1, abs=1e-5) and float(shares.min()) >= 0
    shares, rest = contributions(torch.zeros(8), torch.zeros(2, 5, 8))
    assert not shares.any() and rest == 1


@pytest.mark.parametrize("more", [{}, {"init_values": 0.5}], ids=["plain", "layer scale"])
def test_the_last_layer_s_shares_are_those_of_its_block(more: dict) -> None:
    """The parts, by the block's own matrices; what is left of the sum is what came in, and the bias."""
    model = planted.random_vision(**more)
    photo = planted.random_photo()
    subject = photo_subject(model, photo, planted.SIDE, "stretch", 1)
    block, states = model.module.blocks[-1], model.states(model.pixels(photo))
    with torch.no_grad():
        before = states[-2][0, 0]
        given = block.attn.qkv(block.norm1(states[-2]))[0].reshape(-1, 3, 3, 8).permute(1, 2, 0, 3)  # (3, H, N, 8)
        weights = (given[0] @ given[1].transpose(-2, -1) / 8**0.5).softmax(-1)[:, 0]  # (H, N), of CLS
        out = torch.stack([given[2][h] @ block.attn.proj.weight[:, h * 8 : h * 8 + 8].T for h in range(3)])
        gamma = block.ls1.gamma if more else torch.ones(model.width)
        parts = weights[..., None] * out * gamma  # (H, N, D)
        after = before + parts.sum((0, 1)) + gamma * block.attn.proj.bias
        near = after.abs().sum() - (after - parts).abs().sum(-1)
        rest = after.abs().sum() - (after - before - gamma * block.attn.proj.bias).abs().sum()
        total = near.clamp_min(0).sum() + rest.clamp_min(0)
    found = [edge for edge in routes(subject).edges if edge.layer == 2]
    assert found and all(edge.query == 0 for edge in found), "CLS is what is read"
    for edge in found:
        assert edge.share == pytest.approx(float(near.clamp_min(0)[edge.head, edge.key] / total), abs=1e-4)
    assert float(routes(subject).stays["encoder"][2, 0]) == pytest.approx(float(rest / total), abs=1e-4)


def test_planted_models_show_their_route() -> None:
    place = 6
    found = routes(planted.colour_subject(place, 1))
    edge = next(edge for edge in found.edges if edge.key != edge.query)
    assert (edge.query, edge.key) == (0, place + 1), "CLS took it from the planted patch"
    subject = planted.sentence_subject(planted.copier(), "w3 w7 w1", "w3 w7 w1", 1)
    edge = next(edge for edge in routes(subject).edges if edge.kind == "cross")
    assert (edge.query, edge.key) == (1, 1) and int(routes(subject).arrives["encoder"][0].argmax()) == 1


@pytest.mark.parametrize("make", [planted.random_subject, lambda target: sentence(target)])
def test_what_is_drawn_hangs_together(make: Callable) -> None:
    subject = make(2)
    found = routes(subject)
    edges = drawn(found, 2)
    reached = {"encoder": set(), "decoder": set()} | {
        "decoder" if subject.last == "cross" else "encoder": {int(subject.reader.argmax())}
    }
    for edge in edges:
        writes, reads = ("decoder", "encoder") if edge.kind == "cross" else (edge.kind, edge.kind)
        assert edge.query in reached[writes] and (writes != reads or edge.key != edge.query)
        reached[reads].add(edge.key)
    places = [(edge.kind, edge.layer) for edge in edges]
    assert max(map(places.count, places)) == 2 and len(set(places)) == sum(subject.depth.values())


OTHERS: dict[str, Callable[[], nn.Module]] = {
    "weights that are formed, words before items": lambda: hf.FSMTForConditionalGeneration(
        hf.FSMTConfig(
            langs=["en", "de"], src_vocab_size=SIZE, tgt_vocab_size=SIZE, attn_implementation="eager", **SMALL
        )
    ),
    "norms that are written out": lambda: hf.T5ForConditionalGeneration(
        hf.T5Config(**T5 | {"vocab_size": SIZE, "pad_token_id": 0, "eos_token_id": 1})
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_models_of_other_make_are_followed(name: str) -> None:
    """Nothing is lost: each layer's sum was found to be that of its heads, or it would be refused."""
    module = spread(OTHERS[name]())
    subject = planted.sentence_subject(
        Translator("other", module, planted.word_tokenizer(), ()), "w3 w1 w4 w2", "w2 w5 w6", 1
    )
    found = routes(subject)
    whole = float(found.arrives["encoder"][0].sum() + found.arrives["decoder"][0].sum())
    assert whole == pytest.approx(1, abs=1e-4)
    assert {edge.kind for edge in found.edges} == set(subject.traces)


def test_a_model_whose_sums_are_not_its_heads_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = planted.random_subject()
    for wrong in (lambda *_: None, lambda recording, call: torch.randn_like(projection_after(recording, call))):
        monkeypatch.setattr("core.attention.routes.projection_after", wrong)
        with pytest.raises(SidelightError) as error:
            routes(replace(subject, projections={}))
        assert error.value.code == "flow.not_known"


def test_taking_away_where_most_arrives_is_compared_with_random_orders() -> None:
    """Of 16 patches two go: the planted one and another; at random it goes seldom."""
    subject = planted.colour_subject(6, 0)
    whole, without, others = taken_away(subject, routes(subject).arrives["encoder"][0])
    assert whole > others > without
    kept = torch.ones(1, len(subject.axis), dtype=torch.bool)
    assert whole == pytest.approx(float(subject.scores(kept, "blur")[0]))
