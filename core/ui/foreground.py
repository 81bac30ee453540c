"""Foreground on the Vision page: two ways to find it in what the model already computed, each with its threshold."""

import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator
from torch import Tensor

from core.models.foreground import attention_score, feature_score, otsu, overlap
from core.models.vision import VisionResult
from core.ui.language import say
from core.views.masks import mask_image, masked_photo, png


def show(result: VisionResult, photo: Image.Image) -> None:
    """The photo with the background darkened, once by attention, once by features."""
    scores = {"features": feature_score(result.features)}
    if result.traces and result.axis.prefix:
        scores = {"attention": attention_score(result.traces["encoder"]), **scores}
    st.caption(say("vision.foreground_help" if "attention" in scores else "vision.foreground_help_bare"))
    columns = st.columns(2)
    masks = [_one(name, score, columns[x], result, photo) for x, (name, score) in enumerate(scores.items())]
    if len(masks) == 2:
        st.caption(say("vision.foreground_agree", share=f"{overlap(*masks):.0%}"))


def _one(name: str, score: Tensor, column: DeltaGenerator, result: VisionResult, photo: Image.Image) -> Tensor:
    with column:
        st.markdown(f"**{say(f'vision.by_{name}')}**")
        found = otsu(score)
        automatic = st.toggle(
            say("vision.threshold_auto"), value=True, key=f"auto_{name}", help=say("vision.threshold_help")
        )
        if automatic:
            threshold = found
            st.slider(
                say("vision.threshold"), 0.0, 1.0, round(found, 2), key=f"found_{name}_{found:.2f}", disabled=True
            )
        else:
            threshold = st.slider(say("vision.threshold"), 0.0, 1.0, round(found, 2), 0.01, key=f"threshold_{name}")
        mask = score > threshold
        st.image(masked_photo(photo, mask, result.axis), width="stretch", alt=say(f"vision.by_{name}"))
        share, axis = float(mask.float().mean()), result.axis  # a button holds what it saves until it is pressed
        st.caption(say("vision.foreground_share", share=f"{share:.0%}", threshold=f"{threshold:.2f}"))
        st.download_button(
            say("vision.mask_save"),
            lambda: png(mask_image(mask, axis)),
            file_name=f"mask-{name}.png",
            icon=":material/download:",
            on_click="ignore",
            key=f"mask_{name}",
        )
    return mask
