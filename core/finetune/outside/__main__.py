"""`python -m core.finetune.outside RUN FOLDER` writes the model of a finished run for use without this project; with
`--onnx` for onnxruntime; with `--push NAME` it goes to the hub as well, as a private repository."""

import argparse
import sys
from pathlib import Path

from core.errors import SidelightError
from core.finetune import outside
from core.finetune.job import write_json
from core.finetune.outside import hub


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder, or its name")
    parser.add_argument("folder", type=Path, help="where it is written; must not be there yet")
    parser.add_argument("--onnx", action="store_true", help="as ONNX, in float32, compared with PyTorch")
    parser.add_argument("--push", metavar="NAME", help="of the repository on the hub: name, or organisation/name")
    parser.add_argument("--public", action="store_true", help="the repository that is made is open to all")
    parser.add_argument("--said", type=Path, help=argparse.SUPPRESS)  # for a process that waits for this one
    given = parser.parse_args()
    said: dict[str, object] = {}
    try:
        if given.push:
            hub.check(given.push)
        given.folder.mkdir(parents=True)
        if given.onnx:
            said["difference"] = outside.write_onnx(given.run, given.folder)
            print(f"largest difference from PyTorch: {said['difference']:.1e} of the largest output")
        else:
            outside.write(given.run, given.folder)
        print(f"{given.folder}: python load.py runs it")
        if given.push:
            print(hub.push(given.folder, given.push, given.public))
    except (SidelightError, FileExistsError) as error:
        if isinstance(error, SidelightError):
            said = {"code": error.code, "values": error.values}
        sys.exit(str(error))
    finally:
        if given.said:
            write_json(given.said, said)


if __name__ == "__main__":
    main()
