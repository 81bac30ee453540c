"""`python -m benchmarks.translator_variants --data FOLDER --start MODEL --run FOLDER`: what helps a translator.

Each variant goes on from the same model for the same few steps over the same sentences, and differs from the baseline
in one thing. One table: cross-entropy a piece (nats) and BLEU (greedy) of a fixed sample of the validation pairs. A
variant that is finished is read from its folder; one that was cut short goes on.
"""

import argparse
import json
import random
import shutil
import time
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import torch
from transformers import MarianMTModel, MarianTokenizer

from core.finetune import parallel
from core.finetune.loop import Run, Settings
from core.finetune.parallel import Pair, by_direction
from core.finetune.pretrain import start_model
from core.finetune.score import scores, translate_all
from core.finetune.translation_task import TranslationTask
from core.models.loading import precisions

Table = dict[str, dict[str, float]]  # direction: loss, bleu, chrf


@dataclass(frozen=True)
class Variant:
    """What is tried. The running average of the weights is measured; of the baseline also the last weights."""

    seed: int = 0
    dropout: float = 0.1
    smoothing: float = 0.1
    rdrop: float = 0.0
    piece_dropout: float = 0.0
    varied: bool = True
    both_ways: bool = False


@dataclass(frozen=True)
class Budget:
    """The same for all variants. pairs: of the training part, drawn once. sample: validation pairs of each language."""

    steps: int
    tokens: int
    pairs: int
    sample: int
    rate: float = 2e-4

    @property
    def average(self) -> float:
        """A window of three tenths of the run, as the bundled model's 0.998 over 1,650 steps."""
        return 1 - 1 / (0.3 * self.steps)


VARIANTS = {
    "baseline": Variant(),
    "baseline, another seed": Variant(seed=1),
    "dropout 0.25": Variant(dropout=0.25),
    "dropout 0": Variant(dropout=0.0),
    "both ways": Variant(both_ways=True),
    "R-Drop 1": Variant(rdrop=1.0),
    "piece dropout 0.5": Variant(piece_dropout=0.5),
    "names, numbers as they are": Variant(varied=False),
    "smoothing 0": Variant(smoothing=0.0),
    "smoothing 0.2": Variant(smoothing=0.2),
}


def samples(data: Path, budget: Budget) -> tuple[list[Pair], list[Pair]]:
    """Training pairs, and as many validation pairs of each language."""
    draw = random.Random(0)
    train = draw.sample(parallel.read_part(data, "train"), budget.pairs)
    held_out = []
    for part in by_direction(parallel.read_part(data, "val")).values():
        held_out += draw.sample(part, min(budget.sample, len(part)))
    return train, held_out


def add_english(module: MarianMTModel, tokenizer: MarianTokenizer, folder: Path) -> MarianTokenizer:
    """The tag of the ways back, its embedding the mean of the other tags'."""
    tokenizer.save_pretrained(folder)
    names = json.loads((folder / "vocab.json").read_text("utf-8"))
    tag = f">>{parallel.ENGLISH}<<"
    others = [names[f">>{code}<<"] for code in parallel.TAGS.values()]
    names[tag] = len(names)
    (folder / "vocab.json").write_text(json.dumps(names, ensure_ascii=False))
    module.resize_token_embeddings(len(names), mean_resizing=False)
    with torch.no_grad():
        table = module.get_input_embeddings().weight
        table[names[tag]] = table[others].mean(0)
    return MarianTokenizer.from_pretrained(folder)


