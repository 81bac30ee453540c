"""Counts against closed forms, fits against the power that made the points, measurements for their meaning."""

import math
import statistics

import pytest
import torch
from safetensors import safe_open
from torch import nn

from core import tasks
from core.differences import candidates, chooser, cost, precision
from core.differences.structure import translator_parts
from core.models.catalogue import SHIPPED, trained
from core.models.loading import precisions
from core.models.translation import load_translator
from core.models.vision import load_vision
from core.models.vision.timm_adapter import fused
from core.wording import ASSETS, large
from tests.differences.conftest import SENTENCE, TARGET
from tests.finetune.models import tiny_translator, tiny_vision


def by_hand(positions: int, width: int, layers: int, hidden: int) -> tuple[int, int]:
    """(projections, products of attention) of a Vision Transformer's blocks, two operations a multiplication."""
    projections = 2 * positions * width * (3 * width + width + 2 * hidden)
    return layers * projections, layers * 4 * positions**2 * width


def test_operations_of_a_vision_transformer_are_those_of_its_formula() -> None:
    model = tiny_vision()
    found = cost.operations(cost.see(model, 64))
    projections, attention = by_hand(65, 48, 3, 4 * 48)
    patches = 2 * 64 * 48 * 3 * 8 * 8
    assert found.attention == attention
    assert found.total == projections + attention + patches
    assert found.share == pytest.approx(attention / found.total)


def test_fused_and_unfused_attention_are_the_same_work() -> None:
    model = tiny_vision()
    run = cost.see(model, 64)
    one = cost.operations(run)
    with fused(model.module, False):
        assert cost.operations(run) == one


def test_operations_of_a_translator_grow_with_its_sentence() -> None:
    translator = tiny_translator()
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    counts = []
    for length in (8, 16):
        ids = cost.source_of(translator, source, length)
        assert ids.shape == (1, length)
        assert ids[0, 0] == source[0, 0] and ids[0, -1] == source[0, -1], "tag and end mark stay"
        counts.append(cost.operations(cost.read_along(translator, ids, ids)))
    assert counts[1].attention == 4 * counts[0].attention, "N squared"
    rest = [count.total - count.attention for count in counts]
    assert rest[1] == 2 * rest[0], "N"


def test_exactly_as_many_pieces_are_written_as_asked() -> None:
    translator = tiny_translator()
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    with torch.inference_mode():
        assert cost.write(translator, source, 9)().shape == (1, 10)  # with the start mark


def test_a_large_number_has_three_digits_and_keeps_its_sign_beside_it() -> None:
    found = [large(value) for value in (512, 999.4, 999.6, 999_600, 22.1e6, 12.2e9)]
    assert [one.replace("\u00a0", "_") for one in found] == ["512", "999", "1_k", "1_M", "22.1_M", "12.2_G"]
    found = [large(value, "zh") for value in (512, 5700, 9999, 16_300, 22.1e6, 12.2e9, -4.76e6)]
    assert [one.replace("\u00a0", "_") for one in found] == [
        "512",
        "5700",
        "1_万",
        "1.63_万",
        "2210_万",
        "122_亿",
        "-476_万",
    ]


def test_a_power_is_found_again() -> None:
    factor, exponent = cost.power([(n, 3 * n**1.7) for n in (4, 9, 40, 200)])
    assert (factor, exponent) == (pytest.approx(3), pytest.approx(1.7))
    with pytest.raises(ValueError, match="two lengths"):
        cost.power([(5, 1.0), (5, 2.0)])


def test_counted_work_of_a_picture_grows_faster_than_its_patches_and_slower_than_their_square() -> None:
    model = tiny_vision()
    points = cost.vision_growth(model, (32, 64, 128))
    exponent = cost.power([(p.positions, p.operations) for p in points])[1]
    assert 1 < exponent < 2
    assert [p.positions for p in points] == [17, 65, 257]
    assert [p.attention_operations for p in points] == sorted(p.attention_operations for p in points)
    assert all(p.seconds > 0 and 0 < p.attention_time < 1 for p in points)
    crossings = [p.crossing for p in points]
    embedding = 3 * model.patch**2 / (2 * len(model.module.blocks))
    assert crossings == pytest.approx([6 * model.width + embedding] * 3, rel=0.02), "the same from whatever length"


