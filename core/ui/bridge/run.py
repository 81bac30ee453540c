"""The captioner and what it writes, kept for all sessions."""

from dataclasses import dataclass, replace

from PIL import Image
from torch import Tensor
from transformers import LogitsProcessor

from core.attention.subject import Subject
from core.models import catalogue
from core.models.answer_subjects import answer_subject
from core.models.beams import BeamTree, beam_tree
from core.models.caption_subjects import caption_subject
from core.models.captioning import Caption, Looked
from core.models.decoding import OnStep
from core.models.images import Fit
from core.models.vision_language import Seen
from core.scenes import Language
from core.store import store
from core.ui import background, work
from core.ui.language import say

NAME = catalogue.CAPTIONER.key


@dataclass(frozen=True, eq=False)
class Told:
    """A picture as it is told. name: the captioner's. content: the picture's digest. fit: how it becomes the model's
    input. claim: a caption that a person typed in place of the model's own; empty for its own. prompt: of a model that
    takes one. Names, no more: see `sides.PhotoSide`."""

    name: str
    image: Image.Image
    content: str
    fit: Fit
    language: Language
    beams: int = 1
    claim: str = ""
    prompt: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        return self.name, self.content, self.fit, self.language, str(self.beams), self.claim, self.prompt

    @property
    def caption(self) -> Caption:
        """For whoever draws nothing. Raises SidelightError `captioning.*`."""
        return store().get(("caption", *self.key), self._written, (self.name,))

    @property
    def looked(self) -> Looked | Seen:
        model = work.captioner(self.name)
        return model.look(self.image, self.prompt if model.prompted else self.fit)  # type: ignore[arg-type]

    def awaited(self) -> Caption:
        """With progress. Raises SidelightError `captioning.*`."""
        return background.awaited(("caption", *self.key), say("bridge.writing"), self._written, (self.name,))

    def tree(self, beams: int) -> BeamTree:
        """How it was searched, of a model that keeps several beams; whatever was typed."""
        asked = replace(self, beams=beams, claim="")
        return background.awaited(("tree", *asked.key), say("bridge.writing"), asked._grown, (self.name,))

    def _grown(self, on_step: OnStep | None) -> BeamTree:
        model, looked = work.captioner(self.name), self.looked

        def search(rule: LogitsProcessor) -> Tensor:
            return model.search(looked, self.language, self.beams, on_step, rule)  # type: ignore[arg-type,union-attr]

        return beam_tree(model, search, self.beams)

    def subject(self, step: int | None) -> Subject:
        """What is asked of one written piece, or of all."""
        model, looked = work.captioner(self.name), self.looked
        if isinstance(looked, Seen):
            return answer_subject(model, looked, self.caption, step)  # type: ignore[arg-type]
        return caption_subject(model, looked, self.caption, step)  # type: ignore[arg-type]

    def _written(self, on_step: OnStep | None = None) -> Caption:
        model = work.captioner(self.name)
        if self.claim:
            return model.judged(self.image, self.claim, self.prompt or self.language, self.fit)
        return model.caption(self.image, self.prompt or self.language, self.fit, self.beams, on_step=on_step)

    def of(self, image: Image.Image) -> "Told":
        """Another picture, as it is, told in the same way by the model itself."""
        return replace(self, image=image, content=work.digest(image), fit="stretch", claim="")


def told(
    name: str, image: Image.Image, fit: Fit, language: Language, beams: int = 1, claim: str = "", prompt: str = ""
) -> Told:
    return Told(name, image, work.digest(image), fit, language, beams, claim, prompt)
