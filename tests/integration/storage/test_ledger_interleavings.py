"""Whatever the order of attempts, prices, days, writers and crashes: every hour is charged once.

A machine of steps on a real database. The model is a list of attempts and of prices, and adds up in
whole seconds what the books have in entries.
"""

import datetime as dt
import threading
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import chain

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from governance.cost.entries import CENT
from governance.cost.report import GroupBy
from storage.cost.ledger import CostLedger
from storage.cost.reader import CostReader
from storage.database import Pool, open_pool
from storage.policy_store import PolicyStore
from sweeps.errors import StorageUnavailable
from sweeps.specs import Resources
from tests.integration.storage.cost_world import DAY, HOUR, MIDNIGHT, CostWorld
from tests.plugins.postgres import Database

_DAYS = 3
_Prices = tuple[tuple[float, int | None], ...]  # dollars an hour, from which hour on
_MOST_ATTEMPTS = 12
_SWEEP = "digits-aaaaaaaa"
_CRASH = """\
CREATE OR REPLACE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$"""


@dataclass(slots=True)
class Attempt:
    """What the model knows of one; hours after midnight of the first day."""

    attempt_id: str
    run_id: str
    gpus: int
    start: float | None = None  #: None: it waits, or was given up
    end: float | None = None
    is_over: bool = False
    idle: set[int] = field(default_factory=set[int])  #: hours in which one of its GPUs did nothing
    is_measured: bool = True  #: its metrics are there

    def hours(self, low: float, high: float) -> float:
        """GPU-hours that it held in a stretch of time."""
        if self.start is None:
            return 0.0
        end = high if self.end is None else min(self.end, high)
        return max(0.0, end - max(self.start, low)) * self.gpus

    def idle_hours(self, low: float, high: float) -> float:
        """GPU-hours of these that were measured as idle."""
        return sum(max(0.0, min(one + 1.0, high) - max(one, low)) for one in self.idle)


def _corrected(before: _Prices, after: _Prices) -> _Prices:
    """What holds once a file is applied whose entries have dates: where it has none, the old ones."""

    def at(prices: _Prices, hour: float) -> int | None:
        return next((usd for start, usd in reversed(prices) if start <= hour), None)

    starts = sorted({start for start, _ in (*before, *after)})
    pairs = ((start, at(before, start), at(after, start)) for start in starts)
    return tuple((start, old if new is None else new) for start, old, new in pairs)


