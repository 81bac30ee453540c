"""The quick measures on held-out data against the same counted by hand, and that heads can be off in them."""

from dataclasses import replace

import pytest
import sacrebleu
import torch
from PIL import Image
from torch.nn.functional import interpolate
from torchvision.transforms.functional import normalize

from core.attention.ablation import all_heads, pruning
from core.finetune.data import bundled_classes, bundled_pairs, bundled_pictures
from core.finetune.held_out import caption_bleu, caption_languages, class_accuracy, has_bundled_classes
from core.models.catalogue import default
from core.models.subjects import photo_subject, translation_subject
from core.models.translation import load_translator
from core.models.vision import VisionModel
from tests.finetune.models import tiny_translator, tiny_vision


def classifier(classes: tuple[str, ...]) -> VisionModel:
    model = tiny_vision()
    with torch.random.fork_rng():
        torch.manual_seed(1)
        model.module.reset_classifier(len(classes))
        model.module.head.weight.data.normal_(std=0.5)
    return replace(model, classes=classes)


def test_accuracy_is_the_share_of_right_answers_in_any_order_of_classes() -> None:
    model = classifier(bundled_classes()[::-1])
    held_out = bundled_pictures(bundled_classes(), 2).held_out
    right = 0
    for label in range(10):
        for image in held_out.images[held_out.labels == label][:3]:
            pixels = interpolate(image[None].float() / 255, (64, 64), mode="bicubic", antialias=True).clamp(0, 1)
            with torch.inference_mode():
                answer = int(model.module(normalize(pixels, model.mean, model.std)).argmax())
            right += model.classes[answer] == held_out.classes[label]
    assert class_accuracy(model, each=3) == right / 30
    assert 0 < right < 30


def test_bleu_is_that_of_greedy_translations() -> None:
    translator = load_translator(default("translation").key)  # a random one's BLEU is 0
    pairs = bundled_pairs("captions", "fr", 10).held_out[:12]
    texts = [translator.translate(pair.source, "fra", beams=1).text for pair in pairs]
    expected = sacrebleu.corpus_bleu(texts, [[pair.target for pair in pairs]]).score
    told: list[tuple[int, int]] = []
    found = caption_bleu(translator, "fr", 12, lambda done, total: told.append((done, total)))
    assert found == pytest.approx(expected, abs=1e-6) and found > 10
    assert told == [(0, 12), (10, 12), (12, 12)]


def test_pruning_runs_over_whole_sets() -> None:
    model = classifier(bundled_classes())
    picture = photo_subject(model, Image.new("RGB", (64, 64), "red"), 64, "stretch", target=0)
    found = pruning(lambda: class_accuracy(model, each=3), picture, all_heads(picture), [0, 9])
    assert found[0][1] == class_accuracy(model, each=3) != found[1][1]
    translator = load_translator(default("translation").key)
    sentence = translation_subject(translator, "A dog.", "deu", translator.translate("A dog.", "deu"))
    across = [head for head in all_heads(sentence) if head[0] == "cross"]
    found = pruning(lambda: caption_bleu(translator, "de", 12), sentence, across, [0, len(across)])
    assert found[0][1] == caption_bleu(translator, "de", 12)
    assert found[1][1] < 0.2 * found[0][1]  # nothing of the source is read any more


def test_what_does_not_fit_the_data_is_refused_and_raising_stops() -> None:
    model, translator = classifier(("cat", "dog")), tiny_translator()
    assert not has_bundled_classes(model) and caption_languages(translator) == ["de", "fr", "cs"]
    with pytest.raises(ValueError, match="classes"):
        class_accuracy(model)
    with pytest.raises(ValueError, match="zh"):
        caption_bleu(translator, "zh")

    def stop(done: int, total: int) -> None:
        if done:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        class_accuracy(classifier(bundled_classes()), on_step=stop)
    with pytest.raises(InterruptedError):
        caption_bleu(translator, "de", 20, stop)
