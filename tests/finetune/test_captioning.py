"""A captioner learns a person's captions by every method that fits; what it leaves opens as any captioner."""

import re
from pathlib import Path

import pytest
import torch

from core.errors import SidelightError
from core.finetune import estimate, film, methods, results, sent, train
from core.finetune.answers import read as read_answers
from core.finetune.captioning_learning import CaptioningLearning, check_can_learn
from core.finetune.captioning_task import encode, relit, scores, states, write_all
from core.finetune.forgetting import scenes_told
from core.finetune.job import status
from core.finetune.log import read_log
from core.finetune.pictures import as_image
from core.models import catalogue
from core.models.captioning_by_name import load_captioner_card
from core.tasks import TASKS
from tests.finetune.models import base, captions, in_place, job, loaded, run_of, tiny_captioner
from tests.models.test_captioning import PHOTO

LAYER = r"base_model\.model\.(encoder\.module\.blocks\.\d|decoder\.model\.decoder\.layers\.0)\."
LINEAR = r"(attn\.(qkv|proj)|mlp\.fc[12]|(self|encoder)_attn\.(q|k|v|out)_proj|fc[12])"
LEARNS = {
    "full": r".*",
    "head": r"decoder\.model\.decoder\.layers\..*",
    "lora": rf"{LAYER}{LINEAR}\.lora_[AB]\.default\.weight",
    "adalora": rf"{LAYER}.*lora_[ABE]\.default",
    "ia3": rf"{LAYER}(attn\.qkv|mlp\.fc2|(self|encoder)_attn\.(k|v)_proj|fc2)\.ia3_l\.default",
}


