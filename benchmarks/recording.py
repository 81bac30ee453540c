"""`python -m benchmarks.recording`: what recording attention costs, against the plain forward and the usual way.

The usual way for timm is fused attention off and a hook on `attn_drop`; for transformers, eager attention with
`output_attentions=True`. Contestants take turns in one process; ratios are of medians.
"""

import os
import platform
import threading
import time

import psutil
import timm
import torch
from transformers import MarianMTModel

from benchmarks.timing import table, take_turns
from core.attention.tape import Tape
from core.models import calls
from core.models.catalogue import card
from core.models.translation import load_translator
from core.models.vision import load_vision

SIZES = {224: 40, 518: 12, 1022: 4}  # px: rounds
EAGER_UP_TO = 518  # at 1022 px the eager maps alone are 8.2 GB
SENTENCE = "A man in a blue shirt and a woman in a red dress are standing in front of a large building " * 2


def record(run, recording=Tape.record) -> Tape:
    with torch.inference_mode(), recording() as tape:
        run()
    return tape


def hooked(model: torch.nn.Module, images: torch.Tensor) -> list[torch.Tensor]:
    """timm's maps the usual way: explicit attention, collected by hooks."""
    maps: list[torch.Tensor] = []
    attentions = [block.attn for block in model.blocks]
    hooks = [a.attn_drop.register_forward_hook(lambda module, args, out: maps.append(out)) for a in attentions]
    for attention in attentions:
        attention.fused_attn = False
    with torch.inference_mode():
        model(images)
    for attention, hook in zip(attentions, hooks, strict=True):
        attention.fused_attn = True
        hook.remove()
    return maps


def vision() -> None:
    model = load_vision("vision-vit-s-14").module
    for size, rounds in SIZES.items():
        images = torch.randn(1, 3, size, size)

        def plain(images: torch.Tensor = images) -> None:
            with torch.inference_mode():
                model(images)

        contestants = {"plain": plain, "recorded": lambda images=images: record(lambda: model(images))}
        if size <= EAGER_UP_TO:
            contestants["eager"] = lambda images=images: hooked(model, images)
        seconds = take_turns(contestants, rounds)
        stored = sum(call.nbytes for call in record(lambda images=images: model(images)).calls)
        tokens = (size // 14) ** 2 + 1
        maps = 12 * 6 * tokens**2 * 4
        rows = {
            "plain fused forward": f"{seconds['plain'] * 1e3:.0f} ms",
            "recording / plain": f"{seconds['recorded'] / seconds['plain']:.2f}x",
        }
        if "eager" in seconds:
            rows["fused attention off with hooks / plain"] = f"{seconds['eager'] / seconds['plain']:.2f}x"
        rows["bytes stored / bytes of eager maps"] = (
            f"{stored / 1e6:.0f} MB / {maps / 1e6:.0f} MB = 1/{maps / stored:.1f}"
        )
        table(f"ViT-S/14, {size} px, {tokens} positions", rows)
    peak_memory(model)


def peak_memory(model: torch.nn.Module) -> None:
    """Highest resident memory during a recorded pass at 1022 px, over the loaded model."""
    process, peak, done = psutil.Process(), [0], threading.Event()
    images = torch.randn(1, 3, 1022, 1022)
    before = process.memory_info().rss

    def watch() -> None:
        while not done.is_set():
            peak[0] = max(peak[0], process.memory_info().rss)
            time.sleep(0.005)

    watcher = threading.Thread(target=watch)
    watcher.start()
    tape = record(lambda: model(images))
    done.set()
    watcher.join()
    assert tape.calls
    table("ViT-S/14, 1022 px", {"peak memory over the loaded model": f"{(peak[0] - before) / 1e6:.0f} MB"})


def translation() -> None:
    translator = load_translator("translation-en-de-fr-cs-zh")
    fused = translator.module
    eager = MarianMTModel.from_pretrained(
        card("translation-en-de-fr-cs-zh").folder, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    ids, _ = translator.source_pieces(SENTENCE, "deu")
    ids = ids[:, :40]
    with torch.inference_mode():
        output = fused.generate(input_ids=ids, num_beams=1, min_new_tokens=40, max_new_tokens=40)
    inputs = {"input_ids": ids, "decoder_input_ids": output[:, :-1]}

    def forward(model: MarianMTModel, **options: bool) -> None:
        with torch.inference_mode():
            model(**inputs, **options)

    def generate_with_attentions() -> None:
        with torch.inference_mode():
            eager.generate(
                input_ids=ids,
                num_beams=1,
                min_new_tokens=40,
                max_new_tokens=40,
                output_attentions=True,
                return_dict_in_generate=True,
            )

    seconds = take_turns(
        {
            "plain": lambda: forward(fused),
            "recorded": lambda: record(lambda: fused(**inputs), calls.recorded),
            "eager": lambda: forward(eager, output_attentions=True),
            "generate": generate_with_attentions,
        },
        rounds=20,
    )
    rows = {
        "plain fused forward (teacher-forced)": f"{seconds['plain'] * 1e3:.1f} ms",
        "recording / plain": f"{seconds['recorded'] / seconds['plain']:.2f}x",
        "eager with output_attentions / plain": f"{seconds['eager'] / seconds['plain']:.2f}x",
        "generate(output_attentions=True) / recorded trace": f"{seconds['generate'] / seconds['recorded']:.1f}x",
    }
    table(f"Marian, {ids.shape[1]} source and {output.shape[1] - 1} output pieces", rows)


if __name__ == "__main__":
    print(f"torch {torch.__version__}, timm {timm.__version__}, {platform.machine()}, {os.cpu_count()} cores,", end=" ")
    print(f"load before the start {os.getloadavg()[0]:.1f}")
    vision()
    translation()
