"""What is chosen inside a section of the Explain page stands in the link, comes back from it, and nonsense in it is
passed over."""

import pytest
from streamlit.testing.v1 import AppTest

from core.attention.ablation import Head
from core.ui import work
from core.ui.explain.sides import head_text
from tests.pages.test_explain import settled, texts
from tests.pages.test_pages import opened

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
NONSENSE = ("", "nan", "-1", "99999", "5.5", "5,3,1", "cross-99-1", "<b>", "²", "红")


@pytest.fixture(autouse=True)
def few_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "SIDE", 112)


def linked(section: str, **said: str) -> AppTest:
    test = opened("explain", lang="en")
    for name, text in {"explain": section, **said}.items():
        test.query_params[name] = text
    test.run()
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


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_goes_into_the_link_and_a_link_restores_it(name: str) -> None:
    section, key, text, wanted = CHOICES[name]
    test = linked(section)
    default = state(test, key)
    assert default != wanted and not in_link(test, name)
    test = linked(section, **{name: text})
    assert state(test, key) == wanted and in_link(test, name) == text
    widget(test, key).set_value(default).run()
    assert not in_link(test, name), "the default is not in the link"
    widget(test, key).set_value(wanted).run()
    assert not test.exception and in_link(test, name) == text


@pytest.mark.parametrize("section", SECTIONS)
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_a_link_is_passed_over(section: str, nonsense: str) -> None:
    names = [name for name, (where, *_) in CHOICES.items() if where == section]
    names += ["patch", "photo_open", "sentence_open"] if section in ("heads", "arithmetic") else []
    clean = linked(section)
    test = linked(section, **dict.fromkeys(names, nonsense))
    for name in names:
        if name in CHOICES:
            assert state(test, CHOICES[name][1]) == state(clean, CHOICES[name][1])
    assert not any(in_link(test, name) for name in names if name in CHOICES)


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
def test_the_patch_of_a_link_is_its_row_and_column(text: str, place: tuple[int, int]) -> None:
    test = linked("arithmetic", patch=text)
    assert tuple(box.value for box in test.number_input) == place
    test.number_input[0].set_value(7).run()
    assert in_link(test, "patch") == f"7,{place[1]}"


def test_the_method_of_the_curves_is_in_the_link() -> None:
    test = settled(linked("maps", photo_method="rollout", sentence_method="nonsense"))
    assert not test.exception and state(test, "curves_photo_") == "rollout"
    best = str(widget(test, "curves_photo_").key).removeprefix("curves_photo_")
    assert best != "rollout"
    widget(test, "curves_photo_").set_value(best).run()
    assert not in_link(test, "photo_method") and not in_link(test, "sentence_method")


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
