"""Columns of data in words and small pictures, for the terminal."""

import datetime as dt
from collections.abc import Sequence

from sweeps.data_profiles import ColumnKind, ColumnProfile

_BARS = " ▁▂▃▄▅▆▇█"
_MOST_SHOWN = 4  # values of a column
_LONGEST = 18


def size(n_bytes: float) -> str:
    """``1.5 GB``: powers of ten, as disks are sold."""
    for unit in ("B", "kB", "MB", "GB"):
        if n_bytes < 1000:
            return f"{n_bytes:.3g} {unit}"
        n_bytes /= 1000
    return f"{n_bytes:.4g} TB"


def bars(counts: tuple[int, ...]) -> str:
    """A histogram in one line; what is not empty can be seen."""
    most = max(counts, default=0)
    steps = len(_BARS) - 1
    return "".join(_BARS[0 if not n else max(1, round(n / most * steps))] for n in counts)


def number(value: float | None, kind: ColumnKind) -> str:
    """A number as its column means it: of a time, the time."""
    if value is None:
        return "-"
    if kind is ColumnKind.TIME:
        epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
        try:
            return (epoch + dt.timedelta(seconds=value)).strftime("%Y-%m-%d %H:%M")
        except OverflowError:
            return f"{value:.6g} s"
    return f"{value:.6g}"


def column_line(column: ColumnProfile) -> list[object]:
    """name, kind, absent, different, least, mean, greatest, and how it is spread."""
    kind = column.kind
    absent = f"{column.null_share:.1%}" if column.null_count else "0"
    return [
        column.name,
        f"{kind} ({column.dtype})",
        absent,
        column.distinct_count,
        number(column.min, kind) if kind.is_numeric else "",
        number(column.mean, kind) if kind.is_numeric else "",
        number(column.max, kind) if kind.is_numeric else "",
        spread(column),
    ]


COLUMNS = ["column", "kind", "absent", "different", "least", "mean", "greatest", "spread"]


def spread(column: ColumnProfile) -> str:
    """A histogram of numbers; the commonest values of words."""
    if column.histogram is not None:
        return bars(column.histogram.counts)
    shown = [
        f"{_short(value)} {count / column.sample_size:.0%}"
        for value, count in list(column.values.items())[:_MOST_SHOWN]
    ]
    more = len(column.values) - len(shown)
    return ", ".join(shown) + (f", {more} more" if more > 0 else "")


def added(parents: Sequence[str]) -> str:
    """That a version's record says of further parents."""
    return f"its record says now that it was made from {', '.join(parents)} as well"


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else "?" for c in text)
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
