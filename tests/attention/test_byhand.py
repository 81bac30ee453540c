"""Keys shut by hand: as if a softmax had never seen them, and known answers on planted models."""

import pytest
import torch
from torch import Tensor

from core.attention.byhand import ByHand, Edit, edit_of, elsewhere
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.attention.trace import Kind
from tests.attention import planted


def sentence() -> Subject:
    return planted.sentence_subject(planted.random_translator(), "w3 w1 w4 w2", "w2 w5 w6", None)


def after(subject: Subject, *edits: Edit) -> Tensor:
    with torch.inference_mode(), ByHand(subject, edits):
        return subject.copies(1)[0]


@pytest.mark.parametrize(
    ("make", "edit"),
    [
        (planted.random_subject, Edit("encoder", 1, 2, (0,), (3, 5))),
        (planted.random_subject, Edit("encoder", None, None, None, (7,))),
        (sentence, Edit("encoder", 0, 1, None, (1, 2))),
        (sentence, Edit("cross", None, 0, (1,), (0, 3))),
        (sentence, Edit("decoder", 1, None, (2,), (0,))),
    ],
)
def test_it_is_as_if_the_softmax_had_never_seen_the_keys(make, edit: Edit) -> None:
    """A mask of minus infinity, added before the softmax, in a pass of its own."""
    subject = make()

    def masked(call: AttentionCall, output: Tensor) -> Tensor:
        place = subject.place(call.index)
        if place is None or place[0] != edit.kind or edit.layer not in (None, place[1]):
            return output
        scores = call.query @ call.key.transpose(-2, -1) * call.scale  # (1, H, Nq, Nk)
        if call.mask is not None:
            scores = scores + (torch.where(call.mask, 0.0, -torch.inf) if call.mask.dtype == torch.bool else call.mask)
        if call.is_causal:
            scores = scores + torch.full(scores.shape[-2:], -torch.inf).triu(1)
        heads = slice(None) if edit.head is None else slice(edit.head, edit.head + 1)
        rows = slice(None) if edit.queries is None else list(edit.queries)
        block = scores[:, heads][:, :, rows]
        block[..., list(edit.keys)] = -torch.inf
        scores[:, heads, rows] = block
        return scores.softmax(-1) @ call.recorded_value

    with torch.inference_mode(), Tape.intervene(masked):
        wanted = subject.copies(1)[0]
    found = after(subject, edit)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
    with torch.inference_mode():
        assert (found - subject.copies(1)[0]).nan_to_num().abs().max() > 1e-4
    torch.testing.assert_close(after(subject, edit, edit), wanted, rtol=1e-4, atol=1e-4)
    assert torch.equal(after(subject), after(subject, Edit(edit.kind, edit.layer, edit.head, (), edit.keys)))


@pytest.mark.parametrize("kind", ["encoder", "decoder", "cross"])
def test_a_share_is_what_a_number_added_to_the_scores_gives(kind: Kind) -> None:
    """And a key that is not to be seen stays unseen."""
    subject, keys, share = sentence(), [1, 2], 0.7
    added: list[float] = []

    def moved(call: AttentionCall, output: Tensor) -> Tensor:
        if subject.place(call.index) != (kind, 1):
            return output
        weights = call.weights()
        own = weights[..., keys].sum(-1, keepdim=True)
        shift = torch.where((own > 0) & (own < 1), (share / (1 - share) * (1 - own) / own).log(), 0.0)
        added.append(float(shift.abs().max()))
        weights[..., keys] *= shift.exp()  # e^(score + shift)
        return weights / weights.sum(-1, keepdim=True) @ call.recorded_value

    with torch.inference_mode(), Tape.intervene(moved):
        wanted = subject.copies(1)[0]
    edit = Edit(kind, 1, None, None, tuple(keys), share)
    assert edit_of(edit.text, subject) == edit and edit.text == f"{kind}-2-a-a-2.3-70"
    torch.testing.assert_close(after(subject, edit), wanted, rtol=1e-4, atol=1e-4)
    assert len(added) == 1 and added[0] > 0.1


