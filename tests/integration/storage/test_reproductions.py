"""Metrics of two runs, compared by the database."""

import datetime as dt
import math

import pytest
from sweepworks.wire import ReportRecord

from storage.database import Pool
from storage.lineage.reproductions import Reproductions
from storage.points.ingest_store import IngestStore
from sweeps.clock import SystemClock
from sweeps.ids import RunId
from sweeps.reproduction import MetricDifference
from tests.integration.storage.test_ingest_store import NOW_US, a_delivery, a_scratch_run

Points = list[tuple[int, float]]


def a_run(pool: Pool, name: str, *, levels: Points = [], **curves: Points) -> RunId:  # noqa: B006 - not changed
    run = a_scratch_run(pool, name)
    reports = [
        ReportRecord(level=level, values={"acc": value}, time_us=NOW_US) for level, value in levels
    ]
    points = {
        key: [(step, NOW_US + n, value) for n, (step, value) in enumerate(rows)]
        for key, rows in curves.items()
    }
    delivery = a_delivery(run, points=points, reports=reports)
    (receipt,) = IngestStore(pool, clock=SystemClock()).write([delivery])
    assert not isinstance(receipt, Exception), receipt
    return run


def compare(pool: Pool, first: Points, second: Points) -> MetricDifference:
    one = a_run(pool, "scratch-aaaaaaaaaaaa", loss=first)
    other = a_run(pool, "scratch-bbbbbbbbbbbb", loss=second)
    (found,) = Reproductions(pool).differences(one, other)
    return found


def test_equal_curves_are_equal_not_a_number_included(pool: Pool) -> None:
    curve = [(0, 1.5), (1, math.nan), (2, math.inf), (3, 1e308), (4, 5e-324)]

    found = compare(pool, curve, curve)

    assert (found.steps, found.common, found.different) == (5, 5, 0)
    assert (found.largest_absolute, found.largest_relative) == (0, 0)
    assert found.first_different is None


def test_the_largest_differences_are_found_where_they_are(pool: Pool) -> None:
    found = compare(
        pool, [(0, 1.0), (1, 100.0), (2, 0.1), (3, 7.0)], [(0, 1.0), (1, 90.0), (2, 0.2), (3, 7.0)]
    )

    assert (found.different, found.first_different) == (2, 1)
    assert (found.largest_absolute, found.absolute_at) == (10.0, 1)
    assert (found.largest_relative, found.relative_at) == (0.5, 2)
    assert (found.final, found.final_again) == (7.0, 7.0)


@pytest.mark.parametrize(
    ("first", "second"), [(1.0, math.nan), (math.inf, -math.inf), (1e308, -1e308), (0.0, math.inf)]
)
def test_what_has_no_difference_is_infinitely_far_off(
    pool: Pool, first: float, second: float
) -> None:
    found = compare(pool, [(0, first)], [(0, second)])

    assert found.different == 1
    assert found.largest_absolute == found.largest_relative == math.inf


def test_tiny_values_are_compared_as_well(pool: Pool) -> None:
    found = compare(pool, [(0, 5e-324)], [(0, -5e-324)])

    assert found.different == 1
    assert found.largest_relative == 2.0


def test_steps_that_one_of_them_lacks_are_counted(pool: Pool) -> None:
    found = compare(pool, [(0, 1.0), (1, 2.0)], [(1, 2.0), (2, 3.0), (3, 4.0)])

    assert (found.steps, found.steps_again, found.common, found.different) == (2, 3, 1, 0)
    assert (found.last_step, found.last_step_again) == (1, 3)
    assert (found.final, found.final_again) == (2.0, 4.0)


def test_several_values_at_a_step_are_compared_whatever_their_order(pool: Pool) -> None:
    found = compare(pool, [(0, 1.0), (0, 2.0), (1, 1.0)], [(0, 2.0), (0, 1.0), (1, 1.0), (1, 1.0)])

    assert (found.common, found.different, found.first_different) == (2, 1, 1)


def test_reports_are_compared_by_level_beside_curves(pool: Pool) -> None:
    one = a_run(pool, "scratch-aaaaaaaaaaaa", levels=[(1, 0.5), (2, 0.75)], acc=[(0, 0.5)])
    other = a_run(pool, "scratch-bbbbbbbbbbbb", levels=[(1, 0.5), (2, 0.5)])

    curve, report = Reproductions(pool).differences(one, other)

    assert (curve.kind, curve.steps_again, curve.largest_absolute) == ("curve", 0, None)
    assert (report.kind, report.common, report.absolute_at) == ("report", 2, 2)
    assert report.largest_absolute == 0.25


def test_a_hundred_thousand_points_take_no_seconds(pool: Pool) -> None:
    curve = [(step, float(step)) for step in range(100_000)]
    one = a_run(pool, "scratch-aaaaaaaaaaaa", loss=curve)
    other = a_run(pool, "scratch-bbbbbbbbbbbb", loss=curve)
    began = dt.datetime.now(dt.UTC)

    (found,) = Reproductions(pool).differences(one, other)

    assert found.common == 100_000
    assert dt.datetime.now(dt.UTC) - began < dt.timedelta(seconds=10)
