"""What a scene's caption says is true of the scene, in every language, and what it means is found again."""

import random

import numpy as np
import pytest
import torch

from core.attention.axes import TokenAxis
from core.finetune.data.bundled import every_picture
from core.models.decoding import Step
from core.scenes import (
    LANGUAGES,
    Ground,
    Layout,
    Part,
    Thing,
    caption,
    draw_layout,
    facts,
    grounds,
    judge,
    meaning,
    render,
    seen,
)
from core.scenes.draw import HELD_OUT_PAIRS, is_held_out
from core.scenes.grammar import NAMES, Listing, Nothing, Placed, Related, Single, sentences
from core.scenes.judge import f1, told
from core.scenes.layout import is_clear_place, is_clear_relation
from core.scenes.text import read, text_of
from core.scenes.words import name_chances, named_at

PART = Part({name: range(150 * at, 150 * at + 150) for at, name in enumerate(NAMES)}, ("gradient", "coffee"))
DOG_AND_SHIP = Layout(
    (Thing("dog", 800, 10, 60, 100), Thing("ship", 1250, 140, 70, 60)), Ground("gradient", 1)
)  # the dog left of the ship


def test_two_things_are_told_in_four_languages() -> None:
    assert {language: caption(facts(DOG_AND_SHIP), language) for language in LANGUAGES} == {
        "en": "A dog and a ship. The dog is to the left of the ship and larger.",
        "de": "Ein Hund und ein Schiff. Der Hund ist links neben dem Schiff und größer.",
        "fr": "Un chien et un bateau. Le chien est à gauche du bateau et plus grand.",
        "zh": "一只狗和一艘船。狗在船的左边，比船大。",
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_caption_means_is_what_it_was_made_of(language) -> None:
    for seed in range(60):
        said = facts(draw_layout(PART, seed, held_out=None), random.Random(seed))
        assert meaning(caption(said, language), language) == said
    assert meaning("A dog sings.", language)[0] is None
    assert len(set(sentences(language))) == len(sentences(language)) > 2000


@pytest.mark.parametrize("seed", range(25))
def test_what_is_said_is_true_and_its_opposite_is_not(seed: int) -> None:
    layout = draw_layout(PART, seed, held_out=None)
    said = facts(layout, random.Random(seed))
    assert judge(said, layout).is_named_right and judge(said, layout).is_told
    pictures = [Layout(tuple(_mirrored(thing) for thing in layout.things), layout.ground)]
    mirrored = [fact for fact in said if isinstance(fact, Related) and fact.direction in ("left", "right")]
    if mirrored and not any(fact.first == fact.second for fact in mirrored):
        assert not judge(said, pictures[0]).is_told and judge(said, pictures[0]).is_named_right


def _mirrored(thing: Thing) -> Thing:
    return Thing(thing.name, thing.picture, 224 - thing.side - thing.left, thing.top, thing.side)


def test_names_are_counted_and_places_judged() -> None:
    wrong = judge((Listing(("dog", "cat")), Related("dog", "cat", "left", "larger")), DOG_AND_SHIP)
    assert (wrong.hits, wrong.named, wrong.there, wrong.is_told) == (1, 2, 2, False)
    short = judge((Listing(("ship", "dog")),), DOG_AND_SHIP)
    assert short.is_named_right and not short.is_told, "how they lie was to be said"
    empty = Layout((), Ground("gradient", 1))
    nothing = judge((Nothing(),), empty)
    assert nothing.is_named_right and nothing.is_told
    assert f1([wrong, nothing]) == 0.5 and told([short, nothing]) == 0.5
    alone = Layout(DOG_AND_SHIP.things[:1], DOG_AND_SHIP.ground)
    assert judge((Single("dog", True, (1, 0)),), alone).is_told
    assert not judge((Single("dog", False, (1, 0)),), alone).is_told
    three = Layout((*DOG_AND_SHIP.things, Thing("dog", 801, 20, 160, 60)), DOG_AND_SHIP.ground)
    assert judge((Listing(("dog", "dog", "ship")), Placed("ship", (1, 2))), three).is_told


def test_held_out_pairs_are_in_no_training_scene_and_each_class_is_in_one() -> None:
    assert sorted(name for pair in HELD_OUT_PAIRS for name in pair) == sorted(NAMES)
    drawn = [draw_layout(PART, seed) for seed in range(150)]
    assert not any(is_held_out([thing.name for thing in layout.things]) for layout in drawn)
    apart = [draw_layout(PART, seed, 2, held_out=True) for seed in range(20)]
    assert all(is_held_out([thing.name for thing in layout.things]) for layout in apart)
    assert {len(layout.things) for layout in drawn} == {0, 1, 2, 3}
    for layout in drawn:
        assert len(layout.things) != 2 or is_clear_relation(*layout.things)
        assert len(layout.things) != 1 or is_clear_place(layout.things[0])
    assert not set(grounds(True)) & set(grounds(False))


def test_a_thing_is_where_it_is_said_to_be_and_the_later_one_on_top() -> None:
    black = every_picture().images.clone().zero_()
    layout = Layout((Thing("dog", 0, 20, 40, 100), Thing("cat", 1, 80, 40, 100)), Ground("gradient", 3))  # they overlap
    black[1] = 255
    image = render(layout, type(every_picture())(black, every_picture().labels, every_picture().classes, ""))
    pixels = torch.from_numpy(np.array(image.convert("L")))
    first, second = seen(layout, 0), seen(layout, 1)
    assert bool((pixels[first] < 3).float().mean() > 0.95) and bool((pixels[second] > 252).float().mean() > 0.95)
    assert not bool((first & second).any()) and bool(first[90, 30]) and bool(second[90, 100])
    assert not bool(first[40, 20]), "the corner of its box is ground"


def test_a_scene_lives_in_a_link_and_nonsense_is_no_scene() -> None:
    for seed in range(10):
        layout = draw_layout(PART, seed, held_out=None)
        assert read(text_of(layout), 1500) == layout
    good = text_of(DOG_AND_SHIP)
    for bad in ("", "x", good.replace("dog", "cow"), good.replace("800", "99999"), good + "~dog.1.200.0.90", good * 2):
        assert read(bad, 1500) is None, bad
    assert read("~".join([good, *good.split("~")[1:]]), 1500) is None, "four things are too many"


def axis(*pieces: str) -> TokenAxis:
    words = tuple(range(len(pieces)))
    return TokenAxis(pieces, words, tuple(piece == "</s>" for piece in pieces))


def test_the_step_that_names_a_thing_is_found() -> None:
    assert named_at(axis("A", "dog", "and", "two", "ships", ".", "The", "dog", "</s>"), "en") == {"dog": 1, "ship": 4}
    assert named_at(axis("一只", "狗", "和", "一艘", "船", "。"), "zh") == {"dog": 1, "ship": 4}
    elided = TokenAxis(("L", "'", "avion", "est"), (0, 0, 0, 1), (False,) * 4)
    assert named_at(elided, "fr") == {"airplane": 2}


def test_two_certain_things_share_the_first_step_and_a_doubtful_one_does_not() -> None:
    def step(piece: str, **chances: float) -> Step:
        return Step(piece, chances[piece], 0.0, tuple(chances.items()))

    rest = Step("and", 1.0, 0.0, (("and", 1.0),))
    written = [step("dog", dog=0.5, ship=0.45, cat=0.05), rest, step("ship", ship=0.6, truck=0.4)]
    found = name_chances(axis("dog", "and", "ship"), written, "en")
    assert found == pytest.approx({"dog": 0.95, "ship": 0.6})
