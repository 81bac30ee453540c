"""timm's models behind the interface: what their tokens, classes and projections are, read from themselves."""

from functools import partial

import pytest
import timm
import torch
from PIL import Image

from benchmarks import coverage, coverage_vision
from core.attention.ablation import without
from core.models.subjects import vision_subject
from core.models.vision import VisionModel, from_timm
from core.models.vision.class_names import class_names

SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3}


def model(name: str, **options: object) -> VisionModel:
    torch.manual_seed(0)
    module = timm.create_model(name, **(SMALL | options))
    for parameter in module.parameters():  # LayerScale, biases and tokens as after training, not as they begin
        parameter.data.add_(torch.randn_like(parameter) * 0.1)
    return from_timm(name, module)


def photo() -> Image.Image:
    torch.manual_seed(1)
    return Image.fromarray((torch.rand(224, 224, 3) * 255).byte().numpy())


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("vit_tiny_patch16_224", ("CLS",)),
        ("vit_medium_patch16_reg4_gap_256", ("register 1", "register 2", "register 3", "register 4")),
        ("vit_small_patch14_reg4_dinov2", ("CLS", "register 1", "register 2", "register 3", "register 4")),
        ("vit_small_patch16_dinov3", ("CLS", "register 1", "register 2", "register 3", "register 4")),
        ("deit_tiny_distilled_patch16_224", ("CLS", "distillation")),
        ("eva02_tiny_patch14_224", ("CLS",)),
        ("vit_base_patch16_siglip_224", ()),
    ],
)
def test_tokens_before_the_patches_have_their_own_names(name: str, prefix: tuple[str, ...]) -> None:
    found = model(name)
    assert found.prefix == prefix
    assert set(found.prefix_vectors()) == set(prefix)
    result = found.run(photo(), found.default_size, "crop")
    assert len(result.axis) == found.tokens(found.pixels(result.fitted.pixels)).shape[1], "every position has a name"


@pytest.mark.parametrize(
    ("name", "reads"),
    [
        ("vit_tiny_patch16_224", {"CLS": 1.0}),
        ("deit_tiny_distilled_patch16_224", {"CLS": 0.5, "distillation": 0.5}),
        ("vit_medium_patch16_reg4_gap_256", {}),
    ],
)
def test_the_answer_changes_with_what_the_head_is_said_to_read_and_with_nothing_else(name: str, reads: dict) -> None:
    found = model(name, num_classes=3)
    tokens = torch.randn(1, len(found.prefix) + 9, 48, requires_grad=True)
    found.logits(tokens)[0].square().sum().backward()
    assert torch.equal(tokens.grad[0].abs().sum(-1) > 0, found.reads(tokens.shape[1]) > 0)
    named = dict(zip(found.prefix, found.reads(tokens.shape[1]).tolist(), strict=False))
    assert {one: share for one, share in named.items() if share} == reads


@pytest.mark.parametrize("name", ["vit_small_patch14_dinov2", "vit_tiny_patch16_224", "beit_base_patch16_224"])
def test_a_projection_turns_the_heads_outputs_into_what_the_layer_adds(name: str) -> None:
    found = model(name)
    result = found.run(photo(), found.default_size, "crop")
    states = found.states(found.pixels(result.fitted.pixels))
    for block, call, state, weight in zip(
        found.module.blocks, result.traces["encoder"].calls, states, found.projections(), strict=False
    ):
        with torch.inference_mode():
            scale = block.ls1 if hasattr(block, "ls1") else lambda x, by=block.gamma_1: x if by is None else x * by
            added = (scale(block.attn(block.norm1(state))) - scale(block.attn.proj.bias))[0]
            own = call.output(slice(None), call.value)[0].transpose(0, 1).flatten(1) @ weight.T
        assert (own - added).abs().max() < 1e-4 * added.abs().max()


@pytest.mark.parametrize("name", ["eva02_base_patch16_clip_224", "vit_relpos_small_patch16_rpn_224"])
def test_a_norm_after_the_heads_is_no_projection(name: str) -> None:
    small = SMALL if "relpos" in name else SMALL | {"img_size": 112, "embed_dim": 96}
    assert model(name, **small).projections() == (None, None)


POOLED = ("vit_base_patch16_siglip_224", "vit_pe_core_tiny_patch16_384", "vit_so150m_patch16_reg4_map_256")


