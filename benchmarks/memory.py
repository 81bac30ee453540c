"""`python -m benchmarks.memory`: what a process holds after each of many large photos, through what pages call.

At 1022 px a run's query, key and value are 295 MB. The bar: from what it held with the model alone, the process grows
by no more than its bound (`--keep`, megabytes) and a tenth. `SIDELIGHT_KEEP_MB` is what a server has for it.
"""

import argparse
import os

import psutil
from PIL import Image

from core import samples, store
from core.models.catalogue import default
from core.models.images import open_image
from core.ui import work


def resident() -> float:
    """MB"""
    return psutil.Process().memory_info().rss / 1e6


def photos(count: int) -> list[Image.Image]:
    """The bundled photos, then from other sides, so that none was seen before."""
    bundled = [open_image(photo.path.read_bytes()) for photo in samples.photos()]
    return [bundled[n % len(bundled)].rotate(90 * (n // len(bundled)), expand=True) for n in range(count)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=20)
    parser.add_argument("--side", type=int, default=1022)
    parser.add_argument("--keep", type=int, default=1000)
    given = parser.parse_args()
    os.environ["SIDELIGHT_KEEP_MB"] = str(given.keep)
    name = default("vision").key
    work.vision_model(name)
    before = resident()
    print(f"with the model: {before:,.0f} MB")
    most = 0.0
    for number, photo in enumerate(photos(given.photos), 1):
        store.begin()  # as each run of a page does by its thread
        work.seen(name, photo, work.digest(photo), given.side, "crop")
        most = max(most, resident() - before)
        print(f"photo {number}: {resident():,.0f} MB, kept {store.store().bytes / 1e6:,.0f}", flush=True)
    store.store().forget(name)
    print(f"grew by {most:,.0f} MB at most, bound {given.keep}; after the model was forgotten {resident():,.0f} MB")


if __name__ == "__main__":
    main()
