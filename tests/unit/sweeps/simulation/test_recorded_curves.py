"""Recorded curves: the nearest one is followed, between levels on a line, beyond its ends held."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.simulation.curves import Outcome
from sweeps.simulation.recorded import InvalidCurves, Point, RecordedCurves, RecordedTrial
from sweeps.simulation.recordings import trials_of_csv, trials_of_sweep
from sweeps.simulation.simulated_sweep import SimulatedSweep
from sweeps.spaces import (
    Categorical,
    Configuration,
    Constant,
    Float,
    Int,
    Ordinal,
    SearchSpace,
)
from sweeps.specs import SchedulerSpec
from tests.factories import LOSS, SCORE, a_spec

SPACE = SearchSpace(
    parameters={
        "lr": Float(low=1e-4, high=1.0, log=True),
        "layers": Int(low=1, high=9),
        "width": Ordinal(choices=(8, 32, 512)),
        "optimizer": Categorical(choices=("sgd", "adam", 1, True)),
        "momentum": Float(low=0.0, high=1.0),
        "epochs": Constant(value=27),
    },
    conditions={"momentum": {"optimizer": ("sgd",)}},
)
HERE: Configuration = {
    "lr": 0.01, "layers": 5, "width": 32, "optimizer": "sgd", "momentum": 0.5, "epochs": 27,
}  # fmt: skip


def a_trial(configuration: Configuration = HERE, **values: float) -> RecordedTrial:
    """Values by level, as ``l3=0.5``; a second a level."""
    points = [
        Point(level=int(name[1:]), value=value, seconds=float(name[1:]))
        for name, value in (values or {"l1": 0.0}).items()
    ]
    return RecordedTrial(configuration, points)


def without_momentum(**changes: object) -> Configuration:
    kept = {name: value for name, value in HERE.items() if name != "momentum"}
    return {**kept, "optimizer": "adam", **changes}  # type: ignore[dict-item]


configurations = st.builds(
    SPACE.from_units,
    st.lists(st.floats(0, 1), min_size=6, max_size=6),
)
curves = st.lists(
    st.tuples(st.integers(1, 60), st.floats(-1e6, 1e6), st.floats(0, 1e6)), min_size=1, max_size=8
).map(lambda rows: [Point(level=lv, value=v, seconds=s) for lv, v, s in rows])
trials = st.builds(RecordedTrial, configurations, curves)


@given(trials, st.integers(1, 100))
def test_values_stay_between_those_recorded(trial: RecordedTrial, level: int) -> None:
    recorded = [trial.at(known).value for known in trial.levels]

    assert min(recorded) - 1e-6 <= trial.at(level).value <= max(recorded) + 1e-6


@given(trials)
def test_training_longer_never_costs_less(trial: RecordedTrial) -> None:
    seconds = [trial.at(level).seconds for level in range(1, 100)]

    assert all(later >= earlier - 1e-6 for earlier, later in itertools.pairwise(seconds))


@given(st.lists(trials, min_size=1, max_size=6), configurations, st.integers(1, 100))
def test_any_configuration_follows_one_recorded_curve(
    recorded: list[RecordedTrial], configuration: Configuration, level: int
) -> None:
    known = RecordedCurves(SPACE, recorded)
    distances = known.distances(configuration)

    assert known(configuration, level) in [trial.at(level) for trial in recorded]
    assert ((distances >= 0) & (distances <= 1)).all()


@given(st.lists(trials, min_size=1, max_size=6))
def test_a_recorded_configuration_follows_its_own_curve(recorded: list[RecordedTrial]) -> None:
    known = RecordedCurves(SPACE, recorded)

    for trial in recorded:
        assert known.distances(known.nearest(trial.configuration).configuration).min() == 0
        assert known.distances(trial.configuration).min() == 0


def test_between_levels_values_lie_on_a_line_and_beyond_them_they_are_held() -> None:
    trial = a_trial(l2=1.0, l4=0.5, l8=0.1)

    values = [trial.at(level).value for level in (1, 2, 3, 4, 6, 8, 100)]

    assert values == [1.0, 1.0, 0.75, 0.5, pytest.approx(0.3), 0.1, 0.1]


def test_seconds_go_on_beyond_the_last_level() -> None:
    trial = a_trial(l2=1.0, l4=0.5)

    assert [trial.at(level).seconds for level in (1, 2, 3, 4, 8)] == [1.0, 2.0, 3.0, 4.0, 8.0]


def test_a_curve_that_diverges_does_so_where_it_did() -> None:
    trial = a_trial(l1=1.0, l2=0.5, l3=math.nan)

    assert trial.at(2).value == 0.5
    assert math.isnan(trial.at(3).value)
    assert math.isnan(trial.at(9).value)


def test_a_result_at_level_0_is_one_at_level_1() -> None:
    assert a_trial(l0=0.5).levels == [1]


def test_the_nearest_is_found_on_the_scale_of_the_parameter() -> None:
    low, high = a_trial({**HERE, "lr": 1e-3}, l1=0.0), a_trial({**HERE, "lr": 1.0}, l1=1.0)
    known = RecordedCurves(SPACE, [low, high])

    assert known({**HERE, "lr": 0.02}, 1).value == 0.0  # by the logarithm; linearly also near 0
    assert known({**HERE, "lr": 0.05}, 1).value == 1.0


def test_choices_are_the_same_or_not_and_ordinals_have_neighbours() -> None:
    known = RecordedCurves(SPACE, [a_trial()])

    def gap(configuration: Configuration) -> float:
        return float(known.distances(configuration)[0]) * len(SPACE.parameters)

    assert gap(HERE) == 0
    assert gap({**HERE, "width": 512}) == pytest.approx(1 / 3)
    assert gap(without_momentum()) == pytest.approx(2)  # another choice, and no momentum
    assert gap(without_momentum(optimizer=1)) == gap(without_momentum(optimizer=True))


def test_1_and_true_are_different_choices() -> None:
    one, true = (a_trial(without_momentum(optimizer=o), l1=float(o)) for o in (1, True))
    known = RecordedCurves(SPACE, [one, true])

    assert known.nearest(without_momentum(optimizer=True)) is true
    assert known.nearest(without_momentum(optimizer=1)) is one


def test_choices_and_parameters_that_are_gone_from_the_space_are_like_no_other() -> None:
    gone = a_trial({**HERE, "optimizer": "adagrad", "dropout": 0.5}, l1=1.0)
    known = RecordedCurves(SPACE, [gone])

    assert known.distances(HERE)[0] == pytest.approx(1 / 6)


def test_of_repeated_configurations_the_longest_curve_is_followed() -> None:
    short, long = a_trial(l1=0.5), a_trial(l1=0.6, l9=0.1)

    assert RecordedCurves(SPACE, [short, long]).nearest(HERE) is long


def test_the_best_is_that_of_the_highest_level_either_way() -> None:
    known = RecordedCurves(
        SPACE,
        [
            a_trial({**HERE, "layers": 1}, l1=0.9, l9=0.5),
            a_trial({**HERE, "layers": 2}, l1=0.1, l9=0.7),
            a_trial({**HERE, "layers": 3}, l1=0.1, l9=math.inf),
        ],
    )

    assert (known.best(LOSS), known.best(SCORE)) == (0.5, 0.7)
    assert (known.levels, known.n_whole) == ((1, 9), 3)


def test_without_trials_there_is_nothing_to_simulate_with() -> None:
    with pytest.raises(InvalidCurves):
        RecordedCurves(SPACE, [])


# Where they come from

HEADER = "trial,lr,layers,param.width,optimizer,momentum,level,value,seconds"


def read(*lines: str) -> list[RecordedTrial]:
    return trials_of_csv("\n".join([HEADER, *lines]), SPACE, source="c.csv")


def test_a_table_has_a_line_for_each_report() -> None:
    one, other = read(
        "1,0.01,5,32,sgd,0.5,1,0.9,10", "1,0.01,5,32,sgd,0.5,2,0.8,20", "2,1e-3,6,8,true,,1,nan,4"
    )

    assert one.configuration == HERE
    assert one.at(2) == Outcome(value=0.8, seconds=20.0)
    assert other.configuration == without_momentum(lr=1e-3, layers=6, width=8, optimizer=True)
    assert math.isnan(other.at(1).value)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1,0.01,5,32,sgd,0.5,x,0.9,10", "c.csv:2: level is 'x'"),
        ("1,0.01,5,32,sgd,0.5,1.5,0.9,10", "c.csv:2: level must be a whole number"),
        ("1,0.01,5,32,sgd,0.5,1,,10", "value is ''"),
        ("1,0.01,5,32,sgd,0.5,1,0.5,-1", "0 or more"),
        ("1,much,5,32,sgd,0.5,1,0.5,1", "lr is 'much'"),
        ("1", "seconds is ''"),
    ],
)
def test_what_is_no_such_table_is_refused_with_its_line(line: str, said: str) -> None:
    with pytest.raises(InvalidCurves, match=said.replace("(", "[(]")):
        read(line)


def test_missing_columns_are_named() -> None:
    with pytest.raises(InvalidCurves, match="no column seconds, lr, width"):
        trials_of_csv("trial,layers,optimizer,momentum,level,value\n", SPACE, source="c.csv")


def test_a_sweep_gives_back_the_curves_it_was_made_of() -> None:
    def original(configuration: Configuration, level: int) -> Outcome:
        value = float(configuration["lr"]) + 1 / level
        return Outcome(value=value, seconds=level * float(configuration["layers"]))

    scheduler = SchedulerSpec(name="asha", variant="promotion", max_resource=9)
    spec = a_spec(space=SPACE, scheduler=scheduler, max_trials=20, max_parallel=3)
    snapshot = SimulatedSweep(spec, original, (1, 3, 9)).run()

    recorded = trials_of_sweep(snapshot)

    assert len(recorded) == 20
    assert {trial.levels[-1] for trial in recorded} == {1, 3, 9}
    for trial in recorded:
        for level in trial.levels:
            expected = original(trial.configuration, level)
            assert trial.at(level).value == expected.value
            assert trial.at(level).seconds == pytest.approx(expected.seconds)
