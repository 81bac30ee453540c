"""What a page shows before the models can be imported, which takes seconds: the heading, what is chosen, and at home
the first answer as it was kept, or the frames of its cards. It is drawn first and imported then, as an import holds the
interpreter, and the page stands still until that is done.
"""

from importlib import import_module
from threading import Lock

import streamlit as st
from streamlit.delta_generator import DeltaGenerator
from streamlit.runtime.scriptrunner import get_script_run_ctx

from core import store
from core.ui import background, choices, first, frame, inputs, view
from core.ui.language import say

HOME = "compare"
# What is shown is no old answer, and nothing moves while it is computed anew; this holds until the page was drawn.
FRESH = """<style>.st-key-shown [data-stale] { opacity: 1 !important; }
.st-key-chosen > [data-testid="stElementContainer"]:has(.stProgress) { display: none; }</style>"""
MODULES = (  # the slow ones by themselves, so that progress tells of them
    "torch",
    "torchvision.transforms.functional",
    "transformers",
    "peft",
    "timm",
    "core.models.translation",
    "core.models.vision",
    "core.tasks",
    "core.ui.pins",
    "core.ui.explain.sides",
)
KEY = "imports"  # in the store, once all are there
ONE = Lock()  # a visitor may leave while one module is imported, and the next begin: two threads that import the same
# at once meet modules that are half there


def until_ready(page: str) -> None:
    """Draw what can be drawn until the page itself can be; it runs anew then. page: its name."""
    if store.store().find(KEY):
        return
    run = get_script_run_ctx()
    assert run  # a page is drawn
    with run.run_with_active_hash(run.page_script_hash):  # as if the page drew it, else the browser draws it anew
        frame.head(page, heard=page == HOME)
        with _home() if page == HOME else st.container():
            background.awaited(KEY, say("work.imports"), _import, (KEY,))
    st.rerun()


def _import(on_step: background.OnStep) -> bool:
    for number, name in enumerate(MODULES):
        on_step(number, len(MODULES))
        with ONE:
            import_module(name)
    return True


def places() -> tuple[DeltaGenerator, DeltaGenerator]:
    """At home: what is chosen with what goes on, and the view. Streamlit knows a part by where it stands, so the view
    has a place of its own: what was kept stays on the screen while it is computed anew."""
    return st.container(key="chosen"), st.container(key="shown")


def _home() -> DeltaGenerator:
    """As `pages/compare.py` draws it. Returns where progress is told."""
    chosen, shown = places()
    with chosen:
        photo, sentence = inputs.choose_early()
    kept = first.find() if first.is_asked() else None
    with shown:
        st.container(horizontal=True, key="tries")
        if kept:
            st.empty()  # of what is packed
            if not choices.remembered("view"):
                choices.write("view", kept[1], "")
            view.text()  # the link says it from here on, and the view reads the link
            view.mount(kept[0], f"{HOME}_0_0")
            st.html(FRESH)
            return st.container()
        left, right = st.columns(2, border=True)
        left.image(photo, width="stretch", alt=say("input.photo"))
        right.text(sentence)
    return chosen
