"""What the section on input says is what the models have: checked against their own forward passes."""

import torch

from core.differences import inputs
from tests.differences.conftest import SENTENCE, TARGET


def test_the_embedding_of_a_patch_is_a_linear_map_of_its_pixels(vision, seen) -> None:
    for patch in (0, 77, 255):
        found = inputs.embed_patch(vision, seen, patch)
        assert found.weight == (384, 3 * 14 * 14)
        assert found.deviation < 1e-5
        with torch.inference_mode():
            own = vision.module.patch_embed(vision.pixels(seen.fitted.pixels)).reshape(-1, 384)[patch]
        torch.testing.assert_close(found.embedding, own)
        assert found.feature_map.shape == (16, 16)
        assert abs(float(found.feature_map.flatten()[patch])) == float(own.abs().max()), "the largest of its numbers"
        other = inputs.embed_patch(vision, seen, (patch + 1) % 256)
        assert float(found.feature_map.flatten()[(patch + 1) % 256]) == float(other.embedding[found.number])


def test_the_pixels_of_a_patch_are_those_of_the_picture(vision, seen) -> None:
    raw = inputs.raw_patch(vision, seen, 17)  # row 1, column 1
    assert tuple(raw[3, 5].tolist()) == seen.fitted.pixels.getpixel((14 + 5, 14 + 3))
    mean, std = torch.tensor(vision.mean), torch.tensor(vision.std)
    normal = (raw.float() / 255 - mean) / std
    torch.testing.assert_close(inputs.patches_of(vision, seen)[17], normal.permute(2, 0, 1), atol=1e-5, rtol=1e-5)


def test_positions_are_what_the_model_adds(vision, seen) -> None:
    positions = vision.position_vectors((16, 16))
    with torch.inference_mode():
        embedded = vision.module.patch_embed(vision.pixels(seen.fitted.pixels))
        placed = vision.module._pos_embed(embedded)[0, 1:]
    torch.testing.assert_close(embedded.reshape(256, 384) + positions, placed)
    nearest = inputs.cosines(positions, 100)
    assert set(nearest.topk(5).indices.tolist()) >= {100, 99, 101}


def test_pieces_and_positions_add_up_to_what_the_encoder_begins_with(translator, translation) -> None:
    found = inputs.embed_sentence(translator, SENTENCE, TARGET)
    with torch.inference_mode():
        states = translator.module.get_encoder()(torch.tensor([found.ids]), output_hidden_states=True).hidden_states
    torch.testing.assert_close(found.embeddings + found.positions, states[0][0])
    assert len(found.ids) == len(translation.source)


def test_lengths_grow_with_the_square_of_the_side_and_in_step_with_the_text(vision, translator) -> None:
    sides = dict(inputs.image_lengths(vision))
    assert sides[448] - 1 == 4 * (sides[224] - 1)
    lengths = inputs.sentence_lengths(translator, SENTENCE, TARGET)
    own = next(pieces for characters, pieces in lengths if characters == len(SENTENCE))
    twice = next(pieces for characters, pieces in lengths if characters == 2 * len(SENTENCE) + 1)
    assert own == translator.source_pieces(SENTENCE, TARGET)[0].shape[1]
    assert twice == 2 * own - 2  # the tag and the end stand once


def test_lengths_of_a_sentence_without_letters_end(translator) -> None:
    assert inputs.sentence_lengths(translator, "!", TARGET)[0][0] == 1


def test_cls_begins_the_same_for_every_picture(vision, seen) -> None:
    assert inputs.prefix_norms(vision) == {"CLS": float(vision.module.cls_token.detach().norm())}
