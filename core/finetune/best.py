"""The weights of the evaluation with the lowest validation loss: what a run leaves that may stop early."""

import copy
from typing import Any, Protocol

import torch
from torch import Tensor, nn


class Stateful(Protocol):
    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class BestWeights:
    """What learns in `module`, with what its companion knew then (AdaLoRA's ranks belong to its weights); part of each
    checkpoint. step: of the evaluation, 0 before the first one."""

    def __init__(self, module: nn.Module, companion: Stateful | None) -> None:
        self.module, self.companion = module, companion
        self.step = 0
        self.weights: dict[str, Tensor] = {}
        self.beside: dict[str, Any] = {}

    def keep(self, step: int) -> None:
        """These are the best so far."""
        self.step = step
        self.weights = {name: p.detach().cpu().clone() for name, p in self._learning()}
        self.beside = copy.deepcopy(self.companion.state_dict()) if self.companion else {}

    @torch.no_grad()
    def restore(self) -> None:
        """Put them back, where any were kept."""
        if not self.weights:
            return
        for name, parameter in self._learning():
            parameter.copy_(self.weights[name])
        if self.companion:
            self.companion.load_state_dict(self.beside)

    def state_dict(self) -> dict[str, Any]:
        return {"step": self.step, "weights": self.weights, "beside": self.beside}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.step, self.weights, self.beside = state["step"], state["weights"], state["beside"]

    def _learning(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.module.named_parameters() if p.requires_grad]
