"""A chart of what came of each day, or of each month where there are too many days for a picture."""

import datetime as dt
from collections.abc import Mapping, Sequence

from governance.periods import Span
from governance.reports.model import Chart, ChartKind, Unit

_MOST_DAYS = 366


def over_time(
    title: str,
    unit: Unit,
    values: Mapping[dt.date, tuple[float, ...]],
    period: Span,
    *,
    series: Sequence[str] = (),
) -> Chart:
    """A column for each day that has values, or for each month of a period of more than 366 days.

    Args:
        title: Ends in ``by day`` or ``by month``, which is added.
        values: Of a day, those that a column is made of: as many for each.
        series: What they are.
    """
    if period.days <= _MOST_DAYS:
        points = tuple((f"{day:%d %b}", values[day]) for day in sorted(values))
        return Chart(f"{title} by day", ChartKind.DAYS, unit, points, tuple(series))
    months: dict[dt.date, tuple[float, ...]] = {}
    for day in sorted(values):
        month = day.replace(day=1)
        before = months.get(month, (0.0,) * len(values[day]))
        months[month] = tuple(a + b for a, b in zip(before, values[day], strict=True))
    points = tuple((f"{month:%b %Y}", sums) for month, sums in months.items())
    return Chart(f"{title} by month", ChartKind.DAYS, unit, points, tuple(series))