@pytest.fixture(scope="module", autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory):
    """Where runs lie; every base is a tiny one."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("runs")
        in_place(patch, folder)
        yield folder


@pytest.fixture(scope="module")
def finished(root: Path):
    folder = run_of(root, job("captioning", "full", epochs=24, batch=6, rate=1e-2))
    list(train.train(folder))
    return folder, results.read(folder)


@pytest.mark.parametrize("method", LEARNS)
def test_each_method_trains_what_it_says_and_its_result_loads_as_what_was_trained(method: str, tmp_path: Path) -> None:
    folder = run_of(tmp_path, job("captioning", method, epochs=2, batch=6))
    learning = CaptioningLearning(folder, job("captioning", method, epochs=2, batch=6), captions())
    told = estimate.counts(base("captioning").module, "captioning", 0, 4)[method]
    count = methods.count(learning.whole)
    assert count.trainable <= told.trainable if method == "adalora" else count == told
    learning_names = [name for name, p in learning.whole.named_parameters() if p.requires_grad]
    fixed = {"decoder.model.decoder.embed_positions.weight"}  # sines
    named = {name for name, _ in learning.whole.named_parameters() if re.fullmatch(LEARNS[method], name)} - fixed
    assert set(learning_names) == named and named
    torch.manual_seed(1)
    rate = 0.01
    for batch in learning.task.batches(0):
        loss, terms = learning.task.loss(learning.whole.train(), batch)
        (loss / terms).backward()
        for parameter in learning.whole.parameters():
            if parameter.grad is not None:
                parameter.data -= rate * parameter.grad.sign()
                parameter.grad = None
    whole = learning.whole.eval()
    learning.export(whole, tmp_path)
    again = loaded("captioning", tmp_path)
    text = (
        write_all(learning.base, whole, captions().held_out, "en"),
        write_all(again, again.module, captions().held_out, "en"),
    )
    inner = whole.get_base_model() if hasattr(whole, "get_base_model") else whole
    looked = again.look(PHOTO, "crop").tensor
    given = torch.tensor([[900, 5, 6]])
    with torch.inference_mode():
        left, right = (module(pixel_values=looked, decoder_input_ids=given).logits for module in (inner, again.module))
        fresh = tiny_captioner().module(pixel_values=looked, decoder_input_ids=given).logits
    torch.testing.assert_close(right, left, rtol=0, atol=2e-2 if method == "full" else 1e-4)
    assert method == "full" or text[0] == text[1]
    assert (fresh - right).abs().max() > 1e-3, "it had learnt something"
    assert {name for name, p in again.module.named_parameters() if p.requires_grad} == {
        name for name, p in tiny_captioner().module.named_parameters() if p.requires_grad
    }


def test_a_result_is_a_captioner_and_says_what_it_is_worth(finished) -> None:
    folder, result = finished
    assert status(folder).state == "finished"
    model = TASKS["captioning"].load_card(catalogue.card(folder.name))
    written = write_all(model, model.module, captions().held_out, "en")
    assert result.metrics == pytest.approx(scores(written, captions().held_out.captions, "en"))
    assert set(result.metrics) == {"word_f1", "exact"} | ({"things"} & set(result.metrics))
    assert result.metrics["word_f1"] > result.before["word_f1"] + 0.2, "stripes have captions of their own"
    answers = read_answers(folder)
    assert [one.is_wrong for one in answers] == [
        text not in known for text, known in zip(written, captions().held_out.captions, strict=True)
    ]
    assert all((one.fault == 0) >= (not one.is_wrong) for one in answers)
    assert set(result.forgetting) == {"before", "after"} and set(result.forgetting["after"]) == {"things", "told"}
    losses = [event.metrics for event in read_log(folder) if event.metrics]
    assert losses[-1]["loss"] < losses[0]["loss"] and "training_loss" in losses[-1]
    shown = model.caption(as_image(captions().held_out.images[0]), "en", "stretch")
    assert shown.text == written[0], "as any page asks it"


def test_the_film_is_of_what_each_piece_reads_on_the_probe(finished) -> None:
    frames, axis = film.frames(finished[0]), film.axis(finished[0])
    assert axis["type"] == "caption" and axis["grid"] == [8, 8] and (finished[0] / "film" / "probe.png").exists()
    assert all(seen.shape == (1, 1, len(axis["target"]), 64) for _, seen in frames)
    assert (frames[-1][1] - frames[0][1]).abs().max() > 1e-3, "attention moved"


def test_a_result_that_was_sent_is_the_same_captioner(finished, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, _ = finished
    monkeypatch.setattr("core.finetune.sent._weights_of", lambda *_: 10**7)  # the tiny base is no file
    monkeypatch.setitem(TASKS, "captioning", results.replace(TASKS["captioning"], load=tiny_captioner))
    back = results.unpack(results.pack(folder), folder.parent)
    first, second = (load_captioner_card(catalogue.card(one.name)) for one in (folder, back))
    assert first.caption(PHOTO, "en").text == second.caption(PHOTO, "en").text
    with pytest.raises(SidelightError) as refused:
        CaptioningLearning.check_whole(first)
    assert refused.value.code == "result.captioner_not_whole"


def test_a_result_may_be_as_large_as_all_that_it_is_made_of() -> None:
    """The captioner is a decoder on a classifier on a backbone: a result of every weight is of all three."""
    keys = ("captioning-scenes", "vision-cifar10", "vision-vit-s-14")
    sizes = [catalogue.card(key).weights.stat().st_size for key in keys]
    assert sent._weights_of(keys[0], "captioning") == sum(sizes)
    with pytest.raises(SidelightError) as refused:
        sent._weights_of(keys[1], "captioning")
    assert refused.value.code == "result.no_base"


def test_the_decoder_alone_learns_from_what_the_encoder_saw_once(tmp_path: Path) -> None:
    asked = job("captioning", "head", varied=True)
    learning = CaptioningLearning(run_of(tmp_path, asked), asked, captions())
    views = learning.task.views
    assert views is not None and views.shape[:2] == (2, 18) and not torch.equal(views[0], views[1])
    torch.testing.assert_close(views[0], states(learning.base, learning.whole, captions().train.images).half())
    task = learning.task
    task.views = views[:1]
    cached, _ = task._loss(task.module, task._seen([3, 4]), ["A dog.", "A cat."], 0.0)
    task.views, task.varied = None, False
    plain, _ = task._loss(task.module, task._seen([3, 4]), ["A dog.", "A cat."], 0.0)
    torch.testing.assert_close(cached, plain, rtol=1e-2, atol=1e-2)  # float16


def test_another_light_moves_nothing() -> None:
    images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
    images[:, :, :, :4] = 200
    torch.manual_seed(0)
    found = relit(images)
    assert not torch.equal(found, images) and (found[..., :4].float() > found[..., 4:].float()).all()


def test_a_caption_is_taught_with_its_end_and_without_a_second_start() -> None:
    model = tiny_captioner()
    (row, long) = encode(model, ["A dog.", "A dog and a cat. " * 40], "en")
    end = model.module.generation_config.eos_token_id
    assert row[-1] == end and row.count(end) == 1 and row[0] != model.start("en")
    assert len(long) == 80 and long[-1] == end
    assert model.tokenizer.decode(row, skip_special_tokens=True) == "A dog."


def test_captions_are_judged_by_their_words_and_scenes_by_their_things() -> None:
    known = [["A dog and a ship."], ["Two cats.", "A pair of cats."]]
    found = scores(["A ship and a dog.", "A pair of cats."], known, "en")
    assert found == {"word_f1": 1.0, "exact": 0.5, "things": pytest.approx(2 * 2 / (2 + 2 + 2))}
    assert "things" not in scores(["x", "y"], [["A beach."], ["A dog."]], "en")
    assert scores(["一只狗和一艘船。"], [["一艘船和一只狗。"]], "zh") == {"word_f1": 1.0, "exact": 0.0, "things": 1.0}


def test_forgetting_is_measured_on_scenes_in_every_language_that_it_knows() -> None:
    found = scenes_told(tiny_captioner(), 4)
    assert set(found) == {"things", "told"} and all(0 <= value <= 100 for value in found.values())
    with pytest.raises(ValueError):
        scenes_told(results.replace(tiny_captioner(), languages={}))


def test_what_reads_a_photo_among_words_is_refused() -> None:
    with pytest.raises(SidelightError) as refused:
        check_can_learn(results.replace(tiny_captioner(), prompted=True))
    assert refused.value.code == "model.cannot_caption"