@pytest.mark.parametrize("name", POOLED)
def test_a_head_that_pools_by_attention_is_recorded_beside_the_layers(name: str) -> None:
    found = model(name, num_classes=3, img_size=112)
    result = found.run(photo(), 112, "crop")
    assert result.traces["encoder"].layers == 2 and result.traces["encoder"].problems == ()
    pool, pixels = found.module.attn_pool, found.pixels(result.fitted.pixels)
    with torch.inference_mode():
        read = found.tokens(pixels)[0]
        read = read if getattr(found.module, "pool_include_prefix", True) else read[len(found.prefix) :]
        heads = pool.num_heads
        query = pool.q_norm(pool.q(pool.latent)[0, 0].reshape(heads, 1, -1))
        key = pool.k_norm(pool.kv(read)[:, : pool.q.out_features].reshape(len(read), heads, -1).transpose(0, 1))
        weights = ((query @ key.transpose(1, 2)) * pool.scale).softmax(-1).mean((0, 1))
    assert (result.reader[-len(read) :] - weights).abs().max() < 1e-5
    assert result.reader.sum() == pytest.approx(1, abs=1e-5)
    subject = vision_subject(found, result, 1)
    gradients = subject.gradients()
    assert len(gradients.attention["encoder"]) == 2
    before = found.probabilities(result.fitted)
    every = [("encoder", layer, head) for layer in range(2) for head in range(3)]
    with without(subject, every):
        first, second = found.probabilities(result.fitted), found.probabilities(result.fitted)
    assert torch.equal(first, second) and not torch.allclose(first, before)


def test_an_embedding_is_not_shown_as_classes() -> None:
    found = model("vit_base_patch16_clip_224.openai", img_size=112, num_classes=512)
    assert found.classes == ()
    assert found.run(photo(), 112, "crop").predictions == ()


def test_classes_have_the_names_of_their_own_data() -> None:
    tench = class_names(1000, {"num_classes": 1000})[0]
    assert tench.startswith("tench")
    for count in (11221, 11821, 21841, 21842, 21843):
        assert len(set(class_names(count, {"num_classes": count}))) > count / 2
    own = {"num_classes": 1000, "label_names": [f"bird {i}" for i in range(1000)]}
    assert class_names(1000, own)[7] == "bird 7"
    described = {"num_classes": 2, "label_names": ["n1", "n2"], "label_descriptions": {"n1": "owl", "n2": "wren"}}
    assert class_names(2, described) == ("owl", "wren")
    assert class_names(3, {"num_classes": 512}) == ("class 0", "class 1", "class 2"), "a new head"


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("vit_so400m_patch14_siglip_384", "right"),  # 384 px are no whole patches
        ("vit_base_patch16_sapiens2", "right"),  # grouped keys
        ("vit_small_patch16_dinov3", "right"),
        ("cait_xxs24_224", "untraced"),
        ("vit_small_patch16_18x2_224", "untraced"),  # two attentions a layer
        ("gemma4_vit_167m_enc", "refused"),  # no head
        ("xcit_nano_12_p16_224", "refused"),
        ("convit_tiny", "refused"),
        ("volo_d1_224", "refused"),
        ("samvit_base_patch16", "refused"),
        ("swin_tiny_patch4_window7_224", "right"),
        ("pvt_v2_b0", "right"),
        ("maxvit_pico_rw_256", "right"),
    ],
)
def test_what_timm_makes_is_traced_rightly_or_said_not_to_be(name: str, state: str) -> None:
    found = coverage.outcome(coverage.Entry("timm", name, partial(coverage_vision.check_timm, name)))
    assert found.state == state, found.note


def test_patches_that_are_left_out_are_as_if_no_query_had_seen_them() -> None:
    one = model("vit_tiny_patch16_224", num_classes=3, img_size=64)
    result = one.run(photo(), 64, "crop")
    subject, pixels = vision_subject(one, result, 1), one.pixels(result.fitted.pixels)
    kept = torch.rand(5, 17) > torch.tensor([[0.2], [0.9], [0.5], [-1], [1]])  # of the last nothing is left but CLS
    kept[:, 0] = True
    expected = [
        one.chances(one.logits(one.module.forward_features(pixels, attn_mask=row[None, None, None])))[0, 1]
        for row in kept
    ]
    assert subject.fills[-1] == "drop"
    torch.testing.assert_close(subject.scores(kept, "drop"), torch.stack(expected), atol=1e-5, rtol=0)
    pooled = model("vit_medium_patch16_reg4_gap_256")
    assert "drop" not in vision_subject(pooled, pooled.run(photo(), 256, "crop")).fills
