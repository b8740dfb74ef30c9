"""Numbers as the configuration writes them."""

from math import isfinite


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
