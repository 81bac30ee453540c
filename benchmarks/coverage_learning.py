"""Which models of pictures can be fine-tuned, by which method: each kind that *Vision* opens, with random weights, gets
other classes, one step and a reload.

python -m benchmarks.coverage_learning [--only NAME ...]

"learns": every tensor that the method says to train got a gradient, and what is written loads on a fresh base and
answers as before. "not offered": the page leaves the method out and says so. Anything else is an error, in full.
"""

import argparse
import copy
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import timm
import torch
import transformers as hf
from peft import PeftModel
from safetensors.torch import save_file
from torch.nn.functional import cross_entropy

from benchmarks.coverage_vision import FAMILIES, SIDE, TRANSFORMERS, _small, random_weights
from core.errors import SidelightError
from core.finetune import estimate, methods
from core.finetune.learning import changed
from core.models.vision import VisionModel, with_changes
from core.models.vision.heads import answers, check_can_learn, for_classes
from core.models.vision.load import open_transformers, timm_model

CLASSES = ("owl", "wren", "finch", "tit")


def of_transformers(name: str) -> VisionModel:
    torch.manual_seed(0)
    module: Any = random_weights(TRANSFORMERS[name][0]())
    with tempfile.TemporaryDirectory() as place:
        module.save_pretrained(place)
        hf.ViTImageProcessor(size={"height": SIDE, "width": SIDE}).save_pretrained(place)
        return open_transformers(name, Path(place), type(module).__name__)


def of_timm(name: str) -> VisionModel:
    return timm_model(name, random_weights(_small(name)))


def offered(model: VisionModel) -> list[str]:
    """The methods that the page offers. Raises SidelightError `model.cannot_learn`."""
    check_can_learn(model)
    return list(estimate.counts(model.module, "vision", len(CLASSES), 4))


def check(model: VisionModel, method: str) -> None:
    """Raises AssertionError where a tensor that should learn is not reached, or a result does not come back."""
    fresh, shared = copy.deepcopy(model.module), model.with_module(copy.deepcopy(model.module))
    learner = for_classes(shared, CLASSES)
    whole = methods.adapt(learner.module, "vision", method, 10, 4)
    side = next((one for one in learner.sizes if one >= 64), learner.default_size)
    pixels = torch.randn(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    cross_entropy(answers(whole.train(), pixels).float(), torch.tensor([0, 1])).backward()
    unmoved = [name for name, p in whole.named_parameters() if p.requires_grad and p.grad is None]
    assert method == "full" or not unmoved, f"no gradient: {unmoved[:4]}"
    draw = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in whole.parameters():
            if parameter.requires_grad:
                parameter.add_(torch.randn(parameter.shape, generator=draw) * 0.02)
        expected = answers(whole.eval(), pixels)
        again = model.with_module(fresh)
        with tempfile.TemporaryDirectory() as place:
            _write(whole, Path(place))
            again = with_changes(again, "again", Path(place))
        torch.testing.assert_close(answers(again.module, pixels), expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(again.forward(pixels), expected, rtol=0, atol=1e-4)


def _write(whole: Any, folder: Path) -> None:
    if isinstance(whole, PeftModel):
        methods.save_adapter(whole, folder, "base")
    else:
        save_file(changed(whole), folder / "model.safetensors")
    (folder / "classes.json").write_text(json.dumps({"classes": CLASSES, "temperature": 1.0}))


def entries() -> Iterator[tuple[str, Callable[[], VisionModel]]]:
    """Every class of transformers, and of each of timm's families the first name that is opened."""
    for name in TRANSFORMERS:
        yield name, lambda name=name: of_transformers(name)
    known = set(timm.list_models())
    for family in FAMILIES:
        for name in sorted(timm.list_models(module=family)):
            if name in known and not name.startswith("test_"):
                yield name, lambda name=name: of_timm(name)
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[])
    wanted = parser.parse_args().only
    found: Counter[str] = Counter()
    print("| model | " + " | ".join(methods.METHODS) + " |\n" + "|---" * (1 + len(methods.METHODS)) + "|")
    for name, make in entries():
        if wanted and name not in wanted:
            continue
        cells = dict.fromkeys(methods.METHODS, "not offered")
        try:
            model = make()
            for method in offered(model):
                cells[method] = _outcome(model, method)
        except SidelightError as error:
            cells = dict.fromkeys(methods.METHODS, error.code)
        found.update(cells.values())
        print(f"| {name} | " + " | ".join(cells.values()) + " |", flush=True)
    print(dict(found))


def _outcome(model: VisionModel, method: str) -> str:
    try:
        check(model, method)
    except Exception as error:  # whatever a library raises is what this command is for
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0][:90]}"
    return "learns"


if __name__ == "__main__":
    main()
