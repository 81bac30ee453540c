"""The one exception type that is meant for a person: what happened and what to do, in their language."""

from core import wording


class SidelightError(Exception):
    """A foreseen failure. `code` names its sentence `error.<code>` in the wording files; `values` fill it."""

    def __init__(self, code: str, **values: object) -> None:
        self.code, self.values = code, values
        super().__init__(self.sentence())

    def sentence(self, language: str = "en") -> str:
        return wording.text(f"error.{self.code}", language, **self.values)
