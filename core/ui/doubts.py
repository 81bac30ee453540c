"""What the card says of a translation that the model was not sure of, or did not end."""

from core.models import scripts, unsure
from core.models.translation import Translation
from core.ui.language import say
from core.views.linked.cards import Doubt

STRANGE = 2  # words in other letters, from which it is said: one may be a name
SHOWN = 6
NAMED = 2  # words that the line names before it is unfolded


def of(name: str, translation: Translation, sentence: str, target: str | None) -> tuple[Doubt, ...]:
    """What the card says of it, the worst first. name: the model's key. Of unsure words and sentences nothing where
    the model has no measure of them."""
    return (*_cut(translation), *_astray(translation, sentence, target), *_unsure(name, translation))


def _cut(translation: Translation) -> list[Doubt]:
    if not translation.stopped_by_limit:
        return []
    limit = len(translation.target)
    return [Doubt(say("unsure.cut_short", limit=limit), say("translation.stopped", limit=limit))]


def _astray(translation: Translation, sentence: str, target: str | None) -> list[Doubt]:
    strange = scripts.astray(translation.text, sentence, target)
    if len(strange) < STRANGE:
        return []
    return [Doubt(say("unsure.astray_short", count=len(strange)), say("unsure.astray", words=_listed(strange)))]


def _unsure(name: str, translation: Translation) -> list[Doubt]:
    measure = unsure.measure_of(name)
    if measure is None:
        return []
    figures = {
        "bad": f"{measure.bad:.0%}",
        "bad_else": f"{measure.bad_else:.0%}",
        "missing": f"{measure.missing:.0%}",
        "missing_else": f"{measure.missing_else:.0%}",
        "least": f"{measure.sentence:.0%}",
        "sentences": measure.sentences,
    }
    found, mean = [], unsure.mean_probability(translation)
    if mean < measure.sentence:
        short, text = (say(f"unsure.sentence{which}", mean=f"{mean:.0%}") for which in ("_short", ""))
        found.append(Doubt(short, text, say("unsure.sentence_help", **figures)))
    if names := unsure.spelt(translation):
        short = say("unsure.names_short", names=_listed(names, NAMED))
        found.append(Doubt(short, say("unsure.names", names=_listed(names))))
    words = [f"{word} {chance:.0%}" for word, chance in unsure.words(translation) if chance < measure.word]
    if words:
        short, text = (say("unsure.words", words=_listed(words, most)) for most in (NAMED, SHOWN))
        found.append(Doubt(short, text, say("unsure.words_help", **figures)))
    return found


def _listed(words: list[str], most: int = SHOWN) -> str:
    """The first of them, and how many more there are: all unsure words are dotted in the picture."""
    listed, more = say("list.comma").join(words[:most]), len(words) - most
    return say("list.more", words=listed, count=more) if more > 0 else listed
