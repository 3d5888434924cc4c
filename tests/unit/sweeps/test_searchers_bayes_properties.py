"""What holds of a Bayesian suggestion whatever the space, the results and their order."""

import math

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sweeps import spaces as sweep_spaces
from sweeps.searchers.bayesian_search import BayesianSearch
from sweeps.spaces import Categorical, Configuration, Constraint, Float, Int, SearchSpace
from sweeps.strategies import suggestion_rng
from tests.factories import a_history
from tests.unit.sweeps.test_spaces_conditions import spaces

VALUES = st.one_of(
    st.none(),
    st.floats(),
    st.sampled_from([0.0, 1.0, 1e300, -1e300, 5e-324, math.nan, math.inf, -math.inf]),
)
quick = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)


def some_points(space: SearchSpace, n: int) -> list[Configuration]:
    return [space.sample(suggestion_rng(9, number)) for number in range(1, n + 1)]


@quick
@given(spaces(), st.lists(VALUES, max_size=12), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_a_suggestion_is_a_new_point_of_the_space_or_there_is_none_left(
    space: SearchSpace, values: list[float | None], n_pending: int, seed: int
) -> None:
    assume(space.size() != 0)
    points = some_points(space, len(values) + n_pending)
    history = a_history(list(zip(points, values, strict=False)), pending=points[len(values) :])
    searcher = BayesianSearch(space, initial_points=3)
    number = len(points) + 1

    suggested = searcher.suggest(number=number, history=history, rng=suggestion_rng(seed, number))

    known = {sweep_spaces.key(point) for point in points}
    size = space.size()
    if suggested is None:
        assert size is not None
        assert len(known) == size
        return
    assert space.contains(suggested)
    if size is not None:
        assert sweep_spaces.key(suggested) not in known
    again = BayesianSearch(space, initial_points=3).suggest(
        number=number, history=history, rng=suggestion_rng(seed, number)
    )
    assert again == suggested, "a function of journal, number and seed"


@quick
@given(
    st.lists(VALUES, max_size=30), st.integers(0, 8), st.sampled_from(["", "a < b", "n * a > 0.5"])
)
def test_ranges_without_end_never_run_out(
    values: list[float | None], n_pending: int, constraint: str
) -> None:
    space = SearchSpace(
        parameters={
            "a": Float(low=0.0, high=1.0),
            "b": Float(low=1e-6, high=1e3, log=True),
            "n": Int(low=1, high=10**6, log=True),
            "kind": Categorical(choices=("x", 1, 1.0, True)),
            "only_x": Float(low=-1.0, high=1.0, step=0.25),
        },
        conditions={"only_x": {"kind": ("x",)}},
        constraints=(Constraint(constraint),) if constraint else (),
    )
    points = some_points(space, len(values) + n_pending)
    history = a_history(list(zip(points, values, strict=False)), pending=points[len(values) :])
    number = len(points) + 1

    suggested = BayesianSearch(space, initial_points=3).suggest(
        number=number, history=history, rng=suggestion_rng(1, number)
    )

    assert suggested is not None
    assert space.contains(suggested)
    assert suggested not in points
