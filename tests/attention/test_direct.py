"""Direct attribution: each part against the same part carried to the logit by hand, layer by layer."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from core.attention.direct import Direct, direct
from core.models.subjects import photo_subject, translation_subject, vision_subject
from tests.attention import planted


def total(parts: Direct) -> float:
    return parts.start + parts.biases + float(parts.mlps.sum()) + sum(float(one.sum()) for one in parts.heads.values())


def held(norm: nn.LayerNorm, given: Tensor) -> Callable[[Tensor], Tensor]:
    """What the norm does to a part of `given` (D,), without its bias."""
    scale = (given.var(unbiased=False) + norm.eps).rsqrt()
    return lambda part: (part - part.mean()) * scale * norm.weight


@pytest.mark.parametrize(
    "more", [{}, {"init_values": 0.5}, {"reg_tokens": 2}], ids=["plain", "layer scale", "registers"]
)
def test_a_vision_model_s_parts_are_those_of_its_blocks(more: dict) -> None:
    model, target = planted.random_vision(**more), 3
    subject = photo_subject(model, planted.random_photo(), planted.SIDE, "stretch", target)
    found = direct(subject)
    module, last, ran = model.module, subject.encoder.calls, []
    for block in module.blocks:
        block.mlp.register_forward_hook(lambda part, given, output: ran.append(output[0, 0]))
    pixels = model.pixels(planted.random_photo().resize((planted.SIDE, planted.SIDE)))
    with torch.no_grad():
        states = model.states(pixels)
        final = held(module.norm, states[-1][0, 0])
        read = lambda part: float(module.head.weight[target] @ final(part))  # noqa: E731
        start, mlps = read(states[0][0, 0]), []
        for layer, block in enumerate(module.blocks):
            gamma = block.ls1.gamma if more.get("init_values") else 1.0
            outputs = last[layer].output(slice(0, 1), last[layer].recorded_value)[0, :, 0]  # (H, dv)
            weight = block.attn.proj.weight.reshape(model.width, *outputs.shape)  # (D, H, dv)
            heads = [read(gamma * (weight[:, head] @ outputs[head])) for head in range(len(outputs))]
            torch.testing.assert_close(found.heads["encoder"][layer], torch.tensor(heads), rtol=1e-3, atol=1e-4)
            gamma = block.ls2.gamma if more.get("init_values") else 1.0
            mlps.append(read(gamma * (ran[layer] - block.mlp.fc2.bias)))
    torch.testing.assert_close(found.mlps, torch.tensor(mlps), rtol=1e-3, atol=1e-4)
    assert found.start == pytest.approx(start, abs=1e-4)
    assert total(found) == pytest.approx(float(model.forward(pixels)[0, target].detach()), abs=1e-4)


def test_a_translator_s_parts_pass_through_the_norms_that_follow_them() -> None:
    """Post-norm: what layer 1's cross-attention writes is scaled by every later norm."""
    translator = planted.random_translator()
    subject = planted.sentence_subject(translator, "w3 w1 w4", "w2 w5", 1)
    found = direct(subject)
    norms: list[tuple[nn.LayerNorm, Tensor]] = []
    for part in translator.module.model.decoder.modules():
        if isinstance(part, nn.LayerNorm):
            part.register_forward_hook(lambda norm, given, output: norms.append((norm, given[0][0, 1])))
    with torch.no_grad():
        subject.run()
        calls, written = subject.traces["cross"].calls, int(translator.module.lm_head.out_features)
        for layer, place in ((0, 1), (1, 4)):  # of six norms, the first after its cross-attention
            outputs = calls[layer].output(slice(1, 2), calls[layer].recorded_value)[0, :, 0]
            attention = translator.module.model.decoder.layers[layer].encoder_attn
            weight = attention.out_proj.weight.reshape(-1, *outputs.shape)
            for head in range(len(outputs)):
                part = weight[:, head] @ outputs[head]
                for norm, given in norms[place:]:
                    part = held(norm, given)(part)
                piece = translator.tokenizer.convert_tokens_to_ids("w5")
                wanted = float(translator.module.lm_head.weight[piece] @ part)
                assert float(found.heads["cross"][layer, head]) == pytest.approx(wanted, abs=1e-4)
    assert subject.writes == ("decoder", "cross") and planted.colour_subject(3, 0).writes == ("encoder",)
    assert written and not found.heads["encoder"].any(), "the encoder writes nothing into the decoder's stream itself"
    assert total(found) == pytest.approx(found.total, abs=1e-4)


