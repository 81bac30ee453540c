"""`python -m benchmarks.finetune --peers [vision-lora,...]`: each method beside the recipe that one would write with
timm, transformers and peft alone: same weights, data, rate, batch, epochs, precision; a new head begins at random,
pictures are cropped and mirrored, sentences padded in random batches. Run in turns, each seed with its own split.
Seconds are the processor's, of all updates: forward, backward and optimiser, without what is measured on the way.
Prompts have no plain recipe: peft has none for timm, and its own hands Marian embeddings that it does not scale."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from peft import AdaLoraConfig, IA3Config, LoraConfig, get_peft_model
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, interpolate
from torchvision import transforms
from torchvision.transforms.functional import normalize
from transformers import get_scheduler

from core.finetune import data, loop, results, worker
from core.finetune.data.dataset import pair_digest
from core.finetune.job import Job, default_job, new_run, set_status
from core.finetune.score import scores
from core.finetune.sweep import Spread
from core.models import catalogue
from core.models.loading import mixed
from core.models.translation import load_translator
from core.models.vision import load_vision

SEEDS, EACH, PAIRS, SOME = (0, 1, 2), 20, 60, 40  # seeds; pictures a class; pairs to learn from, and held out
CLASSES = ("bird", "horse", "ship")
METHODS = tuple(f"{t}-{m}" for t in ("vision", "translation") for m in ("head", "lora", "full", "adalora", "ia3"))
Found = tuple[float, float]  # quality, 0 to 100; CPU seconds of all updates


def main(chosen: str) -> None:
    """Print a line for each seed, then the table."""
    rows = []
    for name in chosen.split(",") if chosen else METHODS:
        task, method = name.split("-")
        ours, plain = ([], [])
        for seed in SEEDS:
            job, found = default_job(task, method, seed), _data(task, seed)
            turns: list[tuple[list[Found], Callable[[Job, Any], Found]]]
            turns = [(ours, sidelight), (plain, PLAIN[task])]
            for kept, run in turns if seed % 2 else turns[::-1]:
                kept.append(run(job, found))
            print(f"  {name}, seed {seed}: {ours[-1]}, plain {plain[-1]}", flush=True)
        gains = [a[0] - b[0] for a, b in zip(ours, plain, strict=True)]
        ratio = sum(seconds for _, seconds in ours) / sum(seconds for _, seconds in plain)
        cells = [", ".join(f"{quality:.1f}" for quality, _ in part) for part in (ours, plain)]
        gain = Spread.of(gains)
        rows.append(f"| {name} | {cells[0]} | {cells[1]} | {gain.mean:+.1f} ± {gain.half:.1f} | {ratio:.2f} |")
    print("\n| | Sidelight | plain | difference, 95% t interval | seconds, ratio |\n|---|---|---|---|---|")
    print("\n".join(rows))


def _data(task: str, seed: int) -> Any:
    if task == "vision":
        return data.bundled_pictures(CLASSES, EACH, seed)
    pairs = data.bundled_pairs("recipes", "de", PAIRS, seed)
    held_out = pairs.held_out[:SOME]
    return data.PairData(pairs.train, held_out, pairs.report, pair_digest(pairs.train, held_out))


def sidelight(job: Job, found: Any) -> Found:
    folder = new_run(catalogue.runs_folder(), job)
    data.save(found, folder / "data")
    set_status(folder, "running", queued=time.time())  # not queued: a server's worker would take it
    with _clocked(loop.Run, "_update") as spent:
        for _ in worker.train_here(folder):
            pass
    result = results.read(folder)
    return (100 * result.metrics["accuracy"] if job.task == "vision" else result.metrics["chrf"]), spent[0]


@contextmanager
def _clocked(owner: Any, name: str) -> Iterator[list[float]]:
    """CPU seconds of all calls of a method meanwhile."""
    spent, plain = [0.0], getattr(owner, name)

    def clocked(*given: Any) -> Any:
        start = time.process_time()
        try:
            return plain(*given)
        finally:
            spent[0] += time.process_time() - start

    setattr(owner, name, clocked)
    try:
        yield spent
    finally:
        setattr(owner, name, plain)


def pictures(job: Job, found: data.PictureData) -> Found:
    torch.manual_seed(job.seed)
    base = load_vision(job.base)
    module = base.module
    module.reset_classifier(len(CLASSES))
    steps = job.epochs * -(-len(found.train) // job.batch)
    module = _adapted(module, job, steps, r".*blocks.*(qkv|proj|fc1|fc2)", r".*(qkv|fc2)", r".*fc2", ["head"])
    crop = transforms.Compose([transforms.RandomResizedCrop(job.side, (0.6, 1.0)), transforms.RandomHorizontalFlip()])

    def loss(items: list[int]) -> Tensor:
        seen = torch.stack([crop(found.train.images[item].float() / 255) for item in items])
        logits = module(normalize(seen, base.mean, base.std))
        return cross_entropy(logits.float(), found.train.labels[items], label_smoothing=job.smoothing)

    seconds = _learn(module, job, len(found.train), steps, loss)
    with torch.inference_mode(), mixed(job.precision):
        seen = interpolate(found.held_out.images / 255, (job.side, job.side), mode="bicubic", antialias=True)
        answers = module(normalize(seen, base.mean, base.std)).argmax(-1)
    return 100 * float((answers == found.held_out.labels).float().mean()), seconds


def sentences(job: Job, found: data.PairData) -> Found:
    torch.manual_seed(job.seed)
    base = load_translator(job.base)
    tokenizer, steps = base.tokenizer, job.epochs * -(-len(found.train) // job.batch)
    linear, keys = r".*(q_proj|k_proj|v_proj|out_proj|fc1|fc2)", r".*(k_proj|v_proj|fc2)"
    module: Any = _adapted(base.module, job, steps, linear, keys, r".*fc2", None)

    def loss(items: list[int]) -> Tensor:
        pairs = [found.train[item] for item in items]
        given = tokenizer([pair.tagged for pair in pairs], return_tensors="pt", padding=True)
        wanted = tokenizer(text_target=[pair.target for pair in pairs], return_tensors="pt", padding=True).input_ids
        labels = wanted.masked_fill(wanted == tokenizer.pad_token_id, -100)
        logits = module(**given, labels=labels).logits.float()
        return cross_entropy(logits.flatten(0, 1), labels.flatten(), label_smoothing=job.smoothing)

    seconds = _learn(module, job, len(found.train), steps, loss)
    given = tokenizer([pair.tagged for pair in found.held_out], return_tensors="pt", padding=True)
    with torch.inference_mode():
        output = module.generate(**given, num_beams=1, max_new_tokens=128)
    texts = tokenizer.batch_decode(output, skip_special_tokens=True)
    return scores(texts, found.held_out)["chrf"], seconds


PLAIN = {"vision": pictures, "translation": sentences}


def _adapted(
    module: Any, job: Job, steps: int, linear: str, keys: str, forward: str, saved: list[str] | None
) -> nn.Module:
    if job.method == "full":
        return module
    if job.method == "head":
        module.requires_grad_(False)
        part = module.head if saved else module.get_decoder().layers
        part.requires_grad_(True)
        return module
    more = {"target_modules": linear, "modules_to_save": saved}
    fifth, rank = steps // 5, {"r": job.rank, "lora_alpha": 2 * job.rank}
    kinds = {
        "lora": partial(LoraConfig, **rank, **more),
        "adalora": partial(AdaLoraConfig, target_r=job.rank, total_step=steps, tinit=fifth, tfinal=fifth, **more),
        "ia3": partial(IA3Config, target_modules=keys, feedforward_modules=forward, modules_to_save=saved),
    }
    return get_peft_model(module, kinds[job.method]())


def _learn(module: nn.Module, job: Job, count: int, steps: int, loss: Callable[[list[int]], Tensor]) -> float:
    """CPU seconds."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(parameters, job.rate)
    schedule = get_scheduler(job.schedule, optimiser, steps // 10, steps)
    draw, seconds, step = random.Random(job.seed), 0.0, 0
    module.train()
    for _ in range(job.epochs):
        order = draw.sample(range(count), count)
        for start in range(0, count, job.batch):
            begun = time.process_time()
            with mixed(job.precision):
                value = loss(order[start : start + job.batch])
            value.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            if job.method == "adalora":
                module.base_model.update_and_allocate(step := step + 1)  # type: ignore[operator, union-attr]
            optimiser.zero_grad()
            seconds += time.process_time() - begun
    module.eval()
    return seconds
