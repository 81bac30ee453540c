"""Models by name from the Hugging Face hub: whether it can be reached, what is fetched, errors that say what to do.

Never code, and tensors alone: where a repository has only pickles, they are kept as safetensors (`pickled.py`). What
was fetched once works without a network afterwards. A name may say which branch, tag or commit is meant, after "@".
"""

import errno
import re
import socket
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from core.errors import SidelightError
from core.models import adapters, catalogue, pickled
from core.models.loading import check_class, check_memory, check_model_name, from_folder, verified_weights
from core.settings import setting

TIMEOUT = 3  # seconds
WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.fp16.safetensors", adapters.WEIGHTS)
FILES = ("*.json", "*.txt", "*.model", "*.spm", "*.jinja", *WEIGHTS)  # of the repository's top folder
LAST = re.compile(
    r"(?:model(-(\d+)-of-\2|\.fp16)?|adapter_model)\.safetensors"
)  # of the files in the order in which they are fetched
PICKLED = re.compile(r"^pytorch_model(-\d+-of-\d+)?\.bin")
HEAVY = re.compile(r"\.safetensors(\.index\.json)?$|\.bin(\.index\.json)?$")
CHUNK = 2**20  # bytes between two looks at on_step; the client's own 10 MB take a slow line ten seconds

OnStep = Callable[[int, int], None]  # (bytes fetched, of how many); may raise to stop
Check = Callable[[Path], None]  # of a folder with a model's settings; raises SidelightError before weights are fetched


@dataclass(frozen=True)
class Source:
    """Where models of one kind come from. load: a model by its key, its name on the hub or its folder. repository:
    where the hub keeps a model of this name. fetch: its folder, fetched where it is not here yet. All raise
    SidelightError `model.*`."""

    load: Callable[[str | Path], Any]
    repository: Callable[[str], str]
    fetch: Callable[[str, OnStep], Path]


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
    except raised.GatedRepoError as error:
        raise SidelightError("model.gated", name=name) from error
    except raised.RevisionNotFoundError as error:
        raise SidelightError("model.no_revision", name=name) from error
    except raised.EntryNotFoundError as error:
        raise _sentence("no_safetensors", name, task) from error
    except (raised.RepositoryNotFoundError, raised.DisabledRepoError, raised.HFValidationError) as error:
        raise _sentence("unknown", name, task) from error
    except (ImportError, ValueError) as error:  # SOCKS needs a package of its own; of other schemes nothing is known
        if "proxy" not in str(error).lower():
            raise
        raise SidelightError("model.proxy", name=name, reason=str(error).split("\n")[0]) from error
    except (raised.HTTPError, OSError) as error:
        status = getattr(getattr(error, "response", None), "status_code", None)
        if status in (401, 403):
            raise SidelightError("model.gated", name=name) from error
        if status == 429:
            raise SidelightError("model.busy", name=name) from error
        if getattr(error, "errno", None) == errno.ENOSPC:
            raise SidelightError("model.disk_full", name=name) from error
        raise _sentence("offline", name, task) from error


def _sentence(kind: str, name: str, task: str | None) -> SidelightError:
    if task is None:
        return SidelightError(f"model.{kind}_alone", name=name)
    return SidelightError(f"model.{kind}", name=name, bundled=catalogue.default(task).title)


def from_hub(
    name: str | Path, task: str | None, model: Any, reader: Any, on_step: OnStep | None = None
) -> tuple[Any, Any]:
    """A transformers model by its hub name, or from a folder of this machine, and what prepares its input, as
    `from_folder`. A folder is a Path: texts come from pages, and name none but those of `catalogue.folders`.

    task: "vision" or "translation", whose bundled model errors name, or None. model, reader: classes of transformers
    such as AutoModelForCausalLM and AutoTokenizer. Raises SidelightError `model.*`.
    """
    if place := name if isinstance(name, Path) else _here(name):
        shown = place.name
    else:
        shown = check_model_name(str(name))
        # By its name, transformers would ask the hub again.
        place = obtain(shown, task, on_step, check=partial(check_class, shown, model))
    if not adapters.is_adapter(place):
        return from_folder(shown, place, model, reader)
    base = check_model_name(adapters.base_of(place, shown))
    folder = obtain(base, task, on_step, check=partial(check_class, base, model))
    module, found = from_folder(base, folder, model, reader)
    return adapters.applied(module, place, shown), found


def _here(name: str) -> Path | None:
    """The folder of a model that needs no hub, if it is one."""
    card = catalogue.language_model(name)
    return verified_weights(card).parent if card else catalogue.folder(name)


def title(name: str | Path) -> str:
    """What a model is called on the page."""
    return name.name if isinstance(name, Path) else name.strip().removeprefix("local:")


