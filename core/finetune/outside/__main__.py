"""`python -m core.finetune.outside RUN FOLDER` writes the model of a finished run for use without this project. What is
there goes to the hub by `hf upload NAME FOLDER --private`."""

import argparse
import sys
from pathlib import Path

from core.errors import SidelightError
from core.finetune import outside


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder, or its name")
    parser.add_argument("folder", type=Path, help="where it is written; must not be there yet")
    given = parser.parse_args()
    try:
        given.folder.mkdir(parents=True)
        outside.write(given.run, given.folder)
    except (SidelightError, FileExistsError) as error:
        sys.exit(str(error))
    print(f"{given.folder}: python load.py runs it")


if __name__ == "__main__":
    main()
