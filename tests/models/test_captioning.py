"""A captioner of each kind, tiny and untrained: what is captured is what the model attends to, and a planted patch is
found where it lies."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from transformers import MarianTokenizer

from core.attention.methods import METHODS, explain, refusal
from core.errors import SidelightError
from core.finetune.caption import vocabulary
from core.models import eyes
from core.models.beams import beam_tree
from core.models.caption_subjects import caption_subject
from core.models.captioning import Captioner, with_eyes
from core.models.captioning_by_name import captioner_of, joined, load_captioner
from core.models.others import painted
from core.models.tokenizing import special_ids
from tests.finetune.models import tiny_vision
from tests.models.untrained import PHOTO, blip, spread, vit_gpt2

SIDE = 32  # px: 4 x 4 patches of 8


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> MarianTokenizer:
    return vocabulary(tmp_path_factory.mktemp("vocabulary"))


@pytest.fixture(scope="module")
def captioner(words: MarianTokenizer) -> Captioner:
    vision = tiny_vision()
    module = eyes.join(vision, eyes.new_decoder(words, 32, 2, 0.0), words)
    spread(module.decoder)
    module.decoder.set_attn_implementation("sdpa")
    return with_eyes("tiny", module.eval(), words, vision, SIDE)


@pytest.fixture(scope="module")
def by_name() -> Captioner:
    return captioner_of("vit-gpt2", *vit_gpt2(SIDE))


@pytest.fixture(scope="module")
def by_blip() -> Captioner:
    module, *readers = blip(SIDE)
    return captioner_of("blip", joined(module), *readers)


KINDS = ["captioner", "by_name", "by_blip"]


@contextmanager
def eager(decoder: Any) -> Iterator[None]:
    """As it computes where attentions are asked for; BLIP knows nothing else."""
    before = decoder.config._attn_implementation
    decoder.set_attn_implementation("eager")
    yield
    decoder.set_attn_implementation(before)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_captured_is_what_the_model_attends_to(kind: str, request: pytest.FixtureRequest) -> None:
    model: Captioner = request.getfixturevalue(kind)
    language = "de" if model.languages else ""
    looked = model.look(PHOTO, "stretch")
    caption = model.read(looked, model.search(looked, language))
    assert [trace.layers for trace in caption.traces.values()] == [len(caption.traces["encoder"].calls), 2, 2]
    assert not any(trace.problems for trace in caption.traces.values())
    assert len(caption.source) == 17 and caption.source.prefix == ("CLS",)
    given = torch.tensor([caption.ids[:-1]])
    with torch.inference_mode(), eager(model.module.decoder):
        own = model.module(pixel_values=looked.tensor, decoder_input_ids=given, output_attentions=True, use_cache=False)
    for name, maps in (("decoder", own.decoder_attentions), ("cross", own.cross_attentions)):
        for layer, each in enumerate(maps):
            trace = caption.traces[name]
            found = torch.stack([trace.map(layer, head) for head in range(trace.heads)])
            torch.testing.assert_close(found, each[0].float(), atol=2e-5, rtol=1e-4)
    chances = own.logits[0].float().log_softmax(-1).exp()
    steps = [float(chances[t, piece]) for t, piece in enumerate(caption.ids[1:])]
    assert [step.probability for step in caption.steps] == pytest.approx(steps, rel=0.02)


@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_the_tree_of_a_search_ends_in_the_caption(kind: str, beams: int, request: pytest.FixtureRequest) -> None:
    """Also where several marks end it and where all logits are below zero, as those of GPT-2 are: they are no
    log-probabilities yet."""
    model: Captioner = request.getfixturevalue(kind)
    module, looked = model.module, model.look(PHOTO, "stretch")
    language = "de" if model.languages else ""
    before = module.generation_config.eos_token_id
    plain = model.search(looked, language, beams)
    module.generation_config.eos_token_id = [before, int(plain[0, 4])]
    lower = module.get_output_embeddings().register_forward_hook(lambda _, given, found: found - 200)
    try:
        ids = model.search(looked, language, beams)
        tree = beam_tree(model, lambda rule: model.search(looked, language, beams, None, rule), beams)
        caption = model.read(looked, ids)
    finally:
        lower.remove()
        module.generation_config.eos_token_id = before
    assert list(tree.output) == ids[0].tolist() and tree.text == caption.text and len(ids[0]) < len(plain[0])
    path = [node for node in tree.nodes if node.fate == "best"]
    assert [node.piece for node in path] == [step.piece for step in caption.steps]
    for node, step in zip(path, caption.steps, strict=True):
        assert node.chance > 0.98 * step.probability, "of one beam among what no rule forbids"
        assert beams == 1 or node.chance == pytest.approx(step.probability, rel=0.02)
    assert all(sum(node.step == step for node in tree.nodes) == 3 * beams for step in range(1, len(path) - 1))
    assert all(tree.nodes[node.parent].fate in ("best", "kept") for node in tree.nodes if node.parent >= 0)


def test_a_mark_that_fills_and_ends_is_written_as_an_end(by_name: Captioner) -> None:
    caption = by_name.read(by_name.look(PHOTO, "stretch"), torch.tensor([[0, 5, 9, 0]]))
    assert not caption.stopped_by_limit and caption.steps[-1].probability > 0 and caption.score > -100


def test_blip_says_what_it_says_by_itself() -> None:
    """Joined as two models it computes the same numbers, and its captions begin and end as its own do."""
    module, *readers = blip(SIDE)
    own = captioner_of("blip", joined(module), *readers)
    looked = own.look(PHOTO, "stretch")
    with torch.no_grad():
        theirs = module.generate(pixel_values=looked.tensor, num_beams=3, do_sample=False, max_new_tokens=20)
        ours = own.module.generate(pixel_values=looked.tensor, num_beams=3, do_sample=False, max_new_tokens=20)
        logits = module(pixel_values=looked.tensor, input_ids=theirs).logits
        own_logits = own.module(pixel_values=looked.tensor, decoder_input_ids=theirs).logits
    assert ours.tolist() == theirs.tolist()
    torch.testing.assert_close(own_logits, logits)


@pytest.mark.parametrize("kind", ["by_name", "by_blip"])
def test_a_typed_caption_has_one_mark_at_each_end(kind: str, request: pytest.FixtureRequest) -> None:
    model: Captioner = request.getfixturevalue(kind)
    judged, marks = model.judged(PHOTO, "the dog"), special_ids(model.tokenizer) | {model.start("")}
    assert [piece in marks for piece in judged.ids] == [True, *[False] * (len(judged.ids) - 2), True]
    assert judged.text == "the dog" and not judged.stopped_by_limit


def test_the_language_is_its_first_mark(captioner: Captioner) -> None:
    found = {language: captioner.caption(PHOTO, language).decoder_input.pieces[0] for language in captioner.languages}
    assert found == eyes.TAGS
    with pytest.raises(SidelightError) as refused:
        captioner.caption(PHOTO, "it")
    assert refused.value.code == "captioning.language"


def test_a_typed_caption_is_judged_word_by_word(captioner: Captioner) -> None:
    judged = captioner.judged(PHOTO, "A dog and a ship.", "en")
    assert judged.text == "A dog and a ship." and judged.target.pieces[1] == "dog"
    looked = captioner.look(PHOTO, "crop")
    with torch.inference_mode():
        logits = captioner.logits(looked.tensor, torch.tensor([judged.ids[:-1]]))[0].log_softmax(-1)
    assert judged.score == pytest.approx(
        float(logits.gather(1, torch.tensor(judged.ids[1:])[:, None]).mean()), rel=1e-4
    )
    for text, code in (("", "empty"), ("a dog " * 60, "too_long")):
        with pytest.raises(SidelightError) as refused:
            captioner.judged(PHOTO, text, "en")
        assert refused.value.code == f"captioning.{code}"


def test_a_planted_patch_is_read_where_it_lies(captioner: Captioner) -> None:
    """A black picture but for one square: what changes most between the keys is the patch of that square."""
    black, patch = Image.new("RGB", (SIDE, SIDE)), 4 * 2 + 1  # row 3, column 2
    white = painted(black, (4, 4), [patch], Image.new("RGB", (SIDE, SIDE), "white"))
    assert white.getpixel((9, 17)) == (255, 255, 255) and white.getpixel((9, 15)) == (0, 0, 0)
    pixels = torch.cat([captioner.look(one, "stretch").tensor for one in (black, white)])
    seen = captioner.module.encoder.vision.embed(pixels)
    changed = (seen[0] - seen[1]).norm(dim=-1)
    assert int(changed.argmax()) == patch and int((changed > 1e-6).sum()) == 1
    axis = captioner.look(white, "stretch").axis
    assert axis.labels[axis.patches.start + patch] == "3,2"


def test_a_word_of_blips_is_explained_by_every_method_that_is_offered(by_blip: Captioner) -> None:
    looked = by_blip.look(PHOTO, "stretch")
    asked = caption_subject(by_blip, looked, by_blip.judged(PHOTO, "the dog"), 1)
    gradients = asked.gradients()
    offered = [name for name, method in METHODS.items() if not refusal(asked, method)]
    assert {"raw", "gradient_attention", "relevance", "grad_cam", "input_gradient"} <= set(offered)
    for name in offered:
        found = explain(asked, name, gradients=gradients)
        assert found.shape == (17,) and bool(found.isfinite().all()), name


def test_every_method_explains_a_word_and_taking_patches_away_is_the_models_own_answer(captioner: Captioner) -> None:
    looked = captioner.look(PHOTO, "crop")
    caption = captioner.judged(PHOTO, "A dog and a ship.", "en")
    asked = caption_subject(captioner, looked, caption, 1)
    gradients = asked.gradients()
    offered = [name for name, method in METHODS.items() if not refusal(asked, method)]
    assert {"raw", "value_norm", "gradient_attention", "relevance", "grad_cam", "input_gradient"} <= set(offered)
    for name in offered:
        found = explain(asked, name, gradients=gradients)
        assert found.shape == (17,) and bool(found.isfinite().all()), name
    kept = torch.ones(2, 17, dtype=torch.bool)
    kept[1, 1 + 5] = False
    whole, less = asked.scores(kept, "mean").tolist()
    assert whole == pytest.approx(caption.steps[1].probability, rel=1e-3)
    other = looked.tensor.clone()
    other[:, :, 8:16, 8:16] = looked.tensor.mean((2, 3), keepdim=True)
    with torch.inference_mode():
        own = captioner.logits(other, torch.tensor([caption.ids[:-1]]))[0, 1].softmax(-1)[caption.ids[2]]
    assert less == pytest.approx(float(own), rel=1e-3) and less != pytest.approx(whole, rel=1e-6)
    raw = explain(asked, "raw")
    assert float(raw.sum()) == pytest.approx(1, rel=1e-3)


def test_to_be_joined_to_a_decoder_changes_nothing_of_what_is_seen(captioner: Captioner) -> None:
    looked = captioner.look(PHOTO, "crop")
    with torch.inference_mode():
        found = captioner.module.encoder(pixel_values=looked.tensor).last_hidden_state
        alone = tiny_vision().tokens(looked.tensor)
    torch.testing.assert_close(found[..., : alone.shape[-1]], alone)
    where = found[0, :, alone.shape[-1] :]
    assert not bool(where[0].any()), "CLS lies nowhere"
    assert len(where[1:].unique(dim=0)) == 16, "each patch is told where it lies"


def test_what_was_saved_is_loaded_around_the_same_eyes(captioner: Captioner, words, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model

    vision = tiny_vision()
    learnt = get_peft_model(vision.module, LoraConfig(r=2, target_modules=r"blocks\.2\.attn\.qkv"))
    for name, parameter in learnt.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.2)
    learnt.save_pretrained(str(tmp_path / "eyes"))
    own = vision.with_module(learnt.eval())
    module = eyes.join(own, captioner.module.decoder, words)
    module.enc_to_dec_proj.load_state_dict(captioner.module.enc_to_dec_proj.state_dict())
    said = "Un chien et un bateau."
    before = with_eyes("tiny", module.eval(), words, own, SIDE).judged(PHOTO, said, "fr")
    eyes.save(module, words, tmp_path / "eyes", tmp_path / "whole", {"sees_with": "tiny"})
    found, tokenizer, seen = eyes.load(tmp_path / "whole", tiny_vision())
    after = with_eyes("tiny", found, tokenizer, seen, SIDE).judged(PHOTO, said, "fr")
    assert after.score == pytest.approx(before.score, abs=0.05), "but for float16"
    blind = replace(captioner).judged(PHOTO, said, "fr")
    assert abs(blind.score - before.score) > abs(after.score - before.score)


@pytest.mark.parametrize("kind", ["by_name", "by_blip"])
def test_a_captioner_is_loaded_from_its_folder(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    for part in {"by_name": vit_gpt2, "by_blip": blip}[kind](SIDE):
        part.save_pretrained(tmp_path)
    found = load_captioner(tmp_path)
    assert found.caption(PHOTO).ids == request.getfixturevalue(kind).caption(PHOTO).ids
