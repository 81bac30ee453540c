"""Text classification: classes and attention are the model's own, whatever the family; the rest gets a sentence."""

import copy
from pathlib import Path

import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st

from core.errors import SidelightError
from core.models.classification import Classifier, load_classifier
from core.models.pieces import clean
from tests.models.hub import lay, offline
from tests.models.tiny import tokenizer
from tests.models.untrained import spread

SMALL = {"vocab_size": 400, "num_hidden_layers": 2, "num_attention_heads": 4, "hidden_size": 32}
READER = {**SMALL, "intermediate_size": 64, "max_position_embeddings": 130}
DECODER = {
    **SMALL,
    "intermediate_size": 64,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
NAMES = {"id2label": {0: "bad", 1: "fair", 2: "good"}, "label2id": {"bad": 0, "fair": 1, "good": 2}}
MODELS = {
    "bert": (hf.BertConfig(**READER, **NAMES), "wordpiece", "encoder"),
    "roberta": (hf.RobertaConfig(**READER, **NAMES), "bytes", "encoder"),
    "xlm-roberta": (hf.XLMRobertaConfig(**READER, **NAMES), "metaspace", "encoder"),
    "electra": (hf.ElectraConfig(**READER, embedding_size=16, **NAMES), "wordpiece", "encoder"),
    "albert": (hf.AlbertConfig(**READER, embedding_size=16, **NAMES), "wordpiece", "encoder"),
    "distilbert": (
        hf.DistilBertConfig(vocab_size=400, dim=32, n_layers=2, n_heads=4, hidden_dim=64, **NAMES),
        "wordpiece",
        "encoder",
    ),
    "gpt2": (
        hf.GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=128, pad_token_id=0, **NAMES),
        "bytes",
        "decoder",
    ),
    "llama": (hf.LlamaConfig(**DECODER, **NAMES), "metaspace", "decoder"),
}
TEXT = "Hello world, the dog's café is in the snow."
KIND = hf.AutoModelForSequenceClassification


def classifier(kind: str) -> Classifier:
    config, family, _ = MODELS[kind]
    return Classifier(
        kind, spread(KIND.from_config(copy.deepcopy(config), attn_implementation="sdpa")), tokenizer(family)
    )


@pytest.mark.parametrize("kind", MODELS)
def test_classes_and_attention_are_those_of_eager_attention(kind: str) -> None:
    config, family, seen = MODELS[kind]
    own = classifier(kind)
    found = own.classify(TEXT)
    eager = KIND.from_config(config, attn_implementation="eager").eval()
    eager.load_state_dict(own.module.state_dict())
    inputs = tokenizer(family)(TEXT, return_tensors="pt")
    if kind not in ("bert", "electra", "albert"):
        inputs.pop("token_type_ids", None)
    with torch.inference_mode():
        wanted = eager(**inputs, output_attentions=True)
    assert found.classes == ("bad", "fair", "good") and found.exclusive
    torch.testing.assert_close(found.probabilities, wanted.logits[0].softmax(-1), atol=1e-5, rtol=0)
    (trace,) = found.traces.values()
    assert trace.kind == seen and trace.problems == () and trace.layers == 2
    for layer, weights in enumerate(wanted.attentions):
        for head in range(4):
            torch.testing.assert_close(trace.map(layer, head), weights[0, head], atol=1e-5, rtol=0)


def test_classes_that_do_not_exclude_each_other_are_judged_one_by_one() -> None:
    own = classifier("bert")
    own.module.config.problem_type = "multi_label_classification"
    found = own.classify(TEXT)
    torch.testing.assert_close(found.probabilities, found.logits.sigmoid())
    assert not found.exclusive


@given(text=st.text(max_size=20))
def test_any_text_is_judged_or_refused(text: str) -> None:
    try:
        found = CLASSIFIER.classify(text)
    except SidelightError as error:
        assert error.code == "classification.empty" and not clean(text)
        return
    assert float(found.probabilities.sum()) == pytest.approx(1, abs=1e-5) and len(found.axis) == len(
        found.traces["encoder"].query_axis
    )


CLASSIFIER = classifier("bert")


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(SidelightError) as caught:
        CLASSIFIER.classify("dog " * 500)
    assert caught.value.code == "classification.too_long"


def code_of(name: str) -> str:
    with pytest.raises(SidelightError) as caught:
        load_classifier(name)
    return caught.value.code


def test_a_classifier_is_loaded_by_its_name_and_what_is_none_is_refused(tmp_path: Path, monkeypatch) -> None:
    offline(monkeypatch, tmp_path)
    own = classifier("roberta")
    lay(tmp_path, "tiny/roberta", own.module, tokenizer("bytes"))
    loaded = load_classifier("tiny/roberta")
    torch.testing.assert_close(loaded.classify(TEXT).probabilities, own.classify(TEXT).probabilities)
    bert = {**READER, "id2label": {0: "LABEL_0", 1: "LABEL_1"}}
    words = tokenizer("wordpiece")
    lay(tmp_path, "tiny/no-head", hf.BertModel(hf.BertConfig(**bert)), words)
    lay(tmp_path, "tiny/likeness", hf.BertForSequenceClassification(hf.BertConfig(**READER, num_labels=1)), words)
    without = hf.BertForSequenceClassification(hf.BertConfig(**bert))
    del without.bert.pooler.dense
    lay(tmp_path, "tiny/no-pooler", without, words)
    deberta = hf.DebertaV2Config(**READER, **NAMES)
    lay(tmp_path, "tiny/deberta", hf.DebertaV2ForSequenceClassification(deberta), words)
    sizes = {
        f"{side}_{what}": 2 for side in ("encoder", "decoder") for what in ("layers", "attention_heads", "ffn_dim")
    }
    bart = hf.BartConfig(vocab_size=400, d_model=32, **sizes, **NAMES)
    lay(tmp_path, "tiny/bart", hf.BartForSequenceClassification(bart), words)
    assert code_of("tiny/no-head") == "model.untrained_head"
    assert code_of("tiny/no-pooler") == "model.untrained_head", "this head reads the pooler"
    assert code_of("tiny/likeness") == "classification.no_classes"
    assert load_classifier("tiny/deberta").classify(TEXT).traces["encoder"].is_formed
    assert code_of("tiny/bart") == "model.unsupported"
