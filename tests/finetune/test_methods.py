"""Each method trains what it says and nothing else, costs what it says, and what it leaves behind loads as it was."""

import hashlib
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, MarianMTModel

from core.errors import SidelightError
from core.finetune import estimate, methods, train
from core.finetune.class_task import class_logits
from core.finetune.features import features
from core.finetune.learning import Learning
from core.finetune.loop import Run
from core.finetune.sides import open_learning, side
from core.models.translation import Translator
from core.models.vision import VisionModel
from core.models.vision.heads import add_registers
from core.tasks import TASKS
from tests.finetune import models
from tests.finetune.models import (
    HIDDEN,
    LAYERS,
    WIDTH,
    base,
    data_of,
    in_place,
    job,
    loaded,
    run_of,
    tiny_text,
    tiny_vision,
)

CASES = [(task, method) for task in ("vision", "translation") for method in methods.METHODS]
BLOCKS = r"base_model\.model\.blocks\.\d\."
HEAD = r"base_model\.model\.head\.modules_to_save\.default\.(weight|bias)"
LAYER = r"base_model\.model\.model\.(en|de)coder\.layers\.0\."
PARTS = r"((self|encoder)_attn\.(q|k|v|out)_proj|fc1|fc2)\."
# All that learns, by name. What a name leaves out may not change by a bit.
LEARNS = {
    ("vision", "full"): r".*",
    ("vision", "head"): r"head\.(weight|bias)",
    ("vision", "lora"): rf"{BLOCKS}(attn\.(qkv|proj)|mlp\.fc[12])\.lora_[AB]\.default\.weight|{HEAD}",
    ("vision", "adalora"): rf"{BLOCKS}(attn\.(qkv|proj)|mlp\.fc[12])\.lora_[ABE]\.default|{HEAD}",
    ("vision", "prompt"): r"reg_token|head\.(weight|bias)",
    ("vision", "ia3"): rf"{BLOCKS}(attn\.qkv|mlp\.fc2)\.ia3_l\.default|{HEAD}",
    ("translation", "full"): r"model\.shared\.weight|model\.(en|de)coder\.layers\..*",
    ("translation", "head"): r"model\.decoder\.layers\..*",
    ("translation", "lora"): rf"{LAYER}{PARTS}lora_[AB]\.default\.weight",
    ("translation", "adalora"): rf"{LAYER}{PARTS}lora_[ABE]\.default",
    ("translation", "prompt"): r"model\.encoder\.embed_tokens\.prompts",
    ("translation", "ia3"): rf"{LAYER}((self|encoder)_attn\.(k|v)_proj|fc2)\.ia3_l\.default",
}


@dataclass(frozen=True)
class Trained:
    """before, after: hash of each parameter, by name."""

    task: str
    method: str
    learning: Learning
    run: Run
    before: dict[str, str]
    after: dict[str, str]

    @property
    def whole(self) -> nn.Module:
        return self.learning.whole


def hashes(module: nn.Module) -> dict[str, str]:
    named = module.named_parameters()
    return {name: hashlib.sha256(p.detach().contiguous().numpy().tobytes()).hexdigest() for name, p in named}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """Of a task and a method: what eight or more real updates made of it, done once."""
    kept: dict[tuple[str, str], Trained] = {}

    def of(task: str, method: str) -> Trained:
        if (task, method) not in kept:
            folder = run_of(tmp_path_factory.mktemp("runs"), job(task, method))
            learning = open_learning(folder, job(task, method), data_of(task))
            whole = learning.whole
            settings = train.settings_of(learning.job, len(learning.task.batches(0)))
            settings, before = replace(settings, every=settings.steps), hashes(whole)
            run = Run(learning.task, settings, folder, methods.companion(learning.task.module))
            assert len(list(run.train())) >= 8
            kept[task, method] = Trained(task, method, learning, run, before, hashes(whole))
        return kept[task, method]

    with pytest.MonkeyPatch.context() as patch:
        in_place(patch, tmp_path_factory.mktemp("none"))
        yield of


