"""Each method against its paper's equation, written out here on maps that the library's own code never touched, and on
models whose answer rests on a place that is known."""

from dataclasses import replace
from itertools import pairwise

import pytest
import timm
import torch
from torch import Tensor

from core.attention.flow import added, normalised
from core.attention.methods import METHODS, Options, _weighted, explain, refusal
from core.attention.subject import Subject
from core.models.vision.timm_adapter import _projection
from tests.attention import planted

VISION = [name for name in METHODS]
LANGUAGE = [name for name, method in METHODS.items() if not method.alone]
SENTENCE, WRITTEN = "w1 w4 w2 w7", "w3 w3 w9"


def eager_vision(target: int) -> tuple[list[Tensor], list[Tensor]]:
    """(attention, gradient) of each layer, (H, N, N), through timm's explicit path and a hook."""
    model, maps = planted.random_vision(), []
    pixels = model.pixels(planted.random_photo())
    for block in model.module.blocks:
        block.attn.fused_attn = False
        block.attn.attn_drop.register_forward_hook(lambda m, i, out: (out.retain_grad(), maps.append(out))[0])
    model.module(pixels)[0, target].backward()
    return [a[0].detach() for a in maps], [a.grad[0] for a in maps]


def eager_language(target: int | None) -> dict[str, list[tuple[Tensor, Tensor]]]:
    """By kind, of each layer: attention and its gradient, through transformers' eager attention."""
    translator = planted.random_translator()
    module = translator.module
    module.set_attn_implementation("eager")
    source, _ = translator.source_pieces(SENTENCE, None)
    output = torch.cat(
        [torch.zeros(1, 1, dtype=torch.long), translator.tokenizer(WRITTEN, return_tensors="pt").input_ids], 1
    )
    found = module(input_ids=source, decoder_input_ids=output[:, :-1], output_attentions=True)
    kinds = {"encoder": found.encoder_attentions, "decoder": found.decoder_attentions, "cross": found.cross_attentions}
    for maps in kinds.values():
        for attention in maps:
            attention.retain_grad()
    chosen = found.logits[0].gather(-1, output[0, 1:, None])[:, 0]
    (chosen.sum() if target is None else chosen[target]).backward()
    return {
        kind: [(a[0].detach(), torch.zeros_like(a[0]) if a.grad is None else a.grad[0]) for a in maps]
        for kind, maps in kinds.items()
    }


def product(matrices: list[Tensor]) -> Tensor:
    """The last layer's matrix times ... times the first's."""
    total = torch.eye(len(matrices[0]))
    for matrix in matrices:
        total = matrix @ total
    return total


def rows_sum_to_one(matrix: Tensor) -> Tensor:
    return matrix / matrix.sum(-1, keepdim=True)


def close(found: Tensor, wanted: Tensor) -> None:
    torch.testing.assert_close(found, wanted.float(), atol=1e-6, rtol=1e-4)


@pytest.fixture(scope="module")
def photo() -> Subject:
    return planted.random_subject(2)


def sentence(target: int | None) -> Subject:
    return planted.sentence_subject(planted.random_translator(), SENTENCE, WRITTEN, target)


@pytest.mark.parametrize("fusion", ["mean", "max", "min"])
@pytest.mark.parametrize("discard", [0.0, 0.5])
def test_rollout_is_abnar_and_zuidema(photo: Subject, fusion: str, discard: float) -> None:
    attention, _ = eager_vision(2)
    maps = [{"mean": a.mean(0), "max": a.amax(0), "min": a.amin(0)}[fusion] for a in attention]
    if discard:
        for one in maps:
            for row in one:  # the smallest half of each row
                row[row.argsort()[: int(discard * len(row))]] = 0.0
    wanted = product([rows_sum_to_one(a + torch.eye(len(a))) for a in maps])[0]
    close(explain(photo, "rollout", Options(fusion=fusion, discard=discard)), wanted)


def test_rollout_divides_each_row_by_its_own_sum(photo: Subject) -> None:
    """Not by the sum of another row, as `a / a.sum(-1)` of a square map does: then no row sums to 1 any more."""
    for name, options in (("rollout", Options(discard=0.5)), ("gradient_rollout", Options())):
        assert float(explain(photo, name, options).sum()) == pytest.approx(1.0, abs=1e-5)


def test_raw_attention_of_a_head_and_fused(photo: Subject) -> None:
    attention, _ = eager_vision(2)
    close(explain(photo, "raw", Options(depth=1.0, head=1)), attention[2][1, 0])
    close(explain(photo, "raw", Options(depth=0.5, fusion="max")), attention[1].amax(0)[0])
    for depth, layer in ((0.2, 0), (0.3, 1), (0.91, 2)):
        close(explain(photo, "raw", Options(depth=depth)), attention[layer].mean(0)[0])


