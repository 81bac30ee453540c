"""Patching: each cell against the same change made by hand on a whole pass, and known answers on planted models."""

from collections.abc import Callable

import pytest
import torch
import transformers as hf
from PIL import Image
from torch import Tensor

from core.attention import patching
from core.attention.patching import Part, Row, Swap, swap
from core.attention.repeated import Again, call_of, record
from core.attention.subject import Subject
from core.attention.tape import AttentionCall, Tape
from core.errors import SidelightError
from core.models.subjects import photo_subject
from core.models.translation import Translator
from tests.attention import planted
from tests.attention.architectures import SEQ2SEQ

PLACE = 6
TARGETS = [2, None]
A, B = "w3 w1 w4", "w3 w8 w4"


def photos(target: int | None) -> tuple[Subject, Subject, list[torch.nn.Module]]:
    model = planted.random_vision()
    other = planted.random_photo().transpose(Image.Transpose.ROTATE_90)
    made = [photo_subject(model, one, planted.SIDE, "stretch", target) for one in (planted.random_photo(), other)]
    return made[0], made[1], list(model.module.blocks)


def sentences(target: int | None) -> tuple[Subject, Subject, list[torch.nn.Module]]:
    translator = planted.random_translator()
    made = [planted.sentence_subject(translator, one, "w2 w5 w6", target) for one in (A, B)]
    return made[0], made[1], list(translator.module.model.encoder.layers)


MAKERS = pytest.mark.parametrize("make", [photos, sentences])


def by_heart(pair: Swap, change: Callable[[AttentionCall, Tensor], Tensor]) -> float:
    with torch.inference_mode(), Tape.intervene(change):
        return float(pair.recovery(pair.subject.copies(1))[0])


@MAKERS
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("part", ["output", "pattern"])
def test_each_head_is_as_if_it_were_changed_in_a_whole_pass(make: Callable, target: int | None, part: Part) -> None:
    a, b, _ = make(target)
    pair = swap(a, b)
    rows = list(patching.heads(pair, part))
    assert sum(len(row.recovery) for row in rows) == sum(one.layers * one.heads for one in b.traces.values())
    assert max(row.idle for row in rows) < 1e-4, "what was there is put back"
    for row in rows:
        index = call_of(b, row.kind, row.layer)
        of_a, of_b = a.traces[row.kind].calls[row.layer], b.traces[row.kind].calls[row.layer]
        for head in range(b.traces[row.kind].heads):

            def change(call: AttentionCall, output: Tensor, index: int = index, head: int = head) -> Tensor:
                if call.index != index:
                    return output
                value = of_b.recorded_value if part == "pattern" else of_a.recorded_value  # noqa: B023
                output[0, head] = of_a.weights()[0, head] @ value[0, head]  # noqa: B023
                return output

            assert float(row.recovery[head]) == pytest.approx(by_heart(pair, change), abs=1e-3)


@MAKERS
@pytest.mark.parametrize("target", TARGETS)
def test_each_group_of_positions_is_as_if_the_layer_had_given_it(make: Callable, target: int | None) -> None:
    a, b, layers = make(target)
    pair, groups = swap(a, b), list(b.axis.groups(2).values())
    found = {row.layer: row for row in patching.positions(pair, {"encoder": [*groups, list(range(len(b.axis)))]})}
    given: list[Tensor] = []
    for number, layer in enumerate(layers):
        hook = layer.register_forward_hook(lambda part, args, output: given.append(output))
        with torch.inference_mode():
            a.copies(1)
        hook.remove()
        for group, recovery in zip(groups, found[number].recovery, strict=False):

            def put(part: object, args: object, output: Tensor, group: list[int] = group) -> Tensor:
                output = output.clone()
                output[:, group] = given[-1][:, group]
                return output

            hook = layer.register_forward_hook(put)
            with torch.inference_mode():
                wanted = float(pair.recovery(b.copies(1))[0])
            hook.remove()
            assert float(recovery) == pytest.approx(wanted, abs=1e-3)
        assert float(found[number].recovery[-1]) == pytest.approx(1, abs=1e-3), "all of a layer is all of the answer"
        assert found[number].idle < 1e-4


def test_a_decoder_s_positions_before_the_one_that_answers_reach_it() -> None:
    a, b, _ = sentences(1)
    groups = [[0], [1], [2], [3]]
    found = {row.layer: row.recovery for row in patching.positions(swap(a, b), {"decoder": groups})}
    assert float(found[1][1]) == pytest.approx(1, abs=1e-4), "the last layer's state at the place that answers"
    assert found[1][[0, 2, 3]].abs().max() < 1e-4 and found[0][2:].abs().max() < 1e-4, "none sees what comes later"
    assert found[0][0].abs() > 1e-4


def cells(rows: list[Row]) -> Tensor:
    return torch.cat([row.recovery for row in rows])


