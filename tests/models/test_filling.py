"""Filling blanks: what a model says of a piece that it does not see, from both sides or from before alone."""

import pytest
import torch
from transformers import BertConfig, BertForMaskedLM, BertLMHeadModel, RobertaTokenizer

from core.errors import SidelightError
from core.finetune.twins import vocabulary
from core.models.filling import Filler
from core.models.generation import Generator
from tests.models.tiny import TEXT
from tests.models.untrained import spread

CONFIG = {
    "vocab_size": 300,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "hidden_size": 32,
    "intermediate_size": 64,
    "max_position_embeddings": 40,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
SENTENCE = "the dog is in the snow."


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> RobertaTokenizer:
    return vocabulary(TEXT, 300, tmp_path_factory.mktemp("vocabulary"))


@pytest.fixture(scope="module")
def filler(tokenizer: RobertaTokenizer) -> Filler:
    torch.manual_seed(0)
    return Filler(
        "reads", spread(BertForMaskedLM._from_config(BertConfig(**CONFIG), attn_implementation="sdpa")), tokenizer
    )


@pytest.fixture(scope="module")
def generator(tokenizer: RobertaTokenizer) -> Generator:
    torch.manual_seed(0)
    config = BertConfig(**CONFIG, is_decoder=True)
    return Generator("writes", spread(BertLMHeadModel._from_config(config, attn_implementation="sdpa")), tokenizer)


@pytest.mark.parametrize("blank", ["___", "__", "<mask>", "[MASK]"])
def test_a_blank_is_a_masked_piece_with_the_space_before_it(filler: Filler, blank: str) -> None:
    found = filler.fill(f"the {blank} is in the {blank}.")
    ids = filler.tokenizer("the<mask> is in the<mask>.", return_tensors="pt").input_ids
    assert found.positions == tuple((ids[0] == filler.tokenizer.mask_token_id).nonzero()[:, 0].tolist())
    with torch.inference_mode():
        expected = filler.module(ids).logits[0, list(found.positions)].softmax(-1)
    for step, chances in zip(found.steps, expected, strict=True):
        assert step.probability == pytest.approx(float(chances.max()), abs=1e-5)
        assert step.alternatives[0] == (step.piece, step.probability)
        assert step.entropy == pytest.approx(float(torch.special.entr(chances).sum()) / 0.6931472, abs=1e-3)
    assert found.traces["encoder"].problems == () and len(found.axis) == ids.shape[1]


def test_each_piece_is_guessed_unseen_from_both_sides_or_from_before(filler: Filler, generator: Generator) -> None:
    both, before = filler.guess(SENTENCE), generator.guess(SENTENCE)
    assert both.axis == before.axis and both.positions == before.positions == tuple(range(1, len(both.axis) - 1))
    ids = torch.tensor([filler.tokenizer(SENTENCE).input_ids])
    for place, one, other in zip(both.positions, both.steps, before.steps, strict=True):
        masked = ids.clone()
        masked[0, place] = filler.tokenizer.mask_token_id
        with torch.inference_mode():
            chance = filler.module(masked).logits[0, place].softmax(-1)[ids[0, place]]
            after = generator.module(ids[:, :place]).logits[0, -1].softmax(-1)[ids[0, place]]
        assert one.probability == pytest.approx(float(chance), abs=1e-5)
        assert other.probability == pytest.approx(float(after), abs=1e-5)
    logs = torch.tensor([step.probability for step in before.steps]).log()
    assert before.nats == pytest.approx(-float(logs.mean()), abs=1e-5)


def test_one_sees_what_follows_and_the_other_does_not(filler: Filler, generator: Generator) -> None:
    (both,), (before,) = (model.guess(SENTENCE).traces.values() for model in (filler, generator))
    assert both.kind == "encoder" and before.kind == "decoder"
    for layer in range(2):
        assert both.map(layer, 0)[2, 3:].sum() > 0.01 and before.map(layer, 0)[2, 3:].sum() == 0


def test_another_piece_can_be_taken_and_gone_on_from(generator: Generator) -> None:
    found = generator.go_on(SENTENCE, 4)
    best, second = (generator.instead(found, 2, choice) for choice in (0, 1))
    assert best.startswith(SENTENCE) and second.startswith(SENTENCE) and best != second
    ids = list(found.ids[: found.prompt + 3])
    assert best == generator.tokenizer.decode(ids, skip_special_tokens=True)


def test_a_nucleus_holds_the_likeliest_alone_where_it_is_small(generator: Generator) -> None:
    greedy = generator.go_on(SENTENCE, 8).text
    assert generator.go_on(SENTENCE, 8, temperature=1.5, seed=3, top_p=1e-6).text == greedy
    assert generator.go_on(SENTENCE, 8, temperature=1.5, seed=3).text != greedy


@pytest.mark.parametrize(
    ("text", "code"), [(" ", "empty"), ("no blank _ here", "no_blank"), ("___ " + "q" * 40, "too_long")]
)
def test_what_cannot_be_filled_gets_a_sentence(filler: Filler, text: str, code: str) -> None:
    with pytest.raises(SidelightError) as caught:
        filler.fill(text)
    assert caught.value.code == f"filling.{code}"
