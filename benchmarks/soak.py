"""`python -m benchmarks.soak --visits 1000`: does a server grow? Visitors come one after another, each by a connection
of its own; they ask for a picture and a sentence that nobody asked for before, have their answer and go.

Resident memory, what is kept and the open sessions stand in a table as they were after every tenth of the visits. What
is kept fills its bound first (`--megabytes`), so growth is told of the second half: the slope of a straight line.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
from pathlib import Path

from benchmarks.visitors import ask, figures, links, server, visit, warm

LOOKS = 40  # at the memory, over all visits
Seen = tuple[int, dict[str, float]]  # visits so far; the server's figures


async def come_and_go(asked: list[str]) -> list[Seen]:
    every, seen = max(1, len(asked) // LOOKS), []
    for number, link in enumerate(asked, 1):
        async with visit() as socket:
            await ask(socket, link)
        if number % every == 0:
            seen.append((number, await asyncio.to_thread(figures)))
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--visits", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=600, help="what the server may keep")
    chosen = parser.parse_args()
    os.environ["SIDELIGHT_KEEP_MB"] = str(chosen.megabytes)
    print(f"load average before {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, server(Path(folder) / "runs"):
        asyncio.run(warm())
        seen = asyncio.run(come_and_go(links((chosen.visits + 1) // 2)[: chosen.visits]))
    print("| visits | resident, MB | kept, MB | sessions | errors |\n|---|---|---|---|---|")
    for number, one in seen[:: max(1, len(seen) // 10)]:
        sizes = " | ".join(f"{one[f'sidelight_{name}_bytes'] / 1e6:.0f}" for name in ("resident", "kept"))
        print(f"| {number} | {sizes} | {one['sidelight_sessions']:.0f} | {one['sidelight_errors_total']:.0f} |")
    late = seen[len(seen) // 2 :]
    growth = statistics.linear_regression(
        [number for number, _ in late], [one["sidelight_resident_bytes"] / 1e3 for _, one in late]
    ).slope
    print(f"second half: {growth:+.0f} kB a visit")
    print(f"load average after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