@pytest.mark.parametrize(("task", "method"), CASES)
def test_it_trains_what_it_says_and_nothing_else(trained, task: str, method: str) -> None:
    found = trained(task, method)
    assert found.before.keys() == found.after.keys()
    changed = {name for name in found.before if found.before[name] != found.after[name]}
    assert changed == {name for name in found.before if re.fullmatch(LEARNS[task, method], name)}
    assert changed and (method == "full" or len(changed) < len(found.before))


@pytest.mark.parametrize(("task", "method"), CASES)
def test_the_model_that_pages_share_stays_as_it_is(task: str, method: str) -> None:
    """Counting and measuring a method, which trains a step, is done on the shared model before a job starts."""
    shared = base(task)
    before = hashes(shared.module)
    cost = estimate.measure(shared, job(task, method), data_of(task))
    assert cost.evaluating > 0 and (cost.training > 0) == ((task, method) != ("vision", "head"))
    assert cost.steps >= estimate.STEPS[0] and cost.spread > 0
    assert hashes(shared.module) == before and not shared.module.training
    assert all(p.grad is None for p in shared.module.parameters())


@pytest.mark.parametrize(("method", "epochs", "varied"), [("lora", 3, False), ("head", 3, False), ("head", 3, True)])
def test_the_time_that_is_told_is_of_every_step_and_evaluation(method: str, epochs: int, varied: bool) -> None:
    data, cost = models.pictures(each=16, held_out=12), estimate.Cost(1.0, 0.01, spread=0.25, steps=4)
    told = estimate.seconds(cost, job("vision", method, epochs=epochs, varied=varied), data)
    found = told.usual
    spread = 0.25 * (found - estimate.OVERHEAD)
    assert told.steps == 4 and told.most - found == pytest.approx(spread) == pytest.approx(found - told.least)
    if method == "head":  # its features once, or once more as seen in a mirror, and what is held out three times
        assert found == pytest.approx(estimate.OVERHEAD + 0.01 * ((1 + varied) * 48 + 3 * 36))
    else:
        interim = min(TASKS["vision"].interim, 36)
        sampled = min(TASKS["vision"].interim, 48)  # of what it learns from, judged alike
        evaluated = estimate.EVALUATIONS * (interim + sampled) + 2 * 36 + 48
        assert found == pytest.approx(estimate.OVERHEAD + epochs * 48 * 1.0 + 0.01 * evaluated)


def linear(outputs: int, inputs: int) -> int:
    return outputs * inputs + outputs


def closed_form(task: str, method: str, rank: int) -> int:
    """Trainable parameters, counted by hand from the sizes of the tiny models (3 classes)."""
    d, layers, prompts = WIDTH[task], LAYERS[task], 8
    # (outputs, inputs) of each linear layer of the encoder's and, for translation, the decoder's one layer
    if task == "vision":
        shapes = layers * [(3 * d, d), (d, d), (4 * d, d), (d, 4 * d)]
        head, scaled = linear(3, d), layers * (3 * d + 4 * d)  # queries, keys, values; what the hidden layer hands on
    else:
        shapes = 12 * [(d, d)] + 2 * [(HIDDEN, d), (d, HIDDEN)]
        head, scaled = 0, 3 * 2 * d + 2 * HIDDEN
    decoder = 8 * linear(d, d) + linear(HIDDEN, d) + linear(d, HIDDEN) + 3 * 2 * d  # with three layer norms
    lowered = sum(outputs + inputs for outputs, inputs in shapes)
    first = 3 * rank // 2  # AdaLoRA begins with more ranks than it keeps, each with a singular value
    return {
        "head": head or decoder,
        "lora": rank * lowered + head,
        "adalora": first * (lowered + len(shapes)) + head,
        "prompt": prompts * d + head,
        "ia3": scaled + head,
    }[method]


