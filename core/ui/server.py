"""What the server itself answers: the first document, figures for an operator, a class's phones (`classroom.py`)."""

import os
from collections import Counter

import psutil
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from streamlit import config, runtime

from core import settings
from core.errors import SidelightError
from core.models.catalogue import runs_folder
from core.ui import classroom, document, visitor

EXPLAINED = {  # of each figure, what it is
    "sidelight_sessions": "Pages that are open.",
    "sidelight_work": "Computations beside pages, by whether they go on or wait for their turn.",
    "sidelight_runs": "Fine-tuning runs by state.",
    "sidelight_kept_bytes": "Models and results that are kept in memory.",
    "sidelight_kept_bytes_limit": "The bound of sidelight_kept_bytes.",
    "sidelight_resident_bytes": "Memory of this process.",
    "sidelight_runs_disk_free_bytes": "Free on the disk of the runs.",
    "sidelight_errors_total": "Errors of pages that nobody foresaw.",
}
Figures = dict[str, dict[str, float]]  # by name, then by label such as state="queued"; no label: ""

errors: Counter[str] = Counter(unforeseen=0)


def routes() -> list[Route]:
    """Raises SystemExit with a sentence where a setting is wrong."""
    try:
        settings.check()
    except SidelightError as error:
        raise SystemExit(str(error)) from error
    base = str(config.get_option("server.baseUrlPath")).strip("/")
    figures = Route(f"/{base}/metrics" if base else "/metrics", metrics)
    return [figures, *classroom.routes(), *document.routes()]  # the last take any word


def failed(error: Exception) -> None:
    """Told by Streamlit of what no page caught; the visitor sees that something went wrong, the log what."""
    errors["unforeseen"] += 1


def metrics(request: Request) -> PlainTextResponse:
    """In Prometheus' text format, for this machine and for whoever has the operator's key."""
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    if not (visitor.is_from_here(request) or visitor.knows_key(key)):
        return PlainTextResponse("for an operator\n", 403)
    return PlainTextResponse(text(figures()), media_type="text/plain; version=0.0.4; charset=utf-8")


def figures() -> Figures:
    from core import store  # what takes seconds to import is there as soon as a page was opened
    from core.finetune import worker
    from core.ui import background

    kept, disk = store.store(), runs_folder()
    states = Counter(worker.state_of(run).state for run in worker.runs())
    while not disk.exists():  # nothing was ever trained
        disk = disk.parent
    room = os.statvfs(disk)
    return {
        "sidelight_sessions": {"": _sessions()},
        "sidelight_work": {f'state="{state}"': count for state, count in background.counts().items()},
        "sidelight_runs": {f'state="{state}"': states[state] for state in worker.STATES},
        "sidelight_kept_bytes": {"": kept.bytes},
        "sidelight_kept_bytes_limit": {"": kept.bound},
        "sidelight_resident_bytes": {"": psutil.Process().memory_info().rss},
        "sidelight_runs_disk_free_bytes": {"": room.f_bavail * room.f_frsize},
        "sidelight_errors_total": {"": errors["unforeseen"]},
    }


def text(found: Figures) -> str:
    lines = []
    for name, values in found.items():
        kind = "counter" if name.endswith("_total") else "gauge"
        lines += [f"# HELP {name} {EXPLAINED[name]}", f"# TYPE {name} {kind}"]
        lines += [f"{name}{{{label}}} {value:g}" if label else f"{name} {value:.0f}" for label, value in values.items()]
    return "\n".join(lines) + "\n"


def _sessions() -> int:
    if not runtime.exists():
        return 0
    found = runtime.get_instance().stats_mgr.get_stats(["active_sessions"])
    return sum(int(getattr(stat, "value", 0)) for stats in found.values() for stat in stats)
