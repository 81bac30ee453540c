"""Numbers and pieces as people read them."""

import pytest

from core.ui.numbers import power_of_ten
from core.ui.plain import piece_text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (3.34e-7, "3.3×10⁻⁷"), (-2.5e-12, "−2.5×10⁻¹²"), (1234.0, "1.2×10³")]
)
def test_powers_of_ten(value: float, text: str) -> None:
    assert power_of_ten(value) == text


def test_each_special_piece_has_one_name() -> None:
    assert (piece_text("</s>"), piece_text(""), piece_text("dog")) == ("⟨end⟩", "␣", "dog")
    assert (piece_text("<pad>"), piece_text("<unk>")) == ("⟨start⟩", "⟨unknown⟩")
