"""What the UI shows of a sweep, whatever people call their metrics and parameters."""

import dagster as dg
import pytest

from assets.leaderboard import sweep_metadata, trials_frame
from sweeps.objectives import Direction, Objective
from sweeps.spaces import Float
from tests.factories import a_space, a_spec
from tests.simulation import Simulation

NAMES = ["trial", "state", "level", "seconds", "objective", "loss"]


@pytest.mark.parametrize("metric", NAMES)
@pytest.mark.parametrize("parameter", ["x", *NAMES])
def test_no_name_is_taken(metric: str, parameter: str) -> None:
    spec = a_spec(
        objective=Objective(metric=metric, direction=Direction.MINIMIZE),
        space=a_space(**{parameter: Float(low=0.0, high=1.0)}),
    )
    snapshot = Simulation(spec).run_to_end()

    metadata = sweep_metadata(snapshot)

    table = metadata["leaderboard"]
    assert isinstance(table, dg.TableMetadataValue)
    names = [column.name for column in table.schema.columns]
    assert len(names) == len(set(names)) == 6
    assert len(table.records) == 6
    assert metadata["best_configuration"].value == dict(
        min(snapshot.trials, key=lambda trial: trial.objective or 0.0).configuration
    )


def test_names_that_are_free_are_shown_as_they_are() -> None:
    table = sweep_metadata(Simulation(a_spec()).run_to_end())["leaderboard"]

    assert isinstance(table, dg.TableMetadataValue)
    assert [column.name for column in table.schema.columns] == [
        "trial", "state", "loss", "level", "seconds", "x",
    ]  # fmt: skip


def test_the_best_come_first_and_failures_last() -> None:
    frame = trials_frame(Simulation(a_spec()).run_to_end())

    assert frame["objective"].is_monotonic_increasing