def test_the_gradient_family_in_vision(photo: Subject) -> None:
    attention, gradient = eager_vision(2)
    looked = [(a * g).clamp(min=0).mean(0) for a, g in zip(attention, gradient, strict=True)]
    eye = torch.eye(len(looked[0]))
    close(explain(photo, "gradient_attention"), torch.stack(looked).mean(0)[0])
    close(explain(photo, "gradient_rollout"), product([rows_sum_to_one(a + eye) for a in looked])[0])
    relevance = eye.clone()
    for a in looked:  # R = R + A R
        relevance = relevance + a @ relevance
    close(explain(photo, "relevance"), (relevance - eye)[0])
    squared = [(g.clamp(min=0) ** 2 * a).mean(0) for a, g in zip(attention, gradient, strict=True)]
    close(explain(photo, "attribution"), (product([eye + a for a in squared]) - eye)[0])


@pytest.mark.parametrize("target", [None, 0, 2])
def test_relevance_across_is_chefer_et_al(target: int | None) -> None:
    found = eager_language(target)
    looked = {kind: [(a * g).clamp(min=0).mean(0) for a, g in layers] for kind, layers in found.items()}
    encoder = product([torch.eye(5) + a for a in looked["encoder"]])
    own, across = torch.eye(4), torch.zeros(4, 5)

    def by_hand(matrix: Tensor) -> Tensor:
        out = torch.eye(len(matrix))
        for i, row in enumerate(matrix - torch.eye(len(matrix))):
            out[i] += row / row.sum() if row.sum() > 0 else row
        return out

    for decoder, cross in zip(looked["decoder"], looked["cross"], strict=True):
        own, across = own + decoder @ own, across + decoder @ across
        across = across + by_hand(own).T @ cross @ by_hand(encoder)
    wanted = across.mean(0) if target is None else across[target]
    close(explain(sentence(target), "relevance"), wanted)


def test_relevance_across_where_a_piece_rests_on_nothing_written_before() -> None:
    """The first piece has no past, so its row of R_tt - I may sum to 0: it is left as it is, not divided by 0."""
    own = torch.eye(3)
    own[2, 0] = 0.5
    found = normalised(own)
    assert torch.equal(found, torch.tensor([[1.0, 0, 0], [0, 1, 0], [1, 0, 1]]))
    gradients = sentence(0).gradients()
    for one in gradients.gradient["decoder"]:
        one.zero_()
    relevance = explain(sentence(0), "relevance", None, gradients)
    assert relevance.isfinite().all() and relevance.sum() > 0


@pytest.mark.parametrize("target", [None, 1])
def test_rollout_across_splits_all_of_the_mass(target: int | None) -> None:
    """Source and target as one sequence of hidden states, each sublayer one matrix over both."""
    found = eager_language(target)
    joint = torch.eye(9)  # 5 source states, 4 target states
    for attention, _ in found["encoder"]:
        step = torch.eye(9)
        step[:5, :5] = (attention.mean(0) + torch.eye(5)) / 2
        joint = step @ joint
    for (decoder, _), (cross, _) in zip(found["decoder"], found["cross"], strict=True):
        own, read = torch.eye(9), torch.eye(9)
        own[5:, 5:] = (decoder.mean(0) + torch.eye(4)) / 2
        read[5:, :5], read[5:, 5:] = cross.mean(0) / 2, torch.eye(4) / 2
        joint = read @ own @ joint
    wanted = joint[5:].mean(0) if target is None else joint[5 + target]
    assert wanted.sum() == pytest.approx(1.0, abs=1e-5)
    close(explain(sentence(target), "rollout"), wanted[:5])


@pytest.mark.parametrize("scaled", [False, True])
def test_value_norm_is_kobayashi_et_al(scaled: bool) -> None:
    """scaled: with LayerScale behind the projection, as DINOv2 has it."""
    model, inputs = planted.random_vision(init_values=1.0 if scaled else None), []
    photo = planted.random_photo()
    subject = planted.photo_subject(model, photo, 32, "stretch", 2)
    block = model.module.blocks[2]
    block.attn.register_forward_hook(lambda m, i, out: inputs.append(i[0][0]))
    model.module(model.pixels(photo))
    value = (inputs[0] @ block.attn.qkv.weight[48:].T + block.attn.qkv.bias[48:]).detach()  # (N, 3 heads of 8)

    def length(key: int, heads: tuple[int, ...]) -> Tensor:
        """Of what the block adds because of one key, by its own layers: with it, less without anything."""
        looked = torch.zeros(24)
        for h in heads:
            looked[8 * h : 8 * h + 8] = subject.encoder.row(2, h, 0)[key] * value[key, 8 * h : 8 * h + 8]
        return (block.ls1(block.attn.proj(looked)) - block.ls1(block.attn.proj(0 * looked))).norm()

    assert isinstance(block.ls1, torch.nn.Identity) != scaled
    for options, heads in ((Options(depth=1.0), (0, 1, 2)), (Options(depth=1.0, head=1), (1,))):
        wanted = torch.stack([length(key, heads) for key in range(len(value))])
        close(explain(subject, "value_norm", options), wanted.detach())


