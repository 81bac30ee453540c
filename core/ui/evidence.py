"""What stands beside the names that a classifier gives where none of them may fit."""

import streamlit as st

from core.models.vision import VisionModel, VisionResult
from core.ui.language import say


def tell(model: VisionModel, result: VisionResult) -> None:
    """Nothing where the picture gives as much evidence as usual, or where that was never measured."""
    if result.is_thin and model.enough:
        text = say("evidence.thin", count=len(model.classes), kept=f"{model.enough.kept:.0%}")
        st.markdown(f":orange[:material/help: **{text}**]", help=say("evidence.help"))
