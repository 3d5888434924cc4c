"""What trials cost beside what they came to."""

from decimal import Decimal

import pytest

from governance.cost.trials import saved_by_stopping, trial_costs
from sweeps.specs import SchedulerSpec
from sweeps.states import RunState
from sweeps.trials import Trial
from tests.factories import LOSS, SCORE, a_trial

ASHA = SchedulerSpec(name="asha", max_resource=9)


def trial(number: int, objective: float | None, level: int, state: RunState) -> Trial:
    return a_trial(number, objective=objective, resource_level=level, state=state)


TRIALS = [
    trial(1, 0.50, 9, RunState.COMPLETED),
    trial(2, 0.501, 9, RunState.COMPLETED),
    trial(3, 0.9, 3, RunState.STOPPED),
    trial(4, None, 0, RunState.FAILED),
]
SPENT = {t.run_id: Decimal(usd) for t, usd in zip(TRIALS, (9, 4, 2, 1), strict=True)}


def test_the_best_has_its_price_and_so_has_the_cheapest_that_is_as_good() -> None:
    costs = trial_costs(TRIALS, spent=SPENT, objective=LOSS, scheduler=ASHA)

    assert costs.best is TRIALS[0]
    assert costs.best_usd == 9
    assert costs.near_best is TRIALS[1]
    assert costs.near_best_usd == 4
    assert costs.by_trial == {1: 9, 2: 4, 3: 2, 4: 1}


def test_the_best_goes_by_the_direction() -> None:
    costs = trial_costs(TRIALS, spent=SPENT, objective=SCORE, scheduler=ASHA)

    assert costs.best is TRIALS[2]
    assert costs.near_best is TRIALS[2]


def test_a_trial_that_was_stopped_has_saved_the_rest_of_its_way() -> None:
    saving = saved_by_stopping(TRIALS, spent=SPENT, scheduler=ASHA)

    assert saving is not None
    assert (saving.usd, saving.trials, saving.uncounted) == (4, 1, 0)
    assert saving.share_of(Decimal(16)) == pytest.approx(0.2)


def test_without_a_last_level_trials_go_as_far_as_the_furthest() -> None:
    saving = saved_by_stopping(TRIALS, spent=SPENT, scheduler=SchedulerSpec())

    assert saving is not None
    assert (saving.usd, saving.trials) == (4, 1)  # trial 1 went to 9, as ASHA would have it


def test_what_has_no_price_or_no_level_is_not_counted() -> None:
    stopped = TRIALS[2]
    early = trial(5, None, 0, RunState.STOPPED)

    for options in ({"unpriced": {stopped.run_id}}, {"spent": {}}):
        saving = saved_by_stopping(
            [stopped, early], **{"spent": SPENT, "scheduler": ASHA, **options}
        )  # pyright: ignore[reportArgumentType]  names of parameters

        assert saving is not None
        assert (saving.usd, saving.trials, saving.uncounted) == (0, 0, 2)


def test_nothing_is_saved_when_nothing_was_stopped() -> None:
    assert saved_by_stopping(TRIALS[:2], spent=SPENT, scheduler=ASHA) is None


def test_without_results_there_is_no_best() -> None:
    costs = trial_costs(TRIALS[3:], spent=SPENT, objective=LOSS, scheduler=ASHA)

    assert costs.best is None
    assert costs.near_best_usd is None
