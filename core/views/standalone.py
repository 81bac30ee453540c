"""A view as one HTML file that needs no server and no network, and as the output of a notebook's cell."""

import html

EXPORT = "export default function"  # how a view's script begins the function that mounts it


def page(title: str, style: str, body: str, script: str, call: str, language: str = "en") -> str:
    """body: what the view is mounted in. script: an ES module with one EXPORT. call: JavaScript that calls `mount`."""
    return f"""<!doctype html><html lang="{language}"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{html.escape(title)}</title>
<style>body {{ margin: 16px; }} {style}</style></head><body><main>{body}</main><script type="module">
{script.replace(EXPORT, "function mount", 1)}
{call}
</script></body></html>"""


def frame(document: str, height: int) -> str:
    """A page inside another one, `height` px tall: what `_repr_html_` gives."""
    style = f"width: 100%; height: {height}px; border: 0"
    return f'<iframe style="{style}" srcdoc="{html.escape(document, quote=True)}"></iframe>'
