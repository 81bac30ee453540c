"""The diagram counts every parameter once, and the mask keeps apart what it is said to."""

import torch

from core.differences import structure
from tests.differences.conftest import SENTENCE, TARGET


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_every_parameter_of_the_vision_model_is_in_one_part(vision, seen) -> None:
    parts = structure.vision_parts(vision, seen)
    assert sum(part.parameters for part in parts) == count(vision.module)
    layers = [part for part in parts if part.role == "layer"]
    assert [part.number for part in layers] == list(range(1, 13))
    assert all(part.calls["encoder"].query.shape == (1, 6, 257, 64) for part in layers)


def test_every_parameter_of_the_translator_is_in_one_part_and_the_tied_table_is_said_to_be(translator, translation):
    parts = structure.translator_parts(translator, translation)
    fixed = [shape for part in parts for _, shape, counted in part.tensors if counted == "fixed"]
    assert fixed == [(256, 256)] * 2, "sines and cosines of both stacks are no parameters"
    assert sum(part.parameters for part in parts) == count(translator.module) - 2 * 256 * 256
    head = next(part for part in parts if part.role == "head")
    assert head.parameters == 0
    assert all(counted == "before" for *_, counted in head.tensors)
    layers = [set(part.calls) for part in parts if part.role == "layer"]
    assert layers == [{"encoder"}] * 4 + [{"decoder", "cross"}] * 3


def test_the_decoder_gives_nothing_to_the_future_and_the_encoder_does(seen, translation) -> None:
    assert structure.future_share(translation.traces["decoder"]) == 0
    assert 0.1 < structure.future_share(translation.traces["encoder"]) < 0.9
    assert 0.1 < structure.future_share(seen.traces["encoder"]) < 0.9


def test_a_late_change_reaches_all_of_the_encoder_and_nothing_before_it_in_the_decoder(translator) -> None:
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    found = structure.ripple(translator, SENTENCE, TARGET, translator.search(source))
    assert (found.encoder > 1e-4).all()
    before, after = found.decoder[: found.changed[1]], found.decoder[found.changed[1] :]
    assert len(before)
    assert float(before.max()) < 1e-6
    assert (after > 1e-2).all()
