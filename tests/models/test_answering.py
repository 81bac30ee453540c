"""Question answering: spans are the model's own numbers, the attention is the model's own, the rest gets a sentence."""

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from transformers import (
    BertConfig,
    BertForQuestionAnswering,
    BertModel,
    DistilBertConfig,
    DistilBertForQuestionAnswering,
    GPT2Config,
    GPT2ForQuestionAnswering,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForQuestionAnswering,
    RobertaConfig,
    RobertaForQuestionAnswering,
)

from core.errors import SidelightError
from core.models.answering import SPAN, Answerer, best_spans, load_answerer
from core.models.pieces import clean
from tests.models.hub import lay, offline
from tests.models.tiny import FAMILIES, tokenizer

SMALL = {"vocab_size": 400, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
BERT = BertConfig(**SMALL, intermediate_size=64, max_position_embeddings=128)
GPT2 = GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=128)
LLAMA = LlamaConfig(**SMALL, intermediate_size=64, num_key_value_heads=2, max_position_embeddings=128)
MODELS = {
    "bert": (BertForQuestionAnswering, BERT, "wordpiece", "encoder"),
    "roberta": (
        RobertaForQuestionAnswering,
        RobertaConfig(**SMALL, intermediate_size=64, max_position_embeddings=130),
        "bytes",
        "encoder",
    ),
    "distilbert": (
        DistilBertForQuestionAnswering,
        DistilBertConfig(vocab_size=400, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=128),
        "wordpiece",
        "encoder",
    ),
    "gpt2": (GPT2ForQuestionAnswering, GPT2, "bytes", "decoder"),
    "llama": (LlamaForQuestionAnswering, LLAMA, "metaspace", "decoder"),
}
QUESTION, CONTEXT = "Where is the dog?", "The dog's café 我🙂 is in the snow."


def answerer(kind: str) -> Answerer:
    model, config, family, _ = MODELS[kind]
    torch.manual_seed(0)
    return Answerer(kind, model._from_config(config, attn_implementation="sdpa").eval(), tokenizer(family))


