"""Numbers as people write them, for text; figures and tables of data format their own."""


def minus(number: str) -> str:
    """A formatted number with a minus, not a hyphen."""
    return number.replace("-", "−")


def power_of_ten(value: float, digits: int = 1) -> str:
    """A very small or large number, "3.3×10⁻⁷"; nothing at all is 0."""
    if value == 0:
        return "0"
    factor, exponent = f"{value:.{digits}e}".split("e")
    return minus(factor) + "×10" + str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
