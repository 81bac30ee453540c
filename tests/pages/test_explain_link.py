"""What is chosen inside a section of the Explain page stands in the link, comes back from it, and nonsense in it is
passed over."""

from collections.abc import Callable
from functools import cache

import pytest
from streamlit.testing.v1 import AppTest

from core.attention.ablation import Head
from core.ui import work
from core.ui.explain import checks
from core.ui.explain.sides import head_text
from tests.pages.test_explain import settled, texts
from tests.pages.test_pages import opened
from tests.waiting import PATIENCE

# For each choice: its section, the widget's key (how it begins), and what a link says for a value not the default.
CHOICES: dict[str, tuple[str, str, str, object]] = {
    "class": ("maps", "explain_class_", "deer", 4),
    "piece": ("maps", "explain_piece_", "2", 1),
    "fusion": ("maps", "explain_fusion", "max", "max"),
    "discard": ("maps", "explain_discard", "20", 20),
    "depth": ("maps", "explain_depth", "0.35", 0.35),
    "photo_fill": ("maps", "explain_fill_photo", "mean", "mean"),
    "sentence_fill": ("maps", "explain_fill_sentence", "drop", "drop"),
    "over": ("heads", "heads_over", "samples", "samples"),
    "statistic": ("heads", "heads_statistic", "distance", "distance"),
    "sorted": ("heads", "heads_ordered", "1", True),
    "attention": ("heads", "heads_kind", "decoder", "decoder"),
    "looks": ("heads", "heads_query_", "mean", "mean"),
    "photo_off": ("ablation", "off_photo_", "12-6,3-1", [("encoder", 11, 5), ("encoder", 2, 0)]),
    "sentence_off": ("ablation", "off_sentence_", "cross-1-8", [("cross", 0, 7)]),
    "show": ("arithmetic", "arith_show", "sentence", "sentence"),
    "asks": ("arithmetic", "arith_asks", "CLS", "CLS"),
    "photo_layer": ("arithmetic", "arith_layer_photo_", "3", 2),
    "photo_head": ("arithmetic", "arith_head_photo_", "6", 5),
    "sentence_layer": ("arithmetic", "arith_layer_sentence_", "2", 1),
    "sentence_head": ("arithmetic", "arith_head_sentence_", "8", 7),
    "word": ("arithmetic", "arith_piece_", "4", 3),
}
SECTIONS = tuple(dict.fromkeys(section for section, *_ in CHOICES.values()))
HIDING = ("over", "attention", "show")  # with them others are not on the page
GROUPS = [[name for name in CHOICES if name not in HIDING and CHOICES[name][0] == section] for section in SECTIONS]
NONSENSE = ("", "nan", "-1", "99999", "5.5", "5,3,1", "cross-99-1", "<b>", "²", "红")


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", 56)


def linked(section: str, **said: str) -> AppTest:
    test = opened("explain", {"explain": section, **said}, lang="en")
    assert not test.exception
    return test


def in_link(test: AppTest, name: str) -> str:
    """AppTest gives back a list where the page wrote the value."""
    found = test.query_params.get(name, "")
    return found if isinstance(found, str) else found[0]


def widget(test: AppTest, key: str):
    kinds = (test.multiselect, test.slider, test.selectbox, test.toggle, test.get("button_group"))
    return next(one for kind in kinds for one in kind if str(one.key).startswith(key))


def state(test: AppTest, key: str) -> object:
    return test.session_state[widget(test, key).key]


@pytest.fixture(scope="module")
def defaults() -> Callable[[str], dict[str, object]]:
    """What each choice of a section is at first, when no link says anything of it."""

    @cache
    def found(section: str) -> dict[str, object]:
        test = linked(section)
        assert not any(in_link(test, name) for name in choices_of(section))
        return {name: state(test, CHOICES[name][1]) for name in choices_of(section)}

    return found


def choices_of(section: str) -> list[str]:
    return [name for name, (where, *_) in CHOICES.items() if where == section]


@pytest.mark.parametrize("names", [*GROUPS, *([name] for name in HIDING)], ids=lambda names: names[0])
def test_choices_go_into_the_link_and_a_link_restores_them(names: list[str], defaults) -> None:
    section = CHOICES[names[0]][0]
    test = linked(section, **{name: CHOICES[name][2] for name in names})
    for name in names:
        _, key, text, wanted = CHOICES[name]
        default = defaults(section)[name]
        assert default != wanted and state(test, key) == wanted and in_link(test, name) == text, name
        widget(test, key).set_value(default).run()
        assert not in_link(test, name), "the default is not in the link"
        widget(test, key).set_value(wanted).run()
        assert not test.exception and in_link(test, name) == text


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_a_link_is_passed_over(section: str, nonsense: str, defaults) -> None:
    names = choices_of(section)
    others = ["patch", "photo_open", "sentence_open"] if section in ("heads", "arithmetic") else []
    test = linked(section, **dict.fromkeys([*names, *others], nonsense))
    assert {name: state(test, CHOICES[name][1]) for name in names} == defaults(section)
    assert not any(in_link(test, name) for name in names)


