"""Each decision of what was written: how sure the model was, and what else it might have written."""

from collections.abc import Sequence

import streamlit as st

from core.models.decoding import Step
from core.ui.language import say
from core.ui.plain import piece_text
from core.views.charts import QUIET, entropy_bars


def show(steps: Sequence[Step], help: str = "translation.steps_help") -> None:
    """help: what is said first, of the wording."""
    st.caption(say(help))
    pieces = [piece_text(step.piece) for step in steps]
    st.plotly_chart(entropy_bars(pieces, [step.entropy for step in steps], say("translation.entropy")), config=QUIET)
    rows = [
        {
            say("translation.step"): number,
            say("translation.piece"): piece_text(step.piece),
            say("translation.probability"): 100 * step.probability,
            say("translation.entropy"): step.entropy,
            say("translation.alternatives"): " · ".join(
                f"{piece_text(piece)} {chance:.1%}" for piece, chance in step.alternatives
            ),
        }
        for number, step in enumerate(steps, 1)
    ]
    st.dataframe(
        rows,
        hide_index=True,
        column_config={
            say("translation.probability"): st.column_config.ProgressColumn(
                min_value=0, max_value=100, format="%.1f%%"
            ),
            say("translation.entropy"): st.column_config.NumberColumn(format="%.2f"),
        },
    )
