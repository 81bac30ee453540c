"""The text models of `benchmarks.coverage`: tiny random models of transformers' own classes, laid out in a folder as
the hub lays them out, opened by the functions of the pages and compared with their own eager attention."""

import copy
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from torch import Tensor

from benchmarks.coverage import Entry, Wrong
from benchmarks.coverage_banded import placed
from core.attention.trace import AttentionTrace
from core.models.answering import load_answerer
from core.models.classification import load_classifier
from core.models.generation import load_generator
from core.models.translation import load_translator

TEXT = "The dog's café runs."
WORDS = ["The", "dog's", "café", "runs", "."]
PIECES = 300  # of the tokenizer below
LARGEST_ERROR = 2e-5  # of a weight
WIDE = {
    "vocab_size": PIECES,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 130,
    "pad_token_id": 1,
    "bos_token_id": 0,
    "eos_token_id": 2,
}
GROUPED = WIDE | {"num_key_value_heads": 2}
LABELS = {"id2label": {0: "bad", 1: "fair", 2: "good"}, "label2id": {"bad": 0, "fair": 1, "good": 2}}
BOTH = {
    f"{side}_{what}": number
    for side in ("encoder", "decoder")
    for what, number in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))
}
BART = {"vocab_size": PIECES, "d_model": 32, "max_position_embeddings": 130, "decoder_start_token_id": 2, **BOTH}
T5 = {
    "vocab_size": PIECES + 28,
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 64,
    "num_layers": 2,
    "num_heads": 4,
    "decoder_start_token_id": 1,
    "pad_token_id": 1,
    "eos_token_id": 2,
}
GPT2 = {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130}
BERT = WIDE | {"is_decoder": True, "add_cross_attention": True}
JOINED = {"encoder": WIDE | {"model_type": "bert"}, "decoder_start_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
Made = tuple[str, dict[str, Any]]  # the configuration's class and its settings

TRANSLATORS: dict[str, Made] = {
    "Bart": ("BartConfig", BART),
    "BigBirdPegasus": ("BigBirdPegasusConfig", BART | {"attention_type": "original_full"}),
    "BERT and BERT, joined": ("EncoderDecoderConfig", JOINED | {"decoder": BERT | {"model_type": "bert"}}),
    "BERT and GPT2, joined": (
        "EncoderDecoderConfig",
        JOINED | {"decoder": GPT2 | {"model_type": "gpt2", "add_cross_attention": True, "is_decoder": True}},
    ),
    "RoBERTa and RoBERTa, joined": (
        "EncoderDecoderConfig",
        JOINED | {"encoder": WIDE | {"model_type": "roberta"}, "decoder": BERT | {"model_type": "roberta"}},
    ),
    "Blenderbot": ("BlenderbotConfig", BART),
    "BlenderbotSmall": ("BlenderbotSmallConfig", BART),
    "FSMT": ("FSMTConfig", {"src_vocab_size": PIECES, "tgt_vocab_size": PIECES, "langs": ["en", "de"]} | BART),
    "LED": ("LEDConfig", BART | {"attention_window": 8, "max_encoder_position_embeddings": 130}),
    "LongT5, local": ("LongT5Config", T5 | {"local_radius": 3}),
    "LongT5, with summaries": ("LongT5Config", T5 | {"local_radius": 3, "encoder_attention_type": "transient-global"}),
    "M2M100": ("M2M100Config", BART),
    "MBart": ("MBartConfig", BART),
    "MT5": ("MT5Config", T5),
    "Marian": ("MarianConfig", BART | {"pad_token_id": 1, "eos_token_id": 2}),
    "Mvp": ("MvpConfig", BART),
    "NllbMoe": ("NllbMoeConfig", BART | {"num_experts": 2, "expert_capacity": 8}),
    "PLBart": ("PLBartConfig", BART),
    "Pegasus": ("PegasusConfig", BART),
    "PegasusX": ("PegasusXConfig", BART | {"num_global_tokens": 4, "block_size": 8}),
    "ProphetNet": (
        "ProphetNetConfig",
        {
            "vocab_size": PIECES,
            "hidden_size": 32,
            "num_encoder_layers": 2,
            "num_decoder_layers": 2,
            "num_encoder_attention_heads": 4,
            "num_decoder_attention_heads": 4,
            "encoder_ffn_dim": 64,
            "decoder_ffn_dim": 64,
            "max_position_embeddings": 130,
        },
    ),
    "SwitchTransformers": ("SwitchTransformersConfig", T5 | {"num_experts": 2, "num_decoder_layers": 2}),
    "T5": ("T5Config", T5),
    "T5, gated": ("T5Config", T5 | {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}),
    "UMT5": ("UMT5Config", T5),
}
# Falcon with ALiBi is left out: transformers' eager way adds the bias twice, so that its logits are not those of the
# fused way (0.18 apart here), and says nothing of what the model computes.
GENERATORS: dict[str, Made] = {
    "Bloom": ("BloomConfig", {"vocab_size": PIECES, "hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "CodeGen": (
        "CodeGenConfig",
        {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 130},
    ),
    "Cohere": ("CohereConfig", GROUPED),
    "Falcon": ("FalconConfig", WIDE),
    "GPT2": ("GPT2Config", {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130}),
    "GPTBigCode": (
        "GPTBigCodeConfig",
        {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130},
    ),
    "GPTJ": (
        "GPTJConfig",
        {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4, "n_positions": 130},
    ),
    "GPTNeo": (
        "GPTNeoConfig",
        {
            "vocab_size": PIECES,
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 8,
            "max_position_embeddings": 130,
        },
    ),
    "GPTNeoX": ("GPTNeoXConfig", WIDE),
    "Gemma": ("GemmaConfig", GROUPED | {"head_dim": 8}),
    "Gemma2": ("Gemma2Config", GROUPED | {"head_dim": 8}),
    "Gemma3": ("Gemma3TextConfig", GROUPED | {"head_dim": 8}),
    "Glm": ("GlmConfig", GROUPED | {"head_dim": 8}),
    "Granite": ("GraniteConfig", GROUPED),
    "Helium": ("HeliumConfig", GROUPED | {"head_dim": 8}),
    "Llama": ("LlamaConfig", GROUPED),
    "MPT": ("MptConfig", {"vocab_size": PIECES, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 130}),
    "Mistral": ("MistralConfig", GROUPED | {"sliding_window": 4}),
    "Mixtral": ("MixtralConfig", GROUPED | {"num_local_experts": 2}),
    "Nemotron": ("NemotronConfig", GROUPED),
    "OLMo": ("OlmoConfig", GROUPED),
    "OLMo2": ("Olmo2Config", GROUPED),
    "OPT": (
        "OPTConfig",
        {
            "vocab_size": PIECES,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "ffn_dim": 64,
            "word_embed_proj_dim": 32,
            "max_position_embeddings": 130,
        },
    ),
    "OpenAIGPT": (
        "OpenAIGPTConfig",
        {"vocab_size": PIECES, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 130},
    ),
    "Persimmon": ("PersimmonConfig", WIDE),
    "Phi": ("PhiConfig", WIDE),
    "Phi3": ("Phi3Config", GROUPED | {"sliding_window": 4}),
    "Qwen2": ("Qwen2Config", GROUPED),
    "Qwen3": ("Qwen3Config", GROUPED | {"head_dim": 8}),
    "SmolLM3": ("SmolLM3Config", GROUPED),
    "StableLm": ("StableLmConfig", GROUPED),
    "Starcoder2": ("Starcoder2Config", GROUPED | {"sliding_window": 4}),
    "XGLM": (
        "XGLMConfig",
        {
            "vocab_size": PIECES,
            "d_model": 32,
            "num_layers": 2,
            "attention_heads": 4,
            "ffn_dim": 64,
            "max_position_embeddings": 130,
        },
    ),
    "BERT, which reads whole texts": ("BertConfig", WIDE),
}
DISTILBERT = {"vocab_size": PIECES, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64}
READERS: dict[str, Made] = {
    "Albert": ("AlbertConfig", WIDE | {"embedding_size": 16}),
    "Bert": ("BertConfig", WIDE),
    "BigBird": ("BigBirdConfig", WIDE | {"attention_type": "original_full"}),
    "Camembert": ("CamembertConfig", WIDE),
    "ConvBert": ("ConvBertConfig", WIDE | {"embedding_size": 32}),
    "Deberta": ("DebertaConfig", WIDE),
    "DebertaV2": ("DebertaV2Config", WIDE),
    "DistilBert": ("DistilBertConfig", DISTILBERT),
    "Electra": ("ElectraConfig", WIDE | {"embedding_size": 16}),
    "Funnel": (
        "FunnelConfig",
        {"vocab_size": PIECES, "d_model": 32, "n_head": 4, "d_head": 8, "d_inner": 64, "block_sizes": [1, 1]},
    ),
    "GPT2": ("GPT2Config", GENERATORS["GPT2"][1] | {"pad_token_id": 1}),
    "IBert": ("IBertConfig", WIDE),
    "LayoutLM": ("LayoutLMConfig", WIDE),
    "Llama": ("LlamaConfig", GROUPED),
    "Longformer": ("LongformerConfig", WIDE | {"attention_window": 8}),
    "MPNet": ("MPNetConfig", WIDE),
    "ModernBert": (
        "ModernBertConfig",
        WIDE | {"global_attn_every_n_layers": 2, "local_attention": 8, "cls_token_id": 0, "sep_token_id": 2},
    ),
    "Roberta": ("RobertaConfig", WIDE),
    "XLM": ("XLMConfig", {"vocab_size": PIECES, "emb_dim": 32, "n_layers": 2, "n_heads": 4, "pad_index": 1}),
    "XLMRoberta": ("XLMRobertaConfig", WIDE),
}


def _tokenizer() -> hf.PreTrainedTokenizerFast:
    """Bytes between two marks, as RoBERTa's and BART's."""
    marks, letters = ["<s>", "<pad>", "</s>", "<unk>"], sorted(pre_tokenizers.ByteLevel.alphabet())
    found = Tokenizer(models.BPE({piece: number for number, piece in enumerate(marks + letters)}, []))
    found.pre_tokenizer, found.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    found.add_special_tokens(marks)
    found.post_processor = processors.TemplateProcessing(
        "<s> $A </s>", "<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=found,
        bos_token="<s>",
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        cls_token="<s>",
        sep_token="</s>",
    )


def _laid_out(folder: Path, kind: Any, made: Made, **more: Any) -> None:
    """A model with attention far from even, and its tokenizer, as `save_pretrained` leaves them."""
    torch.manual_seed(0)
    config = getattr(hf, made[0])(**copy.deepcopy(made[1]) | more)
    module = kind.from_config(config)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.normal_(std=0.2)
    module.save_pretrained(folder)
    _tokenizer().save_pretrained(folder)


def _compare(kind: str, trace: AttentionTrace, wanted: tuple[Tensor, ...]) -> None:
    """Each row of a trace with the model's own eager attention, (1, heads, queries, keys) a layer."""
    if trace.problems or trace.layers != len(wanted):
        raise Wrong(f"{kind}: {trace.layers} of {len(wanted)} layers, {len(trace.problems)} unlike the model's output")
    for layer, weights in enumerate(wanted):
        for head in range(weights.shape[1]):
            error = float((trace.map(layer, head) - weights[0, head].float()).abs().max())
            if error > LARGEST_ERROR:
                raise Wrong(f"{kind}: a weight of layer {layer + 1} is off by {error:.1e}")


def _same_words(axis: Any, typed: str = TEXT) -> None:
    whole = axis.merged()
    words = [word for word, mark in zip(whole.pieces, whole.special, strict=True) if not mark]
    if words != WORDS and typed == TEXT:
        raise Wrong(f"its words are {words}")


def _eager(kind: Any, folder: Path) -> Any:
    return kind.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32).eval()


def _translator(made: Made) -> None:
    kind = hf.AutoModelForSeq2SeqLM
    with tempfile.TemporaryDirectory() as place:
        _laid_out(Path(place), kind, made)
        own = load_translator(Path(place))
        found = own.translate(TEXT, own.targets[0] if own.targets else None, beams=2, max_pieces=6)
        _same_words(found.source)
        source, _ = own.source_pieces(TEXT, None)
        with torch.inference_mode():
            given = {"input_ids": source, "decoder_input_ids": torch.tensor([found.ids[:-1]])}
            eager = _eager(kind, Path(place))
            wanted = eager(**given, output_attentions=True)
    own_weights = {"encoder": placed(eager.config, len(found.source), wanted)}
    own_weights |= {"decoder": wanted.decoder_attentions, "cross": wanted.cross_attentions}
    for name, trace in found.traces.items():
        _compare(name, trace, own_weights[name])


def _generator(made: Made) -> None:
    kind = hf.AutoModelForCausalLM
    with tempfile.TemporaryDirectory() as place:
        _laid_out(Path(place), kind, made)
        own = load_generator(Path(place))
        found = own.go_on(TEXT, 6)
        ids = own.tokenizer(TEXT).input_ids[:-1]
        with torch.inference_mode():
            eager = _eager(kind, Path(place))
            written = eager.generate(torch.tensor([ids]), do_sample=False, max_new_tokens=6, eos_token_id=None)
            wanted = eager(written[:, : len(found.axis)], output_attentions=True)
    if [step.probability < 0.999 * step.alternatives[0][1] for step in found.steps].count(True):
        raise Wrong("a step is not the most likely piece")
    _compare("decoder", found.traces["decoder"], wanted.attentions)


def _reader(task: str, made: Made) -> None:
    kind = hf.AutoModelForQuestionAnswering if task == "answer" else hf.AutoModelForSequenceClassification
    with tempfile.TemporaryDirectory() as place:
        _laid_out(Path(place), kind, made, **({} if task == "answer" else LABELS))
        texts = ("Who runs?", TEXT) if task == "answer" else (TEXT,)
        own: Any = load_answerer(Path(place)) if task == "answer" else load_classifier(Path(place))
        found = own.answer(*texts) if task == "answer" else own.classify(*texts)
        given = own.tokenizer(*texts, return_tensors="pt")
        with torch.inference_mode():
            eager = _eager(kind, Path(place))
            wanted = eager(input_ids=given.input_ids, output_attentions=True)
    if task == "classify":
        _same_words(found.axis)
        if found.classes != ("bad", "fair", "good"):
            raise Wrong(f"its classes are {found.classes}")
        if float((found.logits - wanted.logits[0]).abs().max()) > 1e-4:
            raise Wrong("its logits are not the model's")
    (trace,) = found.traces.values()
    _compare("encoder", trace, placed(eager.config, len(found.axis), wanted))


def _entries(part: str, table: dict[str, Made], check: Callable[[Made], None]) -> Iterator[Entry]:
    for family, made in table.items():
        yield Entry(family, part, partial(check, made))


def translation_entries() -> Iterator[Entry]:
    yield from _entries("text to text", TRANSLATORS, _translator)


def generation_entries() -> Iterator[Entry]:
    yield from _entries("generation", GENERATORS, _generator)


def answering_entries() -> Iterator[Entry]:
    table = {family: made for family, made in READERS.items() if family != "LayoutLM"}  # it has no class for answers
    yield from _entries("question answering", table, partial(_reader, "answer"))


def classification_entries() -> Iterator[Entry]:
    yield from _entries("text classification", READERS, partial(_reader, "classify"))


PARTS = {
    "text-to-text": translation_entries,
    "generation": generation_entries,
    "question-answering": answering_entries,
    "text-classification": classification_entries,
}
