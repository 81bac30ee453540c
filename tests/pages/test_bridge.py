"""The page Bridge with the bundled captioner: it opens explained, keeps what is chosen, says what it does not know."""

import json
import re
from pathlib import Path

import pytest
import torch
from streamlit.testing.v1 import AppTest
from transformers import GitConfig, GitForCausalLM

from core import samples, wording
from core.attention.ablation import Head, without
from core.attention.methods import METHODS
from core.finetune.data.bundled import every_picture
from core.models.caption_subjects import caption_subject
from core.scenes import SIDE, render
from core.scenes.text import read
from core.scenes.words import names_at
from core.ui import background, work
from core.ui.bridge.run import NAME
from core.ui.explain.sides import head_text
from core.ui.plain import plain
from core.views.linked import state
from tests.models.hub import forget_fetched, lay, offline
from tests.models.untrained import blip, two_towers, vit_gpt2
from tests.models.untrained_vlm import vlm
from tests.pages.test_pages import opened, views, written
from tests.waiting import until


def said(test: AppTest, name: str) -> str:
    """What the link says."""
    return "".join(test.query_params[name])


def test_a_first_visit_shows_a_told_scene_with_a_name_locked() -> None:
    test = opened("bridge", lang="en")
    assert not test.exception and views(test)
    (caption,) = written(test)
    first = read(samples.scenes()[0], len(every_picture()))
    assert first and all(thing.name.replace("automobile", "car") in caption for thing in first.things)
    chosen, told = state.read(said(test, "view")), work.captioner(NAME).caption(render(first, every_picture()), "en")
    locked = told.target.words.index(int(chosen.at["caption"][1:]))
    assert test.selectbox(key="bridge_piece").value == locked, "both ask about one word"
    thing = next(one for one in first.things if one.name == dict(map(reversed, names_at(told.target, "en")))[locked])
    cross = told.traces["cross"]
    row = torch.stack([cross.row(chosen.layer(cross.layers), head, locked) for head in range(cross.heads)])
    y, x = divmod(int(row.mean(0)[told.source.patches].argmax()), told.source.grid[1])
    left, top, right, bottom = (edge / SIDE * told.source.grid[0] for edge in thing.box)
    assert left <= x + 0.5 <= right and top <= y + 0.5 <= bottom, "the strongest patch lies on what the word names"
    assert any("lies on the" in one.value for one in test.markdown), "the map is compared with the truth"


def test_language_picture_and_caption_of_ones_own_live_in_the_link() -> None:
    test = opened("bridge", {"tell": "de", "look": "photo", "photo": "rocket", "bridge": "steps"}, lang="en")
    assert not test.exception
    (view,) = [one.proto for one in test.get("bidi_component") if one.key.startswith("linked_")]
    assert b"ten classes" in view.bytes, "it says what it knows"
    assert test.slider(key="bridge_beams").value == 3 and any("Greedy search" in one.value for one in test.caption)
    (start,) = [one for one in test.slider if str(one.key).startswith("bridge_from_")]
    start.set_value(start.max).run()
    (tree,) = [one.proto.spec for one in test.get("plotly_chart") if one.proto.id.endswith("bridge_tree")]
    drawn = {text for trace in json.loads(tree)["data"] for text in trace.get("text") or ()}
    end = wording.text("list.end_mark", "en")
    assert end in drawn and "&lt;/s&gt;" not in drawn, "a mark has the name that it has in the table"
    test.text_input(key="claim").set_value("Ein Hund.").run()
    assert not test.exception and said(test, "claim") == "Ein Hund."
    assert any("Ein Hund\\." in one.value and "geometric mean" in one.value for one in test.markdown)
    assert "bridge_beams" not in [one.key for one in test.slider], "what is typed was not searched"
    test.text_input(key="claim").set_value("🙂" * 3).run()
    assert not test.exception and said(test, "tell") == "de"


def test_what_is_painted_over_is_told_anew() -> None:
    test = opened("bridge", {"bridge": "paint"}, lang="en")
    assert not test.exception and any("Nothing is painted" in one.value for one in test.info)
    test.button(key="paint_0").click().run()
    assert not test.exception and said(test, "paint")
    shown = [one.value for one in test.markdown if one.value.startswith(("**Before:**", "**Now:**"))]
    assert len(shown) == 2 and ":orange-background" in shown[1], "a thing that is gone is no longer told"


