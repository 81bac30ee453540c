"""From looking to explaining: what an answer rests on by every method, and how far each map can be trusted."""

from core.ui import frame, inputs
from core.ui.entry import enter
from core.ui.explain import ablation, arithmetic, authors, flow, heads, layers, maps, sides, whatif

SECTIONS = {
    "maps": maps.show,
    "heads": heads.show,
    "layers": layers.show,
    "authors": authors.show,
    "whatif": whatif.show,
    "flow": flow.show,
    "ablation": ablation.show,
    "arithmetic": arithmetic.show,
}

enter()
frame.head("explain")

found = inputs.choose_both(sides.CLASSIFIER)
section = inputs.choose_section("explain", list(SECTIONS), "explain")
SECTIONS[section](sides.pair(*found))
