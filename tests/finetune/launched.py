"""Run by `accelerate launch`: several commands one after the other, each as `python -m` runs it, imported once."""

import json
import runpy
import sys

from accelerate.state import AcceleratorState, GradientState

if __name__ == "__main__":
    for module, *arguments in json.loads(sys.argv[1]):
        AcceleratorState._reset_state(reset_partial_state=True)
        GradientState._reset_state()
        sys.argv = [module, *arguments]
        runpy.run_module(module, run_name="__main__", alter_sys=True)
