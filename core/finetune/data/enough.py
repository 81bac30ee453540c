"""How many items it takes: what a person should know about the sizes of both parts before waiting for a training."""

from core.errors import SidelightError

TRAINING = 2  # pictures of a class, at least; and one to validate
FEW_TRAINING, FEW_VALIDATION = 10, 20  # items of a class, items in all: below, a warning
ADVISED = 50  # training pairs, or pictures with captions; below, a warning
UNEVEN = 5  # times as many training items as another class: above, a warning


def warnings_for(counts: dict[str, tuple[int, int]]) -> tuple[SidelightError, ...]:
    """counts: class -> (training, validation) items."""
    found = [
        SidelightError("data.warn_few", name=name, count=training, advised=FEW_TRAINING)
        for name, (training, _) in counts.items()
        if training < FEW_TRAINING
    ]
    largest = max(counts, key=lambda name: counts[name][0])
    smallest = min(counts, key=lambda name: counts[name][0])
    most, least = counts[largest][0], counts[smallest][0]
    if most > UNEVEN * least:
        found.append(SidelightError("data.warn_uneven", largest=largest, most=most, smallest=smallest, least=least))
    validation = sum(held_out for _, held_out in counts.values())
    if validation < FEW_VALIDATION:
        found.append(SidelightError("data.warn_validation", count=validation, advised=FEW_VALIDATION))
    return tuple(found)


def few_pairs(training: int, validation: int) -> tuple[SidelightError, ...]:
    return _few("data.warn_few_pairs", training, validation)


def few_captions(training: int, validation: int) -> tuple[SidelightError, ...]:
    return _few("data.warn_few_captions", training, validation)


def _few(code: str, training: int, validation: int) -> tuple[SidelightError, ...]:
    found = []
    if training < ADVISED:
        found.append(SidelightError(code, count=training, advised=ADVISED))
    if validation < FEW_VALIDATION:
        found.append(SidelightError("data.warn_validation", count=validation, advised=FEW_VALIDATION))
    return tuple(found)
