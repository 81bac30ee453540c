"""Switch heads off, and see what the captioner says without them."""

import streamlit as st
from torch import Tensor

from core.attention.ablation import Head, all_heads, without
from core.attention.subject import Subject
from core.models import tokenizing
from core.models.decoding import OnStep
from core.ui import background, work
from core.ui.bridge import paint
from core.ui.bridge.picture import Picture
from core.ui.bridge.run import Told
from core.ui.bridge.side import side
from core.ui.explain import sides, switches
from core.ui.explain.ablation import kept
from core.ui.explain.sides import WHOLE
from core.ui.language import say


def show(picture: Picture, told: Told) -> None:
    st.caption(say("ablation.lead"))
    asked, key = told.subject(None), f"off_caption_{told.name}"
    off = switches.choose("caption", asked, key)
    if off:
        text, share = _told_without(told, asked, off)
        paint.difference(told.caption.text, text)
        st.caption(say("bridge.heads_share", share=f"{share:.1%}"))
    shown = side(told, picture.title, (), WHOLE)
    worth = sides.worth(shown, WHOLE, say("ablation.measuring", count=len(all_heads(asked))))
    switches.grids("caption", asked, worth, key, off)
    if worth is not None:
        st.caption(say("bridge.heads_grid"))


def _told_without(told: Told, asked: Subject, off: list[Head]) -> tuple[str, float]:
    """What is written while these heads are off, and how probable the caption is then, mean of a piece."""

    def find(on_step: OnStep | None) -> tuple[str, float]:
        model = work.captioner(told.name)
        with without(asked, off):
            ids: Tensor = model.search(told.looked, told.language, told.beams, on_step)  # type: ignore[arg-type,union-attr]
            return tokenizing.said(model.tokenizer, ids[0, 1:].tolist()).strip(), kept(asked)

    return background.awaited(("caption_without", *told.key, *off), say("bridge.writing"), find, (told.name,))
