"""The training loop on a toy task: it learns what can be learnt, and a kill costs no more than the last interval."""

import multiprocessing
import random
from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from core.finetune.log import append_line, read_lines, read_log
from core.finetune.loop import Run, Settings, checkpoints, parameter_groups
from tests.waiting import until


class Toy:
    """Two clouds of points; `shuffled` gives them labels that mean nothing."""

    def __init__(self, shuffled: bool = False) -> None:
        torch.manual_seed(0)
        self.module = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))
        labels = torch.arange(200) % 2
        self.points = torch.randn(200, 2, generator=torch.Generator().manual_seed(1)) + 3 * labels[:, None]
        self.labels = labels[torch.randperm(200, generator=torch.Generator().manual_seed(2))] if shuffled else labels

    def batches(self, epoch: int) -> list[list[int]]:
        order = torch.randperm(150, generator=torch.Generator().manual_seed(epoch))
        return [chunk.tolist() for chunk in order.split(10)]

    def loss(self, module: nn.Module, items: Sequence[int]) -> tuple[Tensor, int]:
        noise = 0.1 * torch.randn(len(items), 2)  # resuming must restore the random state too
        return cross_entropy(module(self.points[items] + noise), self.labels[items], reduction="sum"), len(items)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        right = module(self.points[150:]).argmax(-1) == self.labels[150:]
        return {"accuracy": float(right.float().mean())}


def settings(**changes: object) -> Settings:
    return Settings(**{"steps": 60, "rate": 0.02, "warmup": 5, "every": 10, **changes})


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    events = list(Run(Toy(), settings(), tmp_path).train())
    assert [event.step for event in events] == list(range(1, 61))
    assert events[-1].metrics["accuracy"] > 0.95
    assert events[-1].loss < 0.5 * events[0].loss


