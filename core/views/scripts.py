"""JavaScript modules joined into one, as a component and a saved page take it."""

import re
from pathlib import Path

IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[^"]+)";\n', re.MULTILINE)
EXPORT = re.compile(r"^export (?!default)", re.MULTILINE)


def bundle(path: Path) -> str:
    """The module at `path` behind all that it imports, each once; of the exports only the default one stays.

    No bundler is needed while the modules name what they import, and no two of them use one name on their top level.
    """
    seen: dict[Path, str] = {}

    def visit(file: Path) -> None:
        if file in seen:
            return
        text = file.read_text("utf-8")
        seen[file] = ""  # a circle ends here
        for name in IMPORT.findall(text):
            visit((file.parent / name).resolve())
        del seen[file]
        seen[file] = EXPORT.sub("", IMPORT.sub("", text))

    visit(path.resolve())
    return "\n".join(seen.values())
