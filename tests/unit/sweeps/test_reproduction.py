"""When a run counts as reproduced."""

from typing import Any

import pytest

from sweeps.reproduction import (
    InvalidTolerance,
    MetricDifference,
    Tolerance,
    Verdict,
    judge,
    overall,
    parse_tolerance,
    spread,
    worst,
)

ONE_PERCENT = Tolerance(0.01)


def a_difference(key: str = "loss", **changes: Any) -> MetricDifference:
    return MetricDifference(
        **{
            "key": key, "kind": "curve", "steps": 10, "steps_again": 10, "common": 10,
            "different": 0, "first_different": None, "largest_absolute": 0.0, "absolute_at": None,
            "largest_relative": 0.0, "relative_at": None, "last_step": 9, "last_step_again": 9,
            "final": 1.0, "final_again": 1.0, **changes,
        }
    )  # fmt: skip


def apart(absolute: float, relative: float, key: str = "loss") -> MetricDifference:
    return a_difference(key, different=3, largest_absolute=absolute, largest_relative=relative)


def verdict(difference: MetricDifference, tolerance: Tolerance = ONE_PERCENT) -> Verdict:
    (judged,) = judge([difference], tolerance=tolerance, of={})
    return judged.verdict


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (a_difference(), Verdict.BITWISE),
        (apart(5.0, 0.009), Verdict.WITHIN),
        (apart(0.0001, 0.02), Verdict.DIFFERS),
        (apart(float("inf"), float("inf")), Verdict.DIFFERS),
        (a_difference(steps_again=0, common=0, last_step_again=None), Verdict.DIFFERS),
        (a_difference(steps=0, common=0, last_step=None), Verdict.NOT_COMPARABLE),
        (a_difference(common=0, largest_absolute=None), Verdict.NOT_COMPARABLE),
        # It was stopped early, and its rerun was not.
        (a_difference(steps_again=20, last_step_again=19), Verdict.BITWISE),
        # It lacks some in the middle, and of these nobody knows.
        (a_difference(common=7), Verdict.WITHIN),
        # The rerun has crashed half-way.
        (a_difference(steps_again=5, common=5, last_step_again=4), Verdict.DIFFERS),
    ],
)
def test_a_metric_gets_a_verdict(difference: MetricDifference, expected: Verdict) -> None:
    assert verdict(difference) is expected


def test_a_tolerance_may_be_absolute() -> None:
    assert verdict(apart(0.001, 0.5), Tolerance(0.001, is_absolute=True)) is Verdict.WITHIN
    assert verdict(apart(0.0011, 0.0), Tolerance(0.001, is_absolute=True)) is Verdict.DIFFERS


def test_metrics_may_have_tolerances_of_their_own_or_be_ignored() -> None:
    differences = [apart(1.0, 0.5, "loss"), apart(9.0, 0.9, "seconds"), a_difference("acc")]

    judged = judge(differences, tolerance=ONE_PERCENT, of={"loss": Tolerance(0.6), "seconds": None})

    assert [(m.difference.key, m.verdict) for m in judged] == [
        ("loss", Verdict.WITHIN), ("acc", Verdict.BITWISE),
    ]  # fmt: skip
    assert overall(judged) is Verdict.WITHIN


def test_nothing_to_compare_is_not_a_success() -> None:
    assert overall([]) is Verdict.NOT_COMPARABLE
    assert not overall([]).is_good
    assert worst([]) is Verdict.NOT_COMPARABLE


def test_what_cannot_be_compared_is_not_reproduced() -> None:
    apart_in_steps = a_difference("loss", common=0, largest_absolute=None)
    new = a_difference("new", steps=0, common=0, last_step=None)

    judged = judge([a_difference("acc"), apart_in_steps], tolerance=ONE_PERCENT, of={})
    assert overall(judged) is Verdict.NOT_COMPARABLE

    # A metric that only the rerun has says nothing of the others.
    judged = judge([a_difference("acc"), new], tolerance=ONE_PERCENT, of={})
    assert overall(judged) is Verdict.BITWISE


def test_every_rerun_must_be_good() -> None:
    assert worst([Verdict.BITWISE, Verdict.WITHIN]) is Verdict.WITHIN
    assert worst([Verdict.BITWISE, Verdict.NOT_COMPARABLE]) is Verdict.NOT_COMPARABLE
    assert worst([Verdict.NOT_COMPARABLE, Verdict.DIFFERS]) is Verdict.DIFFERS


def test_the_spread_is_that_of_the_pair_farthest_apart() -> None:
    pairs = [[apart(0.1, 0.1)], [apart(0.3, 0.2)], [apart(0.2, 0.9)], [a_difference("acc")]]

    found = spread(pairs)

    assert found["loss"].largest_absolute == 0.3
    assert found["acc"].different == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.01", Tolerance(0.01)),
        ("rel:1e-3", Tolerance(0.001)),
        ("abs:0", Tolerance(0.0, is_absolute=True)),
        ("ignore", None),
    ],
)
def test_tolerances_are_read(text: str, expected: Tolerance | None) -> None:
    assert parse_tolerance(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "nan", "inf", "abs:", "max:1", ":1", "abs:x"])
def test_what_is_no_tolerance_is_refused(text: str) -> None:
    with pytest.raises(InvalidTolerance):
        parse_tolerance(text)
