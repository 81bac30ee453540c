"""Training a translator: the pairs, the vocabulary, a tiny model that learns, and scores that are sacrebleu's."""

import gzip
import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.distributions import kl_divergence
from transformers import MarianTokenizer

from core.finetune import parallel, pretrain
from core.finetune.log import read_log
from core.finetune.loop import checkpoints
from core.finetune.padding import batch
from core.finetune.parallel import Pair
from core.finetune.score import score_by_language, scores
from core.finetune.translation_task import TranslationTask
from core.finetune.vocabulary import build_vocabulary, learn_vocabulary, without_rare
from core.models.decoding import repeats
from core.models.translation import load_translator_folder

NOUNS = {"dog": "Hund", "cat": "Katze", "house": "Haus", "tree": "Baum", "boy": "Junge", "car": "Auto"}
VERBS = {"runs": "rennt", "sleeps": "schläft", "sings": "singt", "waits": "wartet"}


def write(folder: Path, part: str, lines: list[tuple[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for code, side in (("en", 0), ("de", 1)):
        text = "".join(line[side] + "\n" for line in lines)
        (folder / f"{part}.{code}.gz").write_bytes(gzip.compress(text.encode()))


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny tensors: several threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    draw = random.Random(0)
    lines = []
    for _ in range(300):
        (noun, german), (verb, doing) = draw.choice([*NOUNS.items()]), draw.choice([*VERBS.items()])
        lines.append((f"The {noun} {verb}.", f"{german} {doing}."))
    write(tmp_path / "data" / "toy", "train", lines)
    write(tmp_path / "data" / "toy", "val", lines[:20])
    return tmp_path / "data"


def test_pairs_that_do_not_match_are_refused(data: Path) -> None:
    write(data / "bad", "train", [("one", "eins")])
    (data / "bad" / "train.de.gz").write_bytes(gzip.compress(b"eins\nzwei\n"))
    with pytest.raises(ValueError):
        parallel.read_part(data, "train")


def test_the_digest_is_of_the_content(data: Path) -> None:
    pairs = parallel.read_part(data, "train")
    assert parallel.digest(pairs) == parallel.digest(list(pairs)) != parallel.digest(pairs[:-1])


@given(st.lists(st.integers(1, 60), min_size=1, max_size=80), st.integers(60, 300), st.integers(0, 5))
def test_batches_hold_every_item_once_and_stay_small(lengths: list[int], tokens: int, seed: int) -> None:
    found = parallel.batches(lengths, tokens, seed)
    assert sorted(i for batch in found for i in batch) == list(range(len(lengths)))
    assert all(len(batch) * max(lengths[i] for i in batch) <= tokens for batch in found)
    assert found == parallel.batches(lengths, tokens, seed)


def test_variation_keeps_names_and_numbers_the_same_on_both_sides() -> None:
    pair, other = Pair("Tom has 3 dogs.", "Tom hat 3 Hunde.", "de"), Pair("Yes.", "Ja.", "de")
    draw = random.Random(1)
    seen = {parallel.vary(pair, other, draw) for _ in range(300)}
    assert len(seen) > 50
    for varied in seen:
        if varied.source == varied.source.lower() or varied.source == varied.source.upper():
            continue
        name, number = varied.source.split()[0], varied.source.split()[2]
        assert name in varied.target and number in varied.target


def test_a_tiny_model_is_trained_killed_resumed_and_exported(data: Path, tmp_path: Path) -> None:
    run, model = tmp_path / "run", tmp_path / "model"
    common = ["--data", str(data), "--run", str(run), "--width", "64", "--layers", "1", "1", "--dropout", "0"]
    common += ["--rate", "0.006", "--warmup", "10", "--average", "0.9", "--every", "100", "--precision", "no"]
    common += ["--tokens", "600", "--pieces", "40"]
    pretrain.main([*common, "--steps", "250"])
    assert len(checkpoints(run)) == 2
    pretrain.main([*common, "--steps", "500", "--export", str(model)])
    log = read_log(run)
    assert [event.step for event in log] == list(range(1, 501))
    assert log[-1].metrics["loss_de"] < 0.5 * log[99].metrics["loss_de"]
    record = json.loads((model / "training.json").read_text())
    assert record["data"]["train"] == parallel.digest(parallel.read_part(data, "train"))
    assert record["options"]["dropout"] == 0 and record["options"]["smoothing"] == 0.1
    translator = load_translator_folder(model)
    assert set(translator.module.own_pieces) == {translator.tokenizer.convert_tokens_to_ids(">>deu<<")}
    held_out = parallel.read_part(data, "val")
    assert record["validation"] == score_by_language(translator.module, translator.tokenizer, held_out)
    assert translator.targets == ("ces", "cmn_Hans", "deu", "fra")
    right = sum(
        translator.translate(f"The {noun} sleeps.", "deu", beams=2, max_pieces=30).text == f"{german} schläft."
        for noun, german in NOUNS.items()
    )
    assert right >= 5


def test_a_model_over_another_vocabulary_with_more_neurons_says_the_same(small, data: Path, tmp_path: Path) -> None:
    module, tokenizer, pairs = small
    module.eval()
    ids, given = (torch.tensor([tokenizer(text).input_ids]) for text in ("The dog runs.", "Ein Hund"))
    wider = pretrain.renew(module, tokenizer, tokenizer, 300).eval()
    assert wider.config.encoder_ffn_dim == 300 > module.config.encoder_ffn_dim
    with torch.inference_mode():
        expected, found = (one(input_ids=ids, decoder_input_ids=given).logits for one in (module, wider))
    assert torch.allclose(expected, found, atol=1e-5)
    other = build_vocabulary([Pair(pair.target, pair.target, "de") for pair in pairs], 33, tmp_path / "other")
    renewed = pretrain.renew(module, tokenizer, other, 192)
    old, new = (one.get_input_embeddings().weight for one in (module, renewed))
    known = tokenizer.get_vocab()
    fresh = next(piece for piece in other.get_vocab() if piece not in known and len(piece) > 1)
    parts = [known[part] for part in tokenizer.spm_source.encode(fresh.replace("▁", " "), out_type=str)]
    assert len(parts) > 1 and torch.allclose(new[other.get_vocab()[fresh]], old[parts].mean(0))
    assert torch.equal(new[renewed.config.eos_token_id], old[module.config.eos_token_id])


def test_what_is_rare_is_cut_into_smaller_pieces_and_every_id_stays(small, tmp_path: Path) -> None:
    _, tokenizer, pairs = small
    lines = [line for pair in pairs for line in (pair.source, pair.target)]
    before = [tokenizer.tokenize(line) for line in lines]
    times = Counter(piece for row in before for piece in row)
    long = {piece: count for piece, count in times.items() if len(piece.strip("▁")) > 1}
    least = min(long.values()) + 1
    rare = {piece for piece, count in long.items() if count < least}
    found = without_rare(tokenizer, pairs, tmp_path / "without", least)
    after = [found.tokenize(line) for line in lines]
    assert rare and not rare & {piece for row in after for piece in row}
    assert ["".join(row) for row in after] == ["".join(row) for row in before]
    same = [(old, new) for old, new in zip(before, after, strict=True) if not rare & {*old}]
    assert same and all(old == new for old, new in same)
    assert found.get_vocab() == tokenizer.get_vocab()


def test_rare_names_that_translations_keep_are_cut_in_sources_alone(tmp_path: Path) -> None:
    days = (("Friday", "Freitag"), ("Sunday", "Sonntag"), ("Monday", "Montag"))
    pairs = [
        Pair(f"{name} sleeps on {day}.", f"{name} schläft am {german}.", "de")
        for name in ("Merkel", "Anna", "Obama")
        for day, german in days
    ]
    lines = [line for pair in pairs for line in (pair.source, pair.target)] * 20
    whole = learn_vocabulary(lines, ["deu"], tmp_path / "whole", vocab_size=90, model_type="bpe")
    assert whole.tokenize(pairs[0].source) == ["▁Merkel", "▁sleeps", "▁on", "▁Friday", "."]
    cut = without_rare(whole, pairs, tmp_path / "cut", names=1000)
    assert cut.tokenize(pairs[0].source)[-4:] == ["▁sleeps", "▁on", "▁Friday", "."]
    merkel = cut.get_vocab()["▁Merkel"]
    assert merkel not in cut(pairs[0].source).input_ids and merkel in cut(text_target=pairs[0].target).input_ids


@pytest.fixture
def small(data: Path, tmp_path: Path) -> tuple[nn.Module, MarianTokenizer, list[Pair]]:
    """A model with dropout, its vocabulary and pairs."""
    pairs = parallel.read_part(data, "train")
    tokenizer = build_vocabulary(pairs, 40, tmp_path / "vocabulary")
    torch.manual_seed(0)
    return pretrain.new_model(tokenizer, 64, (1, 1), 0.3).train(), tokenizer, pairs


def loss_of(module: nn.Module, tokenizer: MarianTokenizer, pairs: list[Pair], **options: float) -> tuple[Tensor, int]:
    task = TranslationTask(module, tokenizer, pairs, [], varied=False, **options)
    task.batches(0)
    return task.loss(module, range(8))


def test_a_vocabulary_is_renewed_of_a_model(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pretrain.main(["--data", str(data), "--run", str(tmp_path / "run"), "--renew"])
    assert "--start" in capsys.readouterr().err and not (tmp_path / "run").exists()


def test_the_decoder_reads_the_target_one_place_later_behind_the_start_mark(small) -> None:
    """transformers' own shift, and its loss."""
    module, tokenizer, pairs = small
    found, count = loss_of(module.eval(), tokenizer, pairs, smoothing=0.0)
    expected, pieces = 0.0, 0
    for pair in pairs[:8]:
        source = tokenizer(pair.tagged, return_tensors="pt").input_ids
        labels = tokenizer(text_target=pair.target, return_tensors="pt").input_ids
        expected += module(input_ids=source, labels=labels).loss.item() * labels.shape[1]
        pieces += labels.shape[1]
    assert count == pieces and found.item() == pytest.approx(expected, rel=1e-4)


def test_a_mark_that_also_fills_is_read_where_it_ends_a_sentence() -> None:
    ids, mask = batch([[5, 2], [7, 8, 2]], 2, torch.device("cpu"))
    assert ids.tolist() == [[5, 2, 2], [7, 8, 2]] and mask.tolist() == [[1, 1, 0], [1, 1, 1]]


def test_rdrop_is_its_equation(small) -> None:
    module, tokenizer, pairs = small
    torch.manual_seed(1)
    found, count = loss_of(module, tokenizer, pairs, rdrop=2.0, smoothing=0.0)
    task = TranslationTask(module, tokenizer, pairs, [], varied=False)
    task.batches(0)
    torch.manual_seed(1)  # the same dropout again
    logits, labels = task._logits(module, [task.ids[i] for i in [*range(8), *range(8)]])
    one, two = (torch.distributions.Categorical(logits=half) for half in logits.chunk(2))
    written = labels[: len(labels) // 2]
    apart = kl_divergence(one, two) + kl_divergence(two, one)
    expected = -(one.log_prob(written) + two.log_prob(written)) / 2 + 2.0 / 4 * apart
    assert count == len(written) and apart.sum().item() > 1
    assert found.item() == pytest.approx(expected.sum().item(), rel=1e-4)


def test_rdrop_without_dropout_is_the_plain_loss(small) -> None:
    module, tokenizer, pairs = small
    plain, count = loss_of(module.eval(), tokenizer, pairs)
    found, same = loss_of(module.eval(), tokenizer, pairs, rdrop=5.0)
    assert same == count and found.item() == pytest.approx(plain.item(), rel=1e-5)


def test_dropped_pieces_spell_the_same_sentences_and_are_drawn_again_alike(small) -> None:
    module, tokenizer, pairs = small

    def drawn(share: float, epoch: int) -> list[tuple[list[int], list[int]]]:
        task = TranslationTask(module, tokenizer, pairs, [], varied=False, piece_dropout=share)
        task.batches(epoch)
        return task.ids

    plain, half, whole = drawn(0.0, 0), drawn(0.5, 0), drawn(1.0, 0)
    texts = [
        [tokenizer.decode(side, skip_special_tokens=True) for ids in found for side in ids] for found in (plain, whole)
    ]
    assert texts[0] == texts[1]
    shares = [sum(a != b for a, b in zip(plain, drawn_, strict=True)) / len(plain) for drawn_ in (half, whole)]
    assert shares[1] > 0.6
    assert shares[0] == pytest.approx(shares[1] / 2, abs=0.1), "half of the sentences are drawn; four standard errors"
    lengths = [sum(len(source) for source, _ in found) for found in (plain, whole)]
    assert lengths == [4358, 4539], "the same draws in every process"
    assert half == drawn(0.5, 0) != drawn(0.5, 1)


def test_the_ways_back_are_directions_of_their_own() -> None:
    pair = Pair("A dog.", "Ein Hund.", "de")
    back = pair.reversed
    assert (back.source, back.target, back.tagged) == ("Ein Hund.", "A dog.", ">>eng<< Ein Hund.")
    assert back.reversed == pair and (pair.direction, back.direction) == ("de", "de_en")
    other = Pair("Yes.", "是。", "zh")
    assert parallel.by_direction([other.reversed, back, pair]) == {
        "de": [pair],
        "de_en": [back],
        "zh_en": [other.reversed],
    }
    assert parallel.digest([pair]) != parallel.digest([back])


def test_scores_are_zero_to_a_hundred() -> None:
    pairs = [
        Pair("A dog runs.", "Ein Hund rennt über die Wiese.", "de"),
        Pair("Yes, it does.", "Ja, das tut er.", "de"),
    ]
    assert scores([pair.target for pair in pairs], pairs) == pytest.approx({"bleu": 100, "chrf": 100})
    assert scores(["xyz", "uvw"], pairs)["bleu"] < 5


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a man in a man in a man in a hat", True),
        ("ich ich ich", True),
        ("very very good", False),
        ("in a blue shirt and in a blue hat", False),
        ("", False),
    ],
)
def test_a_loop_is_a_run_that_stands_three_times(text: str, found: bool) -> None:
    assert (repeats(text.split()) >= 3) == found