def test_heads_that_are_off_write_another_caption() -> None:
    model = work.captioner(NAME)
    off: list[Head] = [("cross", layer, head) for layer in (1, 2) for head in range(6)]
    test = opened("bridge", lang="en", bridge="heads", caption_off=",".join(head_text("caption", one) for one in off))
    assert not test.exception and test.multiselect[0].value == off
    picture = render(read(samples.scenes()[0], len(every_picture())), every_picture())  # type: ignore[arg-type]
    whole = model.caption(picture, "en")
    looked = model.look(picture, "crop")
    with without(caption_subject(model, looked, whole), off):
        ids = model.search(looked, "en")[0, 1:]
    expected = model.tokenizer.decode(ids, skip_special_tokens=True).strip()
    shown = [" ".join(re.sub(r":orange-background\[(.*?)\]", r"\1", one.value).split()) for one in test.markdown]
    assert whole.text != expected
    assert f"**Before:** {plain(whole.text)}" in shown and f"**Now:** {plain(expected)}" in shown


def test_a_scene_of_ones_own_is_told_and_nonsense_in_the_link_is_not() -> None:
    test = opened("bridge", {"scene": "coffee.1~cow.1.1.1.60", "bridge": "steps"}, lang="zh")
    assert not test.exception and "scene" not in test.query_params
    before = written(test)
    test.button(key="add_thing").click().run()
    assert not test.exception
    scene = read(said(test, "scene"), len(every_picture()))
    assert scene and len(scene.things) == 3
    test.button(key="remove_0").click().run()
    assert not test.exception and written(test) != before


def test_the_captioner_has_its_card() -> None:
    test = opened("models", lang="zh")
    assert any("场景" in one.value and "图片描述" in one.value for one in test.markdown)
    assert NAME == "captioning-scenes"


def test_a_captioner_by_name_tells_and_one_of_another_kind_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    git = GitConfig(**small, vocab_size=20, vision_config={**small, "image_size": 16, "patch_size": 8})
    lay(tmp_path, "tiny/git", GitForCausalLM(git))
    for name, parts in (("tiny/vit-gpt2", vit_gpt2(32)), ("tiny/blip", blip(32))):
        lay(tmp_path, name, *parts)
        test = opened("bridge", {"captioner": name, "bridge": "where"}, lang="en")
        assert not test.exception and views(test) and not any("⚠" in one.value for one in test.text)
        scene = read(samples.scenes()[0], len(every_picture()))
        own = work.captioner(name).caption(render(scene, every_picture()))
        assert written(test) == [own.text] and len(test.selectbox(key="bridge_piece").options) > 1
    test = opened("bridge", {"captioner": "tiny/git", "bridge": "steps"}, lang="en")
    assert not test.exception and views(test), "the bundled one is shown"
    assert any("of the kind “git”" in one.value for one in test.text)
    forget_fetched()


def test_a_vision_language_model_by_name_is_asked_and_what_each_word_read_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    lay(tmp_path, "tiny/smol", *vlm("idefics3"))
    link = {"captioner": "tiny/smol", "prompt": "the dog", "bridge": "where"}
    test = opened("bridge", link, lang="en")
    assert not test.exception and views(test) and not any("⚠" in one.value for one in test.text)
    scene = read(samples.scenes()[0], len(every_picture()))
    own = work.captioner("tiny/smol").caption(render(scene, every_picture()), "the dog")
    assert written(test) == [own.text] and any("One attention reads the photo" in one.value for one in test.caption)
    assert len(test.radio(key="method_photo").options) == len(METHODS), "every method explains it"
    assert any("Explained is the one attention" in one.value for one in test.caption)
    assert not any("heads off" in option for option in test.segmented_control(key="bridge").options)
    tiles, whole = test.segmented_control(key="bridge_grid").options
    assert "6 × 6" in tiles and "2 × 2" in whole
    test.segmented_control(key="bridge_grid").set_value(1).run()
    assert not test.exception and views(test) and said(test, "grid") == "2"
    test.text_input(key="bridge_prompt").set_value("<image>").run()
    assert not test.exception and any("There is nothing that the model is asked" in one.value for one in test.text)
    forget_fetched()


def test_the_picture_is_compared_with_typed_texts_and_both_sides_are_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offline(monkeypatch, tmp_path)
    lay(tmp_path, "tiny/clip", *two_towers("clip", 32))
    link = {"bridge": "match", "matcher": "tiny/clip", "texts": "a dog\nhello world", "text": "2"}
    test = opened("bridge", link, lang="en")
    start = wording.text("lesson_hub.run", "en", name=plain("tiny/clip"))
    (button,) = [one for one in test.button if one.label == start]
    button.click().run()
    until(lambda: not background._works, "the model")
    assert not test.run().exception
    assert test.selectbox(key="match_text").value == 1
    said = [one.value for one in test.caption]
    assert any("times 14.3, the temperature" in one for one in said), said
    assert all(len(test.radio(key=f"method_{side}").options) > 4 for side in ("photo", "sentence")), (
        "both are explained"
    )
    forget_fetched()