@pytest.mark.parametrize("task", ["vision", "translation"])
@pytest.mark.parametrize("rank", [2, 8])
def test_the_counts_are_those_of_the_closed_form(task: str, rank: int) -> None:
    found = estimate.counts(base(task).module, task, 3, rank)
    counts = {method: one.trainable for method, one in found.items()}
    whole = sum(p.numel() for p in base(task).module.parameters() if p.requires_grad)
    assert counts.pop("full") == whole + (3 * (WIDTH[task] + 1) if task == "vision" else 0)
    assert counts == {method: closed_form(task, method, rank) for method in counts}


@pytest.mark.parametrize("changes", [{"rank": 1}, {"epochs": 1, "batch": 48}, {"epochs": 2, "batch": 48}])
def test_adalora_needs_no_ranks_or_steps_to_spare(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, int]
) -> None:
    """One rank, one step, two steps: the importance of a rank is known before the first is given up."""
    in_place(monkeypatch, tmp_path)
    folder = run_of(tmp_path, job("vision", "adalora", **changes))
    assert list(train.train(folder))
    kept = json.loads((folder / "result" / "adapter_config.json").read_text())["rank_pattern"]
    assert any(any(ranks) for ranks in kept.values())


def test_an_unknown_method_is_an_error() -> None:
    with pytest.raises(KeyError):
        methods.adapt(tiny_vision().module, "vision", "magic", 10)


@torch.inference_mode()
def outputs(model: VisionModel | Translator, module: nn.Module, learning: Learning) -> Tensor:
    """Logits for the held-out pictures, or of the pieces of a given translation (log-probabilities are of no use: they
    are small where the logits are wrong together)."""
    if isinstance(model, VisionModel):
        return class_logits(module, learning.data.held_out, model.mean, model.std, learning.side)
    ids = models.tokenizer()(text_target=learning.data.held_out[0].target, return_tensors="pt").input_ids
    model = replace(model, module=module)
    source, _ = model.source_pieces(learning.data.held_out[0].source, "deu")
    start = torch.tensor([[module.config.decoder_start_token_id]])
    return module(input_ids=source, decoder_input_ids=torch.cat([start, ids], 1)).logits[0]


@pytest.mark.parametrize(("task", "method"), CASES)
def test_what_is_exported_loads_as_what_was_trained(trained, task: str, method: str, tmp_path: Path) -> None:
    found = trained(task, method)
    found.learning.export(found.run.learnt.eval(), tmp_path)
    again = loaded(task, tmp_path)
    before, after = (
        outputs(model, module, found.learning)
        for model, module in ((found.learning.base, found.whole.eval()), (again, again.module))
    )
    halved = method == "full" or (task, method) == ("translation", "head")  # written as float16
    torch.testing.assert_close(after, before, rtol=0, atol=5e-3 if halved else 1e-5)
    fresh = base(task)
    if task == "translation":
        assert (outputs(fresh, fresh.module, found.learning) - after).abs().max() > 0.01, "it had learnt something"
    else:
        assert again.classes == ("across", "down", "plain") and 0 < again.temperature < 100
    assert not any("lora" in name or "ia3" in name for name, _ in again.module.named_parameters())
    assert {file.suffix for file in tmp_path.iterdir()} <= {".json", ".safetensors", ".spm"}


@pytest.mark.parametrize(("task", "method"), CASES)
def test_the_whole_model_is_opened_by_its_library_alone(trained, task: str, method: str, tmp_path: Path) -> None:
    found, folder = trained(task, method), tmp_path / "whole"
    found.learning.export(found.run.learnt.eval(), tmp_path)
    again = loaded(task, tmp_path)
    expected = outputs(again, again.module, found.learning)
    folder.mkdir()
    side(task).save_whole(again, found.learning.job, "deu", folder)
    opened = _opened_by_timm if task == "vision" else _opened_by_transformers
    with torch.inference_mode():
        answers = opened(folder, found.learning)
    torch.testing.assert_close(answers, expected, rtol=0, atol=1e-2)  # float16