def test_what_the_planted_patch_says_is_gone_with_it() -> None:
    place = 6
    subject = planted.colour_subject(place, 0)
    with torch.inference_mode():
        before = subject.copies(1)[0, 0]
    shut = after(subject, Edit("encoder", None, None, None, (place + 1,)))[0]
    other = after(subject, Edit("encoder", None, None, None, (place + 2,)))[0]
    assert before[0] - before[1] > 1 and (shut[0] - shut[1]).abs() < 1e-4
    torch.testing.assert_close(other, before, rtol=0, atol=0.2)


def test_the_copied_word_is_gone_with_its_key() -> None:
    subject = planted.sentence_subject(planted.copier(), "w3 w7 w1", "w3 w7 w1", None)
    written = after(subject, Edit("cross", None, None, None, (1,))).argmax(-1)
    assert subject.asked is not None
    assert (written == subject.asked).tolist() == [True, False, True, True]


def test_a_search_writes_as_the_pass_does() -> None:
    """Step by step with a cache, each step with its own place among the queries."""
    translator = planted.random_translator()
    subject = planted.sentence_subject(translator, "w3 w1 w4 w2", "w2 w5 w6", None)
    source = translator.source_pieces("w3 w1 w4 w2", None)[0]
    edits = [Edit("cross", None, None, (1,), (0, 1)), Edit("decoder", 0, 1, (2,), (0, 1))]

    def searched() -> Tensor:
        found = translator.module.generate(
            input_ids=source,
            attention_mask=torch.ones_like(source),
            max_new_tokens=4,
            num_beams=1,
            suppress_tokens=[0],
            output_scores=True,
            return_dict_in_generate=True,
        )
        assert found.sequences.shape == (1, 5)
        return torch.cat([found.sequences[:, 1:].T.float(), torch.cat(found.scores)], 1)  # (4, 1 + vocabulary)

    with ByHand(subject, edits):
        found = searched()
    given = torch.cat([torch.zeros(1, 1), found[:-1, :1].T], 1).long()
    with torch.inference_mode(), ByHand(subject, edits):
        logits = translator.module(input_ids=source, decoder_input_ids=given).logits[0]
    torch.testing.assert_close(found[:, 2:], logits[:, 1:], rtol=1e-4, atol=1e-4)
    assert (searched()[0] - found[0]).nan_to_num().abs().max() < 1e-4, "the first step is as it was"
    assert (searched()[1] - found[1]).nan_to_num().abs().max() > 1e-3, "the second is not"


def test_an_edit_has_a_short_text_that_is_read_back_and_nonsense_is_none() -> None:
    subject = sentence()
    edits = [Edit("cross", 1, None, (2,), (0, 3)), Edit("encoder", None, 1, None, (4,), 0.125)]
    assert [edit.text for edit in edits] == ["cross-2-a-3-1.4", "encoder-a-2-a-5-12.5"]
    assert [edit_of(edit.text, subject) for edit in edits] == edits
    for text in (
        "",
        "cross",
        "cross-9-a-a-1",
        "cross-1-1-1-a",
        "cross-1.2-a-a-1",
        "x-a-a-a-1",
        "cross-a-a-a-²",
        "cross-a-a-a-99",
        "cross-a-a-a-1-x",
        "cross-a-a-a-1-nan",
        "cross-a-a-a-1-4-4",
    ):
        assert edit_of(text, subject) is None, text


@pytest.mark.parametrize("kind", ["encoder", "cross"])
def test_the_control_shuts_as_many_other_keys(kind: Kind) -> None:
    subject, draw = sentence(), torch.Generator().manual_seed(0)
    edit = Edit(kind, None, None, None, (1, 2))
    other = elsewhere(edit, subject, draw)
    assert len(other.keys) == 2 and not set(other.keys) & set(edit.keys)
