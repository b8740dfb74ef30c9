"""Numbers as the configuration writes them."""

from math import isfinite
from typing import Any

# the JSON Schema of a number that may be written as a fraction
FRACTION = {
    "type": ["number", "string"],
    "exclusiveMinimum": 0,
    "pattern": "^[1-9][0-9]{0,99}/[1-9][0-9]{0,99}$",  # no longer, so that floats can hold the numbers
    "examples": ["8/255"],
}


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


def takes_fractions(schema: dict[str, Any]) -> bool:
    """Whether an option may be a fraction such as 8/255 in the place of a number."""
    return any(branch.get("pattern") == FRACTION["pattern"] for branch in (schema, *schema.get("anyOf", ())))