def _opened_by_timm(folder: Path, learning: Learning) -> Tensor:
    module = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    assert module.pretrained_cfg["label_names"] == ["across", "down", "plain"]
    data = timm.data.resolve_data_config(model=module)
    assert data["input_size"] == (3, learning.side, learning.side)
    return class_logits(module, learning.data.held_out, data["mean"], data["std"], learning.side)


def _opened_by_transformers(folder: Path, learning: Learning) -> Tensor:
    module, tokenizer = MarianMTModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    told, pair = json.loads((folder / "told.json").read_text()), learning.data.held_out[0]
    source = torch.tensor([told["ids"] + tokenizer(pair.source).input_ids])
    given = torch.tensor([[module.config.decoder_start_token_id, *tokenizer(text_target=pair.target).input_ids]])
    return module.float()(input_ids=source, decoder_input_ids=given).logits[0]


def test_a_model_without_registers_added_computes_what_it_did() -> None:
    """CLS takes its position with it, at the trained size and at another one."""
    for px in (64, 96):
        pixels = torch.rand(2, 3, px, px, generator=torch.Generator().manual_seed(0))
        plain, folded = tiny_vision().module, tiny_vision().module
        add_registers(folded, 0)
        with torch.inference_mode():
            torch.testing.assert_close(folded(pixels), plain(pixels), rtol=0, atol=1e-5)


def test_a_model_that_lacks_what_a_method_changes_gets_a_sentence() -> None:
    with pytest.raises(SidelightError, match="Choose another method"):
        methods.adapt(tiny_text().module, "classify", "prompt", 10)


def test_registers_can_be_added_once() -> None:
    module = tiny_vision().module
    assert add_registers(module, 3).shape == (1, 3, WIDTH["vision"])
    with pytest.raises(ValueError, match="already"):
        add_registers(module, 3)


def rows_sum_to_1(trace, keys: int) -> None:
    for call in trace.calls:
        weights = call.weights()
        assert weights.shape[-1] == keys
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]), rtol=0, atol=1e-5)


def test_learnt_registers_are_positions_like_others(trained, tmp_path: Path) -> None:
    found = trained("vision", "prompt")
    found.learning.export(found.run.learnt.eval(), tmp_path)
    result = loaded("vision", tmp_path).run(found.learning.film.probe, 64, "stretch")
    assert result.axis.prefix == ("CLS", *(f"register {n}" for n in range(1, 9)))
    rows_sum_to_1(result.traces["encoder"], 9 + 8 * 8)
    assert result.traces["encoder"].layers == LAYERS["vision"]


def test_learnt_prompts_stand_before_the_sentence(trained, tmp_path: Path) -> None:
    found = trained("translation", "prompt")
    found.learning.export(found.run.learnt.eval(), tmp_path)
    result = loaded("translation", tmp_path).translate("The dog runs.", "deu", beams=1, max_pieces=12)
    assert result.source.pieces[:9] == (*(f"<prompt {n}>" for n in range(1, 9)), ">>deu<<")
    plain = base("translation").translate("The dog runs.", "deu", beams=1, max_pieces=12)
    assert result.source.pieces[8:] == plain.source.pieces
    rows_sum_to_1(result.traces["encoder"], len(result.source))
    rows_sum_to_1(result.traces["cross"], len(result.source))
    rows_sum_to_1(result.traces["decoder"], len(result.decoder_input))


