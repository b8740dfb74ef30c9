"""Numbers as the configuration writes them, and as they stand in paths."""

from decimal import Decimal
from math import isfinite


def number(x: int | float) -> str:
    """A number as it stands in a path: no exponent, no trailing zeros, nothing rounded.

    1 and 1.0 give "1", 0.0004 gives "0.0004". ValueError for a bool, nan, infinity, and what is not a number.
    """
    if isinstance(x, bool) or not (isinstance(x, int) or (isinstance(x, float) and isfinite(x))):
        raise ValueError(f"expected a finite number, got {x!r}")
    # repr of a float is the shortest text that reads back as the same float: two floats never share a path
    text = format(Decimal(x if isinstance(x, int) else repr(float(x))), "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def fraction(value: str | int | float) -> float:
    """The float that a number or a fraction written as text, such as "8/255", stands for.

    ValueError for other text, a zero denominator, a bool, nan and infinity.
    """
    if isinstance(value, str):
        numerator, slash, denominator = value.partition("/")
        try:
            result = float(numerator) / float(denominator) if slash else float(value)
        except (ValueError, ZeroDivisionError) as error:
            raise ValueError(f"expected a number or a fraction such as 8/255, got {value!r}") from error
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number or a fraction such as 8/255, got {value!r}")
    else:
        result = float(value)
    if not isfinite(result):
        raise ValueError(f"expected a finite number or fraction, got {value!r}")
    return result
