"""The ledger as assets: one partition a day, entries and what they sum up to.

Materializing a day writes it anew, so every op may run twice, and a backfill of many days is one
run. Automation: the schedules in `orchestration.cost_schedules`, nothing else.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import DAYS
from assets.unfinished_features import unfinished_features
from governance.cost.books import CostBooks, DayOfCosts, Strays

GROUP = "cost"
_RETRIES = dg.RetryPolicy(max_retries=3, delay=20)
_ONE_RUN = dg.BackfillPolicy.single_run()


with unfinished_features():

    @dg.asset(
        partitions_def=DAYS,
        backfill_policy=_ONE_RUN,
        group_name=GROUP,
        kinds={"postgres"},
        retry_policy=_RETRIES,
        description=(
            "What every attempt held on a day, and what lay in the artifact store, with its price: work "
            "that failed, was stopped or evicted too, and idle GPUs apart. Written anew every time."
        ),
    )
    def cost_entries(
        context: dg.AssetExecutionContext, cost_books: dg.ResourceParam[CostBooks]
    ) -> None:
        """Replace the entries of each day."""
        for key in context.partition_keys:
            with dagster_errors():
                written = cost_books.replace(
                    dt.date.fromisoformat(key), now=dt.datetime.now(dt.UTC)
                )
            context.add_asset_metadata(_figures(written), partition_key=key)

    @dg.asset(
        partitions_def=DAYS,
        backfill_policy=_ONE_RUN,
        group_name=GROUP,
        kinds={"postgres"},
        deps=[cost_entries],
        retry_policy=_RETRIES,
        description="A day's entries by tenant, experiment, sweep, owner and type of GPU.",
    )
    def usage_daily(
        context: dg.AssetExecutionContext, cost_books: dg.ResourceParam[CostBooks]
    ) -> None:
        """Sum the entries of each day."""
        for key in context.partition_keys:
            with dagster_errors():
                rows = cost_books.replace_usage(dt.date.fromisoformat(key))
            context.add_asset_metadata({"dagster/row_count": rows}, partition_key=key)


ASSETS = (cost_entries, usage_daily)

_Look = Callable[[CostBooks, dt.date], str | None]


def _check(
    asset: dg.AssetsDefinition,
    name: str,
    description: str,
    look: _Look,
    *,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetChecksDefinition:
    """A check of one or many days.

    Args:
        look: What is wrong with a day; None: nothing.
        severity: Of a day that is over; what goes on moves while it is looked at.
    """

    @dg.asset_check(asset=asset, name=name, partitions_def=DAYS, description=description)
    def check(
        context: dg.AssetCheckExecutionContext, cost_books: dg.ResourceParam[CostBooks]
    ) -> dg.AssetCheckResult:
        days = [dt.date.fromisoformat(key) for key in context.partition_keys]
        with dagster_errors():
            wrong = {day: said for day in days if (said := look(cost_books, day))}
        is_over = any(day < dt.datetime.now(dt.UTC).date() for day in wrong)
        sentences = [f"{day}: {said}" for day, said in wrong.items()]
        return dg.AssetCheckResult(
            passed=not wrong,
            severity=severity if is_over else dg.AssetCheckSeverity.WARN,
            description=sentences[0] if sentences else None,
            metadata={
                "days": dg.MetadataValue.int(len(days)),
                "wrong": dg.MetadataValue.md("\n".join(f"- {line}" for line in sentences[:31])),
            },
        )

    return check


def _balance(books: CostBooks, day: dt.date) -> str | None:
    found = books.balance(day)
    if found.is_good:
        return None
    return (
        f"the ledger says {found.ledger_usd:.4f} USD, attempts and bytes {found.independent_usd:.4f} "
        f"USD; the greatest difference in quantity is {found.greatest_gap:.6g}"
    )


def _missing(books: CostBooks, day: dt.date) -> str | None:
    return _strays(books.attempts_without_entry(day), "attempts have ended and have no entry")


def _orphans(books: CostBooks, day: dt.date) -> str | None:
    return _strays(books.entries_without_attempt(day), "entries are of no attempt of that day")


def _strays(found: Strays, what: str) -> str | None:
    return f"{found.count} {what}: {', '.join(found.first[:5])}" if found.count else None


def _unpriced(books: CostBooks, day: dt.date) -> str | None:
    things = books.unpriced(day)
    if not things:
        return None
    named = (
        " ".join(word for word in (one.resource, one.kind, one.capacity, one.region) if word)
        + f" ({one.quantity:.4g} {one.unit})"
        for one in things[:5]
    )
    return f"the price book has no price for {', '.join(named)}"


def _usage(books: CostBooks, day: dt.date) -> str | None:
    found, usage = books.totals(day), books.usage_total(day)
    owed = Decimal(0) if found is None else found.amount_usd
    return None if owed == usage else f"entries say {owed} USD, usage {usage} USD"


with unfinished_features():
    CHECKS: Sequence[dg.AssetChecksDefinition] = (
        _check(
            cost_entries,
            "ledger_equals_independent_sum",
            "Entries are what attempts and blobs say by themselves, times the prices, to the cent.",
            _balance,
        ),
        _check(
            cost_entries,
            "every_finished_attempt_has_an_entry",
            "An attempt that has ended is in every day in which it held something.",
            _missing,
        ),
        _check(
            cost_entries,
            "every_entry_has_an_attempt",
            "What is charged was held by an attempt that is there, on that day.",
            _orphans,
        ),
        _check(
            cost_entries,
            "everything_has_a_price",
            "The price book has a price for all that was held. What has none is not in any sum.",
            _unpriced,
            severity=dg.AssetCheckSeverity.WARN,
        ),
        _check(
            usage_daily,
            "usage_equals_entries",
            "Usage costs what the entries cost, to the last digit.",
            _usage,
        ),
    )


def _figures(day: DayOfCosts) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(day.entries),
        "attempts": dg.MetadataValue.int(day.attempts),
        "usd": dg.MetadataValue.float(float(day.amount_usd)),
        "idle_usd": dg.MetadataValue.float(float(day.waste_usd)),
        "lost_usd": dg.MetadataValue.float(float(day.lost_usd)),
        "gpu_hours": dg.MetadataValue.float(day.gpu_hours),
        "idle_gpu_hours": dg.MetadataValue.float(day.idle_gpu_hours),
        "unpriced_entries": dg.MetadataValue.int(day.unpriced),
        "covered_until": dg.MetadataValue.timestamp(day.covered_until),
        "prices": dg.MetadataValue.text(
            f"version {day.price_version}" if day.price_version else "the examples that ship"
        ),
    }


def contiguous(days: Iterable[dt.date]) -> list[tuple[dt.date, dt.date]]:
    """Stretches of days that follow each other, first and last of each."""
    stretches: list[tuple[dt.date, dt.date]] = []
    for day in sorted(days):
        if stretches and stretches[-1][1] == day - dt.timedelta(days=1):
            stretches[-1] = (stretches[-1][0], day)
        else:
            stretches.append((day, day))
    return stretches
