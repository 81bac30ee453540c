"""`python -m benchmarks.explaining_cost`: what explanations cost, against the plain fused forward pass, taking turns;
how long after a click on a head the page of a warm server shows the answer without it. Needs the system's Chromium.
"""

import os
import shutil
import statistics
import time

import torch
from playwright.sync_api import Page, sync_playwright

from benchmarks.serving import ADDRESS, serve
from benchmarks.timing import table, take_turns
from core import samples
from core.attention.ablation import without
from core.attention.methods import explain
from core.attention.subject import Subject
from core.differences.cost import peak_bytes
from core.models.images import open_image
from core.models.subjects import photo_subject, vision_subject
from core.models.vision import load_vision

CLICKS = 8


def subject(size: int, name: str = "vision-vit-s-14", target: int | None = None) -> Subject:
    photo = open_image(samples.photos()[0].path.read_bytes())
    return photo_subject(load_vision(name), photo, size, "crop", target)


def rollout() -> None:
    """Rollout and a recorded pass with rollout after it, at 518 px; what rollout adds to the memory at its highest."""
    asked, model = subject(518), load_vision("vision-vit-s-14")
    photo = open_image(samples.photos()[0].path.read_bytes())
    images = model.pixels(model.run(photo, 518, "crop").fitted.pixels)

    def plain() -> None:
        with torch.inference_mode():
            model.module(images)

    def whole() -> None:
        explain(vision_subject(model, model.run(photo, 518, "crop"), target=0), "rollout")  # asks for no class

    seconds = take_turns({"plain": plain, "rollout": lambda: explain(asked, "rollout"), "whole": whole}, rounds=8)
    rows = {
        "plain fused forward": f"{seconds['plain'] * 1e3:.0f} ms",
        "rollout of a recorded pass / plain": f"{seconds['rollout'] / seconds['plain']:.2f}x",
        "framing, recording and rollout / plain": f"{seconds['whole'] / seconds['plain']:.2f}x",
        "memory over the recorded pass": f"{peak_bytes(lambda: explain(asked, 'rollout')) / 1e6:.0f} MB",
    }
    table("Rollout, ViT-S/14, 518 px", rows)
    wide = subject(1022)
    start = time.perf_counter()
    explain(wide, "rollout")
    seconds = time.perf_counter() - start
    memory = peak_bytes(lambda: explain(wide, "rollout")) / 1e6
    table("Rollout, 1022 px", {"CLS": f"{seconds:.1f} s", "memory over the recorded pass": f"{memory:.0f} MB"})


def gradients() -> None:
    """Relevance from the photo to the map, and one pass without a head beside a plain one, at 224 px."""
    asked = subject(224, "vision-cifar10", 3)
    kept = torch.ones(1, len(asked.axis), dtype=torch.bool)

    def one_off() -> None:
        with without(asked, [("encoder", 6, 2)]):
            asked.scores(kept, "blur")

    seconds = take_turns(
        {
            "plain": lambda: asked.scores(kept, "blur"),
            "one head off": one_off,
            "relevance": lambda: explain(asked, "relevance"),
        },
        rounds=10,
    )
    rows = {name: f"{value * 1e3:.0f} ms ({value / seconds['plain']:.2f}x)" for name, value in seconds.items()}
    table("ViT-S/14 with ten classes, 224 px", rows)


def page() -> None:
    """From a click on a head to its name in the list and the new bars beneath."""
    server = serve()
    try:
        with sync_playwright() as driver:
            browser = driver.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
            )
            tab = browser.new_page(viewport={"width": 1440, "height": 1600}, locale="en-US")
            tab.goto(f"{ADDRESS}/explain?explain=ablation")
            tab.get_by_text("Brown:").nth(1).wait_for(timeout=300_000)
            tab.wait_for_timeout(3000)
            times = [_click(tab, number) for number in range(CLICKS)]
            browser.close()
    finally:
        server.terminate()
        server.wait(20)
    text = f"median {statistics.median(times) * 1e3:.0f} ms, at most {max(times) * 1e3:.0f} ms"
    table("Click on a head to the answer without it, 224 px", {f"{CLICKS} heads": text})


def _click(tab: Page, number: int) -> float:
    grid = tab.locator("[data-testid=stPlotlyChart]").nth(1)
    plot = grid.locator(".nsewdrag").first.bounding_box()
    x, y = plot["x"] + plot["width"] * (0.5 + number % 6) / 6, plot["y"] + plot["height"] * (2.5 + number) / 12
    tab.mouse.move(x, y)
    tab.wait_for_timeout(300)
    start = time.perf_counter()
    tab.mouse.click(x, y)
    tab.get_by_text(f"{number + 1} off").first.wait_for(timeout=20_000)
    seconds = time.perf_counter() - start
    tab.wait_for_timeout(1500)
    return seconds


if __name__ == "__main__":
    print(f"torch {torch.__version__}, {os.cpu_count()} cores, load before the start {os.getloadavg()[0]:.1f}")
    rollout()
    gradients()
    page()