class Ledger(RuleBasedStateMachine):
    """Steps of launchers, administrators, schedules and crashes. Only GPUs are held, and cost money."""

    pool: Pool

    @initialize(has_past=st.booleans())
    def begin(self, has_past: bool) -> None:
        with self.pool.connection() as connection:
            connection.execute(
                "SELECT delete_metric_series(coalesce(array_agg(series_id), '{}')) FROM series"
            )
            connection.execute(
                "TRUNCATE runs, sweeps, policies, cost_entries, cost_days, usage_daily CASCADE"
            )
            connection.execute(_CRASH)
        self.costs = CostWorld(self.pool, prices="", resources=Resources(cpu=0.0, gpu=1))
        self.reader = CostReader(self.pool, PolicyStore(self.pool))
        self.costs.sweep(_SWEEP)
        self.now = 0.0
        self.attempts: list[Attempt] = []
        self.runs = 0
        #: Dollars an hour, and from which hour of the first day on; None: there is no price.
        self.prices: _Prices = ()
        self.apply_prices(((0.0, 2), (40.25, None)))
        #: What each day has: up to when, GPU-hours by attempt, dollars.
        self.written: dict[int, tuple[float, dict[str, float], Decimal]] = {}
        #: GPU-hours of them that were idle, by attempt.
        self.idle: dict[int, dict[str, float]] = {}
        if has_past:  # what is told late is about days that are written
            for _ in range(2):
                self.create(gpus=1, is_rerun=False)
            self.start_at(self.attempts[0], 0.0, has_node=False)
            self.end_at(self.attempts[0], 10.0, "completed")
            self.now = 30.0
            self.write(0)

    # Attempts.

    gpus_of = st.integers(1, 3)

    @precondition(lambda self: len(self.attempts) < _MOST_ATTEMPTS)
    @rule(gpus=gpus_of, is_rerun=st.booleans())
    def create(self, gpus: int, is_rerun: bool) -> None:
        """A trial, or a rerun of the first one, that waits."""
        self.runs += 1
        if is_rerun and self.runs > 1:
            run = self.costs.rerun(f"scratch-{self.runs:012d}", of=f"{_SWEEP}-00001")
        else:
            run = self.costs.run(_SWEEP, self.runs)
        self.waits(run, gpus)

    def waits(self, run: str, gpus: int) -> None:
        number = 1 + sum(one.run_id == run for one in self.attempts)
        name = self.costs.waiting(run, self.now, number=number)
        self.attempts.append(Attempt(name, run, gpus))
        if run.startswith("scratch"):
            self.costs.admit(name, gpu=gpus, cores=0)

    @precondition(lambda self: self.waiting())
    @rule(data=st.data(), has_node=st.booleans(), late=st.sampled_from([0.0, 0.0, 2.0, 26.0]))
    def launch(self, data: st.DataObject, has_node: bool, late: float) -> None:
        """It gets its place; who says so may come a day later. On a node its process starts later."""
        one = data.draw(st.sampled_from(self.waiting()))
        self.start_at(one, max(0.0, self.now - late), has_node=has_node)

    def start_at(self, one: Attempt, start: float, *, has_node: bool) -> None:
        one.start = start
        self.costs.execute(
            "UPDATE attempts SET state = 'running', gpu_count = %s, gpu_model = 'NVIDIA A100',"
            " started_at = %s, scheduled_at = %s WHERE attempt_id = %s",
            one.gpus, self.at(start + 0.25 * has_node), self.at(start) if has_node else None,
            one.attempt_id,
        )  # fmt: skip

    @precondition(lambda self: self.waiting())
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(self.waiting()))
        self.end_at(one, self.now, "launch_failed")

    @precondition(lambda self: self.live())
    @rule(
        data=st.data(), reason=st.sampled_from(["completed", "script_failed", "preempted"]),
        late=st.sampled_from([0.0, 0.0, 0.5, 30.0]), is_again=st.booleans(),
    )  # fmt: skip
    def end(self, data: st.DataObject, reason: str, late: float, is_again: bool) -> None:
        """It ends; who says so may come a day later. A trial may get another attempt."""
        one = data.draw(st.sampled_from(self.live()))
        assert one.start is not None
        end = max(one.start, self.now - late, *(hour + 1.0 for hour in one.idle))
        self.end_at(one, end, reason)
        if is_again and not one.idle and len(self.attempts) < _MOST_ATTEMPTS:
            self.waits(one.run_id, one.gpus)

    def end_at(self, one: Attempt, end: float, reason: str) -> None:
        one.end, one.is_over = end, True
        self.costs.end(one.attempt_id, end, reason=reason)

    @precondition(lambda self: self.given_up())
    @rule(data=st.data(), more=st.sampled_from([0.5, 20.0, None]))
    def go_on(self, data: st.DataObject, more: float | None) -> None:
        """It had been given up, and has gone on for longer than was thought, or goes on still."""
        one = data.draw(st.sampled_from(self.given_up()))
        assert one.end is not None
        one.end = None if more is None else min(self.now, one.end + more)
        one.is_over = one.end is not None
        self.costs.execute(
            "UPDATE attempts SET state = %s, ended_at = %s, exit_reason = %s,"
            " revised_at = clock_timestamp() WHERE attempt_id = %s",
            "running" if one.end is None else "ended",
            None if one.end is None else self.at(one.end), None if one.end is None else "lost",
            one.attempt_id,
        )  # fmt: skip

    def given_up(self) -> list[Attempt]:
        return [
            one
            for one in self.attempts
            if one.start is not None and one.is_over and one.is_measured
        ]

    # What GPUs did. Each attempt of these is the only one of its run, whose metrics they are.

    @precondition(lambda self: self.unmeasured())
    @rule(data=st.data(), hours=st.sets(st.integers(0, 24 * _DAYS - 1), min_size=1, max_size=9))
    def measure(self, data: st.DataObject, hours: set[int]) -> None:
        """It is told late in which whole hours of its own one of its GPUs did nothing."""
        one = data.draw(st.sampled_from(self.unmeasured()))
        assert one.start is not None
        end = self.now if one.end is None else one.end
        one.idle = {hour for hour in hours if one.start <= hour and hour + 1.0 <= end}
        minutes = (range(hour * 60, hour * 60 + 60) for hour in one.idle)
        self.costs.idle_minutes(one.run_id, 1.0, list(chain.from_iterable(minutes)))

    @precondition(lambda self: self.measured())
    @rule(data=st.data())
    def forget(self, data: st.DataObject) -> None:
        """Retention takes what was measured of one that is over."""
        one = data.draw(st.sampled_from(self.measured()))
        one.is_measured = False
        with self.pool.connection() as connection:
            connection.execute(
                "SELECT delete_metric_series(array_agg(series_id)) FROM series WHERE run_id = %s",
                (one.run_id,),
            )

    def unmeasured(self) -> list[Attempt]:
        return [one for one in self.alone() if one.start is not None and not one.idle]

    def measured(self) -> list[Attempt]:
        return [one for one in self.alone() if one.is_over and one.idle and one.is_measured]

    def alone(self) -> list[Attempt]:
        runs = Counter(one.run_id for one in self.attempts)
        return [one for one in self.attempts if runs[one.run_id] == 1]

    def waiting(self) -> list[Attempt]:
        return [one for one in self.attempts if one.start is None and not one.is_over]

    def live(self) -> list[Attempt]:
        return [one for one in self.attempts if one.start is not None and not one.is_over]

    @rule(hours=st.sampled_from([0.5, 2.75, 9.0, 24.0]))
    def wait(self, hours: float) -> None:
        self.now = min(self.now + hours, 24.0 * _DAYS)

    # Prices.

    @rule(
        change=st.sampled_from([6.0, 23.5, 24.0, 40.25]),
        usd=st.tuples(st.integers(1, 5), st.sampled_from([None, 0, 3])),
        is_back=st.booleans(),
    )  # fmt: skip
    def price(self, change: float, usd: tuple[int, int | None], is_back: bool) -> None:
        """Another price from some hour on; where a file has none, for ever or for five hours, what
        an earlier one said goes on.
        """
        prices = ((0.0, usd[0]), (change, usd[1]), *([(change + 5, 7)] if is_back else ()))
        self.apply_prices(prices)

    def apply_prices(self, prices: _Prices) -> None:
        ends = [*(start for start, _ in prices[1:]), 1000.0]
        lines = [
            f"{{usd_per_gpu_hour: {usd}, from: {self.at(start):%Y-%m-%dT%H:%M:%SZ},"
            f" to: {self.at(end):%Y-%m-%dT%H:%M:%SZ}}}"
            for (start, usd), end in zip(prices, ends, strict=True)
            if usd is not None
        ]
        self.costs.price(f"gpu: [{', '.join(lines)}]\n")
        self.prices = _corrected(self.prices, prices)

    # Days.

    days_of = st.integers(0, _DAYS - 1)

    @rule(day=days_of)
    def write(self, day: int) -> None:
        self.costs.replace(self.date(day), now=self.at(self.now))
        self.note(day)

    @rule(day=days_of)
    def write_late(self, day: int) -> None:
        """Who has looked at the clock an hour ago comes now: nothing that is there gets lost."""
        self.costs.replace(self.date(day), now=self.at(self.now - 1))
        self.note(day, now=self.now - 1)

    @rule(days=st.tuples(days_of, days_of))
    def two_at_once(self, days: tuple[int, int]) -> None:
        together = threading.Barrier(2)
        faults: list[BaseException] = []

        def run(day: int) -> None:
            together.wait()
            try:
                ledger = CostLedger(self.pool, PolicyStore(self.pool))
                ledger.replace(self.date(day), now=self.at(self.now))
                ledger.replace_usage(self.date(day))
            except BaseException as exc:  # noqa: BLE001 - told by the test's own thread
                faults.append(exc)

        threads = [threading.Thread(target=run, args=[day]) for day in days]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        for day in days:
            self.note(day)

    @rule(day=days_of)
    def die(self, day: int) -> None:
        """A writer dies within its transaction, after its entries: the day is as it was."""
        self.costs.execute(
            "CREATE TRIGGER die AFTER INSERT OR UPDATE ON cost_days EXECUTE FUNCTION die()"
        )
        try:
            with pytest.raises(StorageUnavailable):
                self.costs.ledger.replace(self.date(day), now=self.at(self.now))
        finally:
            self.costs.execute("DROP TRIGGER die ON cost_days")

    def note(self, day: int, *, now: float | None = None) -> None:
        low, high = 24.0 * day, 24.0 * (day + 1)
        before = self.written[day][0] if day in self.written else low
        until = max(low, min(high, max(self.now if now is None else now, before)))
        held = {one.attempt_id: one.hours(low, until) for one in self.attempts}
        self.written[day] = (
            until,
            {name: hours for name, hours in held.items() if hours},
            self.usd(low, until),
        )
        kept = self.idle.get(day, {})
        self.idle[day] = {
            one.attempt_id: idle
            for one in self.attempts
            if (
                idle := one.idle_hours(low, until)
                if one.is_measured
                else kept.get(one.attempt_id, 0.0)
            )
        }

    def usd(self, low: float, high: float) -> Decimal:
        """What everything has cost in a stretch of time, by the prices that hold."""
        ends = [*(start for start, _ in self.prices[1:]), 1000.0]
        return sum(
            (
                Decimal(one.hours(max(low, start), min(high, end))) * usd
                for (start, usd), end in zip(self.prices, ends, strict=True)
                if usd is not None and max(low, start) < min(high, end)
                for one in self.attempts
            ),
            Decimal(0),
        )

    # What is always so.

    @invariant()
    def a_day_is_what_was_true_when_it_was_written(self) -> None:
        if not hasattr(self, "written"):
            return
        for day in range(_DAYS):
            _, held, usd = self.written.get(day, (0.0, {}, Decimal(0)))
            charged: dict[str, float] = {}
            idle: dict[str, float] = {}
            owed = Decimal(0)
            for row in self.costs.entries(self.date(day)):
                name, hours = row["attempt_id"], row["quantity"]
                charged[name] = charged.get(name, 0.0) + hours
                if row["is_waste"]:
                    idle[name] = idle.get(name, 0.0) + hours
                owed += row["amount_usd"] or 0
            assert idle == pytest.approx(self.idle.get(day, {}))
            assert charged == pytest.approx(held)
            assert abs(owed - usd) < CENT

    @rule()
    def catch_up(self) -> None:
        """After the schedule's work the books, and what they do not have yet, are all there is."""
        last = self.date(min(int(self.now // 24), _DAYS - 1))
        for day in self.costs.ledger.behind(since=DAY, until=last):
            self.write((day - DAY).days)
        for day, (until, held, _) in self.written.items():
            if until == 24.0 * (day + 1):
                owed = {one.attempt_id: one.hours(24.0 * day, until) for one in self.attempts}
                assert held == pytest.approx({name: hours for name, hours in owed.items() if hours})
        for day in self.written:  # written with prices that hold no more
            self.write(day)
        self.costs.check(*self.costs.days())
        sheet = self.reader.sheet(
            GroupBy.RUN, since=DAY, until=self.date(_DAYS), now=self.at(self.now)
        )
        spent: dict[str, float] = {}
        for line in sheet.lines:
            spent[line.key] = spent.get(line.key, 0.0) + line.quantity
        of_runs: dict[str, float] = {}
        for one in self.attempts:
            if hours := one.hours(0.0, self.now):
                of_runs[one.run_id] = of_runs.get(one.run_id, 0.0) + hours
        assert spent == pytest.approx(of_runs)
        in_all = sum((line.amount_usd for line in sheet.lines), Decimal(0))
        assert abs(in_all - self.usd(0.0, self.now)) < CENT

    def teardown(self) -> None:
        if hasattr(self, "written"):
            self.catch_up()

    @staticmethod
    def at(hours: float) -> dt.datetime:
        return MIDNIGHT + hours * HOUR

    @staticmethod
    def date(day: int) -> dt.date:
        return DAY + dt.timedelta(days=day)


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=4) as pool:
        yield pool


@pytest.mark.slow
def test_every_hour_is_charged_once(pool: Pool) -> None:
    Ledger.pool = pool
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=8,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
