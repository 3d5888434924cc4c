"""Numbers that JSON has no word for."""

import math

JsonNumber = float | str


def json_number(value: float) -> JsonNumber:
    """`value` for JSON, which has no word for what is not finite."""
    if math.isfinite(value):
        return value
    return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
