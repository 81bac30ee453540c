"""Fine-tuning: choose data and a method, press the button, watch it learn, see what attention did."""

import streamlit as st

from core.errors import SidelightError
from core.finetune import worker
from core.finetune.sweep import Sweep
from core.ui import frame, inputs, work
from core.ui.entry import enter
from core.ui.finetune import after, data, live, memory, rates, runs, setup, sweep, sweep_setup
from core.ui.finetune.sides import SIDES
from core.ui.language import say, show_error

live.ensure_worker()
enter()
frame.head("finetune")

folder = runs.choose()
if folder is None:
    form, below = st.container(), st.container()
    with below:  # drawn first: what follows may stop
        if uploaded := after.upload():
            runs.open_run(uploaded.name)
    with form:
        task = st.segmented_control(
            say("finetune.task"),
            list(SIDES),
            format_func=lambda name: say(f"finetune.task_{name}"),
            default="vision",
            key="finetune_task",
            required=True,
        )
        side = SIDES[task]
        left, right = st.columns(2, gap="large")
        with left:
            st.header(say("finetune.what"))
            name = inputs.choose_base(task)
            seed = int(
                st.number_input(say("finetune.seed"), 0, 9999, 0, key="finetune_seed", help=say("finetune.seed_help"))
            )
        try:
            model = work.model(task, name)  # to look at and to copy; never trained
            if model is None:
                st.stop()
            side.check(model)
        except SidelightError as error:
            show_error(error)
            st.stop()
        with left:
            chosen = data.choose(side, getattr(model, "targets", ()), seed)
        with right:
            st.header(say("finetune.how"))
            if chosen is None:
                st.info(say("finetune.no_data"))
                st.stop()
            job = setup.choose(side, name, model, chosen, seed)
            rates.offer(job, chosen)
            memory.offer(job, chosen)
            st.caption(say(f"finetune.probe_{task}"))
            probe = side.probe(chosen.data)
            told = setup.estimated(job, model, chosen)
            setup.tell(told, job, chosen)
            if st.button(say("finetune.start"), type="primary", icon=":material/play_arrow:", width="stretch"):
                started = setup.start(job, chosen, probe, told)
                if started:
                    runs.open_run(started)
            if several := sweep_setup.offer(side, job, model, chosen, probe):
                runs.open_run(several)
elif isinstance(folder, Sweep):
    sweep.show(folder)
elif worker.state_of(folder).state == "finished":
    after.show(folder)
else:
    live.show(folder)