def test_it_does_not_learn_labels_that_mean_nothing(tmp_path: Path) -> None:
    events = list(Run(Toy(shuffled=True), settings(), tmp_path).train())
    assert events[-1].metrics["accuracy"] < 0.75


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_resuming_gives_the_curve_of_an_unbroken_run(tmp_path: Path, average: float) -> None:
    whole = Run(Toy(), settings(average=average), tmp_path / "whole")
    losses = [event.loss for event in whole.train()]
    broken = Run(Toy(), settings(average=average), tmp_path / "broken")
    for event in broken.train():
        if event.step == 34:  # four steps after the last checkpoint
            break
    resumed = Run(Toy(), settings(average=average), tmp_path / "broken")
    again = [event.loss for event in resumed.train()]
    assert again == pytest.approx(losses[30:], rel=1e-5)
    assert [event.loss for event in read_log(tmp_path / "broken")] == pytest.approx(losses, rel=1e-5)
    for one, other in zip(whole.learnt.parameters(), resumed.learnt.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_gradient_is_that_of_the_whole_batch(tmp_path: Path) -> None:
    """One step of plain descent by hand gives the same loss at the second step."""
    run = Run(Toy(), settings(steps=2, warmup=0, clip=1e9), tmp_path)
    losses = [event.loss for event in run.train()]
    assert losses[0] == pytest.approx(0.69, abs=0.4) and losses[1] != losses[0]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    toy = Toy()
    toy.points = toy.points * float("nan")
    with pytest.raises(ValueError, match="the loss is nan"):
        list(Run(toy, settings(), tmp_path).train())


def steps(folder: Path) -> int:
    log = read_log(folder) if checkpoints(folder) else []
    return log[-1].step if log else 0


def _train(folder: Path) -> None:
    torch.set_num_threads(1)
    for _ in Run(Toy(), settings(steps=100_000, every=2), folder).train():
        pass


def test_a_kill_at_any_moment_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    """Twenty kills at random moments of one run: each time it goes on from where it was, never from the start."""
    context, draw, reached = multiprocessing.get_context("fork"), random.Random(0), 0
    for _ in range(20):
        process = context.Process(target=_train, args=(tmp_path,))
        process.start()
        moment = reached + draw.randrange(2, 40)
        until(lambda moment=moment: steps(tmp_path) >= moment, "so many steps")
        process.kill()
        process.join()
        run = Run(Toy(), settings(steps=100_000, every=2), tmp_path)
        next(run.train())
        assert run.position.step > reached
        reached = run.position.step - 1


@pytest.mark.parametrize("schedule", ["cosine", "linear", "constant_with_warmup"])
def test_the_rate_rises_over_the_warm_up_to_its_peak(tmp_path: Path, schedule: str) -> None:
    events = list(Run(Toy(), settings(steps=20, warmup=5, rate=0.02, schedule=schedule), tmp_path).train())
    rates = [event.rate for event in events]
    assert rates[:6] == pytest.approx([0.0, 0.004, 0.008, 0.012, 0.016, 0.02])
    assert max(rates) == pytest.approx(0.02)
    assert rates[-1] == pytest.approx(0.02) if schedule == "constant_with_warmup" else rates[-1] < 0.005


def test_what_the_first_step_of_a_warm_up_learns_is_nothing(tmp_path: Path) -> None:
    toy = Toy()
    before = [parameter.detach().clone() for parameter in toy.module.parameters()]
    next(Run(toy, settings(warmup=5), tmp_path).train())
    assert all(torch.equal(was, now) for was, now in zip(before, toy.module.parameters(), strict=True))


class Scripted(Toy):
    """Its validation losses are given; the weights at each evaluation are noted."""

    def __init__(self, losses: Sequence[float]) -> None:
        super().__init__()
        self.losses, self.seen = losses, {}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        self.seen[len(self.seen)] = {name: value.clone() for name, value in module.state_dict().items()}
        return {"loss": self.losses[len(self.seen) - 1]}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("average", [0.0, 0.9])
def test_what_may_stop_early_leaves_its_best_weights(tmp_path: Path, average: float) -> None:
    toy = Scripted([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    run = Run(toy, settings(patience=3, average=average), tmp_path)
    assert [event.step for event in run.train()][-1] == 50
    assert not same(run.learnt.state_dict(), toy.seen[1])
    assert run.use_best() == 20
    assert same(run.learnt.state_dict(), toy.seen[1])


def test_without_patience_the_last_weights_stay(tmp_path: Path) -> None:
    toy = Scripted([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
    run = Run(toy, settings(), tmp_path)
    list(run.train())
    assert run.use_best() == 60 and same(run.learnt.state_dict(), toy.seen[5])


def test_the_best_weights_outlive_a_kill(tmp_path: Path) -> None:
    first = Scripted([3.0, 1.0, 2.0])
    for event in Run(first, settings(patience=3), tmp_path).train():
        if event.step == 33:
            break
    second = Scripted([2.0, 2.0])
    run = Run(second, settings(patience=3), tmp_path)
    assert [event.step for event in run.train()] == list(range(31, 51))
    assert run.use_best() == 20 and same(run.learnt.state_dict(), first.seen[1])


def test_only_matrices_decay() -> None:
    """Not biases, norms, tokens, factors, singular values and prompts."""
    module = nn.ModuleDict({"linear": nn.Linear(4, 3), "norm": nn.LayerNorm(4), "kernel": nn.Conv2d(3, 8, 1)})
    for name, shape in {"token": (1, 8, 4), "factor": (4, 1), "prompts": (8, 4)}.items():
        module.register_parameter(name, nn.Parameter(torch.ones(shape)))
    module["kernel"].bias.requires_grad_(False)
    groups = {group["weight_decay"]: group["params"] for group in parameter_groups(module, 0.1)}
    names = {id(p): name for name, p in module.named_parameters()}
    assert {names[id(p)] for p in groups[0.1]} == {"linear.weight", "kernel.weight"}
    others = {"linear.bias", "norm.weight", "norm.bias", "token", "factor", "prompts"}
    assert {names[id(p)] for p in groups[0.0]} == others


def test_a_line_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "probes.jsonl"
    assert read_lines(path) == []
    append_line(path, {"step": 1, "text": "Größe"})
    for rest in (b'{"step": 2, "te', b'{"step": 2, "text": "Gr\xc3'):
        with path.open("ab") as file:
            file.write(rest)
        assert read_lines(path) == [{"step": 1, "text": "Größe"}]
    append_line(path, {"step": 3})
    assert read_lines(path) == [{"step": 1, "text": "Größe"}, {"step": 3}]
    path.write_bytes(b'{"step": 1}\n{"step": 2, "co{"step": 3}\n{"step": 4}\n')  # as older runs left it
    assert [line["step"] for line in read_lines(path)] == [1, 4]
