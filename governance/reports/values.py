"""Values as text for people."""

import datetime as dt
import math
from decimal import Decimal

from governance.reports.model import Figure, Unit, Value
from sweeps.money import dollars

ABSENT = "–"  # noqa: RUF001 - a dash for what is not there
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def text(value: Value, unit: Unit) -> str:
    """Such as ``$1,234.50``, ``12.3 %`` or ``3 m 20 s``."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ABSENT
    if isinstance(value, str):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    return _number(value, unit)


def change(figure: Figure) -> str:
    """How it has moved since the period before; empty when that is not known."""
    now, before = figure.value, figure.before
    if not isinstance(now, int | float | Decimal) or not isinstance(before, int | float | Decimal):
        return ""
    if figure.unit is Unit.SHARE:
        return f"{(float(now) - float(before)) * 100:+.1f} points"
    if not before:
        return "new" if now else "as before"
    share = float(now) / float(before) - 1
    return "as before" if abs(share) < 0.0005 else f"{share:+,.1%}".replace("%", " %")


def _number(value: float | Decimal, unit: Unit) -> str:
    match unit:
        case Unit.USD:
            return dollars(Decimal(value))
        case Unit.SHARE:
            return f"{float(value) * 100:.1f} %"
        case Unit.HOURS:
            return f"{float(value):,.1f}"
        case Unit.TIMES:
            return f"{float(value):,.1f}×"  # noqa: RUF001 - times
        case Unit.SECONDS:
            return _duration(float(value))
        case Unit.BYTES:
            return _bytes(float(value))
        case Unit.NUMBER:
            return f"{float(value):.5g}"
        case Unit.COUNT | Unit.TEXT:
            return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"


def _duration(seconds: float) -> str:
    hours, rest = divmod(round(seconds), 3600)
    minutes, left = divmod(rest, 60)
    if hours:
        return f"{hours:,} h {minutes:02d} m"
    return f"{minutes} m {left:02d} s" if minutes else f"{seconds:.1f} s"


def _bytes(count: float) -> str:
    for unit in _UNITS[:-1]:
        if abs(count) < 1024:
            return f"{count:,.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    return f"{count:,.1f} {_UNITS[-1]}"