def test_what_is_taken_from_where_is_known_of_planted_models() -> None:
    place = 6
    found = direct(planted.colour_subject(place, 1)).keys["encoder"].sum((0, 1))
    assert int(found.argmax()) == place + 1, "CLS took the colour from the planted patch"
    subject = planted.sentence_subject(planted.copier(), "w3 w7 w1", "w3 w7 w1", 1)
    assert int(direct(subject).keys["cross"].sum((0, 1)).argmax()) == 1, "the word that was copied"


@pytest.mark.parametrize("act", ["swish", "gelu_new", "relu"])
def test_every_activation_begins_a_part(act: str) -> None:
    translator = planted.random_translator(activation_function=act)
    found = direct(planted.sentence_subject(translator, "w3 w1", "w2", 0))
    assert found.mlps.abs().min() > 0
    assert total(found) == pytest.approx(found.total, abs=1e-4)


def test_nothing_on_the_model_is_touched() -> None:
    model = planted.random_vision()
    subject = photo_subject(model, planted.random_photo(), planted.SIDE, "stretch", 1)
    before = [parameter.clone() for parameter in model.module.parameters()]
    direct(subject)
    for was, now in zip(before, model.module.parameters(), strict=True):
        assert torch.equal(was, now) and now.grad is None


def test_two_answers_differ_by_the_difference_of_their_parts() -> None:
    """What tells class 1 from class 3, told of each class and of their difference at once."""
    model, photo = planted.random_vision(), planted.random_photo()
    result = model.run(photo, planted.SIDE, "stretch")
    one, three, both = (direct(vision_subject(model, result, *asked)) for asked in ((1,), (3,), (1, 3)))
    torch.testing.assert_close(
        both.heads["encoder"], one.heads["encoder"] - three.heads["encoder"], rtol=1e-3, atol=1e-4
    )
    torch.testing.assert_close(both.mlps, one.mlps - three.mlps, rtol=1e-3, atol=1e-4)
    logits = model.forward(model.pixels(result.fitted.pixels))[0].detach()
    assert total(both) == pytest.approx(float(logits[1] - logits[3]), abs=1e-4)
    subject = vision_subject(model, result, 1, 3)
    whole = torch.ones(1, len(subject.axis), dtype=torch.bool)
    assert float(subject.scores(whole, "blur")[0]) == pytest.approx(float(logits[1] - logits[3]), abs=1e-4)


def test_two_pieces_differ_by_the_difference_of_their_parts() -> None:
    """Of the place that writes w2: rather than w7."""
    translator = planted.random_translator()
    source, names = translator.source_pieces("w3 w1 w4", None)
    w2, w7 = (translator.tokenizer.convert_tokens_to_ids(word) for word in ("w2", "w7"))
    read = lambda word: translator.read(source, names, torch.tensor([[0, word, 1]]))  # noqa: E731
    asked = [(w2, None), (w7, None), (w2, w7)]
    one, seven, both = (
        direct(translation_subject(translator, "w3 w1 w4", None, read(word), 0, rival)) for word, rival in asked
    )
    for kind in ("decoder", "cross"):
        wanted = one.heads[kind] - seven.heads[kind]
        torch.testing.assert_close(both.heads[kind], wanted, rtol=1e-3, atol=1e-4)
    assert both.total == pytest.approx(one.total - seven.total, abs=1e-4)
    assert total(both) == pytest.approx(both.total, abs=1e-4)
