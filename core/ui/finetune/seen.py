"""Pictures of a set of data as a page shows them."""

from collections.abc import Sequence

import streamlit as st
from torch import Tensor

from core.finetune.pictures import as_image
from core.ui.language import say


def varied(pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Each picture as it is, and below it as a step may see it."""
    for name, images in zip(("as_it_is", "as_seen"), zip(*pairs, strict=True), strict=True):
        st.caption(say(f"finetune.{name}"))
        shown = [as_image(image).resize((64, 64)) for image in images]
        st.image(shown, width=64, alt=[say(f"finetune.{name}")] * len(shown))
