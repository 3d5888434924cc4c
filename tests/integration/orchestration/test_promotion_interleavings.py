"""Whatever the order of evaluations, words, moves, crashes and clashes: only what has earned it is there."""

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from storage.database import Pool
from tests.integration.orchestration.promotion_machine import Promotions


def run_machine(pool: Pool, *, examples: int, steps: int) -> Counter[str]:
    """What has happened at all."""
    Promotions.pool = pool
    Promotions.seen.clear()
    run_state_machine_as_test(
        Promotions,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
    return Promotions.seen


def test_only_what_has_earned_it_is_in_production_whatever_happens(pool: Pool) -> None:
    assert run_machine(pool, examples=3, steps=20)["promoted"] > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_only_what_has_earned_it_is_in_production_however_long_it_takes(pool: Pool) -> None:
    seen = run_machine(pool, examples=15, steps=40)

    assert {"promoted", "rolled_back", "rejected", "killed"} <= set(seen)
