"""Whether a sweep that is about to be submitted can ever be paid for."""

from governance.budgets.forecasts import Forecast, OverBudget, forecast, refusal
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.store import BudgetStore
from storage.database import Pool, snapshot
from storage.sweeps.facts import facts_of
from sweeps.clock import Clock, SystemClock
from sweeps.ids import SweepId
from sweeps.specs import SweepSpec


class PostgresBudgetGate:
    """A `governance.budgets.forecasts.BudgetGate`."""

    def __init__(
        self,
        pool: Pool,
        budgets: BudgetStore,
        predictor: PostgresPredictor,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._pool = pool
        self._budgets = budgets
        self._predictor = predictor
        self._clock = clock or SystemClock()

    def check(self, sweep_id: SweepId, spec: SweepSpec) -> Forecast:
        """What it will cost.

        Raises:
            OverBudget: No trial of it could ever start.
        """
        facts, now = facts_of(sweep_id, spec), self._clock.now()
        with snapshot(self._pool) as connection:
            positions = self._budgets.covering(connection, facts, now=now)
            prediction = self._predictor.of(connection, facts)
        held = facts.held(gpus=0, gpu_model=facts.gpu_type, capacity="", region="")
        unpriced = held.unpriced(self._budgets.book, now)
        why = refusal(prediction, positions=positions, unpriced=unpriced)
        if why is not None:
            raise OverBudget(why)
        return forecast(prediction, trials=spec.limits.max_trials, positions=positions)
