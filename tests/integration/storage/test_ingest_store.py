"""Batches of flushes on a real database, without HTTP."""

import datetime as dt
import math
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sweepworks.wire import Flush, ReportRecord

from retention.sealing import SealingRule
from retention.tiers import Tier
from storage.database import Pool, transaction
from storage.deliveries import Delivery, Receipt
from storage.points import ingest_batch, known_curves, metric_store
from storage.points.ingest_store import IngestStore
from storage.points.points import fingerprint, series_id
from storage.points.rollups import PostgresMetricTiers
from storage.runs.catalog import RunCatalog
from storage.runs.upkeep import RunUpkeep
from storage.token_store import TokenStore
from sweeps.clock import SystemClock
from sweeps.errors import InvalidFlush, RunNotFound, StateConflict, StorageUnavailable
from sweeps.ids import RunId, TenantId
from sweeps.runs import ScratchRun
from sweeps.states import Decision

TENANT = TenantId("default")
NOW_US = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000
DAY_US = 86_400_000_000


def a_scratch_run(pool: Pool, name: str = "scratch-aaaaaaaaaaaa") -> RunId:
    TokenStore(pool).create(tenant_id=TENANT, name="me")
    run = ScratchRun(
        run_id=RunId(name), experiment="scratch", owner="me", seed=1, params={}, tags={}
    )
    RunCatalog(pool).create_scratch_run(run, tenant_id=TENANT)
    return run.run_id


def a_delivery(run: str, sequence: int = 1, *, writer: str = "w", **changes: Any) -> Delivery:
    points: dict[str, list[tuple[int, int, float]]] = changes.pop("points", {})
    system: dict[str, list[tuple[int, int, float]]] = changes.pop("system", {})
    rows = [row for series in (*points.values(), *system.values()) for row in series]
    flush = Flush(
        writer=writer,
        sequence=sequence,
        run=run,
        series={key: len(series) for key, series in points.items()},
        system={key: len(series) for key, series in system.items()},
        steps=np.array([row[0] for row in rows], dtype="<i8").tobytes(),
        times=np.array([row[1] for row in rows], dtype="<i8").tobytes(),
        values=np.array([row[2] for row in rows], dtype="<f8").tobytes(),
        **changes,
    )
    return Delivery(tenant_id=TENANT, flush=flush)


def count(pool: Pool, table: str = "metric_points") -> int:
    with transaction(pool) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # pyright: ignore[reportArgumentType, reportCallIssue]  a literal of a test
    assert row is not None
    return row[0]


@pytest.fixture
def store(pool: Pool) -> IngestStore:
    return IngestStore(pool, clock=SystemClock())


def test_each_delivery_has_its_own_outcome(pool: Pool, store: IngestStore) -> None:
    good = a_scratch_run(pool)
    sealed = a_scratch_run(pool, "scratch-bbbbbbbbbbbb")
    with transaction(pool) as connection:
        connection.execute(
            "UPDATE runs SET state = 'completed', ended_at = now(), sealed_at = now()"
            " WHERE run_id = %s",
            [sealed],
        )
    point = {"x": [(1, NOW_US, 1.0)]}

    outcomes = store.write(
        [
            a_delivery("scratch-nowhere", points=point),
            a_delivery(good, points=point),
            a_delivery(sealed, points=point),
            a_delivery(good, points=point, writer="other"),
        ]
    )

    assert [type(outcome) for outcome in outcomes] == [RunNotFound, Receipt, StateConflict, Receipt]
    assert count(pool) == 2


def test_one_flush_that_cannot_be_stored_stores_nothing_of_its_batch(
    pool: Pool, store: IngestStore
) -> None:
    run = a_scratch_run(pool)
    poison = ReportRecord(level=1, values={"a\x00": 1.0}, time_us=NOW_US)

    with pytest.raises(InvalidFlush):
        store.write(
            [
                a_delivery(run, points={"x": [(1, NOW_US, 1.0)]}),
                a_delivery(run, writer="poison", reports=[poison]),
            ]
        )

    assert (count(pool), count(pool, "writers")) == (0, 0)


