"""The image workbench: one photo, any size and framing, the model's attention and its prediction."""

import streamlit as st

from core import wording
from core.errors import SidelightError
from core.models.images import Fit
from core.models.vision import estimate
from core.ui import choices, evidence, foreground, inputs, linked, work
from core.ui.entry import enter
from core.ui.language import class_name, say, show_error
from core.ui.plain import plain
from core.views.charts import probability_bars

FITS: tuple[Fit, ...] = ("crop", "letterbox", "stretch", "native")
FEW = 20  # classes that are listed, since a model that knows so few is forced to choose among them
ASK_ABOVE = 5.0  # seconds of estimated time above which the run waits for a click

enter()
st.title(say("vision.title"))
st.caption(say("vision.lead"))

left, right = st.columns(2)
with left:
    title, image = inputs.choose_photo()
with right:
    name = inputs.choose_model("vision", "vision_model")

name, model = work.vision_or_bundled(name)
framing, sizing = st.columns(2)
fit_names = {name: say(f"vision.fit_{name}") for name in FITS}
older = {wording.text(f"vision.fit_{name}", one): name for name in FITS for one in wording.LANGUAGES}  # links said this
fit = framing.segmented_control(
    say("vision.fit"),
    FITS,
    format_func=fit_names.__getitem__,
    required=True,
    help=say("vision.fit_help"),
    **choices.widget("fit", "fit", FITS, "crop", also=older),
)
size = sizing.select_slider(
    say("vision.size"),
    model.sizes,
    help=say("vision.size_help"),
    **choices.widget("size", f"size_{name}", model.sizes, model.default_size),
)
cost = estimate(model, size, fit, image.size)
st.caption(say("vision.estimate", tokens=cost.tokens, seconds=f"{cost.seconds:.1f}", megabytes=f"{cost.megabytes:.0f}"))

run = (name, size, fit, work.digest(image))
agreed = st.session_state.setdefault("agreed_runs", set())
if cost.seconds > ASK_ABOVE and run not in agreed:
    if not st.button(say("vision.run", seconds=f"{cost.seconds:.0f}"), type="primary"):
        st.stop()
    agreed.add(run)

try:
    result = work.run_image(name, image, size, fit)
except SidelightError as error:
    show_error(error)
    st.stop()

linked.show([linked.card(result.traces, linked.photo_title(title, result.axis), image)], "vision", tall=560)

st.subheader(say("vision.predictions"))
if result.predictions:
    labels = [class_name(prediction.label) for prediction in result.predictions]
    if len(model.classes) <= FEW:
        st.caption(
            say("vision.few_classes", names=say("list.comma").join(plain(class_name(label)) for label in model.classes))
        )
    evidence.tell(model, result)
    st.plotly_chart(probability_bars(labels, [prediction.probability for prediction in result.predictions]))
else:
    st.info(say("vision.no_head"))

st.subheader(say("vision.foreground"))
st.caption(say("vision.foreground_help"))
foreground.show(result, image)
