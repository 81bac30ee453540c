"""Models by name from the Hugging Face hub: whether it can be reached, what is fetched, errors that say what to do.

Safetensors only, never code. What was fetched once works without a network afterwards.
"""

import socket
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import torch
from torch import nn

from core.errors import SidelightError
from core.models.catalogue import default
from core.models.loading import check_model_name, device, from_folder

TIMEOUT = 3  # seconds
WEIGHTS = ("model.safetensors", "model-*.safetensors")
FILES = ("*.json", "*.txt", "*.model", "*.spm", "*.jinja", *WEIGHTS)  # of the repository's top folder

OnStep = Callable[[int, int], None]  # (bytes fetched, of how many); may raise to stop


def is_reachable() -> bool:
    """Whether the hub answers within seconds; its own client retries for half a minute before it gives up."""
    from huggingface_hub import constants

    address = urlsplit(constants.ENDPOINT)
    if urllib.request.getproxies():  # only the proxy can tell
        return True
    try:
        port = address.port or {"http": 80}.get(address.scheme, 443)
        socket.create_connection((address.hostname, port), timeout=TIMEOUT).close()
        return True
    except OSError:
        return False


@contextmanager
def errors(name: str, task: str | None) -> Iterator[None]:
    """Turn what the hub's libraries raise into one sentence each. task: of the bundled model that is named instead."""
    from huggingface_hub import errors as raised

    try:
        yield
    except raised.LocalEntryNotFoundError as error:
        raise _sentence("offline", name, task) from error
    except raised.EntryNotFoundError as error:
        raise _sentence("no_safetensors", name, task) from error
    except (raised.RepositoryNotFoundError, raised.GatedRepoError) as error:
        raise _sentence("unknown", name, task) from error
    except (raised.HTTPError, OSError) as error:
        raise _sentence("offline", name, task) from error


def _sentence(kind: str, name: str, task: str | None) -> SidelightError:
    if task is None:
        return SidelightError(f"model.{kind}_alone", name=name)
    return SidelightError(f"model.{kind}", name=name, bundled=default(task).title)


def from_hub(
    name: str, task: str | None, model: Any, reader: Any, on_step: OnStep | None = None
) -> tuple[nn.Module, Any]:
    """A transformers model by its hub name and what prepares its input, as `from_folder`.

    task: "vision" or "translation", whose bundled model errors name, or None. model, reader: classes of transformers
    such as AutoModelForCausalLM and AutoTokenizer. Raises SidelightError `model.*`.
    """
    name = check_model_name(name)
    with errors(name, task):
        online = is_reachable()
        folder = fetch(name, task, on_step) if online else cached(name)
    try:  # by its folder: by its name, transformers asks the hub again, without a network for half a minute
        return from_folder(name, folder, model, reader)
    except OSError as error:  # transformers' one type for "no such file here"
        raise _sentence("no_safetensors" if online else "offline", name, task) from error


def cached(name: str) -> Path:
    """The folder of what was fetched before. Raises huggingface_hub's LocalEntryNotFoundError where nothing was."""
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(name, "config.json", local_files_only=True)).parent


def fetch(name: str, task: str | None, on_step: OnStep | None = None) -> Path:
    """The folder of a model's files, of which those that are not here yet are fetched.

    Raises SidelightError `model.no_safetensors`, `model.too_large`, and what huggingface_hub raises.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download

    info = HfApi(constants.ENDPOINT).model_info(name, files_metadata=True)
    files = {file.rfilename: file.size or 0 for file in info.siblings if _is_wanted(file.rfilename, FILES)}
    weights = sum(size for file, size in files.items() if _is_wanted(file, WEIGHTS))
    if not weights:
        raise _sentence("no_safetensors", name, task)
    _check_memory(name, 4 * info.safetensors.total if info.safetensors else weights)
    done, folder = 0, Path()
    for file, size in files.items():
        bar = _bar(done, sum(files.values()), on_step)
        folder = Path(hf_hub_download(name, file, tqdm_class=bar)).parent
        done += size
    return folder


def _is_wanted(file: str, patterns: tuple[str, ...]) -> bool:
    return "/" not in file and any(fnmatch(file, pattern) for pattern in patterns)


def _check_memory(name: str, needed: int) -> None:
    """needed: bytes of the weights as float32. Raises SidelightError `model.too_large` where they would not fit beside
    what is here."""
    free = torch.cuda.mem_get_info()[0] if device().type == "cuda" else psutil.virtual_memory().available
    if needed > free:
        raise SidelightError("model.too_large", name=name, needed=f"{needed / 1e9:.1f}", free=f"{free / 1e9:.1f}")


def _bar(before: int, total: int, on_step: OnStep | None) -> type:
    """What huggingface_hub takes for a tqdm bar of one file: it tells `on_step` how far all files are."""

    class Bar:
        def __init__(self, *args: Any, initial: int = 0, **kwargs: Any) -> None:
            self.done = before + (initial or 0)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *raised: object) -> None:
            pass

        def update(self, count: int | float | None = 1) -> None:
            self.done += int(count or 0)
            if on_step:
                on_step(min(self.done, total), total)

        def close(self) -> None:
            pass

        def set_postfix_str(self, text: str, refresh: bool = False) -> None:
            pass

    return Bar
