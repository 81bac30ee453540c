"""Pages whose checks of maps are cut short: what they show is made in the same way, of fewer random orders and steps.

`python -m tests.quick run app.py ...` is `streamlit run app.py ...` with them.
"""

from functools import partial

import pytest

from core.ui import work
from core.ui.explain import checks


def shorten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(checks, "control", partial(checks.control, count=2, steps=4))
    patch.setattr(checks, "curves", partial(checks.curves, steps=4))


if __name__ == "__main__":
    from streamlit.web.cli import main

    patch = pytest.MonkeyPatch()
    shorten(patch)
    patch.setattr(work, "SIDE", 112)
    main()
