"""What is true of a scene, as sentences in four languages and back again.

A fact is one sentence, so that what a model wrote can be understood by looking its sentences up (`meaning`). The
grammar was written for this project: the ten classes, how many, where, what is beside or above what, and which is
larger.
"""

from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations, product
from typing import Literal

Size = Literal["larger", "smaller", "equal"]
Direction = Literal["left", "right", "above", "below"]
Language = Literal["en", "de", "fr", "zh"]

LANGUAGES: tuple[Language, ...] = ("en", "de", "fr", "zh")
DIRECTIONS: tuple[Direction, ...] = ("left", "right", "above", "below")
SIZES: tuple[Size, ...] = ("larger", "smaller", "equal")
PLACES = tuple(product(range(3), range(3)))  # row, column; (1, 1) is the middle
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


@dataclass(frozen=True)
class Nothing:
    """None of the ten classes is there."""


@dataclass(frozen=True)
class Single:
    """One thing alone: how large, and its place (row, column)."""

    name: str
    is_large: bool
    place: tuple[int, int]


@dataclass(frozen=True)
class Listing:
    """What there is, in the order in which it is named; the same class one after the other."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Related:
    """How the first stands to the second; of one class they are "one" and "the other"."""

    first: str
    second: str
    direction: Direction
    size: Size


@dataclass(frozen=True)
class Placed:
    """Where the only thing of its class is (row, column)."""

    name: str
    place: tuple[int, int]


Fact = Nothing | Single | Listing | Related | Placed

# Of each class: English singular, plural; German gender, singular, plural; French the same; Chinese measure word, noun
WORDS: dict[str, dict[Language, tuple[str, ...]]] = {
    name: {"en": tuple(en.split()), "de": tuple(de.split()), "fr": tuple(fr.split()), "zh": tuple(zh.split())}
    for name, en, de, fr, zh in (
        ("airplane", "airplane airplanes", "n Flugzeug Flugzeuge", "m avion avions", "架 飞机"),
        ("automobile", "car cars", "n Auto Autos", "f voiture voitures", "辆 汽车"),
        ("bird", "bird birds", "m Vogel Vögel", "m oiseau oiseaux", "只 鸟"),
        ("cat", "cat cats", "f Katze Katzen", "m chat chats", "只 猫"),
        ("deer", "deer deer", "m Hirsch Hirsche", "m cerf cerfs", "头 鹿"),
        ("dog", "dog dogs", "m Hund Hunde", "m chien chiens", "只 狗"),
        ("frog", "frog frogs", "m Frosch Frösche", "f grenouille grenouilles", "只 青蛙"),
        ("horse", "horse horses", "n Pferd Pferde", "m cheval chevaux", "匹 马"),
        ("ship", "ship ships", "n Schiff Schiffe", "m bateau bateaux", "艘 船"),
        ("truck", "truck trucks", "m Lastwagen Lastwagen", "m camion camions", "辆 卡车"),
    )
}
NUMBERS: dict[Language, tuple[str, str]] = {
    "en": ("two", "three"),
    "de": ("zwei", "drei"),
    "fr": ("deux", "trois"),
    "zh": ("两", "三"),
}
NOTHING: dict[Language, str] = {
    "en": "Nothing that I know.",
    "de": "Nichts, was ich kenne.",
    "fr": "Rien que je connaisse.",
    "zh": "没有我认识的东西。",
}
WHERE: dict[Language, tuple[str, ...]] = {  # by PLACES
    "en": (
        *("at the top left", "at the top", "at the top right", "on the left", "in the middle", "on the right"),
        *("at the bottom left", "at the bottom", "at the bottom right"),
    ),
    "de": (
        *("oben links", "oben", "oben rechts", "links", "in der Mitte", "rechts"),
        *("unten links", "unten", "unten rechts"),
    ),
    "fr": (
        *("en haut à gauche", "en haut", "en haut à droite", "à gauche", "au milieu", "à droite"),
        *("en bas à gauche", "en bas", "en bas à droite"),
    ),
    "zh": ("左上方", "上方", "右上方", "左边", "中间", "右边", "左下方", "下方", "右下方"),
}
BESIDE: dict[Language, dict[Direction, str]] = {
    "en": {"left": "to the left of", "right": "to the right of", "above": "above", "below": "below"},
    "de": {"left": "links neben", "right": "rechts neben", "above": "über", "below": "unter"},
    "fr": {"left": "à gauche", "right": "à droite", "above": "au-dessus", "below": "en dessous"},
    "zh": {"left": "左边", "right": "右边", "above": "上面", "below": "下面"},
}
COMPARED: dict[Language, dict[Size, str]] = {
    "en": {"larger": "larger", "smaller": "smaller", "equal": "just as large"},
    "de": {"larger": "größer", "smaller": "kleiner", "equal": "genauso groß"},
    "fr": {"larger": "plus grand", "smaller": "plus petit", "equal": "aussi grand"},
    "zh": {"larger": "比{}大", "smaller": "比{}小", "equal": "和{}一样大"},
}


def caption(facts: tuple[Fact, ...], language: Language) -> str:
    return ("" if language == "zh" else " ").join(sentence(fact, language) for fact in facts)


def sentence(fact: Fact, language: Language) -> str:
    match fact:
        case Nothing():
            return NOTHING[language]
        case Listing(names):
            return _listing(names, language)
        case Single(name, is_large, place):
            return _single(name, is_large, WHERE[language][PLACES.index(place)], language)
        case Placed(name, place):
            return _placed(name, WHERE[language][PLACES.index(place)], language)
        case Related():
            return _related(fact, language)


def meaning(text: str, language: Language) -> tuple[Fact | None, ...]:
    """What a caption says, sentence by sentence; None for a sentence that the grammar does not make."""
    mark = "。" if language == "zh" else "."
    known = _known(language)
    found: list[Fact | None] = []
    for part in filter(None, map(str.strip, text.split(mark))):
        fact = known.get(part + mark)
        if isinstance(fact, Related) and fact.first == fact.second:  # "one" and "the other" of what was listed
            first = found[0] if found else None
            listed = first.names[0] if isinstance(first, Listing) else fact.first
            named = replace(fact, first=listed, second=listed)
            fact = named if sentence(named, language) == part + mark else None
        found.append(fact)
    return tuple(found)


def sentences(language: Language) -> list[str]:
    """All that the grammar makes."""
    return list(_known(language))


def chinese_words() -> list[str]:
    """All words of the Chinese sentences: between them stands no space."""
    measures = {words["zh"][0] for words in WORDS.values()}
    found = [number + one for one in sorted(measures) for number in ("一", *NUMBERS["zh"], "另一")]
    found += [words["zh"][1] for words in WORDS.values()] + [*WHERE["zh"], *BESIDE["zh"].values()]
    found += ["没有", "我", "认识", "东西", "有", "在", "的", "较大", "较小", "比", "和", "它", "大", "小", "一样大"]
    return list(dict.fromkeys(found))


@cache
def _known(language: Language) -> dict[str, Fact]:
    found: list[Fact] = [Nothing()]
    found += [Single(*one) for one in product(NAMES, (True, False), PLACES)]
    found += [Placed(*one) for one in product(NAMES, PLACES)]
    found += [Related(*one) for one in product(NAMES, NAMES, DIRECTIONS, SIZES)]
    found += [Listing((name,) * count) for name in NAMES for count in (2, 3)]
    found += [Listing(names) for count in (2, 3) for names in permutations(NAMES, count)]
    for one, two in permutations(NAMES, 2):
        found += [Listing((one, one, two)), Listing((two, one, one))]
    return {sentence(fact, language): fact for fact in found}


def _groups(names: tuple[str, ...]) -> list[tuple[str, int]]:
    return [(name, names.count(name)) for name in dict.fromkeys(names)]


def _counted(name: str, count: int, language: Language) -> str:
    """ "a dog", "two dogs"."""
    words = WORDS[name][language]
    if language == "zh":
        return ("一" if count == 1 else NUMBERS[language][count - 2]) + words[0] + words[1]
    if count > 1:
        return f"{NUMBERS[language][count - 2]} {words[-1]}"
    return f"{_a(name, language)} {words[-2]}"


def _a(name: str, language: Language) -> str:
    words = WORDS[name][language]
    if language == "en":
        return "an" if words[0][0] in "aeiou" else "a"
    feminine, other = ("eine", "ein") if language == "de" else ("une", "un")
    return feminine if words[0] == "f" else other


def _the(name: str, language: Language) -> str:
    """ "the dog", in the nominative."""
    words = WORDS[name][language]
    if language == "zh":
        return words[1]
    if language == "en":
        return f"the {words[0]}"
    if language == "de":
        return f"{({'m': 'der', 'f': 'die', 'n': 'das'})[words[0]]} {words[1]}"
    return f"l'{words[1]}" if words[1][0] in "ao" else f"{'la' if words[0] == 'f' else 'le'} {words[1]}"


def _listing(names: tuple[str, ...], language: Language) -> str:
    parts = [_counted(name, count, language) for name, count in _groups(names)]
    comma, and_ = {"en": (", ", " and "), "de": (", ", " und "), "fr": (", ", " et "), "zh": ("、", "和")}[language]
    text = comma.join(parts[:-1]) + and_ * (len(parts) > 1) + parts[-1]
    return _ended(text, language)


def _single(name: str, is_large: bool, where: str, language: Language) -> str:
    words = WORDS[name][language]
    if language == "en":
        size = "large" if is_large else "small"
        return _ended(f"a {size} {words[0]} {where}", language)
    if language == "de":
        size = ("groß" if is_large else "klein") + {"m": "er", "f": "e", "n": "es"}[words[0]]
        return _ended(f"{_a(name, language)} {size} {words[1]} {where}", language)
    if language == "fr":
        size = ("grand" if is_large else "petit") + "e" * (words[0] == "f")
        return _ended(f"{_a(name, language)} {size} {words[1]} {where}", language)
    return f"{where}有一{words[0]}{'较大' if is_large else '较小'}的{words[1]}。"


def _placed(name: str, where: str, language: Language) -> str:
    verb = {"en": " is ", "de": " ist ", "fr": " est ", "zh": "在"}[language]
    return _ended(_the(name, language) + verb + where, language)


def _related(fact: Related, language: Language) -> str:
    one, two = fact.first, fact.second
    beside, compared = BESIDE[language][fact.direction], COMPARED[language][fact.size]
    same, words, others = one == two, WORDS[one][language], WORDS[two][language]
    if language == "zh":
        first, second = (f"一{words[0]}", f"另一{words[0]}") if same else (words[1], others[1])
        return f"{first}在{second}的{beside}，{compared.format('它' if same else second)}。"
    if language == "en":
        first, second = ("one", "the other") if same else (_the(one, language), _the(two, language))
        return _ended(f"{first} is {beside} {second} and {compared}", language)
    if language == "de":
        the = "der" if others[0] == "f" else "dem"
        alone = {"m": "einer", "f": "eine", "n": "eines"}[words[0]]
        first, second = (alone, f"{the} anderen") if same else (_the(one, language), f"{the} {others[1]}")
        return _ended(f"{first} ist {beside} {second} und {compared}", language)
    feminine = words[0] == "f"
    first = f"l'un{'e' * feminine}" if same else _the(one, language)
    whole = "l'autre" if same else _the(two, language)
    second = f"du {others[1]}" if whole.startswith("le ") else f"de {whole}"
    return _ended(f"{first} est {beside} {second} et {compared}{'e' * feminine}", language)


def _ended(text: str, language: Language) -> str:
    return text[0].upper() + text[1:] + ("。" if language == "zh" else ".")
