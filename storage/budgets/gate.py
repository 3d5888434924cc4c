"""Whether a sweep that is about to be submitted can ever be paid for, and a rerun now."""

from governance.budgets.exhaustion import verdict
from governance.budgets.forecasts import (
    Forecast,
    OverBudget,
    forecast,
    refusal,
    rerun_refusal,
)
from governance.budgets.predictions import Basis, Prediction
from governance.budgets.spending import BudgetPosition
from storage.budgets.predictions import PostgresPredictor
from storage.budgets.store import BudgetStore
from storage.sweeps.facts import facts_of, facts_of_rerun
from sweeps.clock import Clock, SystemClock
from sweeps.ids import SweepId
from sweeps.rerun_demand import RerunDemand
from sweeps.specs import SweepSpec

_NOBODY = Prediction(basis=Basis.NOTHING)


class PostgresBudgetGate:
    """A `governance.budgets.forecasts.BudgetGate`."""

    def __init__(
        self,
        budgets: BudgetStore,
        predictor: PostgresPredictor,
        *,
        clock: Clock | None = None,
    ) -> None:
        self._budgets = budgets
        self._predictor = predictor
        self._clock = clock or SystemClock()

    def check(self, sweep_id: SweepId, spec: SweepSpec) -> Forecast:
        """What it will cost.

        Raises:
            OverBudget: No trial of it could ever start.
        """
        facts, now = facts_of(sweep_id, spec), self._clock.now()
        with self._budgets.snapshot() as connection:
            positions = self._budgets.covering(connection, facts, now=now)
            prediction = self._predictor.of(connection, facts)
            book = self._budgets.book(connection)
        held = facts.held(gpus=0, gpu_model=facts.gpu_type, capacity="", region="")
        unpriced = held.unpriced(book, now)
        why = refusal(prediction, positions=positions, unpriced=unpriced)
        if why is not None:
            raise OverBudget(why)
        return forecast(prediction, trials=spec.limits.max_trials, positions=positions)

    def check_rerun(self, demand: RerunDemand) -> None:
        """Look whether budgets let a rerun start, now or when others give back what they reserve.

        Raises:
            OverBudget: They do not before they renew.
        """
        positions = self._positions_of(demand)
        if positions:
            why = rerun_refusal(self._predictor.of_rerun(demand), positions=positions)
            if why is not None:
                raise OverBudget(why)

    def ends_rerun(self, demand: RerunDemand) -> str:
        """Why a rerun that runs has to end: a budget is spent that lets nobody finish; empty: it goes on."""
        positions = [one for one in self._positions_of(demand) if not one.budget.finish_running]
        return verdict(positions, _NOBODY).stops if positions else ""

    def _positions_of(self, demand: RerunDemand) -> list[BudgetPosition]:
        spender = facts_of_rerun(demand).spender
        with self._budgets.snapshot() as connection:
            return self._budgets.of_spender(connection, spender, now=self._clock.now())
