"""The app's server, for benchmarks that visit it."""

import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PORT = 8731
ADDRESS = f"http://127.0.0.1:{PORT}"


def serve(port: int = PORT, runs: Path | None = None, tree: Path = ROOT, pause: float = 0.5) -> subprocess.Popen:
    """A server that answers. runs: where it keeps its runs, if not where it usually does. tree: whose code it is.
    pause: seconds between two looks."""
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.headless=true", f"--server.port={port}"]
    settings = os.environ | ({"SIDELIGHT_RUNS": str(runs)} if runs else {})
    whole = [*command, "--server.address=127.0.0.1"]
    server, began = subprocess.Popen(whole, cwd=tree, env=settings, stdout=subprocess.DEVNULL), time.monotonic()
    while server.poll() is None and time.monotonic() - began < 60:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
            return server
        except OSError:
            time.sleep(pause)
    server.kill()
    raise RuntimeError("the server did not start")
