"""Task, a part of it: one answer against many. Who wrote each of them, and how many change when one key is shut."""

from dataclasses import dataclass

import streamlit as st
import torch
from torch import Tensor

from core.attention.byhand import ByHand, Edit
from core.attention.direct import direct
from core.attention.subject import Subject
from core.attention.trace import Kind
from core.errors import SidelightError
from core.models.subjects import translation_subject, vision_subject
from core.models.vision import VisionModel, VisionResult
from core.ui import evidence, work
from core.ui.differences import quiz
from core.ui.differences.lesson import Lesson, note, piece_name, to_explain
from core.ui.differences.measure import cell, table
from core.ui.differences.quiz import Verdict
from core.ui.language import class_name, say, show_error
from core.ui.plain import piece_text, plain

CLASSIFIER = "vision-cifar10"  # for a model without classes
Head = tuple[Kind, int, int]  # kind, layer, head


@dataclass(frozen=True)
class Written:
    """authors: of each answer, the head that wrote most of it. place: what is shut, for all queries. before, after: the
    likeliest answers, numbers of classes or pieces. chances: of the first answers, before and after, (2, n)."""

    authors: tuple[Head, ...]
    place: int
    before: tuple[int, ...]
    after: tuple[int, ...]
    chances: Tensor

    @property
    def changed(self) -> int:
        return sum(a != b for a, b in zip(self.before, self.after, strict=True))


def classifier(lesson: Lesson) -> tuple[str, VisionModel, VisionResult]:
    """The lesson's vision model and its run; the bundled one with classes where it has none, or where its attention has
    several grids. Raises SidelightError."""
    if lesson.vision.predictions and lesson.vision.traces:
        return lesson.vision_name, lesson.vision_model, lesson.vision
    model = work.vision_model(CLASSIFIER)
    return CLASSIFIER, model, work.run_image(CLASSIFIER, lesson.image, work.side(model), "crop")


def show(lesson: Lesson) -> None:
    st.header(say("answers.title"))
    st.markdown(say("answers.lead"))
    try:
        evidence.tell(*classifier(lesson)[1:])
        photo, sentence = _of_photo(lesson), _of_sentence(lesson)
    except SidelightError as error:
        show_error(error)
        return
    count, heads = len(sentence.before), len(set(sentence.authors))
    truth = "one" if heads == 1 else "few" if heads <= count / 2 else "many"
    options = {name: say(f"answers.{name}") for name in ("one", "few", "many")}
    told = say("answers.told", heads=heads, count=count, author=_named(photo.authors[0]))
    check = lambda choice: Verdict(choice == truth, told)  # noqa: E731
    if quiz.ask_option(lesson, "task_authors", say("answers.ask", count=count), options, check):
        pieces = lesson.translation.target.pieces
        rows = [[cell(piece_text(piece)), _named(head)] for piece, head in zip(pieces, sentence.authors, strict=True)]
        table([say("answers.piece"), say("answers.author")], rows, texts=2)
        to_explain("authors")
    _shut(lesson, photo, sentence)


def _shut(lesson: Lesson, photo: Written, sentence: Written) -> None:
    """One key is shut for all queries in all layers, on either side that which is read most."""
    _, model, result = classifier(lesson)
    count, word = len(sentence.before), piece_name(lesson.translation.source.pieces[sentence.place])
    share = sentence.changed / count
    truth = "none" if not sentence.changed else "half" if share <= 0.5 else "most"
    patch = divmod(photo.place - result.axis.patches.start, result.axis.grid[1])
    names = [plain(class_name(model.classes[n])) for n in (photo.before[0], photo.after[0])]
    values = {"changed": sentence.changed, "count": count, "word": word, "answer": names[0], "now": names[1]}
    values |= {"row": patch[0] + 1, "column": patch[1] + 1}
    values |= {name: f"{float(one[0]):.1%}" for name, one in zip(("was", "is_now"), photo.chances, strict=True)}
    options = {name: say(f"answers.shut_{name}") for name in ("none", "half", "most")}
    check = lambda choice: Verdict(choice == truth, say("answers.shut_told", **values))  # noqa: E731
    if quiz.ask_option(lesson, "task_shut", say("answers.shut_ask", word=word, count=count), options, check):
        note(say("answers.read"))
        to_explain("whatif")


def _named(head: Head) -> str:
    return say("ablation.head", kind=say(f"ablation.{head[0]}"), layer=head[1] + 1, head=head[2] + 1)


def _author(subject: Subject) -> Head:
    parts = direct(subject).heads
    places = [
        (float(parts[kind][layer, head]), kind, layer, head)
        for kind in subject.writes
        for layer, head in torch.cartesian_prod(*map(torch.arange, parts[kind].shape)).tolist()
    ]
    return max(places)[1:]


def _of_photo(lesson: Lesson) -> Written:
    _, model, result = classifier(lesson)
    answer = int(result.probabilities.argmax())

    def make() -> Written:
        subject = vision_subject(model, result, answer)
        read = result.traces["encoder"].mean([subject.depth["encoder"] - 1])  # (N, N)
        row = result.reader @ read
        patches = result.axis.patches
        most = patches.start + int(row[patches].argmax())
        with ByHand(subject, [Edit("encoder", None, None, None, (most,))]):
            after = model.probabilities(result.fitted)
        chances = torch.stack([result.probabilities, after])[:, answer, None]
        return Written((_author(subject),), most, (answer,), (int(after.argmax()),), chances)

    return lesson.of_picture("answers", make)


def _of_sentence(lesson: Lesson) -> Written:
    def make() -> Written:
        one = lesson.translation
        made = [
            translation_subject(lesson.translator, lesson.sentence, lesson.target, one, target)
            for target in (None, *range(len(one.target)))
        ]
        whole, pieces = made[0], made[1:]
        read = one.traces["cross"].mean([one.traces["cross"].layers - 1]).sum(0)  # (m,)
        most = int(read.masked_fill(torch.tensor(one.source.special), 0).argmax())
        runs = []
        for edits in ([], [Edit("encoder", None, None, None, (most,)), Edit("cross", None, None, None, (most,))]):
            with torch.inference_mode(), ByHand(whole, edits):
                runs.append(whole.copies(1)[0].float().softmax(-1).cpu())
        first = runs[0].argmax(-1)
        chances = torch.stack([run.gather(-1, first[:, None])[:, 0] for run in runs])
        after = tuple(runs[1].argmax(-1).tolist())
        return Written(tuple(map(_author, pieces)), most, tuple(first.tolist()), after, chances)

    return lesson.of_sentence("answers", make)
