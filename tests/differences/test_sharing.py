"""Learning a head under a bound, apart, and for several tasks, on features that are planted."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from benchmarks import adapter
from core.differences import sharing
from core.differences.sharing import Data, deal, federated, noise_for, private, several


@pytest.fixture(scope="module")
def data() -> Data:
    """Four directions for four classes, three others for the colours, and noise."""
    draw = torch.Generator().manual_seed(0)
    labels = torch.arange(800) % 4
    colours = torch.rand(800, 3, generator=draw)
    features = torch.randn(800, 24, generator=draw) * 0.15
    features[:, :4] += torch.eye(4)[labels]
    features[:, 4:7] += 2 * (colours - 0.5)
    features = torch.cat([normalize(features, dim=-1), torch.ones(800, 1)], 1)
    return Data(features[:400], labels[:400], colours[:400], features[400:], labels[400:], colours[400:])


def test_the_noise_is_that_of_the_gaussian_mechanism() -> None:
    """One look with sensitivity 1: Balle & Wang 2018 by numerical integration of the privacy loss."""
    epsilon, delta = 1.0, 1e-4
    noise = noise_for(epsilon, 1, delta)
    x = torch.linspace(-40, 40, 400_001, dtype=torch.double)
    one, other = (torch.distributions.Normal(mean, noise).log_prob(x).exp() for mean in (1.0, 0.0))
    reached = float(torch.trapezoid((one - math.exp(epsilon) * other).clamp_min(0), x))
    assert reached == pytest.approx(delta, rel=1e-3)
    assert noise_for(1.0, 100, delta) == pytest.approx(10 * noise, rel=1e-6), "100 looks are one with a tenth of it"
    assert noise_for(8.0) < noise_for(1.0) < noise_for(0.1)


def test_a_tighter_bound_costs_accuracy(data: Data) -> None:
    free, loose, tight = (private(data, one) for one in (math.inf, 8.0, 0.05))
    assert free > 0.9 and loose > 0.8 and tight < loose - 0.2


def test_a_picture_changes_a_step_by_the_clip_alone(data: Data) -> None:
    """What the bound rests on: of every picture the gradient is at most CLIP long."""
    error = torch.full((len(data.known), data.classes), 5.0)
    size = data.known.norm(dim=-1, keepdim=True) * error.norm(dim=-1, keepdim=True)
    assert float((size.clamp_max(sharing.CLIP)).max()) <= sharing.CLIP < float(size.min())


def test_one_client_is_plain_descent_and_clients_alike_come_near_it(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "LOCAL_RATE", 300.0)
    one, alike, apart = (federated(data, deal(data.labels, *how), 12) for how in ((1, True), (4, True), (4, False)))
    assert alike[0] >= apart[0] and abs(one[-1] - alike[-1]) < 0.03
    owner = deal(data.labels, 4, False)
    assert owner.bincount().tolist() == [100] * 4
    assert [data.labels[owner == client].unique().tolist() for client in range(4)] == [[0], [1], [2], [3]]


def test_what_is_learnt_for_one_task_serves_that_one(data: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "SHARED", 3)
    monkeypatch.setattr(sharing, "JOINT_STEPS", 150)
    classes, colours = several(data, ("classes",)), several(data, ("colours",))
    assert classes.accuracy > colours.accuracy + 0.2
    assert colours.explained > classes.explained + 0.2


def test_a_private_step_of_the_adapter_is_as_long_as_its_noise_allows() -> None:
    free, some, much = (adapter.shortened(noise, 200, 10_000) for noise in (0.0, 4.0, 40.0))
    assert free == adapter.RATE and much == pytest.approx(some / 10)
    assert some * 4.0 * 100 / 200 == pytest.approx(adapter.RATE)