def test_the_scale_of_beit_belongs_to_its_projection() -> None:
    module = timm.create_model("beit_base_patch16_224", img_size=32, depth=1, embed_dim=24, num_heads=3, num_classes=2)
    block, x = module.blocks[0], torch.randn(5, 24)
    torch.nn.init.normal_(block.gamma_1)
    added = block.gamma_1 * (block.attn.proj(x) - block.attn.proj.bias)
    torch.testing.assert_close(x @ _projection(block).T, added)


def test_value_norm_where_the_projection_is_not_known(photo: Subject) -> None:
    """Heads are taken as if they did not meet: the length of all of them side by side."""
    call, unknown = photo.encoder.calls[1], replace(photo, projections={})
    parts = torch.stack([photo.encoder.row(1, h, 0)[:, None] * call.value[0, h] for h in range(3)])  # (H, N, dv)
    close(explain(unknown, "value_norm", Options(depth=0.5)), parts.square().sum((0, 2)).sqrt())


def test_grad_cam_and_input_x_gradient_on_a_linear_reading() -> None:
    """CLS of the last layer takes over a_k v_k; the class reads (red - blue) x 4: both controls are known."""
    subject = planted.colour_subject(place=6, target=0)
    gradients = subject.gradients()
    a = subject.encoder.row(1, 0, 0)
    slope = torch.tensor([0.0, 4, -4, 0])
    close(gradients.value_gradient[0], a[:, None] * slope)
    wanted = (gradients.value[0] @ (a.mean() * slope)).clamp(min=0)
    close(explain(subject, "grad_cam", None, gradients), wanted)
    slopes = (gradients.leaf * gradients.leaf_gradient).sum(-1).abs()
    close(explain(subject, "input_gradient", None, gradients), slopes)


def test_grad_cam_drops_what_speaks_against_the_class() -> None:
    model = planted.colour_model()
    red = planted.planted_photo(6, (255, 0, 0))
    found = [explain(planted.photo_subject(model, red, 32, "stretch", target), "grad_cam")[1:] for target in (0, 1)]
    assert int(found[0].argmax()) == 6 and found[0][6] > 0
    assert found[1][6] == 0, "red speaks against blue"


OF_A_CLASS = ["gradient_attention", "gradient_rollout", "relevance", "attribution", "grad_cam"]


@pytest.mark.parametrize("name", OF_A_CLASS)
def test_evidence_for_a_class_is_no_evidence_against_it(name: str) -> None:
    """A red patch speaks for "red"; of two classes with opposite logits it speaks against the other."""
    model, red = planted.colour_model(), planted.planted_photo(6, (255, 60, 60))
    assert torch.equal(model.module.head.weight[0], -model.module.head.weight[1]), "the opposite is asked"
    speaks_for, against = (explain(planted.photo_subject(model, red, 32, "stretch", target), name) for target in (0, 1))
    assert speaks_for[1 + 6] > 10 * against[1 + 6], "1 + 6: CLS comes first"
    assert not torch.allclose(speaks_for, against)


def test_the_leaf_of_the_gradient_is_what_the_model_read() -> None:
    """A step along the gradient changes the answer by the square of its length, to first order."""
    subject = sentence(1)
    found = subject.gradients()
    table = planted.random_translator().module.model.shared.weight
    source, _ = planted.random_translator().source_pieces(SENTENCE, None)
    assert torch.equal(found.leaf, table[source[0]].detach())
    assert found.leaf_gradient.abs().sum() > 0


def test_embeddings_are_scaled_once() -> None:
    """Marian multiplies embeddings by sqrt(d): what is asked is the model's own answer, and the gradient is that of
    the embedding before the scale, on both sides of the translator."""
    translator = planted.random_translator(scale_embedding=True)
    module, subject = translator.module, planted.sentence_subject(translator, SENTENCE, WRITTEN, 1)
    source, _ = translator.source_pieces(SENTENCE, None)
    output = torch.cat(
        [torch.zeros(1, 1, dtype=torch.long), translator.tokenizer(WRITTEN, return_tensors="pt").input_ids], 1
    )

    def answer(**given: Tensor) -> float:
        with torch.no_grad():
            return float(module(**given, decoder_input_ids=output[:, :-1]).logits[0, 1, output[0, 2]])

    asked, _ = subject.run()
    assert float(asked.detach()) == pytest.approx(answer(input_ids=source), abs=1e-5)
    found = subject.gradients()
    step = 1e-3 * found.leaf_gradient / found.leaf_gradient.norm()
    up, down = (answer(inputs_embeds=4 * (found.leaf + sign * step)[None]) for sign in (1, -1))  # 4 = sqrt(16)
    assert (up - down) / 2 == pytest.approx(1e-3 * float(found.leaf_gradient.norm()), rel=0.01)


