"""What is chosen inside a section of the page on differences stands in the link, comes back from it, and nonsense in
it is passed over."""

import pytest
from streamlit.testing.v1 import AppTest

from tests.pages.test_pages import opened

pytestmark = pytest.mark.usefixtures("small")

# For each choice: its section, what else the link says, the widget's key (how it begins), and a value not the default.
CHOICES: dict[str, tuple[str, dict[str, str], str, object]] = {
    "channel": ("input", {}, "lesson_channel", "green"),
    "other": ("task", {}, "lesson_other", "cat"),
    "part": ("architecture", {}, "lesson_part", "encoder:layers.1"),
    "step": ("architecture", {}, "lesson_step_", 5),
    "beam": ("architecture", {}, "lesson_beams", 4),
    "from": ("architecture", {}, "lesson_from_", 2),
    "mistake": ("mathematics", {}, "mistake", "one_hot"),
    "loss": ("loss", {}, "loss_part", "scores"),
    "label": ("loss", {}, "loss_label_", 7),
    "smoothing": ("loss", {"loss": "sequence"}, "loss_smoothing", 0.15),
    "hidden": ("loss", {"loss": "patches"}, "loss_hidden", 60),
    "cost": ("cost", {}, "cost_part", "growth"),
    "licence": ("cost", {"cost": "choose"}, "choose_licence", "commercial"),
    "kind": ("limits", {}, "limits_kind", "blur"),
    "strength": ("limits", {}, "limits_strength", 75),
    "share": ("limits", {}, "limits_share", 25),
}
NONSENSE = ("", "nan", "-1", "0", "1e9", "99999", "5.5", "5,3,1", "../x", "<b>", "none", "²", "红")


def linked(section: str, **said: str) -> AppTest:
    """The page as a link opens it, all answers shown."""
    return opened("differences", {"section": section, **said}, lang="en", answers="shown")


def in_link(test: AppTest, name: str) -> str:
    """AppTest gives back a list where the page wrote the value."""
    found = test.query_params.get(name, "")
    return found if isinstance(found, str) else found[0]


def widget(test: AppTest, key: str):
    kinds = (test.slider, test.selectbox, test.get("button_group"))
    return next(one for kind in kinds for one in kind if str(one.key).startswith(key))


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_goes_into_the_link_and_a_link_restores_it(name: str) -> None:
    section, said, key, wanted = CHOICES[name]
    test = linked(section, **said)
    assert not test.exception
    default = widget(test, key).value
    assert default != wanted and not in_link(test, name)
    text = f"{wanted:g}" if isinstance(wanted, float) else str(wanted)
    again = linked(section, **said, **{name: text})
    assert not again.exception and widget(again, key).value == wanted
    widget(again, key).set_value(default).run()
    assert not in_link(again, name), "the default is not in the link"
    widget(again, key).set_value(wanted).run()
    assert not again.exception
    assert in_link(again, name) == text


@pytest.mark.parametrize("section", dict.fromkeys(section for section, *_ in CHOICES.values()))
@pytest.mark.parametrize("nonsense", NONSENSE)
def test_nonsense_in_a_link_is_passed_over(section: str, nonsense: str) -> None:
    names = [name for name, (where, said, *_) in CHOICES.items() if where == section and not said]
    test = linked(section, **dict.fromkeys([*names, "patch", "match"], nonsense))
    assert not test.exception
    for name in names:
        said = in_link(test, name)
        assert not said or said == f"{int(said)}", name  # what is left is a number that is offered


@pytest.mark.parametrize(
    ("text", "place"),
    [("5,3", (5, 3)), ("8,8", (8, 8)), ("9,1", (5, 5)), ("0,4", (5, 5)), ("5", (5, 5)), ("a,b", (5, 5))],
)
def test_the_patch_of_a_link_is_its_row_and_column(text: str, place: tuple[int, int]) -> None:
    test = linked("input", patch=text)
    assert not test.exception
    shown = {box.label: box.value for box in test.number_input}
    assert (shown["Row"], shown["Column"]) == place


def test_choices_are_there_after_another_page() -> None:
    test = linked("input", patch="5,3", channel="blue")
    test.number_input[0].set_value(6).run()
    assert in_link(test, "patch") == "6,3"
    test.switch_page("pages/models.py").run()
    test.query_params.clear()  # as Streamlit does for a page that is chosen in the menu
    test.switch_page("pages/differences.py").run()
    assert not test.exception
    assert [box.value for box in test.number_input][:2] == [6, 3]
    assert test.session_state.lesson_channel == "blue"
    assert in_link(test, "patch") == "6,3"


def test_the_link_says_only_what_is_on_the_page() -> None:
    test = linked("input", patch="5,3", channel="blue")
    test.query_params["section"] = "loss"
    test.run()
    assert not in_link(test, "patch") and not in_link(test, "channel")
    test.query_params["section"] = "input"
    test.run()
    assert not test.exception
    assert in_link(test, "patch") == "5,3" and in_link(test, "channel") == "blue"
    assert test.session_state.lesson_channel == "blue"
