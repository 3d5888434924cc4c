"""Costs as people ask for them: from the ledger, and computed on the fly where it does not reach yet."""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

import psycopg
from psycopg.rows import class_row

from governance.cost.entries import CostEntry
from governance.cost.ledger import compute_entries, storage_entries
from governance.cost.price_file import PRICES
from governance.cost.prices import PriceBook
from governance.cost.report import CostLine, CostSheet, GroupBy
from storage import queries
from storage.cost.holdings import CostFilter, read_holdings, read_stored_bytes
from storage.cost.idle_time import Connection
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from sweeps.ids import RunId
from sweeps.policies import DEFAULT_VERSION, AppliedPolicy

_QUERIES = queries.load("costs")
_DAY = dt.timedelta(days=1)
_LONG = dt.timedelta(days=60)  # of which many days may be empty: it pays to ask where they begin
Window = tuple[dt.datetime, dt.datetime]  # half-open


class CostReader:
    """Reads the ledger, and what comes after it.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies

    def sheet(
        self,
        by: GroupBy,
        *,
        since: dt.date,
        until: dt.date,
        now: dt.datetime,
        of: CostFilter | None = None,
    ) -> CostSheet:
        """What was spent from `since` to `until`, both included.

        Args:
            by: What a line's key names. With `DAY` keys are empty: every line has its day.
            now: Up to when what goes on is estimated.
            of: Whose; everybody's without it.
        """
        of = of or CostFilter()
        prices = self._policies.current(PRICES)
        if now - dt.datetime.combine(since, dt.time(), dt.UTC) > _LONG:
            since = max(since, self._first_day(now))
        # One snapshot: or a day that is replaced meanwhile would count twice or not at all.
        with transaction(self._pool) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            try:
                return self._read(
                    connection, by, since=since, until=until, now=now, of=of, prices=prices
                )
            finally:
                connection.rollback()  # reading only; lets the level be set back
                connection.isolation_level = None

    def all_of(self, by: GroupBy, *, of: CostFilter, now: dt.datetime) -> CostSheet:
        """Everything that a sweep or a run has ever cost."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["first_cost"], of.parameters()).fetchone()
        first = now.date() if row is None or row[0] is None else row[0]
        return self.sheet(by, since=first, until=now.date(), now=now, of=of)

    def _first_day(self, now: dt.datetime) -> dt.date:
        """When anything could have cost something for the first time."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["first_day"]).fetchone()
        return now.date() if row is None or row[0] is None else row[0]

    def _read(
        self,
        connection: Connection,
        by: GroupBy,
        *,
        since: dt.date,
        until: dt.date,
        now: dt.datetime,
        of: CostFilter,
        prices: AppliedPolicy[PriceBook],
    ) -> CostSheet:
        asked = {"since": since, "until": until}
        covered = dict(connection.execute(_QUERIES["covered_days"], asked).fetchall())
        parameters = {"by": by.value, **asked, **of.parameters()}
        cursor = connection.cursor(row_factory=class_row(_LedgerLine))
        ledger = cursor.execute(_QUERIES["cost_lines"], parameters).fetchall()
        sums = _Sums(_key(connection, by))
        for start, end in _missing(covered, since, min(until, now.date()), now=now):
            for entries in _computed(connection, start, end, of=of, prices=prices):
                sums.add(entries)
        is_example = any(line.price_version == DEFAULT_VERSION for line in ledger) or bool(
            sums.lines and prices.version == DEFAULT_VERSION
        )
        return CostSheet(
            lines=(*(line.line() for line in ledger), *sums.result()),
            has_example_prices=is_example,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LedgerLine:
    key: str
    day: dt.date
    resource: str
    outcome: str
    is_waste: bool
    quantity: float
    amount_usd: Decimal
    unpriced: int
    price_version: int

    def line(self) -> CostLine:
        return CostLine(
            key=self.key,
            day=self.day,
            resource=self.resource,
            outcome=self.outcome,
            is_waste=self.is_waste,
            quantity=self.quantity,
            amount_usd=self.amount_usd,
            unpriced=self.unpriced,
        )


@dataclass(slots=True)
class _Sums:
    """Entries that were computed just now, summed as the ledger's query sums its own."""

    key: Callable[[CostEntry], str]
    lines: dict[tuple[str, dt.date, str, str, bool], list[CostEntry]] = field(
        default_factory=dict[tuple[str, dt.date, str, str, bool], list[CostEntry]]
    )

    def add(self, entries: Iterable[CostEntry]) -> None:
        for entry in entries:
            group = (self.key(entry), entry.day, entry.resource, entry.outcome, entry.is_waste)
            self.lines.setdefault(group, []).append(entry)

    def result(self) -> list[CostLine]:
        return [
            CostLine(
                key=key,
                day=day,
                resource=resource,
                outcome=outcome,
                is_waste=is_waste,
                quantity=sum(entry.quantity for entry in entries),
                amount_usd=sum((entry.amount_usd or Decimal(0) for entry in entries), Decimal(0)),
                unpriced=sum(entry.amount_usd is None for entry in entries),
                is_estimate=True,
            )
            for (key, day, resource, outcome, is_waste), entries in self.lines.items()
        ]


