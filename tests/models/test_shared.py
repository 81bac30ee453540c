"""Sessions share models. What changes one while it is used is the thread's own or done on a copy: another session's
answers stay the same bit by bit.

What can be changed of a shared model, and what holds it: attention that is recorded, differentiated or switched off (a
tape is a mode of its thread), fused attention switched off for a comparison and positions taken away (on copies), a
tokenizer's cuts, marks and languages (`tokenizing.LOCK`, `test_tokenizing.py`), what is kept (`core.store`,
`test_store.py`), and transformers' own classes while it makes a model (`loading.MAKING`).
"""

from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
import torch
from PIL import Image
from transformers import MarianConfig, MarianMTModel, PreTrainedModel

from core.attention.ablation import without
from core.differences import cost
from core.models import loading
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import Translation
from core.models.vision import VisionResult
from tests.finetune.models import tiny_translator, tiny_vision

PHOTO = Image.radial_gradient("L").convert("RGB").resize((64, 64))
SENTENCE = "a dog runs"
ROUNDS = 12  # of the session that must not be disturbed


def numbers_of(result: VisionResult | Translation) -> list[torch.Tensor]:
    maps = [call.weights() for trace in result.traces.values() for call in trace.calls]
    return [*maps, result.features if isinstance(result, VisionResult) else torch.tensor(result.ids)]


def disturb(work: Callable[[], object], answer: Callable[[], list[torch.Tensor]]) -> None:
    """`answer` again and again while another thread does `work` again and again."""
    wanted, ended, errors = answer(), Event(), list[BaseException]()
    rounds = [0]

    def again() -> None:
        try:
            while not ended.is_set():
                work()
                rounds[0] += 1
        except BaseException as error:  # told below, in the test's own thread
            errors.append(error)

    other = Thread(target=again)
    other.start()
    try:
        while rounds[0] < 2 and not errors:
            assert all(torch.equal(a, b) for a, b in zip(answer(), wanted, strict=True))
        for _ in range(ROUNDS):
            assert all(torch.equal(a, b) for a, b in zip(answer(), wanted, strict=True))
    finally:
        ended.set()
        other.join(60)
    assert not errors and rounds[0] >= 2


@pytest.mark.parametrize("work", ["gradients", "heads off", "unfused", "taken away"])
def test_a_photo_is_seen_alike_whatever_another_session_does(work: str) -> None:
    model = tiny_vision("tiny")
    size = model.default_size
    subject = photo_subject(model, PHOTO, size, "stretch", None)

    def heads_off() -> None:
        with without(subject, [("encoder", 0, 0)]):
            model.run(PHOTO, size, "stretch")

    every = torch.ones(4, len(subject.axis), dtype=torch.bool)
    every[:, ::2] = False
    does: dict[str, Callable[[], object]] = {
        "gradients": subject.gradients,
        "heads off": heads_off,
        "unfused": lambda: cost.unfused(model, (size,)),
        "taken away": lambda: subject.scores(every, subject.fills[0]),
    }
    disturb(does[work], lambda: numbers_of(model.run(PHOTO, size, "stretch")))


@pytest.mark.parametrize("work", ["gradients", "heads off", "another sentence"])
def test_a_sentence_is_translated_alike_whatever_another_session_does(work: str) -> None:
    model = tiny_translator("tiny")
    target = model.targets[0] if model.targets else None
    given = model.translate(SENTENCE, target, beams=2, max_pieces=8)
    subject = translation_subject(model, SENTENCE, target, given)

    def heads_off() -> None:
        with without(subject, [("cross", 0, 0)]):
            model.translate(SENTENCE, target, beams=2, max_pieces=8)

    does: dict[str, Callable[[], object]] = {
        "gradients": subject.gradients,
        "heads off": heads_off,
        "another sentence": lambda: model.translate("the red bird", target, beams=1, max_pieces=4),
    }
    disturb(does[work], lambda: numbers_of(model.translate(SENTENCE, target, beams=2, max_pieces=8)))


def test_two_sessions_that_load_leave_what_is_tied_tied(tmp_path: Path) -> None:
    """transformers takes `tie_weights` from all its classes while it loads. The second begins before the first ends,
    and ends after it; what it puts back would be what the first had put there."""
    tiny_translator().module.save_pretrained(tmp_path)
    tie, first, second = PreTrainedModel.tie_weights, Event(), Event()

    class First(MarianMTModel):
        def __init__(self, config: MarianConfig) -> None:
            first.set()
            second.wait(0.5)  # nobody comes where one waits for the other
            super().__init__(config)

    class Second(MarianMTModel):
        def __init__(self, config: MarianConfig) -> None:
            second.set()
            one.join(0.5)
            super().__init__(config)

    one = Thread(target=lambda: loading._fused_or_eager(First, str(tmp_path)))
    one.start()
    first.wait(10)
    module = loading._fused_or_eager(Second, str(tmp_path))
    one.join()
    assert PreTrainedModel.tie_weights is tie
    assert module.lm_head.weight is module.model.shared.weight
