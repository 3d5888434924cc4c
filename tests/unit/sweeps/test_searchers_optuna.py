"""Another library's samplers behind our port."""

import math
import warnings
from collections.abc import Iterator

import pytest

from sweeps.journal import Journal
from sweeps.searchers.optuna_search import OptunaSearch, SamplerMissing
from sweeps.spaces import Categorical, Constant, Float, Int, LogNormal, Ordinal
from sweeps.strategies import make_strategy, suggestion_rng
from sweeps.trials import ConcludedTrial
from tests.factories import LOSS, a_history, a_space, a_spec, a_suggestion
from tests.simulation import Simulation
from tests.unit.sweeps.test_searchers_bayes import search

SPACE = a_space(
    lr=Float(low=1e-5, high=1.0, log=True),
    depth=Int(low=1, high=8),
    kind=Categorical(choices=("relu", 1, True, 1.0)),
    size=Ordinal(choices=("s", "m", "l")),
    fixed=Constant(value="adam"),
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is experimental there is their affair
        yield


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc"])
def test_suggestions_belong_to_the_space(sampler: str) -> None:
    found = search(OptunaSearch(SPACE, sampler=sampler), lambda c: float(c["lr"]), 15)

    assert len(found) == 15
    assert all(SPACE.contains(configuration) for configuration, _ in found)


def test_it_learns() -> None:
    def loss(configuration: object) -> float:
        return (math.log10(float(configuration["lr"])) + 3) ** 2  # type: ignore[index]

    found = search(OptunaSearch(SPACE, sampler="tpe"), loss, 40)

    late = sorted(value or 0.0 for _, value in found[20:])
    early = sorted(value or 0.0 for _, value in found[:10])
    assert late[10] < early[5]


def test_the_same_history_gives_the_same_answer_in_another_process() -> None:
    history = a_history(
        [({"lr": 0.1, "depth": 2, "kind": True, "size": "m", "fixed": "adam"}, 0.5)] * 1,
        [{"lr": 0.2, "depth": 3, "kind": 1, "size": "l", "fixed": "adam"}],
    )

    answers = [
        OptunaSearch(SPACE, sampler="tpe").suggest(
            number=3, history=history, rng=suggestion_rng(1, 3)
        )
        for _ in range(2)
    ]

    assert answers[0] == answers[1]


def test_a_sequence_goes_on_where_it_was() -> None:
    space = a_space(x=Float(low=0.0, high=1.0), y=Float(low=0.0, high=1.0))

    found = search(OptunaSearch(space, sampler="qmc"), lambda _: 1.0, 33)

    # The points 1 to 32 of Sobol's sequence: one in each of 16 equal intervals, twice.
    for name in ("x", "y"):
        places = [int(float(c[name]) * 16) for c, _ in found[1:]]
        assert max(places.count(place) for place in range(16)) <= 3


def test_priors_and_steps_are_kept() -> None:
    space = a_space(
        rate=Float(low=1e-6, high=1.0, prior=LogNormal(mean=-7.0, std=1.0)),
        drop=Float(low=0.0, high=0.9, step=0.15),
        width=Int(low=8, high=500, log=True, step=8),
    )

    found = search(OptunaSearch(space, sampler="tpe"), lambda c: float(c["drop"]), 20)

    assert all(space.contains(configuration) for configuration, _ in found)
    assert sum(float(c["rate"]) < 0.01 for c, _ in found) > 15


def test_a_finite_space_is_used_up_without_repetition() -> None:
    space = a_space(n=Int(low=1, high=3), kind=Categorical(choices=("a", "b")))

    found = search(OptunaSearch(space, sampler="tpe"), lambda c: float(c["n"]), 20)

    assert len({tuple(configuration.items()) for configuration, _ in found}) == len(found) == 6


def test_failures_and_odd_values_are_taken() -> None:
    values = iter([None, math.nan, math.inf, 1.0, 1.0, 1e300, 0.5, 0.4])

    found = search(OptunaSearch(SPACE, sampler="tpe"), lambda _: next(values), 8)

    assert len(found) == 8


def test_what_is_not_installed_is_named_with_the_way_to_get_it() -> None:
    with pytest.raises(SamplerMissing, match=r"cmaes.*pip install 'sweepworks-platform\[optuna\]'"):
        OptunaSearch(SPACE, sampler="cmaes")


def test_a_sweep_may_name_it() -> None:
    spec = a_spec(strategy="optuna", max_trials=5)

    assert make_strategy(spec).is_costly
    assert len(Simulation(spec).run_to_end().trials) == 5


def test_a_trial_that_ended_at_a_low_rung_is_not_taken_for_a_complete_one() -> None:
    space = a_space(x=Float(low=0.0, high=1.0))
    journal = Journal(LOSS)
    ended = [(0.1, 9, 0.5), (0.2, 1, 0.4), (0.3, 27, 0.3), (0.4, None, None)]
    for number, (x, level, value) in enumerate(ended, start=1):
        journal.ask(a_suggestion(number, configuration={"x": x}))
        told = ConcludedTrial(number=number, sequence=10 + number, value=value, level=level)
        journal.tell(told)
    search = OptunaSearch(space, sampler="tpe", levels=(1, 3, 9))

    study = search._study(journal.history(), number=5, seed=1)

    assert [(t.state.name, t.value, t.intermediate_values) for t in study.trials] == [
        ("COMPLETE", 0.5, {}),
        ("PRUNED", None, {1: 0.4}),
        ("COMPLETE", 0.3, {}),
        ("FAIL", None, {}),
    ]
