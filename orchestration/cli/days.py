"""Days as options take them."""

import datetime as dt

import click

from governance.periods import known_day


class _Day(click.ParamType):
    """A day as ISO 8601 writes it."""

    name = "day"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> dt.date:
        if isinstance(value, dt.date):
            return value
        try:
            return known_day(dt.datetime.strptime(str(value), "%Y-%m-%d").date())  # noqa: DTZ007
        except ValueError:
            self.fail(f"{str(value)[:40]!r} is no day: write for example 2026-11-02", param, ctx)


DAY = _Day()
