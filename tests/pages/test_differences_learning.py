"""Few examples against many as measured, and a head learnt privately, apart and for two tasks: the page says
what the library finds."""

import json
import math

import pytest
import torch
from streamlit.testing.v1 import AppTest
from torch.nn.functional import normalize

from core.differences import sharing
from core.differences.sharing import Data
from core.wording import ASSETS
from tests.pages.test_differences import figures, measure, offers, sentences
from tests.pages.test_pages import opened


def test_the_curves_are_those_of_the_benchmark() -> None:
    measured = json.loads((ASSETS / "measured" / "few.json").read_text("utf-8"))
    assert all(len(values) == len(measured["each"]) for values in measured["accuracy"].values())
    test = opened("differences", lang="en", section="limits", limits="few", answers="shown")
    assert not test.exception
    drawn = json.loads(figures(test)["few_curves"])["data"]
    assert {tuple(line["y"]) for line in drawn} == {tuple(values) for values in measured["accuracy"].values()}
    assert any(measured["command"] in text for text in sentences(test))


def planted(seed: int) -> Data:
    draw = torch.Generator().manual_seed(seed)
    labels, colours = torch.arange(200) % 10, torch.rand(200, 3, generator=draw)
    features = normalize(torch.randn(200, 12, generator=draw) + 3 * torch.eye(12)[labels], dim=-1)
    features = torch.cat([features, torch.ones(200, 1)], 1)
    return Data(features[:100], labels[:100], colours[:100], features[100:], labels[100:], colours[100:])


def learnt(**link: str) -> AppTest:
    """The part on what may not be shown, computed."""
    test = opened("differences", lang="en", section="limits", limits="sharing", answers="shown", **link)
    assert offers(test, "sharing"), "it takes seconds, so it waits to be asked for"
    measure(test, "sharing")
    return test


def test_what_is_learnt_so_is_told_as_it_was_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "prepare", lambda model, *_: planted(len(model.classes)))
    data, test = planted(0), learnt(clients="10")
    _the_adapter_is_told_as_it_was_measured(test)
    other = sentences(learnt(clients="10", vision_model="vision-cifar10"))
    told = [text for text in sentences(test) if " with ε = 1, " in text or text.startswith("After one round")]
    assert len(told) == 2 and not set(told) & set(other), "another model learns otherwise"
    told = " ".join(sentences(test))
    assert f"{sum(sharing.private(data, 1.0, seed) for seed in range(3)) / 3:.1%} with ε = 1" in told
    assert f"{sum(sharing.private(data, math.inf, seed) for seed in range(3)) / 3:.1%} without noise" in told
    apart = sharing.federated(data, sharing.deal(data.labels, 10, False), 20)
    assert f"After one round {apart[0]:.1%} against" in told
    assert f"{sharing.several(data, ('classes', 'colours')).accuracy:.1%} for both" in told


def _the_adapter_is_told_as_it_was_measured(test: AppTest) -> None:
    measured = json.loads((ASSETS / "measured" / "adapter.json").read_text("utf-8"))
    runs = dict(zip(measured["epsilons"], measured["chrf"], strict=True))
    means = {epsilon: sum(values) / len(values) for epsilon, values in runs.items()}
    share = (means[4.0] - measured["base"]) / (means[None] - measured["base"])
    said = sentences(test)
    assert any(f"chrF {means[4.0]:.1f} with ε = 4: {share:.0%} of the gain." in text for text in said)
    assert any(measured["command"] in text for text in said)
    table = next(text for text in said if "untaught" in text)
    assert f"| {measured['base']:.1f} | " + " | ".join(f"{one:.1f}" for one in means.values()) in table
    apart = {name: values[-1] for name, values in measured["apart"].items()}
    share = (apart["alike"] - measured["base"]) / (apart["one"] - measured["base"])
    told = f"chrF {apart['alike']:.1f}: {share:.0%} of the gain. With lines of one length each it is"
    assert any(f"{told} {apart['sorted']:.1f}." in text for text in said)
