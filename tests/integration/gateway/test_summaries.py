"""What became of each curve: computed while a run lives, stored for good when it is sealed."""

import datetime as dt
import math
import threading

import pytest
from sweepworks.wire import ReportRecord

from storage.runs.summaries import RunSummaries
from tests.integration.gateway.conftest import NOW_US, Platform, a_flush, wait_for

SECOND = 1_000_000


def is_final(platform: Platform, run: str) -> bool:
    return platform.rows("SELECT is_final FROM run_summaries WHERE run_id = %s", run) == [(True,)]


def test_a_live_run_is_summarised_as_it_is_now(platform: Platform) -> None:
    run, _ = platform.scratch()
    points = {"loss": [(0, NOW_US, 3.0), (2, NOW_US + SECOND, 1.0), (1, NOW_US + SECOND, 2.0)]}
    platform.flush(a_flush(run, points=points))
    before = platform.run(run)["summary"]
    platform.flush(a_flush(run, 2, {"loss": [(3, NOW_US + 2 * SECOND, math.nan)]}))

    after = platform.run(run)["summary"]

    whole = {"last": 1.0, "step": 2, "min": 1.0, "max": 3.0, "at_best": None, "count": 3}
    assert before == {"loss": whole}
    assert after == {"loss": {**whole, "last": "nan", "step": 3, "count": 4}}


def test_a_sealed_runs_summaries_are_stored_and_then_need_no_points(platform: Platform) -> None:
    run, _ = platform.scratch()
    # Not of when the tests began: what is ten minutes old waits for the end of its hour.
    now_us = int(dt.datetime.now(dt.UTC).timestamp()) * 1_000_000
    platform.flush(a_flush(run, points={"a": [(n, now_us + n, n / 2) for n in range(9)]}))
    live = platform.run(run)["summary"]

    platform.seal(run)

    wait_for(lambda: is_final(platform, run))
    platform.rows("ALTER TABLE metric_points RENAME TO hidden_points")
    assert platform.run(run)["summary"] == live
    assert live["a"]["count"] == 9


@pytest.mark.parametrize(("values", "best"), [([0.5, 0.9, 0.7], 1), ([0.1, 0.2, 0.3], 2)])
def test_at_best_is_what_was_so_when_the_objective_was_best(
    platform: Platform, values: list[float], best: int
) -> None:
    (run,) = platform.trials()  # maximises `score`
    points = {"loss": [(n, NOW_US + n * SECOND, 10.0 - n) for n in range(3)]}
    reports = [
        ReportRecord(level=n + 1, values={"score": value}, time_us=NOW_US + n * SECOND)
        for n, value in enumerate(values)
    ]
    platform.flush(a_flush(run, points=points, reports=reports))

    summary = platform.run(run)["summary"]

    assert summary["loss"]["at_best"] == 10.0 - best
    assert summary["loss"]["last"] == 8.0


def test_live_runs_are_refreshed_oldest_first_and_not_too_often(platform: Platform) -> None:
    runs = [platform.scratch()[0] for _ in range(3)]
    wait_for(lambda: platform.rows("SELECT run_id FROM run_summaries WHERE refreshed_at > 'epoch'"))
    often = RunSummaries(platform.pool, period=dt.timedelta(0))
    seldom = RunSummaries(platform.pool, period=dt.timedelta(hours=1))
    while seldom.refresh(seconds=1):
        pass

    assert seldom.refresh(seconds=1) == 0
    assert often.refresh(seconds=0) == 0
    platform.rows("UPDATE run_summaries SET refreshed_at = 'epoch' WHERE run_id = %s", runs[1])
    assert seldom.refresh(seconds=1) == 1


def test_several_gateways_do_not_refresh_the_same_run(platform: Platform) -> None:
    runs = [platform.scratch()[0] for _ in range(40)]
    summaries = RunSummaries(platform.pool, period=dt.timedelta(hours=1))
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(summaries.refresh(seconds=5)))
        for _ in range(2)
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(counts) <= len(runs)
    assert summaries.refresh(seconds=1) == 0
    refreshed = platform.rows("SELECT count(*) FROM run_summaries WHERE refreshed_at > 'epoch'")
    assert refreshed == [(len(runs),)]
