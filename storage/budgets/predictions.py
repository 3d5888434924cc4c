"""What attempts will take and cost, from the rows of earlier ones."""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import psycopg

from governance.budgets.predictions import (
    ENOUGH,
    Basis,
    Experience,
    Finished,
    Prediction,
    Rates,
    levels_ahead,
    predict,
)
from governance.cost.prices import PriceBook
from storage import queries
from storage.database import Pool, transaction
from storage.sweeps.facts import AttemptFacts, SweepFacts, facts_of, facts_of_rerun
from sweeps.clock import Clock, SystemClock
from sweeps.ids import AttemptId, SweepId
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import SweepSpec

_QUERIES = queries.load("budgets")
_NEWEST = 200  # attempts that are looked at
_SWEEPS = 5  # of the experiment, likewise
Connection = psycopg.Connection[tuple[Any, ...]]


class PostgresPredictor:
    """Predicts attempts of sweeps. Every method raises `StorageUnavailable`.

    Args:
        book: Gives prices as they hold now, by a connection that is held already.
    """

    def __init__(
        self, pool: Pool, *, book: Callable[[Connection], PriceBook], clock: Clock | None = None
    ) -> None:
        self._pool = pool
        self._book = book
        self._clock = clock or SystemClock()

    def __call__(
        self, sweep_id: SweepId, spec: SweepSpec, attempt_ids: Sequence[AttemptId]
    ) -> Mapping[AttemptId, Prediction]:
        """For each of the attempts, which all are of that sweep."""
        facts = facts_of(sweep_id, spec)
        with transaction(self._pool) as connection:
            experience, rates = self._known(connection, facts)
            rows = connection.execute(
                _QUERIES["reached_levels"], {"attempt_ids": list(attempt_ids)}
            ).fetchall()
        reached = {row[0]: int(row[1]) for row in rows}
        by_level = {
            level: _predicted(facts, experience, rates, reached=level)
            for level in {0, *reached.values()}
        }
        return {one: by_level[reached.get(one, 0)] for one in attempt_ids}

    def of(self, connection: Connection, facts: SweepFacts) -> Prediction:
        """What the next new trial of a sweep will take; the sweep need not be there yet."""
        experience, rates = self._known(connection, facts)
        return _predicted(facts, experience, rates, reached=0)

    def of_rerun(self, demand: RerunDemand) -> Prediction:
        """What a rerun will take: as long as the run that it repeats, and earlier reruns of it.

        Where these have not come to an end, it is what trials of the run's sweep have taken.
        """
        of_run = {"run_id": demand.repeats, "limit": _NEWEST}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["finished_runs"], of_run).fetchall()
            machine = connection.execute(_QUERIES["machine_of_run"], of_run).fetchone()
            sweep_id, *parts = machine or (None, None, None, None)
            experience, basis = Experience(sweep=_as_finished(rows)), Basis.RUN
            if not rows and sweep_id is not None:
                experience, basis = Experience(sweep=_finished(connection, [sweep_id])), Basis.SWEEP
            book = self._book(connection)
        rates = _rates(facts_of_rerun(demand), book, tuple(parts), self._clock.now())
        found = predict(
            experience,
            rates=rates,
            levels=demand.max_resource,
            timeout=None if demand.timeout is None else demand.timeout.total_seconds(),
        )
        return replace(found, basis=basis) if found.basis is Basis.SWEEP else found

    def _known(self, connection: Connection, facts: SweepFacts) -> tuple[Experience, Rates]:
        sweep_id, now = facts.sweep_id, self._clock.now()
        own = _finished(connection, [sweep_id])
        others: list[str] = []
        if len(own) < ENOUGH:
            parameters = {
                "tenant_id": facts.spender.tenant,
                "experiment": facts.spender.experiment,
                "sweep_id": sweep_id,
                "limit": _SWEEPS,
            }
            others = [row[0] for row in connection.execute(_QUERIES["earlier_sweeps"], parameters)]
        row = connection.execute(_QUERIES["longest_live"], {"sweep_id": sweep_id}).fetchone()
        began = None if row is None else row[0]
        experience = Experience(
            sweep=own,
            experiment=_finished(connection, others) if others else (),
            longest_live=0.0 if began is None else max((now - began).total_seconds(), 0.0),
        )
        machine = connection.execute(
            _QUERIES["last_machine"], {"sweep_ids": [sweep_id, *others]}
        ).fetchone()
        return experience, _rates(facts, self._book(connection), machine, now)


def _finished(connection: Connection, sweep_ids: Sequence[str]) -> list[Finished]:
    parameters = {"sweep_ids": list(sweep_ids), "limit": _NEWEST}
    return _as_finished(connection.execute(_QUERIES["finished_attempts"], parameters))


def _as_finished(rows: Iterable[tuple[Any, ...]]) -> list[Finished]:
    return [Finished(seconds=max(seconds, 0.0), levels=levels) for seconds, levels in rows]


def _rates(
    facts: AttemptFacts, book: PriceBook, machine: tuple[Any, ...] | None, now: dt.datetime
) -> Rates:
    model, capacity, region = (part or "" for part in machine or ("", "", ""))
    held = facts.held(gpus=0, gpu_model=model or facts.gpu_type, capacity=capacity, region=region)
    return Rates(usd=held.predicted_usd_per_hour(book, now), gpus=held.gpus)


def _predicted(
    facts: SweepFacts, experience: Experience, rates: Rates, *, reached: int
) -> Prediction:
    return predict(
        experience,
        rates=rates,
        levels=levels_ahead(facts.scheduler, reached=reached),
        timeout=facts.timeout,
    )