def test_days_get_their_partition_and_clocks_that_are_years_off_do_not(
    pool: Pool, store: IngestStore
) -> None:
    run = a_scratch_run(pool)
    days = {"near": 0, "yesterday": -1, "last year": -365, "long ago": -9000, "next week": 7}

    store.write(
        [a_delivery(run, points={k: [(1, NOW_US + n * DAY_US, 1.0)] for k, n in days.items()})]
    )

    with transaction(pool) as connection:
        rows = connection.execute(
            "SELECT series.key, metric_points.tableoid::regclass::text LIKE '%%default'"
            " FROM metric_points JOIN series USING (series_id)"
        ).fetchall()
        kind = connection.execute("SELECT is_hypertable FROM metric_storage").fetchone()
    assert kind is not None
    (makes_chunks_by_itself,) = kind
    assert dict(rows) == {
        "near": False,
        "yesterday": False,
        "last year": False,
        "long ago": not makes_chunks_by_itself,
        "next week": not makes_chunks_by_itself,
    }


def test_an_identifier_that_is_taken_costs_that_series_alone(
    pool: Pool, store: IngestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = a_scratch_run(pool), a_scratch_run(pool, "scratch-bbbbbbbbbbbb")
    store.write([a_delivery(first, points={"x": [(1, NOW_US, 1.0)]})])
    taken = fingerprint(first, "x")[:8]

    def colliding(run_id: str, key: str) -> bytes:
        mark = fingerprint(run_id, key)
        return taken + mark[8:] if (run_id, key) == (second, "y") else mark

    monkeypatch.setattr("storage.points.points.fingerprint", colliding)
    points = {"a": [(1, NOW_US, 2.0)], "y": [(1, NOW_US, 3.0)], "z": [(1, NOW_US, 4.0)]}
    (outcome,) = store.write([a_delivery(second, points=points)])

    assert isinstance(outcome, Receipt)
    assert [part.what for part in outcome.refused] == ["metric 'y'"]
    catalog = RunCatalog(pool)
    assert [row.key for row in catalog.series(second, tenant_id=TENANT)] == ["a", "z"]
    assert [p.value for p in catalog.points(first, "x", tenant_id=TENANT)] == [1.0]
    assert [p.value for p in catalog.points(second, "z", tenant_id=TENANT)] == [4.0]


def curves(first: int, n: int) -> dict[str, Any]:
    return {f"m{number:04d}": [(1, NOW_US, 1.0)] for number in range(first, first + n)}


def refusals(outcome: object) -> list[tuple[str, str]]:
    assert isinstance(outcome, Receipt)
    return [(refusal.what, refusal.why) for refusal in outcome.refused]


def test_what_is_measured_and_what_is_logged_by_one_name_are_two_curves(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=SystemClock())
    mine, measured = [(1, NOW_US, 1.0)], [(0, NOW_US, 50.0), (1, NOW_US + 1, 60.0)]

    for sequence in (1, 2):
        outcomes = store.write(
            [a_delivery(run, sequence, points={"cpu": mine}, system={"cpu": measured})]
        )
        assert outcomes[0] == Receipt(control=Decision.CONTINUE, is_new=True)

    catalog = RunCatalog(pool)
    assert [(row.key, row.family) for row in catalog.series(run, tenant_id=TENANT)] == [
        ("cpu", "system"),
        ("cpu", "user"),
    ]
    of_user = catalog.points(run, "cpu", tenant_id=TENANT)
    of_system = catalog.points(run, "cpu", tenant_id=TENANT, family="system")
    assert [point.value for point in of_user] == [1.0, 1.0]
    assert sorted(point.value for point in of_system) == [50.0, 50.0, 60.0, 60.0]
    assert list(catalog.get(run, tenant_id=TENANT).summary) == ["cpu"]


def test_what_is_measured_takes_no_room_from_what_is_logged(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=SystemClock(), max_series=10)

    (first,) = store.write([a_delivery(run, 1, points=curves(0, 10), system=curves(0, 510))])
    (second,) = store.write([a_delivery(run, 2, points=curves(0, 11), system=curves(0, 510))])

    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    whys = {refusal.why for refusal in first.refused}
    assert whys == {"the run has 500 system metrics, and more are not kept; log fewer names"}
    assert second.refused[0].what == "metric 'm0010'"
    assert second.refused[0].why == "the run has 10 metrics, and more are not kept; log fewer names"
    assert count(pool, "series") == 510
    assert count(pool) == 2 * 510


def test_what_is_measured_is_no_sign_that_the_training_moves(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=SystemClock())
    silent = _last_seen(pool, run)

    store.write([a_delivery(run, 1, system={"cpu": [(1, NOW_US, 1.0)]})])
    still = _last_seen(pool, run)
    store.write([a_delivery(run, 2, points={"loss": [(1, NOW_US, 1.0)]})])

    assert still == silent
    assert _last_seen(pool, run) > silent


def _last_seen(pool: Pool, run: str) -> dt.datetime:
    with transaction(pool) as connection:
        row = connection.execute(
            "SELECT last_seen_at FROM run_activity WHERE run_id = %s", [run]
        ).fetchone()
    assert row is not None
    return row[0]


def test_a_run_has_only_so_many_curves_and_the_surplus_says_so(pool: Pool) -> None:
    run = a_scratch_run(pool)
    other = a_scratch_run(pool, "scratch-bbbbbbbbbbbb")
    store = IngestStore(pool, clock=SystemClock(), max_series=10)
    why = "the run has 10 metrics, and more are not kept; log fewer names"

    (first,) = store.write([a_delivery(run, 1, points=curves(0, 8))])
    (second,) = store.write([a_delivery(run, 2, points=curves(4, 8))])
    third, of_another = store.write(
        [a_delivery(run, 3, points=curves(0, 12)), a_delivery(other, points=curves(0, 10))]
    )
    # A gateway that has just started does not know what is there.
    anew = IngestStore(pool, clock=SystemClock(), max_series=10)
    (fourth,) = anew.write([a_delivery(run, 4, points=curves(0, 12))])

    assert refusals(first) == refusals(of_another) == []
    assert refusals(second) == [("metric 'm0010'", why), ("metric 'm0011'", why)]
    assert refusals(third) == refusals(fourth) == refusals(second)
    assert count(pool) == 8 + 6 + 10 + 10 + 10
    notices = RunCatalog(pool).notices(run)
    assert notices == dict(refusals(second))


def test_thousands_of_refusals_are_told_in_twenty_lines(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=SystemClock(), max_series=5)

    (outcome,) = store.write([a_delivery(run, points=curves(0, 3000))])

    told = refusals(outcome)
    assert len(told) == 20
    assert told[-1][0] == "2976 others"
    assert count(pool) == 5
    for sequence in range(2, 20):
        store.write([a_delivery(run, sequence, points=curves(3000 * sequence, 3000))])
    assert len(RunCatalog(pool).notices(run)) <= 120


@pytest.mark.parametrize("kind", ["params", "tags"])
def test_a_run_has_only_so_many_params_and_tags_and_the_surplus_says_so(
    pool: Pool, store: IngestStore, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(ingest_batch, f"MOST_{kind.upper()}", 5)
    run = a_scratch_run(pool)
    other = a_scratch_run(pool, "scratch-bbbbbbbbbbbb")
    word = kind.removesuffix("s")

    def some(*numbers: int) -> dict[str, Any]:
        return {kind: {f"n{n}": "x" for n in numbers}}

    first, second, of_another = store.write(
        [
            a_delivery(run, 1, **some(0, 1, 2)),
            a_delivery(run, 1, writer="v", **some(2, 3, 4)),
            a_delivery(other, **some(*range(7))),
        ]
    )
    (third,) = store.write([a_delivery(run, 2, **some(0, 4, 5))])

    assert refusals(first) == refusals(second) == []
    assert refusals(of_another) == [
        (f"{word} 'n5'", f"a flush has at most 5 {kind}"),
        (f"{word} 'n6'", f"a flush has at most 5 {kind}"),
    ]
    assert refusals(third) == [(f"{word} 'n5'", f"the run has 5 {kind}, and more are not kept")]
    assert count(pool, f"run_{kind}") == 10


def test_a_year_of_days_is_stored_and_asks_for_a_chunk_a_day(
    pool: Pool, store: IngestStore
) -> None:
    run = a_scratch_run(pool)
    hours = [(n, NOW_US - n * 3_600_000_000, 1.0) for n in range(365 * 24)]

    (outcome,) = store.write([a_delivery(run, points={"loss": hours})])

    assert isinstance(outcome, Receipt)
    assert count(pool) == len(hours)
    assert count(pool, "metric_chunk_bounds()") <= 365 + 30
    if count(pool, "metric_storage WHERE NOT is_hypertable"):
        assert count(pool, "metric_points_default") == 0


def test_a_flush_that_asks_for_too_many_chunks_is_refused_alone(
    pool: Pool, store: IngestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_store, "MOST_NEW_CHUNKS", 10)
    wild, tame, other = (a_scratch_run(pool, f"scratch-{c * 12}") for c in "abc")
    days = [(n, NOW_US - (n + 3) * DAY_US, 1.0) for n in range(20)]

    outcomes = store.write(
        [
            a_delivery(wild, points={"loss": days}),
            a_delivery(tame, points={"loss": days[:6]}),
            a_delivery(other, points={"loss": days[10:17]}),
        ]
    )
    (again,) = store.write([a_delivery(other, points={"loss": days[10:17]})])

    assert [type(outcome) for outcome in outcomes] == [InvalidFlush, Receipt, StorageUnavailable]
    assert "20 days or hours" in str(outcomes[0])
    assert isinstance(again, Receipt)
    assert count(pool) == 6 + 7


def test_what_is_there_already_counts_as_no_new_chunk(
    pool: Pool, store: IngestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = a_scratch_run(pool)
    days = [(n, NOW_US - (n + 3) * DAY_US, 1.0) for n in range(20)]
    store.write([a_delivery(run, points={"loss": days})])
    monkeypatch.setattr(metric_store, "MOST_NEW_CHUNKS", 10)

    # A gateway that has just started does not know what is there.
    (outcome,) = IngestStore(pool, clock=SystemClock()).write(
        [a_delivery(run, 2, points={"loss": days})]
    )

    assert isinstance(outcome, Receipt)


def test_what_a_script_left_out_is_noted_with_its_newest_number(
    pool: Pool, store: IngestStore
) -> None:
    run = a_scratch_run(pool)

    for sequence, dropped in enumerate((0, 100, 100, 250), start=1):
        store.write([a_delivery(run, sequence, dropped=dropped, points=curves(0, 1))])

    (sentence,) = RunCatalog(pool).notices(run).values()
    assert sentence.startswith("250 left out")


def test_identifiers_are_the_same_everywhere_and_fit_a_bigint() -> None:
    # Stored: another value would tear every curve in two.
    assert series_id(fingerprint("scratch-aaaaaaaaaaaa", "loss")) == 3798456464126948328
    assert all(0 <= series_id(fingerprint("r", str(i))) < 2**63 for i in range(1000))


def test_what_is_known_is_bounded(
    pool: Pool, store: IngestStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_curves, "_MOST", 10)
    run = a_scratch_run(pool)

    for sequence in range(1, 31):
        keys = [f"k{sequence * 3 + i}" for i in range(3)]
        points = {key: [(1, NOW_US, 1.0)] for key in keys}
        store.write([a_delivery(run, sequence, points=points)])

    assert len(store._series.known) < 40
    assert count(pool, "series") == count(pool) == 90


def test_sealing_waits_for_nobody_and_no_flush_slips_in_after_it(
    pool: Pool, store: IngestStore
) -> None:
    run = a_scratch_run(pool)
    store.write([a_delivery(run, points={"x": [(1, NOW_US, 1.0)]}, finish="completed")])
    upkeep = RunUpkeep(pool)

    with transaction(pool) as connection:  # a batch that has not committed yet
        connection.execute("SELECT FROM runs WHERE run_id = %s FOR KEY SHARE", [run])
        while_held = upkeep.seal(SealingRule(grace=dt.timedelta(0)))
    afterwards = upkeep.seal(SealingRule(grace=dt.timedelta(0)))
    (late,) = store.write([a_delivery(run, 2, points={"x": [(2, NOW_US, 1.0)]})])

    assert while_held == ()
    assert afterwards == (run,)
    assert isinstance(late, StateConflict)


def test_stores_that_write_the_same_runs_at_once_do_not_deadlock(pool: Pool) -> None:
    runs = [a_scratch_run(pool, f"scratch-{letter * 12}") for letter in "abcdef"]
    failures: list[BaseException] = []

    def write(name: str) -> None:
        store = IngestStore(pool, clock=SystemClock())
        try:
            for sequence in range(1, 16):
                ordered = runs if sequence % 2 else runs[::-1]
                store.write(
                    [
                        a_delivery(
                            run,
                            sequence,
                            writer=name,
                            points={f"k{sequence}": [(sequence, NOW_US, 1.0)]},
                            params={f"p{sequence}": 1},
                            tags={"t": name},
                            beat=True,
                        )
                        for run in ordered
                    ]
                )
        except BaseException as exc:  # noqa: BLE001 - of a thread, for the assertion below
            failures.append(exc)

    writers = [threading.Thread(target=write, args=(f"w{i}",)) for i in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(timeout=60)

    assert failures == []
    assert count(pool) == 3 * 15 * 6
    record = RunCatalog(pool).get(runs[0], tenant_id=TENANT)
    assert sum(summary.count for summary in record.summary.values()) == 45


VALUES = st.floats(width=64) | st.sampled_from([float("nan"), float("inf"), -float("inf")])
SERIES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.lists(st.tuples(st.integers(-5, 5), st.just(NOW_US), VALUES), max_size=6),
    max_size=3,
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(batches=st.lists(st.lists(SERIES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_summaries_equal_what_the_points_say(pool: Pool, batches: list[list[Any]]) -> None:
    run = _fresh_run(pool)
    store = IngestStore(pool, clock=SystemClock())
    by_key: dict[str, list[tuple[int, float]]] = {}

    for sequence, batch in enumerate(batches, start=1):
        store.write(
            [
                a_delivery(run, sequence, writer=f"w{i}", points=points)
                for i, points in enumerate(batch)
            ]
        )
        for points in batch:
            for key, rows in points.items():
                by_key.setdefault(key, []).extend((step, value) for step, _, value in rows)

    summary = RunCatalog(pool).get(run, tenant_id=TENANT).summary
    expected = {key: rows for key, rows in by_key.items() if rows}
    assert set(summary) == set(expected)
    for key, rows in expected.items():
        numbers = [value for _, value in rows if abs(value) <= 1e290]  # as rollups have it
        # All at one moment: of the points at the highest step the greatest, NaN above all.
        last_step = max(step for step, _ in rows)
        at_last = [value for step, value in rows if step == last_step]
        last = math.nan if any(map(math.isnan, at_last)) else max(at_last)
        assert summary[key].count == len(rows)
        assert summary[key].step == last_step
        assert summary[key].last == pytest.approx(last, nan_ok=True, rel=0, abs=0)
        assert summary[key].min == (min(numbers) if numbers else None)
        assert summary[key].max == (max(numbers) if numbers else None)


_names = iter(range(10**6))


def _fresh_run(pool: Pool) -> RunId:
    return a_scratch_run(pool, f"scratch-{next(_names):06d}")


class _SlowClock:
    """Of a gateway whose machine is 20 minutes behind."""

    def now(self) -> dt.datetime:
        return dt.datetime.now(dt.UTC) - dt.timedelta(minutes=20)


def test_what_is_late_is_judged_by_the_clock_of_the_database(pool: Pool) -> None:
    run = a_scratch_run(pool)
    store = IngestStore(pool, clock=_SlowClock())
    tiers = PostgresMetricTiers(pool)
    late = NOW_US - 18 * 60_000_000  # new to that gateway
    store.write([a_delivery(run, points={"x": [(1, late - 60_000_000, 1.0)]})])
    tiers.refresh(Tier.MINUTES)

    store.write([a_delivery(run, 2, points={"x": [(2, late, 2.0)]})])
    tiers.refresh(Tier.MINUTES)

    with transaction(pool) as connection:
        rolled_up = connection.execute("SELECT sum(count) FROM metric_points_1m").fetchone()
    assert rolled_up == (2,)
