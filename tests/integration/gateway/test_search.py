"""Runs by what they are: every kind of comparison, against runs whose answer is known."""

from typing import Any
from urllib.parse import quote

import pytest
from psycopg import sql

from storage.runs.search import _condition  # pyright: ignore[reportPrivateUsage]
from sweeps.run_filters import parse_filter
from tests.integration.gateway.conftest import NOW_US, Platform, a_flush, wait_for


@pytest.fixture
def runs(platform: Platform) -> dict[str, str]:
    """Three runs: a good one of team vision, a bad one, and one that has nothing."""
    good, _ = platform.scratch(
        experiment="e1", params={"lr": 0.001, "opt": "adam", "relu": True}, tags={"team": "vision"}
    )
    bad, _ = platform.scratch(
        experiment="e2", params={"lr": 0.1, "opt": "sgd", "relu": False}, tags={"team": "it's <b>"}
    )
    bare, _ = platform.scratch(experiment="e3")
    accuracies = {good: [0.5, 0.95, 0.92], bad: [0.9, 0.2, 0.4]}
    for run, values in accuracies.items():
        points = [(n, NOW_US + n * 1_000_000, value) for n, value in enumerate(values)]
        platform.flush(a_flush(run, points={"acc": points}))
    platform.seal(good)
    platform.rows("UPDATE run_summaries SET refreshed_at = 'epoch'")
    wait_for(
        lambda: (
            platform.rows("SELECT count(*) FROM series_summaries WHERE point_count = 3") == [(2,)]
        )
    )
    return {good: "good", bad: "bad", bare: "bare"}


def found(platform: Platform, runs: dict[str, str], where: str, **more: Any) -> list[str]:
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    answer = platform.get(f"/api/v1/runs?where={quote(where)}{extra}")
    assert answer.status_code == 200, answer.text
    return [runs[run["run_id"]] for run in answer.json()["runs"]]


FILTERS: list[tuple[str, set[str]]] = [
    ("acc > 0.9", {"good"}),
    ("last.acc <= 0.4", {"bad"}),
    ("max.acc >= 0.9", {"good", "bad"}),
    ("min.acc < 0.3", {"bad"}),
    ("best.acc > 0", set()),
    ("acc > 0.9 and params.lr < 0.01 and state = completed and tag.team = vision", {"good"}),
    ("params.lr < 0.01 or params.opt = sgd", {"good", "bad"}),
    ("not params.lr < 0.01", {"bad", "bare"}),
    ("params.lr != 0.1", {"good"}),
    ("params.opt != adam", {"bad"}),
    ("params.opt < 1", set()),
    ("params.relu = true", {"good"}),
    ("params.relu != true", {"bad"}),
    ('tag.team = "it\'s <b>"', {"bad"}),
    ("tag.team >= a", {"good", "bad"}),
    ("experiment = e3 or experiment = e2", {"bad", "bare"}),
    ("state != running", {"good"}),
    ("created > 2020-01-01 and ended < 2100-01-01", {"good"}),
    ("seconds >= 0 and trial > 0", set()),
    ('params."x\' or true --" = 1', set()),
]


@pytest.mark.parametrize(("where", "expected"), FILTERS)
def test_a_filter_finds_the_runs_it_means(
    platform: Platform, runs: dict[str, str], where: str, expected: set[str]
) -> None:
    assert set(found(platform, runs, where)) == expected


def test_runs_are_sorted_by_what_is_asked_and_those_without_it_come_last(
    platform: Platform, runs: dict[str, str]
) -> None:
    everything = "created > 2020-01-01"

    assert found(platform, runs, everything) == ["bare", "bad", "good"]
    assert found(platform, runs, everything, sort="acc") == ["bad", "good", "bare"]
    assert found(platform, runs, everything, sort="-acc", limit=1) == ["good"]
    assert found(platform, runs, everything, sort="-params.lr") == ["bad", "good", "bare"]
    assert found(platform, runs, everything, sort="created") == ["good", "bad", "bare"]


def test_a_metric_that_is_only_reported_is_found_too(platform: Platform) -> None:
    from sweepworks.wire import ReportRecord

    (trial,) = platform.trials()
    reports = [
        ReportRecord(level=n, values={"score": n / 10}, time_us=NOW_US + n) for n in (1, 2, 3)
    ]
    platform.flush(a_flush(trial, reports=reports))

    for where in ("score >= 0.3", "min.score < 0.2", "max.score > 0.2"):
        assert found(platform, {trial: "it"}, where) == ["it"], where
    assert found(platform, {trial: "it"}, "score < 0.3") == []


def test_a_filter_sees_no_other_tenant(platform: Platform, runs: dict[str, str]) -> None:
    theirs = platform.token_of("them")

    for where in ("acc > 0", "not acc > 100", "tag.team = vision", "state = completed"):
        answer = platform.get(f"/api/v1/runs?where={quote(where)}", token=theirs)
        assert answer.json() == {"runs": [], "next": None}


def test_a_number_that_no_float_holds_is_borne_and_compared(
    platform: Platform, runs: dict[str, str]
) -> None:
    bad = next(run for run, name in runs.items() if name == "bad")
    # Of the version before, which took it.
    platform.rows(
        "INSERT INTO run_params VALUES (%s, 'wd', %s::jsonb), (%s, 'low', %s::jsonb)",
        bad,
        "1" + "0" * 400,
        bad,
        "-1" + "0" * 400,
    )

    assert found(platform, runs, "params.wd > 1e300") == ["bad"]
    assert found(platform, runs, "params.low < -1e300") == ["bad"]
    assert found(platform, runs, "params.wd < 1") == []
    assert found(platform, runs, "created > 2020-01-01", sort="-params.wd")[0] == "bad"


@pytest.mark.parametrize(
    "where", ["params.lr < 1", "params.opt != x", "params.relu = true", "tag.team != x", "acc > 0"]
)
@pytest.mark.usefixtures("runs")
def test_a_comparison_by_itself_admits_nothing_of_another_tenant(
    platform: Platform, where: str
) -> None:
    parameters: dict[str, Any] = {"tenant_id": "them"}
    condition = _condition(parse_filter(where), parameters)

    # Without the tenant around it, which would hide that a comparison has read everybody's rows.
    statement = sql.SQL("SELECT run_id FROM runs WHERE {}").format(condition)
    with platform.pool.connection() as connection:
        assert connection.execute(statement, parameters).fetchall() == []


def test_a_wrong_filter_is_refused_with_its_column(platform: Platform) -> None:
    answers = [
        platform.get("/api/v1/runs?where=acc+%3E"),
        platform.get("/api/v1/runs?where=acc>1&state=running"),
        platform.get("/api/v1/runs?sort=%00"),
    ]

    assert [answer.status_code for answer in answers] == [422, 422, 422]
    assert answers[0].json()["error"].startswith("column 6: a value was expected")
