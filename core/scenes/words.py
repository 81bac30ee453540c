"""Which steps of a caption write the name of a thing, and how sure the model was of them."""

from collections.abc import Iterator, Sequence

from core.attention.axes import TokenAxis
from core.models.decoding import Step
from core.scenes.grammar import WORDS, Language

APOSTROPHE = "'"


def names_at(axis: TokenAxis, language: Language) -> Iterator[tuple[str, int]]:
    """Each name of a class and the step that writes its (first) piece, in their order."""
    nouns = _nouns(language)
    groups: dict[int, list[int]] = {}
    for position, (word, mark) in enumerate(zip(axis.words, axis.special, strict=True)):
        if not mark:
            groups.setdefault(word, []).append(position)
    for positions in groups.values():
        for begin, position in enumerate(positions):
            text = "".join(axis.pieces[at] for at in positions[begin:])
            apart = begin == 0 or axis.pieces[positions[begin - 1]] in (APOSTROPHE, "")
            if apart and text in nouns:
                yield nouns[text], position
                break


def named_at(axis: TokenAxis, language: Language) -> dict[str, int]:
    """By class, the step that names it first."""
    found: dict[str, int] = {}
    for name, step in names_at(axis, language):
        found.setdefault(name, step)
    return found


def name_chances(axis: TokenAxis, steps: Sequence[Step], language: Language) -> dict[str, float]:
    """By class, how probable it was that the step which names it first names something that the caption names: things
    stand in any order, so that two of which the model is certain share the probability of the first step."""
    named, nouns = named_at(axis, language), _nouns(language)
    return {
        name: sum(chance for piece, chance in steps[step].alternatives if nouns.get(piece.strip()) in named)
        for name, step in named.items()
    }


def _nouns(language: Language) -> dict[str, str]:
    """Singular and plural -> class."""
    articles = 0 if language == "en" else 1
    return {noun: name for name, words in WORDS.items() for noun in words[language][articles:]}
