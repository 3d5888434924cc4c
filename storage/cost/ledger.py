"""The ledger in the database: a day is replaced as a whole, in one transaction."""

import calendar
import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import chain, pairwise

from psycopg.rows import class_row

from governance.cost.books import Balance, DayOfCosts, Strays, Unpriced
from governance.cost.entries import CostEntry
from governance.cost.ledger import compute_entries, storage_entries
from governance.cost.price_file import PRICES
from governance.cost.prices import PriceBook, Resource
from storage import queries
from storage.cost.holdings import CostFilter, read_holdings, read_stored_bytes
from storage.cost.idle_time import Connection, read_kept_idle
from storage.database import Pool, transaction
from storage.policy_store import PolicyStore
from sweeps.policies import AppliedPolicy

_QUERIES = queries.load("costs")
_LOCK = 7_305_021  # any number, the same in every process of ours; the day is the other half
_DAY = dt.timedelta(days=1)
_TYPES = (
    "date", "text", "text", "int8", "text", "text", "text", "text", "text", "text", "text", "text",
    "text", "float8", "text", "numeric", "numeric", "text", "bool", "int4",
)  # fmt: skip


class CostLedger:
    """A `governance.cost.books.CostBooks`.

    Every method raises `StorageUnavailable` when the database does not answer.
    """

    def __init__(self, pool: Pool, policies: PolicyStore) -> None:
        self._pool = pool
        self._policies = policies

    def replace(self, day: dt.date, *, now: dt.datetime) -> DayOfCosts:
        """Write a day's entries anew, up to `now` while it goes on.

        Two at once come one after the other. Who comes late with an earlier `now`, or with prices
        that do not hold any more, writes what the other one would have: the ledger never goes back.
        Idle time stays as it was measured once, also when its metrics are gone.

        Raises:
            InvalidSweepFile: The prices that hold are of another version of the platform.
        """
        while True:
            prices = self._policies.current(PRICES)
            with transaction(self._pool) as connection:
                connection.execute(_QUERIES["lock_day"], {"lock": _LOCK, "day": day})
                row = connection.execute(_QUERIES["price_version"]).fetchone()
                if row is not None and row[0] == prices.version:
                    self._write(connection, day, now=now, prices=prices)
                    break
        found = self.totals(day)
        assert found is not None  # nobody removes a day
        return found

    def _write(
        self,
        connection: Connection,
        day: dt.date,
        *,
        now: dt.datetime,
        prices: AppliedPolicy[PriceBook],
    ) -> None:
        start, end = _bounds(day)
        row = connection.execute(_QUERIES["covered_until"], {"day": day}).fetchone()
        until = max(start, min(end, max(now, now if row is None else row[0])))
        kept = read_kept_idle(connection, day)
        connection.execute(_QUERIES["remove_day"], {"day": day})
        stored = read_stored_bytes(connection, start=start, end=until, of=CostFilter())
        count = _copy(
            connection,
            storage_entries(stored, book=prices.value, price_version=prices.version),
        )
        for holdings in read_holdings(
            connection, start=start, end=until, of=CostFilter(), kept=kept
        ):
            entries = compute_entries(
                holdings,
                book=prices.value,
                price_version=prices.version,
                start=start,
                end=until,
            )
            count += _copy(connection, entries)
        parameters = {
            "day": day,
            "covered_until": until,
            "price_version": prices.version,
            "entries": count,
        }
        connection.execute(_QUERIES["cover_day"], parameters)

    def replace_usage(self, day: dt.date) -> int:
        """Sum a day's entries anew, in one transaction; how many rows that makes."""
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["lock_day"], {"lock": _LOCK, "day": day})
            connection.execute(_QUERIES["remove_usage"], {"day": day})
            count = connection.execute(_QUERIES["insert_usage"], {"day": day}).rowcount
            connection.execute(_QUERIES["cover_usage"], {"day": day})
            return count

    def totals(self, day: dt.date) -> DayOfCosts | None:
        """A day as it is in the books; None: not at all."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(DayOfCosts))
            return cursor.execute(_QUERIES["day_totals"], {"day": day}).fetchone()

    def usage_total(self, day: dt.date) -> Decimal:
        """What a day cost by its usage."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["usage_total"], {"day": day}).fetchone()
        assert row is not None  # a sum always gives one
        return row[0]

    def balance(self, day: dt.date) -> Balance:
        """The ledger of a day beside what attempts and blobs say themselves, times the prices."""
        found = self.totals(day)
        if found is None:
            return Balance(ledger_usd=Decimal(0), independent_usd=Decimal(0), greatest_gap=0.0)
        book = self._policies.at(PRICES, found.price_version).value
        start, until = _bounds(day)[0], found.covered_until
        owed, held = Decimal(0), dict.fromkeys(Resource, Decimal(0))
        with transaction(self._pool) as connection:
            for low, high in pairwise(
                [start, *(c for c in book.changes if start < c < until), until]
            ):
                parameters = {"start": low, "end": high}
                for name, model, capacity, region, hours in connection.execute(
                    _QUERIES["raw_hours"], parameters
                ):
                    kind = model if name == Resource.GPU else ""
                    usd = book.price(
                        Resource(name), at=low, kind=kind, capacity=capacity, region=region
                    )
                    owed += hours * (usd or 0)
                    held[Resource(name)] += hours
            stored = connection.execute(
                _QUERIES["raw_bytes"], {"start": start, "end": until}
            ).fetchall()
            rows = connection.execute(_QUERIES["held_by_ledger"], {"day": day}).fetchall()
        for storage_class, byte_seconds in stored:
            gib_days = byte_seconds / (2**30 * 86_400)
            month = book.price(Resource.STORAGE, at=start, kind=storage_class) or 0
            owed += gib_days * month / calendar.monthrange(day.year, day.month)[1]
            held[Resource.STORAGE] += gib_days
        ledger = {Resource(name): (amount, usd) for name, amount, usd in rows}
        nothing = (Decimal(0), Decimal(0))
        return Balance(
            ledger_usd=sum((usd for _, usd in ledger.values()), Decimal(0)),
            independent_usd=owed,
            greatest_gap=max(
                float(abs(amount - ledger.get(name, nothing)[0])) for name, amount in held.items()
            ),
        )

    def attempts_without_entry(self, day: dt.date) -> Strays:
        """Attempts that have ended, held something within what the ledger has, and are not in it."""
        found = self.totals(day)
        start, end = _bounds(day)
        return self._strays(
            "missing_attempts", day, start=start, end=end if found is None else found.covered_until
        )

    def entries_without_attempt(self, day: dt.date) -> Strays:
        """Entries of attempts that are not there, or held nothing on that day."""
        start, end = _bounds(day)
        return self._strays("entries_without_attempt", day, start=start, end=end)

    def unpriced(self, day: dt.date) -> Sequence[Unpriced]:
        """What has no price on a day, the most frequent first; at most 50."""
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(Unpriced))
            return cursor.execute(_QUERIES["unpriced_things"], {"day": day}).fetchall()

    def behind(self, *, since: dt.date, until: dt.date) -> Sequence[dt.date]:
        """Days from `since` to `until` that are missing, partial, or have turned out otherwise."""
        with transaction(self._pool) as connection:
            parameters = {"since": since, "until": until}
            return [day for (day,) in connection.execute(_QUERIES["days_behind"], parameters)]

    def is_used_since_covered(self, day: dt.date) -> bool:
        """Whether attempts held something on a day that is not in the books yet."""
        start, end = _bounds(day)
        with transaction(self._pool) as connection:
            parameters = {"day": day, "start": start, "end": end}
            row = connection.execute(_QUERIES["is_used_since_covered"], parameters).fetchone()
        return row is not None and bool(row[0])

    def _strays(self, query: str, day: dt.date, *, start: dt.datetime, end: dt.datetime) -> Strays:
        with transaction(self._pool) as connection:
            parameters = {"day": day, "start": start, "end": end}
            rows = connection.execute(_QUERIES[query], parameters).fetchall()
        return Strays(count=rows[0][1] if rows else 0, first=tuple(name for name, _ in rows))


def _copy(connection: Connection, entries: Iterable[CostEntry]) -> int:
    """Write entries, as they come; how many there were."""
    count = 0
    entries = iter(entries)
    first = next(entries, None)
    if first is None:
        return 0
    with connection.cursor() as cursor, cursor.copy(_QUERIES["copy_entries"]) as copy:
        copy.set_types(_TYPES)
        for entry in chain([first], entries):
            copy.write_row(entry)
            count += 1
    return count


def _bounds(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    midnight = dt.datetime.combine(day, dt.time(), dt.UTC)
    return midnight, midnight + _DAY