@pytest.mark.parametrize("kind", MODELS)
def test_the_attention_is_what_eager_attention_of_the_same_weights_computes(kind: str) -> None:
    model, config, _, seen = MODELS[kind]
    own = answerer(kind)
    answer = own.answer(QUESTION, CONTEXT)
    eager = model._from_config(config, attn_implementation="eager").eval()
    eager.load_state_dict(own.module.state_dict())
    inputs = own.tokenizer(QUESTION, CONTEXT, return_tensors="pt")
    if kind == "distilbert":
        del inputs["token_type_ids"]
    with torch.inference_mode():
        found = eager(**inputs, output_attentions=True)
    (trace,) = answer.traces.values()
    assert trace.kind == seen and trace.is_causal == (seen == "decoder")
    assert (trace.layers, trace.heads, trace.problems) == (2, 4, ())
    for layer, weights in enumerate(found.attentions):
        for head in range(4):
            torch.testing.assert_close(trace.map(layer, head), weights[0, head], atol=1e-5, rtol=0)
    allowed = answer.start > 0
    expected = torch.where(allowed, found.start_logits[0], -torch.inf).softmax(0)
    torch.testing.assert_close(answer.start, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", MODELS)
def test_probabilities_are_over_the_context_and_the_mark_alone(kind: str) -> None:
    own = answerer(kind)
    answer = own.answer(QUESTION, CONTEXT)
    ids = own.tokenizer(QUESTION, CONTEXT).encodings[0]
    cls = ids.ids.index(own.tokenizer.cls_token_id) if own.tokenizer.cls_token_id in ids.ids else None
    inside = [i for i, owner in enumerate(ids.sequence_ids) if owner == 1]
    expected = [i in inside or i == cls for i in range(len(answer.axis))]
    for chances in (answer.start, answer.end):
        assert (chances > 0).tolist() == expected and float(chances.sum()) == pytest.approx(1, abs=1e-5)
    context = "".join(answer.axis.pieces[i] for i in inside).replace("\ufffd", "")
    assert context == CONTEXT.replace(" ", "")


class Planted(nn.Module):
    """In place of a model's head: it marks these positions."""

    def __init__(self, starts: dict[int, float], ends: dict[int, float]) -> None:
        super().__init__()
        self.planted = (starts, ends)

    def forward(self, hidden: Tensor) -> Tensor:
        logits = torch.zeros(*hidden.shape[:2], 2)
        for column, marks in enumerate(self.planted):
            for position, value in marks.items():
                logits[0, position, column] = value
        return logits


def test_the_best_span_lies_in_the_context_and_ends_after_it_begins() -> None:
    own = answerer("bert")
    pieces = own.answer(QUESTION, CONTEXT).axis.pieces
    where, snow, dot = 1, len(pieces) - 3, len(pieces) - 2
    assert pieces[dot] == "."
    # The question gets the most of all; the second best end stands before the start.
    own.module.qa_outputs = Planted({where: 50, snow: 9, dot: 5}, {where: 60, snow - 1: 10, dot: 8})
    answer = own.answer(QUESTION, CONTEXT)
    best = answer.spans[0]
    assert (best.first, best.last) == (snow, dot)
    assert CONTEXT.endswith(best.text) and best.text.endswith(".")
    assert best.probability == pytest.approx(float(answer.start[snow] * answer.end[dot]), rel=1e-5)
    assert len(answer.spans) == 3
    assert [s.probability for s in answer.spans] == sorted((s.probability for s in answer.spans), reverse=True)


def test_the_mark_says_that_there_is_no_answer() -> None:
    own = answerer("bert")
    own.module.qa_outputs = Planted({0: 9}, {0: 9})
    answer = own.answer(QUESTION, CONTEXT)
    assert (answer.spans[0].text, answer.spans[0].first, answer.spans[0].last) == ("", 0, 0)
    assert answer.spans[0].probability > 0.95
    assert all(span.text for span in answer.spans[1:])


@given(seed=st.integers(0, 999), size=st.integers(1, 60), marked=st.booleans())
def test_best_spans_are_those_that_a_plain_search_finds(seed: int, size: int, marked: bool) -> None:
    start, end = torch.rand(2, size + 4, generator=torch.Generator().manual_seed(seed))
    inside, cls = list(range(3, size + 3)), [0] if marked else []
    plain = [(float(start[i] * end[j]), i, j) for i in inside for j in inside if i <= j < i + SPAN]
    plain += [(float(start[0] * end[0]), 0, 0)] if marked else []
    assert best_spans(start, end, inside, cls) == sorted(plain, reverse=True)[:3]


def code_of(own: Answerer, question: str, context: str) -> str:
    with pytest.raises(SidelightError) as caught:
        own.answer(question, context)
    return caught.value.code


def test_what_cannot_be_answered_gets_a_sentence() -> None:
    own = answerer("bert")
    for nothing in ("", " \n\t", "\u200b\x00\x07"):
        assert code_of(own, nothing, CONTEXT) == code_of(own, QUESTION, nothing) == "answering.empty"
    with pytest.raises(SidelightError) as caught:
        own.answer(QUESTION, "dog " * 200)
    assert caught.value.code == "answering.too_long" and caught.value.values["limit"] == 128
    assert caught.value.values["pieces"] == len(own.tokenizer(QUESTION, "dog " * 200).input_ids)
    count = len(own.answer(QUESTION, CONTEXT).axis)
    own.tokenizer.model_max_length, before = count, own.tokenizer.model_max_length
    try:
        assert len(own.answer(QUESTION, CONTEXT).axis) == count
        assert code_of(own, QUESTION, CONTEXT + " dog") == "answering.too_long"
    finally:
        own.tokenizer.model_max_length = before


def test_typed_marks_and_control_characters_are_text_or_gone() -> None:
    answer = answerer("bert").answer("the [SEP] dog\x00", "in\u200b the\n\n[CLS] snow\r\n")
    assert [p for p, mark in zip(answer.axis.pieces, answer.axis.special, strict=True) if mark] == [
        "[CLS]",
        "[SEP]",
        "[SEP]",
    ]
    assert answer.axis.pieces.count("[SEP]") == 2
    assert "".join(answer.axis.merged().pieces) == "[CLS]the[SEP]dog[SEP]inthe[CLS]snow[SEP]"


@settings(max_examples=30)
@given(family=st.sampled_from(["bert", "gpt2"]), question=st.text(max_size=20), context=st.text(max_size=40))
def test_any_text_is_answered_or_refused(family: str, question: str, context: str) -> None:
    try:
        answer = answerer(family).answer(question, context)
    except SidelightError as error:
        assert error.code == "answering.too_long" or not (clean(question) and clean(context))
        return
    (trace,) = answer.traces.values()
    assert trace.problems == () and all(span.text in clean(context) for span in answer.spans)
    assert all(len(answer.axis) > span.last >= span.first >= 0 for span in answer.spans)


def test_an_answerer_is_loaded_by_its_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offline(monkeypatch, tmp_path)
    for kind, family in (("bert", "wordpiece"), ("distilbert", "wordpiece"), ("gpt2", "bytes")):
        own = answerer(kind)
        lay(tmp_path, f"someone/{kind}", own.module, tokenizer(family))
        loaded = load_answerer(f" someone/{kind} ")
        assert loaded.name == f"someone/{kind}"
        answer, expected = loaded.answer(QUESTION, CONTEXT), own.answer(QUESTION, CONTEXT)
        (trace,) = answer.traces.values()
        assert answer.axis == expected.axis and trace.problems == ()
        torch.testing.assert_close(answer.start, expected.start)


def refused(name: str) -> str:
    with pytest.raises(SidelightError) as caught:
        load_answerer(name)
    return caught.value.code


def test_a_model_without_a_trained_head_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    offline(monkeypatch, tmp_path)
    lay(tmp_path, "base", BertModel(BERT), tokenizer("wordpiece"))
    lay(tmp_path, "writer", GPT2LMHeadModel(GPT2), tokenizer("bytes"))
    assert refused("base") == refused("writer") == "model.untrained_head"
    assert refused("nowhere/at-all") == "model.offline_alone"
    assert refused("../base") == "model.bad_name"


@pytest.mark.parametrize("family", FAMILIES)
def test_question_and_context_do_not_share_a_word(family: str) -> None:
    kind = {"wordpiece": "bert", "bytes": "gpt2", "metaspace": "llama"}[family]
    answer = answerer(kind).answer("the dog", "snow")
    words = [word for word in answer.axis.merged().pieces if word not in ("[CLS]", "[SEP]", "<s>", "</s>")]
    assert words == ["the", "dog", "snow"]