def coloured(*patches: tuple[int, tuple[int, int, int]]) -> Subject:
    photo = Image.new("RGB", (planted.SIDE, planted.SIDE), (40, 40, 40))
    for place, colour in patches:
        one = planted.planted_photo(place, colour)
        row, column = divmod(place, planted.SIDE // planted.PATCH)
        corner = (column * planted.PATCH, row * planted.PATCH)
        photo.paste(one.crop((*corner, corner[0] + planted.PATCH, corner[1] + planted.PATCH)), corner)
    return photo_subject(planted.colour_model(), photo, planted.SIDE, "stretch", 0)


def test_the_planted_patch_carries_its_colour_over() -> None:
    red, blue = coloured((PLACE, (255, 90, 90))), coloured((PLACE, (90, 90, 255)))
    pair = swap(red, blue)
    assert pair.a > 0 > pair.b and pair.rivals is not None and pair.rivals.tolist() == [1]
    assert cells(list(patching.heads(pair, "pattern"))).abs().max() < 1e-5, "both look at the same place"
    assert cells(list(patching.heads(pair))).min() > 0.3, "each of both layers hands the colour to CLS"
    first = list(patching.positions(pair, {"encoder": [[n] for n in range(17)]}))[-1]
    assert first.layer == 0 and int(first.recovery[1:].argmax()) == PLACE


def test_where_it_looks_carries_over_what_lies_elsewhere() -> None:
    """The same two patches, the other one brighter."""
    red = coloured((PLACE, (255, 130, 130)), (9, (60, 60, 160)))
    blue = coloured((PLACE, (160, 60, 60)), (9, (130, 130, 255)))
    rows = list(patching.heads(swap(red, blue), "pattern"))
    assert cells(rows).min() > 0.2


def test_the_copied_word_is_all_that_comes_over() -> None:
    translator = planted.copier()
    a, b = (planted.sentence_subject(translator, one, "w3 w7 w1", 1) for one in ("w3 w7 w1", "w3 w8 w1"))
    pair = swap(a, b)
    found = {row.kind: row.recovery for row in patching.heads(pair)}
    assert float(found["cross"]) == pytest.approx(1, abs=1e-3)
    assert float(found["decoder"]) == pytest.approx(0, abs=1e-3), "it reads what was written, the same for both"
    (encoder,) = patching.positions(pair, {"encoder": [[0], [1], [2], [3]]})
    torch.testing.assert_close(encoder.recovery, torch.tensor([0.0, 1.0, 0.0, 0.0]), rtol=0, atol=1e-3)


def test_what_cannot_be_compared_gets_a_sentence() -> None:
    translator = planted.copier()
    a, longer = (planted.sentence_subject(translator, one, "w3", 0) for one in ("w3", "w3 w8"))
    with pytest.raises(SidelightError) as shapes:
        swap(a, longer)
    with pytest.raises(SidelightError) as same:
        swap(a, a)
    assert (shapes.value.code, same.value.code) == ("whatif.shapes", "whatif.same")


@MAKERS
def test_nothing_before_the_change_is_computed_again(make: Callable) -> None:
    a, b, _ = make(1)
    recording, given = record(b)
    last = len(recording.outputs) - 1
    tape = Again(recording, 3, len(recording.steps))
    with torch.inference_mode(), tape:
        again = b.copies(3)
    assert torch.equal(again, given.expand(3, -1, -1))
    seen: list[int] = []
    tape = Again(
        recording, 3, recording.before(last), call=last, change=lambda call, out: seen.append(call.index) or out
    )
    with torch.inference_mode(), tape:
        again = b.copies(3)
    assert seen == [last] and tape.calls[0] is recording.calls[0]
    torch.testing.assert_close(again, given.expand(3, -1, -1), rtol=1e-4, atol=1e-4)


SMALL = SEQ2SEQ | {"vocab_size": len(planted.SPECIAL + planted.WORDS), "forced_eos_token_id": None}
OTHERS: dict[str, tuple[Callable, bool, bool]] = {  # model, whether a run can be taken up, whether its stream is found
    "one layer, positions as long as a source": (
        lambda: hf.BartForConditionalGeneration(hf.BartConfig(**SMALL | {"encoder_layers": 1, "decoder_layers": 1})),
        True,
        True,
    ),
    "views of what it reads": (lambda: hf.M2M100ForConditionalGeneration(hf.M2M100Config(**SMALL)), False, True),
    "in place, words before items, heads and items in one": (
        lambda: hf.FSMTForConditionalGeneration(
            hf.FSMTConfig(
                langs=["en", "de"],
                src_vocab_size=SMALL["vocab_size"],
                tgt_vocab_size=SMALL["vocab_size"],
                attn_implementation="eager",
                **SMALL,
            )
        ),
        False,
        False,
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_models_of_other_make(name: str) -> None:
    make, taken_up, streams = OTHERS[name]
    torch.manual_seed(0)
    module = make().eval()
    for parameter in module.parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.3)
    translator = Translator("other", module, planted.word_tokenizer(), ())
    a, b = (planted.sentence_subject(translator, one, "w2 w5 w6", None) for one in (A, B))  # as long as they are
    pair = swap(a, b)
    assert pair.resumes == taken_up
    for row in patching.heads(pair):
        index = call_of(b, row.kind, row.layer)

        def change(call: AttentionCall, output: Tensor, index: int = index) -> Tensor:
            if call.index == index:
                output[:, 1] = pair.donor.outputs[index][:, 1]
            return output

        assert float(row.recovery[1]) == pytest.approx(by_heart(pair, change), abs=1e-3)
        assert row.idle < 1e-4
    everything = {"encoder": [list(range(len(b.axis)))]}
    if not streams:
        with pytest.raises(SidelightError, match="not found"):
            list(patching.positions(pair, everything))
        return
    for row in patching.positions(pair, everything):
        assert float(row.recovery) == pytest.approx(1, abs=1e-3)
