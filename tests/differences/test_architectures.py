"""The lessons on models of other kinds than the bundled ones, as the hub has them: tiny, with random weights."""

from collections.abc import Callable

import pytest
import timm
import torch
import transformers as hf
from PIL import Image

from core.differences import inputs, pipeline, structure
from core.models.beams import beam_tree
from core.models.translation import Translator
from core.models.vision import VisionModel, from_timm

SMALL = {"embed_dim": 48, "depth": 2, "num_heads": 3}
SENTENCE = "A small dog."


def vision_model(name: str, **options: object) -> VisionModel:
    torch.manual_seed(0)
    return from_timm(name, timm.create_model(name, num_classes=5, **(SMALL | options)))


VISION: dict[str, Callable[[], VisionModel]] = {
    "no CLS": lambda: vision_model("vit_tiny_patch16_224", class_token=False, global_pool="avg"),
    "two tokens": lambda: vision_model("deit_tiny_distilled_patch16_224"),
    "registers": lambda: vision_model("vit_small_patch14_reg4_dinov2", dynamic_img_size=True),
    "rotary": lambda: vision_model("eva02_tiny_patch14_224", embed_dim=48),
    "relative": lambda: vision_model("vit_relpos_small_patch16_224"),
    "beit": lambda: vision_model("beit_base_patch16_224"),
}


@pytest.mark.parametrize("name", VISION)
def test_vision_models_of_every_kind_are_shown_or_said_not_to_be(name: str, photo: Image.Image) -> None:
    model = VISION[name]()
    seen = model.run(photo, 224 if 224 in model.sizes else model.default_size, "crop")
    found = inputs.embed_patch(model, seen, 3)
    assert found.deviation < 1e-4
    positions = model.position_vectors(seen.fitted.grid)
    assert (positions is None) == (name in ("relative", "beit"))
    assert positions is None or len(positions) == seen.fitted.grid[0] * seen.fitted.grid[1]
    assert tuple(inputs.prefix_norms(model)) == seen.axis.prefix
    parts = structure.vision_parts(model, seen)
    assert sum(part.parameters for part in parts) == sum(p.numel() for p in model.module.parameters())
    walk = pipeline.walk_vision(model, seen)
    assert len(walk.states) in (0, 3)
    assert all(len(state) == len(seen.axis) for state in walk.states)
    assert walk.logits.shape == (5,)
    assert pipeline.view_loss(model, seen) > -1e-6


def test_a_model_that_begins_with_more_than_one_convolution_has_no_single_map() -> None:
    model = vision_model("vit_tiny_patch16_224")
    assert model.convolution() is model.module.patch_embed.proj
    model.module.patch_embed.proj = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 4, 4), torch.nn.Conv2d(8, 48, 4, 4))
    assert model.convolution() is None


@pytest.fixture(scope="module")
def tokenizer(translator: Translator):
    return translator.tokenizer


def text_model(kind: str, tokenizer) -> Translator:
    torch.manual_seed(0)
    size = len(tokenizer)
    ends = {"pad_token_id": tokenizer.pad_token_id, "eos_token_id": 0, "decoder_start_token_id": tokenizer.pad_token_id}
    if kind == "t5":
        config = hf.T5Config(vocab_size=size, d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4, **ends)
        module = hf.T5ForConditionalGeneration._from_config(config, attn_implementation="sdpa")
    else:
        sizes = {
            f"{side}_{what}": n
            for side in ("encoder", "decoder")
            for what, n in (("layers", 2), ("ffn_dim", 64), ("attention_heads", 4))
        }
        config = hf.BartConfig(
            vocab_size=size, d_model=32, max_position_embeddings=128, forced_eos_token_id=0, **sizes, **ends
        )
        module = hf.BartForConditionalGeneration._from_config(config, attn_implementation="sdpa")
    return Translator(kind, module.eval(), tokenizer, ())


@pytest.mark.parametrize("kind", ["bart", "t5"])
def test_sequence_models_of_other_kinds(kind: str, tokenizer) -> None:
    model = text_model(kind, tokenizer)
    found = inputs.embed_sentence(model, SENTENCE, None)
    assert (found.positions is None) == (kind == "t5")
    translation = model.translate(SENTENCE, None, beams=2, max_pieces=6)
    parts = structure.translator_parts(model, translation)
    assert sum(part.parameters for part in parts) == sum(p.numel() for p in model.module.parameters())
    source, _ = model.source_pieces(SENTENCE, None)
    tree = beam_tree(model, lambda rule: model.search(source, 2, 6, None, None, rule), 2)
    assert list(tree.output) == model.search(source, 2, 6)[0].tolist()
    moved = structure.ripple(model, SENTENCE, None, torch.tensor([tree.output]))
    before = moved.decoder[: moved.changed[1]]
    assert float(before.max() if len(before) else 0) < 1e-5
    walk = pipeline.walk_text(model, SENTENCE, None, tree.output)
    assert abs(walk.loss + translation.score) < 1e-3