@pytest.mark.parametrize("name", VISION)
@pytest.mark.parametrize("place, target", [(6, 0), (9, 1), (0, 1)])
def test_a_planted_patch_that_decides_the_class_comes_first(name: str, place: int, target: int) -> None:
    subject = planted.colour_subject(place, target)
    assert subject.scores(torch.ones(1, len(subject.axis)).bool(), "mean")[0] > 0.9, "the model knows"
    patches = explain(subject, name)[1:]
    assert int(patches.argmax()) == place
    assert patches[place] > 1.5 * patches.topk(2).values[1]


@pytest.mark.parametrize("name", LANGUAGE)
def test_copying_is_aligned_on_the_diagonal(name: str) -> None:
    copier, words = planted.copier(), "w5 w1 w9 w3 w0"
    translation = copier.translate(words, None, beams=1, max_pieces=8)
    assert translation.text == words, "it copies"
    for target in range(5):
        assert int(explain(planted.sentence_subject(copier, words, words, target), name).argmax()) == target


def test_what_does_not_apply_says_why() -> None:
    subject = sentence(None)
    assert [name for name in METHODS if refusal(subject, METHODS[name])] == ["attribution"]
    with pytest.raises(ValueError, match="only_self_attention"):
        explain(subject, "attribution")


def test_a_pass_with_gradients_that_would_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch, photo: Subject) -> None:
    maps = {"photo": 3 * 3 * 17 * 17, "sentence": 2 * 2 * (5 * 5 + 4 * 4 + 4 * 5)}  # layers, heads, queries, keys
    for subject, numbers in ((photo, maps["photo"]), (sentence(None), maps["sentence"])):
        monkeypatch.setattr("core.attention.methods.LARGEST", 3 * 4 * numbers)
        assert not refusal(subject, METHODS["relevance"])
        monkeypatch.setattr("core.attention.methods.LARGEST", 3 * 4 * numbers - 1)
        assert refusal(subject, METHODS["relevance"]) == "too_large" and not refusal(subject, METHODS["rollout"])


def test_gradients_leave_no_trace_on_the_shared_model() -> None:
    model = planted.random_vision()
    subject = planted.photo_subject(model, planted.planted_photo(3, (255, 0, 0)), 32, "stretch", 1)
    subject.gradients()
    assert all(parameter.grad is None for parameter in model.module.parameters())
    assert not any(module._forward_hooks for module in model.module.modules())


def test_a_later_target_never_reads_what_was_not_yet_written() -> None:
    for target in range(3):
        gradient = sentence(target).gradients().gradient["decoder"]
        assert all(float(one[:, target + 1 :].abs().sum()) == 0 for one in gradient)


def test_relevance_grows_with_the_layers_it_is_added_over(photo: Subject) -> None:
    """Nothing is negative, so each layer can only add."""
    maps = _weighted(photo.gradients())
    rows = [added(photo.reader, "encoder", layers, maps) for layers in range(4)]
    assert all(bool((later >= earlier - 1e-7).all()) for earlier, later in pairwise(rows))


@pytest.mark.parametrize("fill", ["mask", "drop"])
def test_the_score_of_a_whole_output_is_the_geometric_mean_of_its_pieces(fill: str) -> None:
    whole, pieces = sentence(None), [sentence(target) for target in range(4)]
    kept = torch.ones(2, len(whole.axis), dtype=torch.bool)
    kept[1, 2] = False
    each = torch.stack([one.scores(kept, fill) for one in pieces])  # (4, 2)
    torch.testing.assert_close(whole.scores(kept, fill), each.log().mean(0).exp())


@pytest.mark.parametrize(
    ("name", "prefix", "rows"),
    [("token", 1, [0]), ("avg", 1, list(range(1, 17))), ("avg", 0, list(range(16)))],
)
def test_the_answer_is_read_from_what_the_head_pools(name: str, prefix: int, rows: list[int]) -> None:
    """CLS where the head takes it, else all patches alike: a class rests on no row that the reader leaves out."""
    model = planted.random_vision(global_pool=name, class_token=bool(prefix))
    subject = planted.photo_subject(model, planted.random_photo(), 32, "stretch", 2)
    wanted = torch.zeros(16 + prefix)
    wanted[rows] = 1 / len(rows)
    torch.testing.assert_close(subject.reader, wanted)
    last = subject.gradients().gradient["encoder"][-1].abs().sum((0, 2))  # of each query of the last layer
    assert last.nonzero()[:, 0].tolist() == rows
