"""The linked view's code: its parts joined for a component, or one self-contained HTML file with a payload inside."""

import base64
import html
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
MARKUP = '<div class="sidelight"></div>\n'


@cache
def script() -> str:
    """One ES module, made of the files in the order in which they use each other."""
    names = ("attention", "colour", "picture", "sentence", "linked")
    return "\n".join((HERE / f"{name}.js").read_text("utf-8") for name in names)


@cache
def style() -> str:
    return (HERE / "style.css").read_text("utf-8")


def standalone(payload: bytes, title: str) -> str:
    """A page that opens from disk with no server and no network."""
    body = script().replace("export default function", "function mount", 1)
    encoded = base64.b64encode(payload).decode()
    return f"""<!doctype html><html><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>body {{ margin: 16px; }} {style()}</style></head><body>{MARKUP}<script type="module">
{body}
const data = Uint8Array.from(atob("{encoded}"), (c) => c.charCodeAt(0));
mount({{ data, parentElement: document.body }});
</script></body></html>"""
