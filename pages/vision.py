"""The image workbench: one photo, any size and framing, the model's attention and its prediction."""

import streamlit as st

from core.errors import SidelightError
from core.models.vision import estimate
from core.ui import choices, evidence, foreground, frame, hand, inputs, openings, photos, pins, stages, work
from core.ui.entry import enter
from core.ui.explain import sides
from core.ui.language import class_name, say, show_error
from core.ui.plain import plain
from core.views.charts import QUIET, probability_bars

FEW = 20  # classes that are listed, since a model that knows so few is forced to choose among them
ASK_ABOVE = 5.0  # seconds of estimated time above which the run waits for a click

enter()
frame.head("vision")

left, right = inputs.line()
with left:
    title, image = photos.choose()
    behind = inputs.settings(inputs.short_title("vision", choices.remembered("vision_model")))
with behind:
    name = inputs.choose_model("vision", "vision_model")

name, model = work.vision_or_bundled(name)
with right:
    fit = photos.choose_framing(visible=False)
size = behind.select_slider(
    say("vision.size"),
    model.sizes,
    help=say("vision.size_help"),
    **choices.widget("size", f"size_{name}", model.sizes, model.default_size),
)
cost = estimate(model, size, fit, image.size)
behind.caption(say("vision.fit_help"))
behind.caption(
    say("vision.estimate", tokens=cost.tokens, seconds=f"{cost.seconds:.1f}", megabytes=f"{cost.megabytes:.0f}")
)

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

traces = stages.choose(result)
seen = pins.PhotoSeen(name, size, choices.remembered("photo"), fit, choices.remembered("stage"))
axis = stages.axis_of(result, traces)
pins.show([(seen.card_of(title, image, traces, axis), seen)], f"vision_{openings.begin_photo(axis)}")
hand.offer({"image": sides.photo_side(name, title, image, size, fit)})

if result.predictions:
    st.header(say("vision.predictions"))
    labels = [class_name(prediction.label) for prediction in result.predictions]
    if len(model.classes) <= FEW:
        st.caption(
            say("vision.few_classes", names=say("list.comma").join(plain(class_name(label)) for label in model.classes))
        )
    evidence.tell(model, result)
    st.plotly_chart(
        probability_bars(labels, [prediction.probability for prediction in result.predictions]), config=QUIET
    )
else:
    st.caption(say("vision.no_head"))

st.header(say("vision.foreground"))
foreground.show(result, image)
