"""What stands beside the names that a classifier gives: that none of them may fit, or that it was judged otherwise."""

import streamlit as st

from core.models.vision import VisionModel, VisionResult
from core.ui.language import say


def tell(model: VisionModel, result: VisionResult) -> None:
    """Nothing where the picture gives as much evidence as usual, or where that was never measured; and nothing of the
    size where the picture has the one that the model learnt at."""
    sides = set(result.fitted.pixels.size)
    if model.learnt_at and sides != {model.learnt_at}:
        st.caption(say("evidence.size", learnt=model.learnt_at, here=" × ".join(map(str, sorted(sides)))))
    if result.is_thin and model.enough:
        text = say("evidence.thin", count=len(model.classes), kept=f"{model.enough.kept:.0%}")
        st.markdown(f":orange[:material/help: **{text}**]", help=say("evidence.help"))
