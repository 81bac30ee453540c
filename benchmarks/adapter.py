"""`python -m benchmarks.adapter --to assets/measured/adapter.json`: the translator's adapter, taught privately.

LoRA of the bundled translator learns German lines of recipes, a field that it does not know, and is judged by chrF on
others. Of its two matrices the first stays as it was drawn (FFA-LoRA, Sun et al. 2024), so that fewer numbers need
noise, and the mean of adapters is the adapter of the mean.

`--parts private`: DP-SGD (Abadi et al. 2016) by Opacus, all lines in each step, with the noise of
`core.differences.sharing.noise_for`. Opacus is not among the requirements:
`pip install --no-deps opacus opt_einsum scipy`. Half a minute of one processor a training, longer on a busy machine.
`--parts apart`: federated averaging (McMahan et al. 2017), the lines in one place, dealt to clients by chance, or by
length, so that each client has lines of about one length. In a round each client goes once over its own lines.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

from core.differences.sharing import deal, noise_for
from core.finetune import methods, parallel
from core.finetune.data import bundled_pairs
from core.finetune.data.bundled import COLLECTIONS, PairData
from core.finetune.looking import looking
from core.finetune.parallel import Pair
from core.finetune.score import score_by_language
from core.finetune.translation_task import TranslationTask
from core.models.translation import load_translator

BASE, LANGUAGE = "translation-en-de-fr-cs-zh", "de"
EPSILONS = (1.0, 4.0, 16.0, math.inf)
DELTA = 1e-3  # below one over the number of lines
SEEDS, STEPS, RATE, CLIP, RANK = 2, 8, 8.0, 1.0, 4
TOKENS = 1500  # of a batch, padded
CLIENTS, JUDGED, LOCAL_RATE, LOCAL_TOKENS = 4, (1, 4), 2e-3, 400


def adapted() -> tuple[nn.Module, list[nn.Parameter]]:
    """The translator with a new adapter, and what of it learns."""
    module = methods.adapt(copy.deepcopy(load_translator(BASE).module), "translation", "lora", STEPS, RANK)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_("lora_B" in name)
    return module.train(), [parameter for parameter in module.parameters() if parameter.requires_grad]


def task_of(module: nn.Module, train: Sequence[Pair], seed: int) -> TranslationTask:
    return TranslationTask(module, load_translator(BASE).tokenizer, train, (), seed, TOKENS, varied=False)


def chrf(module: nn.Module, held_out: Sequence[Pair]) -> float:
    with looking(module):
        return score_by_language(module, load_translator(BASE).tokenizer, held_out)[LANGUAGE]["chrf"]


def shortened(noise: float, lines: int, numbers: int) -> float:
    """The step's length: so short that its noise, about noise sqrt(numbers) / lines long, is no longer than the longest
    mean of clipped gradients. It asks no line, so that it costs no privacy."""
    return RATE * min(1.0, lines / (noise * math.sqrt(numbers))) if noise else RATE


def private(train: Sequence[Pair], epsilon: float, seed: int) -> nn.Module:
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    torch.manual_seed(seed)
    module, learnt = adapted()
    noise = 0.0 if math.isinf(epsilon) else noise_for(epsilon, STEPS, DELTA)
    rate = shortened(noise, len(train), sum(one.numel() for one in learnt))
    task = task_of(module, train, seed)
    wrapped = GradSampleModule(module, loss_reduction="sum")
    optimiser = DPOptimizer(
        torch.optim.SGD(learnt, rate), noise_multiplier=noise, max_grad_norm=CLIP, expected_batch_size=len(train)
    )
    batches = task.batches(0)
    for _ in range(STEPS):
        for number, items in enumerate(batches, 1):
            optimiser.signal_skip_step(number < len(batches))  # until the gradients of all lines are summed
            task.loss(wrapped, items)[0].backward()
            optimiser.step()
            optimiser.zero_grad()
    wrapped.to_standard_module()
    return module


def apart(data: PairData, clients: int, alike: bool) -> list[float]:
    """chrF after each of the rounds `JUDGED`."""
    torch.manual_seed(0)
    module, learnt = adapted()
    task = task_of(module, data.train, 0)
    task.batches(0)  # the lines as pieces
    lengths = [max(map(len, pair)) for pair in task.ids]
    owner = deal(torch.tensor(lengths), clients, alike)
    owned = [(owner == one).nonzero().flatten().tolist() for one in owner.unique().tolist()]
    mean, judged = [one.detach().clone() for one in learnt], []
    for number in range(1, max(JUDGED) + 1):
        sent = [torch.zeros_like(one) for one in mean]
        for items in owned:
            for one, value in zip(learnt, mean, strict=True):
                one.data.copy_(value)
            _teach(module, learnt, task, items, [lengths[item] for item in items], number)
            for one, total in zip(learnt, sent, strict=True):
                total += one.data * len(items) / len(lengths)
        mean = sent
        if number in JUDGED:
            for one, value in zip(learnt, mean, strict=True):
                one.data.copy_(value)
            judged.append(chrf(module, data.held_out))
            print(clients, alike, number, judged[-1], flush=True)
    return judged


def _teach(
    module: nn.Module,
    learnt: list[nn.Parameter],
    task: TranslationTask,
    items: list[int],
    lengths: list[int],
    seed: int,
) -> None:
    """Once over the lines `items`."""
    optimiser = torch.optim.AdamW(learnt, LOCAL_RATE)
    for batch in parallel.batches(lengths, LOCAL_TOKENS, seed):
        loss, count = task.loss(module, [items[i] for i in batch])
        (loss / count).backward()
        optimiser.step()
        optimiser.zero_grad()


def measure(parts: Sequence[str]) -> dict:
    data = bundled_pairs("recipes", LANGUAGE, COLLECTIONS["recipes"].most)
    base, learnt = adapted()
    found: dict = {"lines": len(data.train), "held_out": len(data.held_out), "steps": STEPS, "delta": DELTA}
    found |= {"numbers": sum(one.numel() for one in learnt), "base": chrf(base, data.held_out)}
    if "private" in parts:
        found |= {"epsilons": [None if math.isinf(one) else one for one in EPSILONS], "chrf": []}
        for epsilon in EPSILONS:
            found["chrf"].append([chrf(private(data.train, epsilon, seed), data.held_out) for seed in range(SEEDS)])
            print(epsilon, found["chrf"][-1], flush=True)
    if "apart" in parts:
        dealt = {"one": (1, True), "alike": (CLIENTS, True), "sorted": (CLIENTS, False)}
        found |= {"clients": CLIENTS, "rounds": JUDGED, "apart": {key: apart(data, *how) for key, how in dealt.items()}}
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, required=True, help="the file to write; parts that are not measured stay")
    parser.add_argument("--parts", default="private,apart")
    options = parser.parse_args()
    torch.set_num_threads(1)
    began = time.process_time()
    kept = json.loads(options.to.read_text("utf-8")) if options.to.exists() else {}
    command = {"command": f"python -m benchmarks.adapter --to {options.to}"}
    found = kept | command | measure(options.parts.split(","))
    options.to.write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    print(f"{time.process_time() - began:.0f} seconds of one processor")


if __name__ == "__main__":
    main()
