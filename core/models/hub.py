"""Models by name from the Hugging Face hub: whether it can be reached, what is fetched, errors that say what to do.

Safetensors only, never code. What was fetched once works without a network afterwards.
"""

import re
import socket
import urllib.request
from collections.abc import Callable, Iterator, Sequence
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
from core.settings import setting

TIMEOUT = 3  # seconds
WEIGHTS = ("model.safetensors", "model-*.safetensors")
FILES = ("*.json", "*.txt", "*.model", "*.spm", "*.jinja", *WEIGHTS)  # of the repository's top folder
LAST = re.compile(r"model(-(\d+)-of-\2)?\.safetensors")  # of the files in the order in which they are fetched
CHUNK = 2**20  # bytes between two looks at on_step; the client's own 10 MB take a slow line ten seconds

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
    except (raised.RepositoryNotFoundError, raised.GatedRepoError, raised.HFValidationError) as error:
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
    folder = obtain(name, task, on_step)
    try:  # by its folder: by its name, transformers asks the hub again, without a network for half a minute
        return from_folder(name, folder, model, reader)
    except OSError as error:  # transformers' one type for "no such file here"
        raise _sentence("no_safetensors" if is_reachable() else "offline", name, task) from error


def obtain(
    name: str, task: str | None, on_step: OnStep | None = None, repository: str = "", wanted: Sequence[str] = FILES
) -> Path:
    """The folder of a model's files. Those that are not here yet are fetched; where the hub does not answer, it is what
    was fetched before. repository: the hub's name for `name`, where it is another. Raises SidelightError `model.*`."""
    from huggingface_hub import errors as raised

    name = check_model_name(name)
    repository = repository or name
    with errors(name, task):
        if setting("HUB") and is_reachable():
            try:
                return fetch(repository, on_step, wanted)
            except (raised.RepositoryNotFoundError, raised.EntryNotFoundError):
                raise
            except (raised.HTTPError, OSError):
                pass  # it was a proxy that could be reached, or the hub is out of order
        return cached(repository)


def is_fetched(repository: str) -> bool:
    """Whether `obtain` has nothing large to fetch."""
    from huggingface_hub import errors as raised

    try:
        return cached(repository).is_dir()
    except (raised.LocalEntryNotFoundError, raised.HFValidationError):
        return False


def cached(repository: str) -> Path:
    """The folder of what was fetched before. Raises huggingface_hub's LocalEntryNotFoundError where the weights are not
    all here."""
    from huggingface_hub import errors as raised
    from huggingface_hub import snapshot_download

    folder = Path(snapshot_download(repository, allow_patterns=list(WEIGHTS), local_files_only=True))
    if not any(LAST.fullmatch(file.name) for file in folder.iterdir()):
        raise raised.LocalEntryNotFoundError(f"the weights of {repository} are not all here")
    return folder


def fetch(repository: str, on_step: OnStep | None = None, wanted: Sequence[str] = FILES) -> Path:
    """The folder of a repository's files, of which those that are not here yet are fetched, the weights last.

    wanted: patterns of files. Raises SidelightError `model.too_large`, and what huggingface_hub raises.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub import errors as raised

    info = HfApi(constants.ENDPOINT).model_info(repository, files_metadata=True)
    files = {file.rfilename: file.size or 0 for file in info.siblings if _is_wanted(file.rfilename, wanted)}
    weights = sum(size for file, size in files.items() if _is_wanted(file, WEIGHTS))
    if not weights:
        raise raised.EntryNotFoundError(f"{repository} has no safetensors")
    _check_memory(repository, 4 * info.safetensors.total if info.safetensors else weights)
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    done, total, folder = 0, sum(files.values()), Path()
    for file in sorted(files, key=lambda file: (_is_wanted(file, WEIGHTS), file)):
        if on_step:
            on_step(done, total)
        folder = Path(hf_hub_download(repository, file, tqdm_class=_bar(done, total, on_step))).parent
        done += files[file]
    return folder


def _is_wanted(file: str, patterns: Sequence[str]) -> bool:
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