def run_variant(
    variant: Variant, budget: Budget, start: Path, folder: Path, train: list[Pair], held_out: list[Pair]
) -> None:
    """Learn, measure, and write `result.json`; the weights stay in float32, the checkpoints go."""
    began = time.process_time()
    module, tokenizer = start_model(start, variant.dropout)
    if variant.both_ways:  # every second sentence the other way, so that the budget stays the same
        tokenizer = add_english(module, tokenizer, folder / "vocabulary")
        train = [pair.reversed if i % 2 else pair for i, pair in enumerate(train)]
        held_out = held_out + [pair.reversed for pair in held_out]
    task = TranslationTask(
        module,
        tokenizer,
        train,
        [],
        variant.seed,
        budget.tokens,
        variant.smoothing,
        variant.varied,
        variant.rdrop,
        variant.piece_dropout,
    )
    settings = Settings(
        steps=budget.steps,
        rate=budget.rate,
        warmup=budget.steps // 10,
        every=budget.steps,
        seed=variant.seed,
        average=budget.average,
        precision=precisions()[0],
    )
    run = Run(task, settings, folder)
    for event in run.train():
        if event.step % 10 == 0:
            print(f"{folder.name}  step {event.step}  loss {event.loss:.3f}  {event.seconds:.0f} s", flush=True)
    kept = {"table": run.learnt}
    if variant == Variant():  # an average changes nothing in the training, so this is the run without one
        kept["last"] = run.accelerator.unwrap_model(run.module)
    result: dict[str, object] = {"variant": asdict(variant), "budget": asdict(budget)}
    for name, learnt in kept.items():
        learnt.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        # what is measured is what was written: float32, without the autocast that training wraps around a module
        result[name] = measure(*start_model(folder / name, 0.0), held_out)
    result["cpu_seconds"] = time.process_time() - began
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    shutil.rmtree(folder / "checkpoints")


def measure(module: MarianMTModel, tokenizer: MarianTokenizer, held_out: list[Pair]) -> Table:
    module.eval()
    with torch.inference_mode():
        losses = TranslationTask(module, tokenizer, [], held_out).evaluate(module)
    found = {}
    for direction, part in by_direction(held_out).items():
        outputs = translate_all(module, tokenizer, part, beams=1)
        found[direction] = {"loss": losses[f"loss_{direction}"]} | scores(outputs, part)
    return found


def read_result(folder: Path, variant: Variant, budget: Budget) -> dict[str, Table]:
    """What a finished variant measured: "table", of the baseline also "last"; else nothing.

    Raises ValueError where the folder holds a run of another kind.
    """
    path = folder / "result.json"
    if not path.exists():
        return {}
    found = json.loads(path.read_text())
    if found["variant"] != asdict(variant) or found["budget"] != asdict(budget):
        raise ValueError(f"{folder} holds another run: {found['variant']}, {found['budget']}")
    return {name: found[name] for name in ("table", "last") if name in found}


def print_table(tables: dict[str, Table]) -> None:
    directions = list(dict.fromkeys(direction for table in tables.values() for direction in table))
    print("| | " + " | ".join(directions) + " |")
    print("|---" * (len(directions) + 1) + "|")
    for name, table in tables.items():
        cells = [f"{table[d]['loss']:.3f}, {table[d]['bleu']:.1f}" if d in table else "" for d in directions]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    options = _options()
    budget = Budget(**{field.name: getattr(options, field.name) for field in fields(Budget)})
    train, held_out = samples(options.data, budget)
    tables: dict[str, Table] = {}
    start = options.run / "start.json"
    if not start.exists():
        options.run.mkdir(parents=True, exist_ok=True)
        start.write_text(json.dumps(measure(*start_model(options.start, 0.0), held_out)))
    tables["before"] = json.loads(start.read_text())
    for name, variant in VARIANTS.items():
        folder = options.run / name.replace(",", "").replace(" ", "-")
        found = read_result(folder, variant, budget)
        if not found and not options.table and name in (options.only or VARIANTS):
            run_variant(variant, budget, options.start, folder, train, held_out)
            found = read_result(folder, variant, budget)
        if found:
            tables[name] = found["table"]
        if "last" in found:
            tables["no running average"] = found["last"]
    print_table(tables)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--start", type=Path, required=True, help="the model that every variant goes on from")
    parser.add_argument("--run", type=Path, required=True, help="a folder a variant")
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--tokens", type=int, default=2000, help="of a batch, padding counted")
    parser.add_argument("--pairs", type=int, default=20_000, help="training pairs, drawn once for all variants")
    parser.add_argument("--sample", type=int, default=200, help="validation pairs of each language")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--only", nargs="+", choices=VARIANTS, help="run these; several processes share the work so")
    parser.add_argument("--table", action="store_true", help="only print what is finished")
    return parser.parse_args()


if __name__ == "__main__":
    torch.manual_seed(0)
    main()
