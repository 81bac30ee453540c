"""Code that the lesson prints: the right lines give the model's own numbers, the wrong ones do not, or stop."""

from core.differences import inputs, snippets
from core.differences.snippets import CODE, RIGHT, WRONG
from tests.differences.conftest import SENTENCE, TARGET


def both(name: str, names: dict) -> tuple[snippets.Ran, snippets.Ran]:
    return snippets.run(CODE[name][RIGHT], names), snippets.run(CODE[name][WRONG], names)


def test_attention_is_the_models_own_and_a_misplaced_softmax_is_not(seen, translation) -> None:
    for trace in (seen.traces["encoder"], translation.traces["encoder"]):
        names, own = snippets.attention_names(trace.calls[1], trace.item)
        right, wrong = both("softmax", names)
        assert snippets.off(right.output, own) < 1e-5 and snippets.off(wrong.output, own) > 0.5


def test_a_translator_answers_at_every_place_and_a_classifier_once(translator, translation) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    right, wrong = both("classifier", snippets.translator_names(translator, source, translation))
    assert right.output.shape[1] == len(translation.ids) - 1
    assert wrong.output.shape == (1, right.output.shape[-1])


def test_a_patch_is_multiplied_as_numbers_and_does_not_fit_as_codes(vision, seen) -> None:
    right, wrong = both("one_hot", snippets.patch_names(vision, seen, 100))
    own = inputs.embed_patch(vision, seen, 100)
    assert snippets.off(right.output, own.embedding) < 1e-5
    assert wrong.output is None and wrong.error.startswith("RuntimeError")


def test_a_class_that_does_not_exist_is_told_without_where_the_library_lies() -> None:
    right, wrong = both("missing", {})
    assert [one.__name__ for one in right.output] == ["ViTModel", "MarianMTModel"]
    assert wrong.error == "ImportError: cannot import name 'VisionTransformer' from 'transformers'"