def test_text_growth_measures_both_ways() -> None:
    translator = tiny_translator()
    source, _ = translator.source_pieces(SENTENCE, TARGET)
    shares: list[float] = []
    at_once, stepwise = cost.text_growth(translator, source, (8, 24), shares.append)
    assert [p.positions for p in at_once] == [n for n, _ in stepwise] == [8, 24]
    assert stepwise[1][1] > at_once[1].seconds, "24 steps take longer than one pass"
    assert shares == [pytest.approx(0.25), 1]


def test_peak_memory_counts_what_is_alive_at_once() -> None:
    mega = 1 << 20

    def one_after_another() -> None:
        for _ in range(4):
            torch.zeros(mega)

    def together() -> list[torch.Tensor]:
        return [torch.zeros(mega) for _ in range(4)]

    assert cost.peak_bytes(one_after_another) < 2 * 4 * mega
    assert 4 * 4 * mega <= cost.peak_bytes(together) < 5 * 4 * mega


def test_unfused_attention_gives_the_same_and_leaves_the_model_alone() -> None:
    model = tiny_vision()
    before = [part.fused_attn for part in model.module.modules() if hasattr(part, "fused_attn")]
    (found,) = cost.unfused(model, (128,))
    assert found.difference < 1e-4
    assert found.unfused_bytes > found.fused_bytes, "3 maps of 257 x 257 are somewhere"
    assert [part.fused_attn for part in model.module.modules() if hasattr(part, "fused_attn")] == before


@pytest.mark.parametrize("kind", ["bfloat16", "int8"])
def test_a_conversion_is_a_smaller_copy(kind: str) -> None:
    module = nn.Sequential(nn.Linear(256, 256), nn.GELU(), nn.Linear(256, 256)).eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    small = precision.converted(module, kind)
    assert precision.megabytes(small) < 0.6 * precision.megabytes(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    x = torch.randn(4, 256, generator=torch.Generator().manual_seed(0))
    wanted, found = module(x), small(x.bfloat16() if kind == "bfloat16" else x).float()
    assert torch.nn.functional.cosine_similarity(wanted, found, dim=-1).min() > 0.99
    assert not torch.equal(wanted, found)


@pytest.mark.parametrize("there", [True, False])
def test_bfloat16_is_tried_where_the_processor_has_it(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_DEVICE", "cpu")
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: there)
    assert precisions() == (("bf16", "no") if there else ("no",))
    assert ("bfloat16" in precision.available(nn.Linear(2, 2))) is there


def test_quality_of_a_vision_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "KNOWN", 2)
    monkeypatch.setattr(precision, "ASKED", 2)
    model, shares = tiny_vision(), []
    first, again = precision.vision_quality(model, ("float32", "float32"), shares.append)
    assert (first.score, first.changed) == (again.score, again.changed) and first.changed == 0
    p = first.score / 100
    assert first.error == pytest.approx(100 * math.sqrt(p * (1 - p) / 20))
    assert shares[-1] == 1 and shares == sorted(shares)
    assert again.against == precision.Paired(0, 0, 20)


def judged(*, both: int, gained: int, lost: int, neither: int) -> precision.Quality:
    """Of int8 against float32."""
    counts = (both, gained, lost, neither)
    right = torch.tensor([True, True, False, False]).repeat_interleave(torch.tensor(counts))
    other = torch.tensor([True, False, True, False]).repeat_interleave(torch.tensor(counts))
    share, changed = float(right.float().mean()), (gained + lost) / sum(counts)
    error = 100 * math.sqrt(share * (1 - share) / sum(counts))
    return precision.Quality("int8", 1, 1, 100 * share, error, math.nan, changed, precision.paired(right, other))


