"""The lessons on what a layer knows and on one answer against many: what they say is what the instruments give."""

import pytest
import torch
from streamlit.testing.v1 import AppTest

from core import wording
from core.attention.byhand import ByHand, Edit
from core.attention.direct import direct
from core.attention.lens import lens
from core.models.catalogue import default
from core.models.images import open_image
from core.models.states import translation_states, vision_states
from core.models.subjects import translation_subject
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.samples import photos
from core.ui import work
from core.ui.explain.sides import CLASSIFIER
from tests.pages.test_differences import sentences
from tests.pages.test_pages import opened

SENTENCE, SIDE = "A dog is running.", 112


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", SIDE)


def section(name: str) -> AppTest:
    said = {"photo": "cat", "vision_model": CLASSIFIER, "answers": "shown", "section": name}
    test = opened("differences")
    for key, value in (said | {"sentence": SENTENCE}).items():
        test.query_params[key] = value
    test.run()
    assert not test.exception
    return test


def test_when_each_side_knows_is_what_the_lens_says() -> None:
    model, translator = load_vision(CLASSIFIER), load_translator(default("translation").key)
    photo = open_image(next(one.path for one in photos() if one.path.stem == "cat").read_bytes())
    seen = lens(vision_states(model, model.run(photo, SIDE, "crop"))[0], model.temperature)
    written = translator.translate(SENTENCE, "deu")
    read = lens(translation_states(translator, translator.source_pieces(SENTENCE, "deu")[0], written))
    shares = [float(one.settled.float().mean()) / (len(one.rank) - 1) for one in (seen, read)]
    values = {"photo": f"{shares[0]:.0%}", "sentence": f"{shares[1]:.0%}", "photo_layers": 12, "sentence_layers": 3}
    assert wording.text("knowing.told", "en", **values) in "\n".join(sentences(section("architecture")))


def test_authors_and_what_is_shut_are_the_instruments_own() -> None:
    told = "\n".join(sentences(section("task")))
    translator = load_translator(default("translation").key)
    written = translator.translate(SENTENCE, "deu")
    heads = set()
    for target in range(len(written.target)):
        parts = direct(translation_subject(translator, SENTENCE, "deu", written, target)).heads
        kind = max(("decoder", "cross"), key=lambda one: float(parts[one].max()))
        heads.add((kind, int(parts[kind].argmax())))
    assert f"**{len(heads)}** different heads for {len(written.target)} pieces" in told
    whole = translation_subject(translator, SENTENCE, "deu", written)
    read = written.traces["cross"].mean([2]).sum(0).masked_fill(torch.tensor(written.source.special), 0)
    word = (int(read.argmax()),)
    before = translator.read(*translator.source_pieces(SENTENCE, "deu"), torch.tensor([written.ids])).steps
    edits = [Edit(kind, None, None, None, word) for kind in ("encoder", "cross")]
    with torch.inference_mode(), ByHand(whole, edits):
        after = translator.pieces(whole.copies(1)[0].argmax(-1))
    changed = sum(step.alternatives[0][0] != piece for step, piece in zip(before, after, strict=True))
    assert f"**{changed} of {len(after)}** pieces" in told
