"""Sentence pairs from templates: names, places, days, dates, times, prices, and lines that are copied as they are.

Everyday pairs have few of them, and people type many. The templates (`assets/data/templates.tsv`: English, German,
French and Chinese, a line each) and the words for their slots were written for this project.
"""

import json
import random
import re
from pathlib import Path

from core.finetune.parallel import TAGS, WORD, Pair, invented

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "data"
LANGUAGES = ("en", "de", "fr", "zh")  # the columns
SLOT = re.compile(r"{([a-z_]+?)(2?)}")
COPIED = 0.08  # share of the pairs whose target is their source
INVENTED = 0.5  # share of the names that nobody has

Words = list[str]  # of a slot: one in each of LANGUAGES


def template_pairs(each: int, seed: int = 0) -> list[Pair]:
    """`each` pairs into every language that has templates, and the copied lines into those that have none."""
    rows = [line.split("\t") for line in (FOLDER / "templates.tsv").read_text("utf-8").splitlines()]
    words = json.loads((FOLDER / "template_words.json").read_text("utf-8"))
    draw = random.Random(seed)
    found = []
    for language in TAGS:
        for _ in range(each):
            if draw.random() < COPIED:
                line = _copied(words, draw)
                found.append(Pair(line, line, language))
            elif language in LANGUAGES:
                english, *others = _filled(draw.choice(rows), words, draw)
                found.append(Pair(english, others[LANGUAGES.index(language) - 1], language))
    return found


def _filled(row: Words, words: dict[str, list], draw: random.Random) -> Words:
    """A template in all languages with one value in each slot."""
    values: dict[str, Words] = {}
    for name, second in SLOT.findall(row[0]):
        values[name + second] = _value(name, words, draw)
    columns = []
    for column, text in enumerate(row):
        filled = text
        for slot, value in values.items():
            filled = filled.replace(f"{{{slot}}}", value[column])
        filled = filled.replace("m..", "m.")  # of "a.m." at the end
        columns.append(re.sub(r"\bde (?=[AEIOUÉ])", "d'", filled) if LANGUAGES[column] == "fr" else filled)
    return columns


def _value(slot: str, words: dict[str, list], draw: random.Random) -> Words:
    match slot:
        case "person" | "man":
            return [_person(words, draw, men=slot == "man" or draw.random() < 0.5)] * 4
        case "place" if draw.random() < INVENTED / 2:
            return [_invented(words, draw)] * 4
        case "number":
            return [str(draw.choice((draw.randint(2, 99), draw.randint(2, 9999))))] * 4
        case "year":
            return [str(draw.randint(1400, 2030))] * 4
        case "digits":
            return ["".join(draw.choices("0123456789", k=draw.randint(4, 11)))] * 4
        case "mail":
            return [_mail(words, draw)] * 4
        case "money":
            amount, forms = draw.randint(2, 5000), draw.choice(words["money"])
            return [form.format(amount) for form in forms]
        case "clock":
            return _clock(draw)
        case "date":
            return _date(words, draw)
        case _:
            return draw.choice(words[slot])


def _person(words: dict[str, list], draw: random.Random, men: bool) -> str:
    known = draw.choice(words["first_man" if men else "first"]), draw.choice(words["last"])
    names = [_invented(words, draw) if draw.random() < INVENTED else name for name in known]
    return " ".join(names) if draw.random() < 0.7 else names[0]


def _mail(words: dict[str, list], draw: random.Random) -> str:
    name = re.sub(r"\W", "", draw.choice(words["last"]).lower().replace("ü", "ue"))
    return f"{name}@{_invented(words, draw).lower()}.{draw.choice(('com', 'org', 'de', 'fr', 'cn'))}"


def _invented(words: dict[str, list], draw: random.Random) -> str:
    places = WORD.findall(" ".join(name for place in words["place"] for name in place))
    return invented([*words["first"], *words["first_man"], *words["last"], *places], draw)


def _clock(draw: random.Random) -> Words:
    hour, minute = draw.randint(1, 11), draw.choice(("00", "05", "10", "15", "20", "30", "40", "45", "50"))
    later = hour + 12
    return draw.choice(
        (
            [f"{later}:{minute}", f"{later}:{minute} Uhr", f"{later} h {minute}", f"{later}:{minute}"],
            [f"{hour} p.m.", f"{later} Uhr", f"{later} heures", f"下午{hour}点"],
            [f"{hour} pm", f"{later} Uhr", f"{later} heures", f"下午{hour}点"],
            [f"{hour} a.m.", f"{hour} Uhr", f"{hour} h du matin", f"上午{hour}点"],
            [f"{hour} o'clock", f"{hour} Uhr", f"{hour} heures" if hour > 1 else "1 heure", f"{hour}点"],
        )
    )


def _date(words: dict[str, list], draw: random.Random) -> Words:
    english, german, french, chinese = draw.choice(words["month"])
    day, year = draw.randint(1, 28), draw.choice((None, draw.randint(1900, 2030)))
    first = "1er" if day == 1 else str(day)
    written = draw.choice((f"{english} {day}", f"{day} {english}"))
    if year is None:
        return [written, f"{day}. {german}", f"{first} {french}", f"{chinese}月{day}日"]
    gap = ", " if written.startswith(english) else " "
    return [
        f"{written}{gap}{year}",
        f"{day}. {german} {year}",
        f"{first} {french} {year}",
        f"{year}年{chinese}月{day}日",
    ]


def _copied(words: dict[str, list], draw: random.Random) -> str:
    """A name, a number, an address: what a translator is to leave alone."""
    kind = draw.randrange(4)
    if kind == 0:
        return _person(words, draw, men=draw.random() < 0.5)
    if kind == 1:
        return " ".join(str(draw.randrange(10 ** draw.randint(1, 5))) for _ in range(draw.randint(1, 4)))
    if kind == 2:
        return draw.choice((_mail(words, draw), "https://" + _mail(words, draw).replace("@", ".")))
    return f"{draw.choice(words['street'])} {draw.randint(1, 200)}"
