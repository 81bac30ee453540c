"""The captioner's training on a tiny vision model: features are computed once, patches carry the right labels, and what
is learnt is the truth of the scenes."""

from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from transformers.modeling_outputs import BaseModelOutput

from core.finetune import caption_task
from core.finetune.caption import vocabulary
from core.finetune.caption_task import CaptionTask, look
from core.finetune.data.bundled import every_picture
from core.finetune.loop import Run, Settings
from core.finetune.scene_parts import parts
from core.finetune.thing_task import GROUND, IGNORED, labels
from core.models import eyes
from core.scenes import Ground, Layout, Thing, caption, draw_layout, facts
from core.scenes.grammar import NAMES, WORDS
from core.scenes.pointing import cover
from tests.finetune.models import tiny_vision

LAYOUT = Layout((Thing("dog", 800, 14, 28, 84), Thing("cat", 500, 84, 28, 84)), Ground("gradient", 1))


def test_a_patch_is_what_covers_most_of_it() -> None:
    truth, which = (one.reshape(16, 16) for one in labels(LAYOUT, 14))
    assert truth[5, 3] == NAMES.index("dog") and which[5, 3] == 0
    assert truth[5, 9] == NAMES.index("cat") and which[5, 9] == 1
    assert truth[0, 0] == truth[15, 15] == GROUND and which[0, 0] == -1
    assert truth[2, 1] == GROUND, "the corner of its box is not its own"
    assert truth[5, 6] == NAMES.index("cat"), "what is later lies on top"
    between = Layout((Thing("dog", 800, 19, 28, 84),), LAYOUT.ground)  # its edge is within patches
    assert labels(between, 14)[0].reshape(16, 16)[5, 7] == IGNORED


def test_no_held_out_picture_is_in_a_training_scene() -> None:
    pictures = every_picture()
    doubled = replace(pictures, images=torch.cat([pictures.images] * 2), labels=torch.cat([pictures.labels] * 2))
    train, held_out = parts(doubled)
    ours = {number for numbers in train.pictures.values() for number in numbers}
    assert len(ours) == 1000 and not any(ours & {*numbers} for numbers in held_out.pictures.values())
    assert not any(held_out.pictures.values()), "what is bundled is for the last test alone"
    assert not {*train.grounds, *train.sharp} & {*held_out.grounds, *held_out.sharp}


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CaptionTask:
    """Four scenes of one thing; each evaluation tells all of them."""
    monkeypatch.setattr(caption_task, "CHUNK", 3)
    vision, pictures = tiny_vision(), every_picture()
    part = replace(parts(pictures)[0], pictures={name: [150 * at] for at, name in enumerate(NAMES)})
    layouts = [draw_layout(part, seed, 1) for seed in range(4)]
    seen = look(vision, layouts, pictures, tmp_path / "seen")
    words = vocabulary(tmp_path / "vocabulary")
    torch.manual_seed(0)
    module = eyes.join(vision, eyes.new_decoder(words, 32, 1, 0.0), words)
    module.encoder.requires_grad_(False)
    return CaptionTask(module, words, seen, seen, batch=4, smoothing=0.0, judged=4)


def test_what_was_seen_once_is_not_looked_at_again(task: CaptionTask, tmp_path: Path, monkeypatch) -> None:
    folder = tmp_path / "seen"
    assert sorted(file.name for file in folder.iterdir()) == ["000000.npy", "000003.npy"]
    (folder / "000003.npy").unlink()  # as a run that was killed leaves it
    vision, looked = tiny_vision(), list[Layout]()
    whole = caption_task._look
    monkeypatch.setattr(
        caption_task, "_look", lambda model, some, *rest: looked.extend(some) or whole(model, some, *rest)
    )
    again = look(vision, task.train.layouts, every_picture(), folder)
    assert looked == [task.train.layouts[3]]
    torch.testing.assert_close(again.states([0, 3]), task.train.states([0, 3]))
    assert again.states([2]).shape == (1, 1 + 28 * 28, vision.width + eyes.PLACE)


def test_what_tells_how_things_lie_weighs_more_in_training_alone(task: CaptionTask, monkeypatch) -> None:
    monkeypatch.setattr(caption_task, "GUIDED", 0.0)
    heavy = task.tokenizer.convert_ids_to_tokens((task.weights > 1).nonzero()[:, 0].tolist())
    assert {"▁left", "▁right", "▁larger", "▁links", "▁dessous", "左边"} <= {*heavy}
    assert not {"▁to", "▁the", "▁of", "▁dog", "</s>"} & {*heavy}, "nor what two directions share"
    found = []
    for weight in (1.0, 3.0):
        task.weights = torch.full((len(task.tokenizer),), weight)
        torch.manual_seed(1)
        loss, _ = task.loss(task.module.eval(), [0, 1, 2, 3])
        found.append((float(loss.detach()), task.evaluate(task.module)["loss"]))
    (plain, before), (weighed, after) = found
    assert weighed == pytest.approx(3 * plain) and after == before


def share_on_its_thing(task: CaptionTask, module: Any, item: int) -> float:
    """Of the last layer's cross-attention, mean over heads, where the scene's one thing is named first."""
    layout = task.train.layouts[item]
    ids = [task.tags["en"], *task.tokenizer(caption(facts(layout, Random(0)), "en")).input_ids]
    seen = BaseModelOutput(task.train.states([item]))
    with torch.inference_mode():
        read = module(encoder_outputs=seen, decoder_input_ids=torch.tensor([ids]), output_attentions=True)
    step = task.tokenizer.convert_ids_to_tokens(ids[1:]).index("▁" + WORDS[layout.things[0].name]["en"][0])
    covered = cover(layout, layout.things[0].name, task.train.grid)
    return float(read.cross_attentions[-1][0].mean(0)[step, 1:] @ covered)


def test_it_learns_to_tell_four_scenes(task: CaptionTask, tmp_path: Path) -> None:
    before = task.evaluate(task.module.eval())
    run = Run(task, Settings(steps=150, rate=1e-2, warmup=10, every=150), tmp_path / "run")
    *_, last = run.train()
    assert last.metrics["loss"] < before["loss"] / 20
    assert last.metrics["f1"] == last.metrics["told"] == 1
    shares = [share_on_its_thing(task, run.learnt, item) for item in range(4)]
    assert min(shares) > 0.5, "where it writes a name it was taught to look at the thing"