def test_of_a_list_what_is_a_head_is_taken() -> None:
    test = linked("ablation", photo_off="12-6,99-1,dog,12-6,,1-1")
    assert state(test, "off_photo_") == [("encoder", 11, 5), ("encoder", 0, 0)]
    assert in_link(test, "photo_off") == "12-6,1-1"


def test_a_layer_that_is_switched_off_is_in_the_link() -> None:
    test = linked("ablation")
    test.button(key="off_photo_vision-cifar10_encoder_toggle").click().run()
    assert in_link(test, "photo_off") == ",".join(f"1-{head}" for head in range(1, 7))
    test.button(key="off_photo_vision-cifar10_encoder_toggle").click().run()
    assert not in_link(test, "photo_off")


@pytest.mark.parametrize(
    ("side", "head", "text"), [("photo", ("encoder", 3, 1), "4-2"), ("sentence", ("decoder", 0, 7), "decoder-1-8")]
)
def test_a_head_has_a_short_name(side: str, head: Head, text: str) -> None:
    assert head_text(side, head) == text


def test_the_opened_heads_are_those_of_the_link_and_arithmetic_begins_with_them() -> None:
    test = linked("heads", photo_open="4-2", sentence_open="decoder-1-8", attention="decoder")
    assert "Layer 4, head 2" in texts(test) and "Layer 1, head 8" in texts(test)
    test.query_params["explain"] = "arithmetic"
    test.run()
    assert not test.exception
    assert (in_link(test, "photo_layer"), in_link(test, "photo_head")) == ("4", "2"), "another person sees the same"
    assert (in_link(test, "sentence_layer"), in_link(test, "sentence_head")) == ("1", "8")
    assert not in_link(test, "photo_open") and in_link(test, "attention") == "decoder"


@pytest.mark.parametrize(("text", "place"), [("5,3", (5, 3)), ("0,4", (5, 5)), ("9,1", (5, 5)), ("a,b", (5, 5))])
def test_the_patch_of_a_link_is_its_row_and_column(
    text: str, place: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "SIDE", 112)
    test = linked("arithmetic", patch=text)
    assert tuple(box.value for box in test.number_input) == place
    test.number_input[0].set_value(7).run()
    assert in_link(test, "patch") == f"7,{place[1]}"


def test_the_method_that_is_shown_is_in_the_link() -> None:
    test = settled(linked("maps", photo_method="rollout", sentence_method="nonsense"))
    assert not test.exception and test.radio(key="method_photo").value == "rollout"
    assert in_link(test, "photo_method") == "rollout" and not in_link(test, "sentence_method")
    usual = checks.SUPPORTED["photo"][0]
    test.radio(key="method_photo").set_value(usual).run()
    assert not in_link(test, "photo_method") and test.radio(key="method_photo").value == usual


def test_choices_are_there_after_another_page_and_leave_the_link_with_their_section() -> None:
    test = linked("ablation", photo_off="12-6", **{"class": "deer"})
    test.switch_page("pages/models.py").run()
    test.query_params.clear()  # as Streamlit does for a page that is chosen in the menu
    test.switch_page("pages/explain.py").run()
    assert not test.exception
    assert state(test, "off_photo_") == [("encoder", 11, 5)] and state(test, "explain_class_") == 4
    assert in_link(test, "photo_off") == "12-6" and in_link(test, "class") == "deer"
    test.query_params["explain"] = "arithmetic"
    test.run()
    assert not in_link(test, "photo_off") and not in_link(test, "class")
    test.query_params["explain"] = "maps"
    test.run()
    assert in_link(test, "class") == "deer" and not in_link(test, "photo_off")


def test_a_model_that_another_page_begins_with_stays_chosen() -> None:
    """The pages share one choice and begin with different models, so that one's first is another one's choice."""
    script = """
import streamlit as st
from core.ui import choices
choices.begin()
st.text_input("model", **choices.typed("vision_model", "model", "first"))
"""
    test = AppTest.from_string(script, default_timeout=PATIENCE)
    test.query_params["explain_model"] = "first"  # as older links say it
    test.run()
    assert test.text_input(key="model").value == "first" and "vision_model" not in test.query_params
    assert test.run().session_state["choices"].chosen == {"vision_model": "first"}