def obtain(
    name: str,
    task: str | None,
    on_step: OnStep | None = None,
    repository: str = "",
    wanted: Sequence[str] = FILES,
    check: Check | None = None,
) -> Path:
    """The folder of a model's files. Those that are not here yet are fetched; where the hub does not answer, it is what
    was fetched before. repository: the hub's name for `name`, where it is another. check: is asked before weights are
    fetched. Raises SidelightError `model.*`."""
    from huggingface_hub import errors as raised

    name = check_model_name(name)
    repository = repository or name
    with errors(name, task):
        if setting("HUB") and is_reachable():
            try:
                return fetch(repository, on_step, wanted, check)
            except (raised.RepositoryNotFoundError, raised.RevisionNotFoundError, raised.EntryNotFoundError):
                raise
            except (raised.HTTPError, OSError, ImportError):  # only the proxy was reached, or the hub is out of order
                with suppress(raised.LocalEntryNotFoundError):
                    return cached(repository)
                raise
        return cached(repository)


def is_fetched(repository: str) -> bool:
    """Whether `obtain` has nothing large to fetch."""
    from huggingface_hub import errors as raised

    try:
        return _is_whole(_snapshot(repository))
    except (raised.LocalEntryNotFoundError, raised.HFValidationError):
        return False


def came_pickled(repository: str) -> bool:
    """Whether the weights of what was fetched were read from pickles."""
    return ":" not in repository and is_fetched(repository) and pickled.was_pickled(_snapshot(repository))


def cached(repository: str) -> Path:
    """The folder of what was fetched before. Raises huggingface_hub's LocalEntryNotFoundError where the weights are not
    all here."""
    from huggingface_hub import errors as raised

    folder = _snapshot(repository)
    if not _is_whole(folder) and pickled.pickles(folder):  # another program fetched them
        pickled.convert(folder, repository)
    if not _is_whole(folder):
        raise raised.LocalEntryNotFoundError(f"the weights of {repository} are not all here")
    return folder


def _snapshot(repository: str) -> Path:
    from huggingface_hub import snapshot_download

    name, _, revision = repository.partition("@")
    found = snapshot_download(name, revision=revision or None, allow_patterns=list(WEIGHTS), local_files_only=True)
    return Path(found)


def _is_whole(folder: Path) -> bool:
    return any(LAST.fullmatch(file.name) for file in folder.iterdir()) if folder.is_dir() else False


def fetch(
    repository: str, on_step: OnStep | None = None, wanted: Sequence[str] = FILES, check: Check | None = None
) -> Path:
    """The folder of a repository's files, of which those that are not here yet are fetched, the weights last and in one
    form: whole, else in parts, else pickled.

    wanted: patterns of files. check: of the folder once all but the weights is there. Raises SidelightError
    `model.too_large`, `model.unsafe`, `model.damaged`, and what huggingface_hub raises.
    """
    from huggingface_hub import HfApi, constants, hf_hub_download
    from huggingface_hub import errors as raised

    name, _, revision = repository.partition("@")
    info = HfApi(constants.ENDPOINT).model_info(name, revision=revision or None, files_metadata=True)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or () if "/" not in file.rfilename}
    weights = _one_form(list(sizes), wanted)
    if not weights:
        raise raised.EntryNotFoundError(f"{repository} has no weights that can be read")
    others = [file for file in sizes if _is_wanted(file, wanted) and not HEAVY.search(file)]
    large = sum(sizes[file] for file in weights) * (2 if ".fp16." in weights[-1] else 1)
    check_memory(repository, 4 * info.safetensors.total if info.safetensors else large)
    here = Path(constants.HF_HUB_CACHE, f"models--{name.replace('/', '--')}", "snapshots", info.sha or "")
    if PICKLED.search(weights[-1]) and _is_whole(here):  # they were kept as safetensors
        weights = []
    constants.DOWNLOAD_CHUNK_SIZE = CHUNK
    files = sorted(others) + weights
    done, total, folder = 0, sum(sizes[file] for file in files), Path()
    for file in files:
        if check and others and file == next(iter(weights), ""):
            check(folder)
        if on_step:
            on_step(done, total)
        take = partial(hf_hub_download, name, file, revision=revision or None, tqdm_class=_bar(done, total, on_step))
        place = Path(take())
        if sizes[file] and place.stat().st_size != sizes[file]:  # an earlier one was cut off
            place = Path(take(force_download=True))
        folder = place.parent
        done += sizes[file]
    if weights and PICKLED.search(weights[-1]):
        pickled.convert(folder, repository)
        for old in pickled.pickles(folder):  # they are kept once
            old.resolve().unlink()
            old.unlink(missing_ok=True)
    return folder


def _one_form(files: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The files of the weights, in the order in which they are fetched; of several forms the first that is there."""
    safe = sorted(file for file in files if file.endswith(".safetensors") and _is_wanted(file, wanted))
    forms = ([f for f in safe if f == WEIGHTS[0]], [f for f in safe if fnmatch(f, WEIGHTS[1])], safe[-1:])
    found = next(filter(None, forms), [])
    if not found and _is_wanted("model.safetensors", wanted):
        parts = sorted(file for file in files if PICKLED.search(file) and not file.endswith(".json"))
        found = [pickled.WHOLE] if pickled.WHOLE in parts else parts
    index = {"model.safetensors.index.json", pickled.INDEX} & set(files) if len(found) > 1 else set()
    return [file for file in index if bool(PICKLED.search(file)) == bool(PICKLED.search(found[-1]))] + found


def _is_wanted(file: str, patterns: Sequence[str]) -> bool:
    return "/" not in file and any(fnmatch(file, pattern) for pattern in patterns)


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
