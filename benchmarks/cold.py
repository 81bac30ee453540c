"""`python -m benchmarks.cold --before COMMIT`: what a person waits for at a server that has just begun, in headless
Chromium: this working tree and a commit before it take turns, so that a busy moment of the machine hits both.

Of each server, s: until it answers, from its start; then from the navigation to the end of the frame that shows them
the heading with the menu, the inputs, and the picture (the linked view with its numbers); rest, where the script has
ended. CPU: seconds of the server by then, which other work on the machine lengthens little. `first` is a server that
finds nothing kept on disk, `second` begins after it on the same folder. In brackets: the share of the state before.
Also every text that the menu ever showed, to be none but its pages' titles, and how often the view was mounted.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, sync_playwright

from benchmarks.serving import ROOT, serve

PORT = 8714
# Runs before the page's own scripts. What is seen is timed at the end of the frame that shows it.
WATCH = """(() => {
  const seen = (window.coldSeen = { times: {}, menu: [], views: 0 });
  const shown = (root, what) => root.querySelector(what)?.checkVisibility();
  const note = (name, is) => { if (is && !(name in seen.times)) seen.times[name] = performance.now() / 1000; };
  const views = new WeakSet();
  const look = () => requestAnimationFrame(() => setTimeout(() => {
    const links = [...document.querySelectorAll("[data-testid=stTopNavLink], [data-testid=stSidebarNavLink]")];
    for (const one of links) {
      const icon = one.querySelector("[data-testid=stIconMaterial]")?.textContent ?? "";
      const text = one.textContent.replace(icon, "").trim();
      if (text && !seen.menu.includes(text)) seen.menu.push(text);
    }
    const inputs = shown(document, ".st-key-photo button") && shown(document, ".st-key-sentence input");
    note("heading", document.querySelector("h1") && links.length);
    note("inputs", document.querySelector("h1") && links.length && inputs);
    for (const host of document.querySelectorAll("[data-testid=stBidiComponentIsolated]")) {
      const root = host.shadowRoot;
      if (!root || !root.querySelector(".sidelight")) continue;
      if (!views.has(root)) { views.add(root); seen.views += 1; watch(root); }
      note("picture", shown(root, ".sidelight .say b"));
    }
    const script = document.querySelector("[data-test-script-state]")?.dataset.testScriptState;
    seen.running = script === "running";
    if (!seen.running) { seen.idle ??= performance.now() / 1000; } else seen.idle = null;
  }, 0));
  const what = { subtree: true, childList: true, attributes: true, characterData: true };
  const watch = (root) => new MutationObserver(look).observe(root, what);
  watch(document);
})()"""
AT_REST = """() => coldSeen.times.picture && coldSeen.idle && document.querySelector("[data-testid=stExpander]")
  && performance.now() / 1000 - coldSeen.idle > 1.5"""
WAITED = ("heading", "inputs", "picture")


def visit(browser: Browser, tree: Path, runs: Path) -> dict[str, Any]:
    """Begin a server of this tree and look at its home page as soon as it answers. Seconds from the navigation, and CPU
    seconds that the server had taken by then."""
    page, began = browser.new_page(viewport={"width": 1440, "height": 900}, locale="en-US"), time.monotonic()
    server = serve(PORT, runs, tree, pause=0.02)
    try:
        found: dict[str, Any] = {"answers": time.monotonic() - began}
        page.add_init_script(WATCH)
        page.goto(f"http://127.0.0.1:{PORT}/", wait_until="commit")
        for name in WAITED:
            page.wait_for_function(f"() => coldSeen.times.{name}", timeout=240_000, polling=20)
            found[f"{name}, CPU"] = sum(psutil.Process(server.pid).cpu_times()[:2])
        page.wait_for_function(AT_REST, timeout=240_000)
        seen = page.evaluate("coldSeen")
        return found | seen["times"] | {"rest": seen["idle"], "menu": seen["menu"], "views": seen["views"]}
    finally:
        page.close()
        server.terminate()
        server.wait(30)


def report(found: dict[tuple[str, str], list[dict[str, Any]]]) -> None:
    """Medians, each with its share of the state before."""
    names = ["answers", *WAITED, *(f"{name}, CPU" for name in WAITED), "rest"]
    print("| | " + " | ".join(names) + " | views |\n|---" + "|---" * (len(names) + 1) + "|")
    for (tree, start), visits in found.items():
        cells = []
        for name in names:
            value, before = (statistics.median(one[name] for one in found[which, start]) for which in (tree, "before"))
            cells.append(f"{value:.2f}" + (f" ({value / before:.2f})" if tree != "before" else ""))
        print(f"| {tree}, {start} | " + " | ".join(cells) + f" | {max(one['views'] for one in visits)} |")
    for tree in ("before", "now"):
        texts = {
            text for (which, _), visits in found.items() if which == tree for one in visits for text in one["menu"]
        }
        print(f"what the menu showed {tree}: {', '.join(sorted(texts))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--before", required=True, help="a commit")
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    print(f"load average before {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        before = Path(folder) / "before"
        subprocess.run(["git", "worktree", "add", "--detach", str(before), chosen.before], cwd=ROOT, check=True)
        try:
            browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            for number in range(chosen.rounds):
                for tree, place in (("before", before), ("now", ROOT)):
                    for start in ("first", "second"):
                        seen = visit(browser, place, Path(folder) / f"runs_{tree}_{number}")
                        found.setdefault((tree, start), []).append(seen)
            browser.close()
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", str(before)], cwd=ROOT, check=True)
    report(found)
    print(f"load average after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
