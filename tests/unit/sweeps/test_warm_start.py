"""What earlier sweeps teach: results of ended trials that the present space can hold."""

import math

from sweeps.journal import Observation
from sweeps.spaces import Categorical, Configuration, Constant, Float, SearchSpace
from sweeps.states import RunState
from sweeps.warm_start import earlier_observations
from tests.factories import LOSS, SCORE, a_space, a_trial

SPACE = a_space(x=Float(low=0.0, high=1.0))
ENDED = {"state": RunState.COMPLETED, "objective": 0.5, "resource_level": 9}


def kept(space: SearchSpace, *configurations: Configuration) -> list[Configuration]:
    trials = [a_trial(n, configuration=c, **ENDED) for n, c in enumerate(configurations, start=1)]
    return [observation.configuration for observation in earlier_observations(trials, space, LOSS)]


def test_an_ended_trial_becomes_an_observation_without_a_number() -> None:
    trial = a_trial(3, configuration={"x": 0.25}, **ENDED)

    assert earlier_observations([trial], SPACE, SCORE) == (
        Observation(number=0, configuration={"x": 0.25}, loss=-0.5, level=9),
    )


def test_a_stopped_trial_counts_at_its_level_and_a_failed_one_as_a_failure() -> None:
    stopped = a_trial(1, state=RunState.STOPPED, objective=0.75, resource_level=3)
    failed = a_trial(2, state=RunState.FAILED, objective=0.1, resource_level=1)

    found = earlier_observations([stopped, failed], SPACE, LOSS)

    assert [(o.loss, o.level) for o in found] == [(0.75, 3), (None, 1)]


def test_a_result_that_is_no_number_stays_one() -> None:
    trial = a_trial(1, state=RunState.COMPLETED, objective=math.nan, resource_level=3)

    (found,) = earlier_observations([trial], SPACE, LOSS)

    assert found.loss is not None
    assert math.isnan(found.loss)


def test_what_has_not_ended_or_was_ended_without_a_result_says_nothing() -> None:
    trials = [
        a_trial(1, state=RunState.RUNNING, objective=0.5),
        a_trial(2, state=RunState.PAUSED, objective=0.5),
        a_trial(3, state=RunState.CANCELLED),
    ]

    assert earlier_observations(trials, SPACE, LOSS) == ()


def test_what_the_space_cannot_hold_is_dropped() -> None:
    space = SearchSpace(
        parameters={
            "kind": Categorical(choices=("a", "b")),
            "x": Float(low=0.0, high=1.0),
            "epochs": Constant(value=10),
        },
        conditions={"x": {"kind": ("a",)}},
    )

    assert kept(
        space,
        {"kind": "a", "x": 0.5, "epochs": 10},
        {"kind": "b", "epochs": 10},
        {"kind": "a", "epochs": 10},
        {"kind": "b", "x": 0.5, "epochs": 10},
        {"kind": "c", "epochs": 10},
        {"kind": "a", "x": 1.5, "epochs": 10},
        {"kind": "b", "epochs": 20},
        {"kind": "b"},
    ) == [{"kind": "a", "x": 0.5, "epochs": 10}, {"kind": "b", "epochs": 10}]


def test_whole_numbers_become_floats_where_the_space_has_floats() -> None:
    (found,) = kept(a_space(x=Float(low=0.0, high=9.0)), {"x": 3})

    assert isinstance(found["x"], float)