def test_pictures_that_are_the_same_are_compared_one_by_one() -> None:
    """32.5 against 39.2% of 120 pictures, twice: the accuracies and their own errors (4.3 and 4.5) are the same, but
    where nearly all answers are shared the eight are no chance, and where a quarter differs they are."""
    first = judged(both=39, gained=0, lost=0, neither=81)
    alike = judged(both=39, gained=8, lost=0, neither=73)
    apart = judged(both=27, gained=20, lost=12, neither=61)
    assert (first.score, alike.score, apart.score) == (pytest.approx(32.5), *[pytest.approx(39.17, abs=0.01)] * 2)
    independent = math.hypot(first.error, alike.error)
    assert alike.against.points == apart.against.points == pytest.approx(100 * 8 / 120)
    assert alike.against.points < 2 * independent, "independent errors would call it chance"
    for found, each in ((alike, [1] * 8 + [0] * 112), (apart, [1] * 20 + [-1] * 12 + [0] * 88)):
        assert found.against.error == pytest.approx(100 * statistics.pstdev(each) / math.sqrt(120))
    assert alike.against.chance == pytest.approx(2 / 2**8)
    assert apart.against.chance == pytest.approx(2 * sum(math.comb(32, k) for k in range(13)) / 2**32)
    assert precision.told_apart([first, alike]) == (alike, True) and precision.told_apart([first, apart]) == (
        apart,
        False,
    )
    assert precision.told_apart([first, apart, alike]) == (alike, True), "the one that differs least by chance"
    assert first.against.chance == 1 and precision.told_apart([first]) is None


def test_quality_of_a_translator(translator) -> None:
    name, pairs = precision.judged_pairs("deu")
    assert name == "captions" and len(pairs) == precision.SENTENCES
    assert precision.judged_pairs("cmn_Hans")[0] == "recipes"
    assert precision.judged_pairs(None) is None and precision.judged_pairs("xyz") is None
    plain, small = precision.translation_quality(translator, pairs[:6], ("float32", "int8"))
    assert plain.changed == 0 and plain.score > 10
    assert small.megabytes < plain.megabytes and 0 <= small.changed <= 1


def test_the_chooser_keeps_every_condition() -> None:
    for task in chooser.TASKS:
        for data in chooser.DATA:
            for compute, most in chooser.COMPUTE.items():
                for licence in chooser.LICENCES:
                    for one in chooser.fitting(task, data, compute, licence):
                        assert one.task == task and one.parameters <= most
                        assert one.ready or data != "none"
                        assert one.commercial or licence == "any"


def test_what_fine_tune_teaches_is_found_by_its_task() -> None:
    taught = {task.does for task in tasks.TASKS.values()}
    assert taught <= set(chooser.TASKS) and taught <= set(chooser.LEARNT_HERE)
    assert set(chooser.LEARNT_HERE) <= set(chooser.TASKS)


def test_the_chooser_puts_what_is_here_first_and_names_a_source_for_all_else() -> None:
    found = chooser.fitting("translate", "none", "cpu", "any")
    assert found[0].name == candidates.MARIAN
    assert candidates.MARIAN not in [one.name for one in chooser.fitting("translate", "none", "cpu", "commercial")]
    assert chooser.fitting("generate", "none", "cpu", "any")[0].name == candidates.WRITES
    keys = {card.key for card in SHIPPED}
    assert all(one.name in keys if one.here else one.source.startswith("https://") for one in candidates.KNOWN)


def test_a_table_that_follows_a_formula_was_not_learnt(translator, translation) -> None:
    parts = translator_parts(translator, translation)
    assert cost.learnt(translator.module) == sum(part.parameters for part in parts)
    assert cost.parameters(translator.module) - cost.learnt(translator.module) == 2 * 256 * 256


def test_bundled_sizes_are_those_of_the_models(vision, translator) -> None:
    sizes = {one.name: one.parameters for one in candidates.KNOWN if one.here}
    assert sizes[candidates.VIT] == pytest.approx(cost.learnt(vision.module), rel=0.001)
    assert sizes[candidates.MARIAN] == pytest.approx(cost.learnt(translator.module), rel=0.001)
    for key in (candidates.WRITES, candidates.JUDGES):
        with safe_open(ASSETS / "models" / key / "model.safetensors", "pt") as file:
            stored = sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
        assert sizes[key] == pytest.approx(stored, rel=0.001)


def test_sizes_of_what_was_fine_tuned_are_those_of_the_models(trained_runs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIDELIGHT_RUNS", str(trained_runs))
    sizes = {one.name: one.parameters for one in chooser.candidates()}
    cards = trained()
    assert {card.weights.name for card in cards} == {"model.safetensors", "adapter_model.safetensors"}
    for card in cards:
        model = load_vision(card.key) if card.task == "vision" else load_translator(card.key)
        assert sizes[card.key] == cost.parameters(model.module)