@pytest.mark.parametrize("task", ["vision", "translation"])
def test_adalora_moves_ranks_to_where_they_matter(trained, task: str, tmp_path: Path) -> None:
    found = trained(task, "adalora")
    pattern = found.run.learnt.peft_config["default"].rank_pattern
    ranks = [sum(kept) for kept in pattern.values()]
    linears = 12 if task == "vision" else 16
    assert len(ranks) == linears and sum(ranks) == linears * 4, "the budget of rank 4 a layer, shared out anew"
    assert len(set(ranks)) > 1 and max(ranks) > 4
    masked = {name: p for name, p in found.run.learnt.named_parameters() if "lora_E" in name}
    assert sum(int((value != 0).sum()) for value in masked.values()) <= sum(ranks)


def test_the_penalty_is_that_of_the_paper() -> None:
    """gamma (|P^T P - I| + |Q Q^T - I|), as a mean over the factors: 0 for orthonormal ones."""
    module = methods.adapt(estimate.copy_for(tiny_vision().module, "vision", "full", 3), "vision", "adalora", 50, 4)
    ranks = methods.companion(module)
    assert len(ranks.factors) == 2 * 12 and ranks.weight == 0.5
    with torch.no_grad():
        for factor in ranks.factors:
            tall = torch.linalg.qr(torch.randn(max(factor.shape), min(factor.shape))).Q
            factor.copy_(tall if factor.shape[0] > factor.shape[1] else tall.T)
    assert ranks.penalty().item() < 1e-5
    with torch.no_grad():
        for factor in ranks.factors[:6]:
            factor.mul_(2)  # 4 I - I has the norm 3 sqrt(6), for begins with 6 ranks
    assert ranks.penalty().item() == pytest.approx(0.5 * 6 / 24 * 3 * math.sqrt(6), rel=1e-4)
    with torch.no_grad():
        ranks.factors[6].zero_()  # |-I| = sqrt(6)
    assert ranks.penalty().item() == pytest.approx(0.5 * (6 * 3 + 1) / 24 * math.sqrt(6), rel=1e-4)


def test_other_methods_have_no_companion() -> None:
    for method in ("full", "head", "lora", "prompt", "ia3"):
        assert methods.companion(estimate.copy_for(tiny_vision().module, "vision", method, 3)) is None


@pytest.mark.parametrize(("task", "method"), CASES)
def test_a_run_counts_its_parameters_as_they_were_told_before(trained, task: str, method: str) -> None:
    told = estimate.counts(base(task).module, task, 3, 4)[method]
    found = methods.count(trained(task, method).whole)
    assert found.trainable <= told.trainable if method == "adalora" else found == told
    assert 0 < told.share <= 1 and (told.share < 1 or method == "full")


def test_a_head_is_fitted_to_what_it_will_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With prompts: the gradient of its logistic regression, on the features beside them, is zero where it begins."""
    in_place(monkeypatch, tmp_path)
    learning = open_learning(run_of(tmp_path, job("vision", "prompt")), job("vision", "prompt"), data_of("vision"))
    module, train = learning.whole, learning.data.train
    known = features(learning.base, train.images, 64)
    assert not torch.allclose(known, learning.known, atol=1e-3), "the prompts change what CLS is"
    loss = cross_entropy(module.head(known), train.labels) + 0.01 * module.head.weight.square().sum()
    (slope,) = torch.autograd.grad(loss, module.head.weight)
    assert slope.abs().max() < 1e-3


def test_what_is_made_of_an_adapter_learns_whole_like_its_base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """peft freezes the base around its adapter; of the merged model no weight was left to learn."""
    in_place(monkeypatch, tmp_path)
    for task in TASKS:
        asked = side(task)
        module = methods.adapt(asked.prepare(base(task).module, 3), task, "lora", 10, 4)
        place = tmp_path / task
        place.mkdir()
        methods.save_adapter(module, place)
        (place / "classes.json").write_text('{"classes": ["across", "down", "plain"], "temperature": 1.0}')
        found, fresh = (
            methods.count(estimate.copy_for(model.module, task, "full", 3))
            for model in (loaded(task, place), base(task))
        )
        assert found == fresh, task
