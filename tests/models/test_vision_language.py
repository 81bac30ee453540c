"""A vision-language model of each class, tiny and untrained: its parts are its eager attention, a planted square is
found at the image token that lies there, and what cannot be read is refused."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from core.attention.axes import PatchAxis
from core.attention.methods import METHODS, explain
from core.attention.parts import part_traces, sinks
from core.attention.tape import AttentionCall
from core.attention.trace import AttentionTrace
from core.errors import SidelightError
from core.models.answer_subjects import answer_subject
from core.models.captioning import Caption
from core.models.captioning_by_name import load_captioner
from core.models.image_tokens import NotPlaced, place
from core.models.others import painted
from core.models.pieces import text_axis
from core.models.vision_language import Seen, VisionLanguage
from tests.models.hub import lay, offline
from tests.models.untrained import PHOTO
from tests.models.untrained_vlm import KINDS, vlm

PROMPT = "the dog"
MARKED = {"qwen2_vl", "qwen2_5_vl"}  # have a mark before and after the picture
# Rows and columns of each grid, and the part of PHOTO (120 x 90 px) that it covers.
GRIDS = {
    "llava": [((4, 4), (14.2, 0, 105.8, 90))],  # its processor cuts the middle out
    "qwen2_vl": [((5, 6), (0, 0, 120, 90))],
    "qwen2_5_vl": [((5, 6), (0, 0, 120, 90))],
    "idefics3": [((6, 6), (0, 0, 120, 90)), ((2, 2), (0, 0, 120, 90))],  # 3 x 3 tiles, and all of it small
    "smolvlm": [((6, 6), (0, 0, 120, 90)), ((2, 2), (0, 0, 120, 90))],
    "paligemma": [((4, 4), (0, 0, 120, 90))],
}


@cache
def model(kind: str) -> VisionLanguage:
    return VisionLanguage(kind, *vlm(kind))


@cache
def told(kind: str) -> tuple[Seen, Caption]:
    return model(kind).look(PHOTO, PROMPT), model(kind).caption(PHOTO, PROMPT)


def every(caption: Caption) -> list[AttentionTrace]:
    return [*caption.traces.values(), *caption.context]


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_the_models_own_attention_and_add_up_to_it(kind: str) -> None:
    own, (seen, caption) = model(kind), told(kind)
    assert [(trace.kind, trace.layers, trace.heads) for trace in every(caption)][:3] == [
        ("decoder", 2, 4),
        ("cross", 2, 4),
        ("cross", 2, 4),
    ]
    assert not any(trace.problems for trace in every(caption))
    whole = torch.cat([seen.ids, torch.tensor(caption.ids)])[None]
    count, start = whole.shape[1], len(seen.ids)
    given = {**seen.inputs, "input_ids": whole, "attention_mask": torch.ones_like(whole)}
    if kind in MARKED:
        given["mm_token_type_ids"] = (whole == own.module.config.image_token_id).int()
    if kind == "paligemma":  # what is written comes after the part that sees all of itself
        given["token_type_ids"] = (torch.arange(count) >= start).long()[None]
    own.module.set_attn_implementation("eager")
    with torch.inference_mode():
        found = own.module(**given, output_attentions=True, use_cache=False)
    own.module.set_attn_implementation("sdpa")
    asks = slice(start - 1, count - 1)
    written, photo, prompt, *rest = [
        torch.arange(start, count),
        seen.image[seen.grids[0].order],
        seen.prompt,
        *(seen.image[grid.order] for grid in seen.grids[1:]),
        *([seen.between] if len(seen.between) else []),
    ]
    for layer, maps in enumerate(found.attentions):
        for trace, keys in zip(every(caption), [written, photo, prompt, *rest], strict=True):
            mine = torch.stack([trace.map(layer, head) for head in range(4)])
            torch.testing.assert_close(mine, maps[0, :, asks][..., keys], atol=2e-5, rtol=1e-4)
        shares = sum(trace.mean([layer]).sum(1) for trace in every(caption))
        torch.testing.assert_close(shares, torch.ones(len(caption.ids)), atol=1e-4, rtol=0)
    chances = found.logits[0, asks].float().softmax(-1)
    steps = [float(chances[t, piece]) for t, piece in enumerate(caption.ids)]
    assert [step.probability for step in caption.steps] == pytest.approx(steps, rel=0.02)


@pytest.mark.parametrize("kind", KINDS)
def test_grids_lie_where_the_processor_put_them(kind: str) -> None:
    seen, _ = told(kind)
    found = [grid.axis for grid in seen.grids]
    assert [axis.grid for axis in found] == [grid for grid, _ in GRIDS[kind]]
    for axis, (_, box) in zip(found, GRIDS[kind], strict=True):
        assert axis.image_box == pytest.approx(box, abs=1.5) and axis.image_size == PHOTO.size
    assert sorted(torch.cat([grid.order for grid in seen.grids]).tolist()) == list(range(len(seen.image)))
    assert sorted(torch.cat([seen.image, seen.prompt, seen.between]).tolist()) == list(range(len(seen.ids)))
    assert (len(seen.between) > 0) == (len(found) > 1) and "dog" in "".join(seen.prompt_axis.pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_square_changes_the_image_token_that_lies_there(kind: str) -> None:
    """A vision tower whose attention gives nothing: a black picture and one with a white square differ in the features
    of that square alone."""
    own = VisionLanguage(kind, *vlm(kind))
    with torch.no_grad():
        for name, weights in own.module.named_parameters():
            if name.endswith(("out_proj.weight", "out_proj.bias", "attn.proj.weight", "attn.proj.bias")):
                weights.zero_()
    black = Image.new("RGB", (96, 96))
    for number, grid in enumerate(own.look(black, PROMPT).grids):
        rows, columns = grid.axis.grid
        planted = (rows - 1) * columns + 1  # the last row, the second column
        white = painted(black, (rows, columns), [planted], Image.new("RGB", black.size, "white"))
        features = [_features(own, own.look(picture, PROMPT)) for picture in (black, white)]
        changed = (features[0] - features[1]).norm(dim=-1)[grid.order]  # (rows x columns,)
        assert int(changed.argmax()) == planted, f"grid {number}"
        others = changed.clone()
        others[planted] = 0
        assert float(others.max()) < 0.5 * float(changed[planted]), "resampling alone reaches its neighbours"


def _features(own: VisionLanguage, seen: Seen) -> torch.Tensor:
    """(tokens, D), as they are put in place of the image tokens."""
    given = {n: v for n, v in seen.inputs.items() if n in ("pixel_values", "image_grid_thw", "pixel_attention_mask")}
    with torch.inference_mode():
        found = own.module.get_image_features(**given).pooler_output
    return (torch.cat(list(found)) if not isinstance(found, torch.Tensor) else found).flatten(0, -2)


@pytest.mark.parametrize("kind", KINDS)
def test_every_method_explains_a_word_and_taking_a_patch_away_is_the_models_own_answer(kind: str) -> None:
    own, (seen, caption) = model(kind), told(kind)
    asked = answer_subject(own, seen, caption, 1)
    axis, patches = asked.axis, asked.axis.patches
    assert axis.grid == seen.axis.grid and all(weight is not None for weight in asked.projections["encoder"])
    gradients = asked.gradients()
    for layer in range(2):
        maps = torch.stack([asked.encoder.map(layer, head) for head in range(4)])
        torch.testing.assert_close(gradients.attention["encoder"][layer], maps, atol=2e-5, rtol=1e-3)
        read = torch.stack([caption.traces["cross"].row(layer, head, 1) for head in range(4)])
        torch.testing.assert_close(maps[:, int(asked.reader.argmax()), patches], read, atol=2e-5, rtol=1e-3)
    for name in METHODS:
        found = explain(asked, name, gradients=gradients)
        assert found.shape == (len(axis),) and bool(found.isfinite().all()) and bool(found[patches].any()), name
    kept = torch.ones(2, len(axis), dtype=torch.bool)
    kept[1, patches.start + 1] = False
    whole, less = asked.scores(kept, "mean").tolist()
    assert whole == pytest.approx(caption.steps[1].probability, rel=0.01)
    again = own.look(painted(seen.photo, axis.grid, [1], "grey", axis.image_box), PROMPT)
    assert less == pytest.approx(own.read(again, torch.tensor(caption.ids)).steps[1].probability, rel=0.01)
    assert less != pytest.approx(whole, rel=1e-6)
    black = Image.new("RGB", PHOTO.size)
    planted = (axis.grid[0] - 1) * axis.grid[1] + 1
    white = painted(black, axis.grid, [planted], Image.new("RGB", black.size, "white"), axis.image_box)
    dark, lit = (asked.unfold(own.prepared(one, PROMPT)["pixel_values"]) for one in (black, white))
    assert int((dark - lit).norm(dim=-1).argmax()) == patches.start + planted


def test_sinks_are_what_every_word_reads() -> None:
    """Of six patches and four tokens of a prompt: what two of three words read strongly is none."""
    weights = torch.zeros(1, 1, 12, 12)
    weights[0, 0, 9, [2, 7, 4]] = torch.tensor([0.5, 0.2, 0.3])
    weights[0, 0, 10, [2, 7, 4]] = torch.tensor([0.5, 0.2, 0.3])
    weights[0, 0, 11, [2, 7, 10]] = torch.tensor([0.5, 0.3, 0.2])
    none = torch.zeros(1, 1, 12, 0)
    call = AttentionCall(0, none, none, torch.ones(1, 1, 12, 1), None, 1.0, False, attention=weights)
    asks = text_axis(["a", "b", "c"], [False] * 3)
    axes = [PatchAxis((2, 3), (), (0, 0, 3, 2), (3, 2)), text_axis(list("what"), [False] * 4)]
    parts = [torch.arange(6), torch.arange(6, 10)]
    traces = part_traces(["cross", "cross"], [call], torch.arange(9, 12), asks, parts, axes)
    assert sinks(traces, 4.9) == [(2,), ()] and sinks(traces, 1.9) == [(2,), (1,)]
    first = part_traces(["cross", "cross"], [call], torch.arange(9, 10), text_axis(["a"], [False]), parts, axes)
    assert sinks(first, 1.9) == [(), ()], "one word is not every word"


def test_an_answer_that_is_typed_is_read_as_if_it_were_the_models_own() -> None:
    own, (seen, _) = model("llava"), told("llava")
    typed = own.judged(PHOTO, "the dog", PROMPT)
    assert typed.text == "the dog" and typed.traces["decoder"].is_causal
    whole = torch.cat([seen.ids, torch.tensor(typed.ids)])[None]
    with torch.inference_mode():
        logits = own.module(**{**seen.inputs, "input_ids": whole, "attention_mask": torch.ones_like(whole)}).logits
    chances = logits[0, len(seen.ids) - 1 : -1].log_softmax(-1)
    assert typed.score == pytest.approx(float(chances.gather(1, torch.tensor(typed.ids)[:, None]).mean()), rel=1e-4)
    for text, code in (("", "captioning.empty"), ("dog " * 200, "captioning.too_long")):
        with pytest.raises(SidelightError) as refused:
            own.judged(PHOTO, text, PROMPT)
        assert refused.value.code == code


def test_marks_in_a_prompt_are_taken_out_and_prompts_are_bounded() -> None:
    own = model("idefics3")
    assert own.look(PHOTO, "the <im<image>age> dog").prompt_axis == told("idefics3")[0].prompt_axis
    for prompt, code in ((" ", "empty"), ("<image>", "empty"), ("q" * 401, "too_long")):
        with pytest.raises(SidelightError) as refused:
            own.look(PHOTO, prompt)
        assert refused.value.code == f"vision_language.{code}"


def test_what_has_another_order_is_refused() -> None:
    """Cells column by column, a picture that is told apart by what is on it, and tokens that are no cells."""

    def prepare(picture: Image.Image) -> dict[str, torch.Tensor]:
        return {"pixel_values": torch.tensor(np.asarray(picture)).permute(2, 0, 1)[None].float()}

    assert place(prepare, (32, 24), 12)[0].axis.grid == (3, 4)
    turned = lambda picture: {"pixel_values": prepare(picture)["pixel_values"].transpose(-1, -2)}  # noqa: E731
    swapped = lambda picture: {"pixel_values": prepare(picture)["pixel_values"].flip(1)}  # noqa: E731
    for other, tokens in ((turned, 12), (swapped, 12), (prepare, 13)):
        with pytest.raises(NotPlaced):
            place(other, (32, 24), tokens)
    own = model("llava")
    wrong = VisionLanguage("wrong", own.module, own.processor)
    before = own.module.config.image_token_id
    own.module.config.image_token_id = 3
    try:
        with pytest.raises(SidelightError) as refused:
            wrong.look(PHOTO, PROMPT)
        assert refused.value.code == "vision_language.not_placed"
    finally:
        own.module.config.image_token_id = before


def test_features_in_another_order_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cells are right, but the model puts the last one first."""
    own = VisionLanguage("llava", *vlm("llava"))
    plain = own.module.get_image_features

    def turned(pixel_values: torch.Tensor) -> object:
        found = plain(pixel_values=pixel_values)
        found.pooler_output = [one.flip(0) for one in found.pooler_output]
        return found

    monkeypatch.setattr(own.module, "get_image_features", turned)
    with pytest.raises(SidelightError) as refused:
        own.look(PHOTO, PROMPT)
    assert refused.value.code == "vision_language.not_placed" and refused.value.values["tokens"] == 16


@pytest.mark.parametrize("kind", ["qwen2_vl", "paligemma"])
def test_one_is_loaded_by_its_name(kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offline(monkeypatch, tmp_path)
    own = model(kind)
    lay(tmp_path, f"tiny/{kind}", own.module, own.processor)
    loaded = load_captioner(f"tiny/{kind}")
    assert isinstance(loaded, VisionLanguage) and loaded.prompted
    assert loaded.caption(PHOTO, PROMPT).ids == told(kind)[1].ids
