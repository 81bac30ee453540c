"""Fair timing: the contestants take turns, so that a busy moment of the machine hits all of them. And its table."""

import statistics
import time
from collections.abc import Callable, Sequence


def take_turns(contestants: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Median seconds of each contestant over interleaved rounds, after one unmeasured round."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            start = time.perf_counter()
            run()
            if turn:
                seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in seconds.items()}


def table(title: str, rows: dict[str, str]) -> None:
    print(f"\n{title}")
    for name, value in rows.items():
        print(f"  {name:<58} {value}")


def interval(values: Sequence[float]) -> str:
    """The mean with its 95% confidence interval: 1.96 standard errors."""
    error = statistics.stdev(values) / len(values) ** 0.5
    return f"{statistics.fmean(values):.2f} ± {1.96 * error:.2f}"
