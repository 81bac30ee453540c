"""Numbers as people write them, for text; figures and tables of data format their own."""

from core.wording import minus


def power_of_ten(value: float, digits: int = 1) -> str:
    """A very small or large number, "3.3×10⁻⁷"; nothing at all is 0."""
    if value == 0:
        return "0"
    factor, exponent = f"{value:.{digits}e}".split("e")
    return minus(factor) + "×10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