def _missing(
    covered: dict[dt.date, dt.datetime], since: dt.date, until: dt.date, *, now: dt.datetime
) -> list[Window]:
    """What the ledger does not have of a stretch of days, up to now; what touches is one."""
    windows: list[Window] = []
    for number in range((until - since).days + 1):
        day = since + number * _DAY
        midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
        start, end = covered.get(day, midnight), min(midnight + _DAY, now)
        if start >= end:
            continue
        if windows and windows[-1][1] == start:
            windows[-1] = (windows[-1][0], end)
        else:
            windows.append((start, end))
    return windows


def _computed(
    connection: Connection,
    start: dt.datetime,
    end: dt.datetime,
    *,
    of: CostFilter,
    prices: AppliedPolicy[PriceBook],
) -> Iterable[Iterable[CostEntry]]:
    """Entries of a stretch of time, some at once."""
    for holdings in read_holdings(connection, start=start, end=end, of=of):
        yield compute_entries(
            holdings, book=prices.value, price_version=prices.version, start=start, end=end
        )
    low = start
    while low < end:  # bytes are counted by the day
        midnight = dt.datetime.combine(low.date() + _DAY, dt.time(), dt.UTC)
        stored = read_stored_bytes(connection, start=low, end=min(midnight, end), of=of)
        yield storage_entries(stored, book=prices.value, price_version=prices.version)
        low = midnight


def _key(connection: Connection, by: GroupBy) -> Callable[[CostEntry], str]:
    """The key of an entry, as the ledger's query makes it."""
    match by:
        case GroupBy.TENANT:
            return lambda entry: entry.tenant_id
        case GroupBy.EXPERIMENT:
            names = dict(connection.execute(_QUERIES["experiment_names"]).fetchall())
            return lambda entry: names.get(entry.experiment_id, "")
        case GroupBy.SWEEP:
            return lambda entry: entry.sweep_id or ""
        case GroupBy.USER:
            return lambda entry: entry.owner
        case GroupBy.GPU:
            return lambda entry: entry.kind if entry.resource == "gpu" else ""
        case GroupBy.MODEL:
            models = dict(connection.execute(_QUERIES["models_of_sweeps"]).fetchall())
            return lambda entry: models.get(entry.sweep_id, "")
        case GroupBy.RUN:
            return lambda entry: entry.run_id or ""
        case GroupBy.DAY:
            return lambda _: ""


def spent_by_run(lines: Sequence[CostLine]) -> dict[RunId, Decimal]:
    """Dollars by run, of lines that are summed by `RUN`."""
    spent: dict[RunId, Decimal] = {}
    for line in lines:
        run_id = RunId(line.key)
        spent[run_id] = spent.get(run_id, Decimal(0)) + line.amount_usd
    return spent


def unpriced_runs(lines: Sequence[CostLine]) -> set[RunId]:
    """Runs of which something has no price, of lines that are summed by `RUN`."""
    return {RunId(line.key) for line in lines if line.unpriced}
