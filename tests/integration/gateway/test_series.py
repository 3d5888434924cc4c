"""Curves over HTTP: against plain loops over the points, for any axis, range and resolution."""

import datetime as dt
import math
import random
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from gateway.curve_documents import series_body
from retention.resolution import Axis, Budget, Resolution, Viewport
from retention.tiers import ROLLUPS, Tier
from storage.points.curve_store import CurveStore
from storage.points.rollups import PostgresMetricTiers
from storage.points.system_points import PostgresSystemMetrics
from sweeps.ids import RunId
from tests.integration.gateway.conftest import (
    NOW_US,
    TENANT,
    TOKEN,
    Platform,
    a_flush,
    bearer,
    wait_for,
)

SECOND = 1_000_000
PATH = "/api/v1/query/series"


def settle(platform: Platform, run: str) -> None:
    platform.seal(run)
    for tier in ROLLUPS:  # as the schedule does: late points of all curves hold up every run
        PostgresMetricTiers(platform.pool).refresh(tier)
    wait_until_settled(platform, run)


def wait_until_settled(platform: Platform, run: str) -> None:
    wait_for(
        lambda: platform.rows(
            "SELECT run_id FROM run_summaries WHERE run_id = %s AND is_final", run
        )
    )


def ask(
    platform: Platform, runs: list[str], *, ends: tuple[float, float] | None = None, **more: Any
) -> dict[str, Any]:
    query = {"runs": runs, "keys": ["loss"], **more}
    if ends is not None:
        query |= {"from": ends[0], "to": ends[1]}
    answer = platform.client.post(PATH, json=query, headers=bearer(TOKEN))
    assert answer.status_code == 200, answer.text
    return answer.json()


def a_run(platform: Platform, points: list[tuple[int, int, float]], key: str = "loss") -> str:
    run, _ = platform.scratch()
    assert platform.flush(a_flush(run, points={key: points})).status_code == 200
    return run


def test_few_points_come_as_they_are(platform: Platform) -> None:
    run = a_run(platform, [(n, NOW_US + n * SECOND, n / 2) for n in range(5)])

    answer = ask(platform, [run])

    assert answer["series"] == [
        {
            "run": run,
            "key": "loss",
            "resolution": "raw",
            "x": [0, 1, 2, 3, 4],
            "value": [0.0, 0.5, 1.0, 1.5, 2.0],
        }
    ]


def test_values_that_are_no_numbers_are_words_and_are_counted(platform: Platform) -> None:
    odd = {3: math.nan, 5: math.inf, 6: -math.inf}
    run = a_run(platform, [(n, NOW_US + n * SECOND, odd.get(n, 1.0 * n)) for n in range(300)])

    (raw,) = ask(platform, [run], to=9)["series"]
    (cut,) = ask(platform, [run], pixels=30)["series"]

    assert raw["value"] == [0.0, 1.0, 2.0, "nan", 4.0, "inf", "-inf", 7.0, 8.0, 9.0]
    assert (cut["resolution"], cut["width"]) == ("buckets", 10)
    assert (cut["x"][0], cut["min"][0], cut["max"][0], cut["count"][0]) == (0, 0.0, 9.0, 10)
    assert cut["mean"][0] == pytest.approx((0 + 1 + 2 + 4 + 7 + 8 + 9) / 7)
    assert cut["nonfinite"] == [3] + [0] * 29


def test_a_bucket_of_nothing_but_nan_is_there_and_empty(platform: Platform) -> None:
    points = [(n, NOW_US + n * SECOND, math.nan if 10 <= n < 20 else 1.0) for n in range(300)]
    run = a_run(platform, points)

    (cut,) = ask(platform, [run], pixels=30)["series"]

    assert (cut["min"][1], cut["max"][1], cut["mean"][1]) == (None, None, None)
    assert (cut["count"][1], cut["nonfinite"][1]) == (10, 10)


@pytest.mark.parametrize("axis", ["step", "wall"])
def test_values_whose_sum_no_float_holds_are_counted_and_spoil_no_other_curve(
    platform: Platform, axis: str
) -> None:
    huge = a_run(platform, [(n, NOW_US + n * SECOND, 1.7e308) for n in range(1_000)])
    usual = a_run(platform, [(n, NOW_US + n * SECOND, 2.0) for n in range(1_000)])

    answer = ask(platform, [huge, usual], axis=axis, pixels=100)

    odd, even = answer["series"]
    assert sum(odd["nonfinite"]) == sum(odd["count"]) == 1_000
    assert set(even["mean"]) == {2.0}
    assert sum(even["count"]) == 1_000


def test_buckets_below_zero_are_as_wide_as_others_and_named_by_where_they_begin(
    platform: Platform,
) -> None:
    points = [(n, NOW_US + n * SECOND, float(n)) for n in range(-500, 500)]
    run = a_run(platform, points)

    (curve,) = ask(platform, [run], pixels=100)["series"]

    assert curve["x"] == list(range(-500, 500, 10))
    assert set(curve["count"]) == {10}
    assert curve["min"] == [float(n) for n in range(-500, 500, 10)]


def test_buckets_before_1970_are_as_wide_as_others(platform: Platform) -> None:
    run = a_run(platform, [(n, n * SECOND, 1.0) for n in range(-500, 500)])

    (curve,) = ask(platform, [run], axis="wall", pixels=100)["series"]

    assert set(curve["count"][1:-1]) == {10}
    assert sum(curve["count"]) == 1_000


def test_steps_from_one_end_of_64_bits_to_the_other_fit_one_pixel(platform: Platform) -> None:
    points = [(n - 2**63, NOW_US + n * SECOND, 1.0) for n in range(300)]
    points += [(2**63 - 1 - n, NOW_US + n * SECOND, 1.0) for n in range(300)]
    run = a_run(platform, points)

    (curve,) = ask(platform, [run], pixels=1)["series"]

    assert sum(curve["count"]) == 600
    assert curve["x"][0] == -(2**63)


def test_time_counts_from_the_start_of_the_run_or_is_the_clocks(platform: Platform) -> None:
    began = (
        NOW_US - 100 * SECOND
    )  # before the run was made known: then its first point is the start
    run = a_run(platform, [(n, began + n * SECOND, 1.0) for n in range(3)])

    (relative,) = ask(platform, [run], axis="relative")["series"]
    (wall,) = ask(platform, [run], axis="wall")["series"]

    assert relative["x"] == [0.0, 1.0, 2.0]
    assert wall["x"] == [began / SECOND + n for n in range(3)]


def test_a_zoom_shows_what_is_in_it(platform: Platform) -> None:
    run = a_run(platform, [(n, NOW_US + n * SECOND, 1.0 * n) for n in range(5_000)])

    (far,) = ask(platform, [run], pixels=100)["series"]
    (near,) = ask(platform, [run], pixels=100, ends=(1000, 1099))["series"]
    (nearer,) = ask(platform, [run], pixels=2, ends=(1000, 1499))["series"]
    ends = (NOW_US / SECOND + 10, NOW_US / SECOND + 12)
    (time,) = ask(platform, [run], axis="wall", ends=ends)["series"]

    assert (far["resolution"], sum(far["count"])) == ("buckets", 5_000)
    assert (near["resolution"], near["x"]) == ("raw", list(range(1000, 1100)))
    assert nearer["min"] == [1000.0, 1250.0]
    assert nearer["max"] == [1249.0, 1499.0]
    assert time["value"] == [10.0, 11.0, 12.0]


def test_runs_without_the_key_are_left_out_and_the_rest_keep_their_order(
    platform: Platform,
) -> None:
    runs = [a_run(platform, [(0, NOW_US, 1.0)], key) for key in ("loss", "other", "loss")][::-1]

    answer = ask(platform, runs, keys=["other", "loss"])

    found = [(one["run"], one["key"]) for one in answer["series"]]
    assert found == [(runs[0], "loss"), (runs[1], "other"), (runs[2], "loss")]


def test_one_curve_is_had_by_its_address(platform: Platform) -> None:
    run = a_run(platform, [(n, NOW_US + n * SECOND, 1.0 * n) for n in range(1_000)])

    one = platform.get(f"/api/v1/runs/{run}/series/loss?pixels=100").json()
    same = platform.get(f"{PATH}?runs={run}&keys=loss&pixels=100").json()

    assert one == same == ask(platform, [run], pixels=100)
    assert one["series"][0]["width"] == 10


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"runs": []}, "1 to 200 runs"),
    ({"runs": [f"r{n}" for n in range(201)]}, "not 201"),
    ({"keys": []}, "1 to 20 keys"),
    ({"keys": [str(n) for n in range(21)]}, "not 21"),
    ({"runs": [f"r{n}" for n in range(41)], "keys": [str(n) for n in range(10)]}, "at most 400"),
    ({"from": 2, "to": 1}, "behind"),
    ({"from": 1e300}, "beyond"),
    ({"pixels": 0}, "pixels"),
    ({"axis": "moon"}, "axis"),
    ({"keys": ["\x00"]}, "NUL"),
]


@pytest.mark.parametrize(("change", "word"), REFUSED)
def test_what_makes_no_plot_is_refused(
    platform: Platform, change: dict[str, Any], word: str
) -> None:
    run, _ = platform.scratch()

    answer = platform.client.post(
        PATH, json={"runs": [run], "keys": ["x"], **change}, headers=bearer(TOKEN)
    )

    assert answer.status_code == 422
    assert word in answer.json()["error"]


def test_another_tenants_runs_are_not_there(platform: Platform) -> None:
    run = a_run(platform, [(0, NOW_US, 1.0)])
    theirs = platform.token_of("them")

    answers = [
        platform.client.post(PATH, json={"runs": [run], "keys": ["loss"]}, headers=bearer(theirs)),
        platform.get(f"{PATH}?runs={run}&keys=loss", token=theirs),
        platform.get(f"/api/v1/runs/{run}/series/loss?pixels=9", token=theirs),
        platform.client.get(f"{PATH}?runs={run}&keys=loss"),
    ]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 401]


def test_an_answer_about_sealed_runs_is_kept_for_ever(platform: Platform) -> None:
    runs = [a_run(platform, [(n, NOW_US, 1.0) for n in range(9)]) for _ in range(2)]
    path = f"{PATH}?runs={runs[0]}&runs={runs[1]}&keys=loss"
    settle(platform, runs[0])

    live = platform.get(path)
    settle(platform, runs[1])
    sealed = platform.get(path)

    assert live.headers["cache-control"] == "no-cache"
    assert "etag" not in live.headers
    assert sealed.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert sealed.headers["vary"] == "Authorization, Cookie"
    headers = {**bearer(TOKEN), "If-None-Match": f'"x", {sealed.headers["etag"]}'}
    again = platform.client.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == sealed.headers["etag"]
    others = {
        platform.get(path + more).headers["etag"]
        for more in ("", "&pixels=9", "&axis=wall", "&from=1", "&to=1", "&keys=x")
    }
    assert len(others) == 6


def test_an_answer_is_another_one_when_what_it_is_about_was_dropped(platform: Platform) -> None:
    run, _ = platform.scratch()
    both = {"x": [(0, NOW_US, 1.0)], "cpu": [(0, NOW_US, 9.0)]}
    platform.flush(a_flush(run, points=both, series={"x": 1}, system={"cpu": 1}))
    settle(platform, run)
    path = f"{PATH}?runs={run}&keys=cpu&family=system"
    user = f"{PATH}?runs={run}&keys=x"
    before, of_user = platform.get(path), platform.get(user)

    sealed_before = dt.datetime.now(dt.UTC) + dt.timedelta(days=1)
    PostgresSystemMetrics(platform.pool).drop(sealed_before=sealed_before)

    given = {**bearer(TOKEN), "If-None-Match": before.headers["etag"]}
    after = platform.client.get(path, headers=given)
    assert after.status_code == 200
    assert len(before.json()["series"]) == 1
    assert after.json()["series"] == []
    assert platform.get(user).headers["etag"] == of_user.headers["etag"]


def test_what_has_not_changed_is_known_without_a_look_at_points(platform: Platform) -> None:
    run = a_run(platform, [(0, NOW_US, 1.0)])
    settle(platform, run)
    path = f"{PATH}?runs={run}&keys=loss"
    tag = platform.get(path).headers["etag"]
    platform.rows("ALTER TABLE series RENAME TO hidden_series")

    known = platform.client.get(path, headers={**bearer(TOKEN), "If-None-Match": tag})

    assert known.status_code == 304
    assert platform.get(path).status_code == 500


def test_a_sealed_run_is_not_settled_before_what_came_late_is_rolled_up(
    platform: Platform,
) -> None:
    early = NOW_US - 3 * 3_600 * SECOND
    first = a_run(platform, [(0, early, 1.0)])
    tiers = PostgresMetricTiers(platform.pool)
    for tier in ROLLUPS:
        tiers.refresh(tier)
    late = a_run(platform, [(n, early + n * SECOND, 1.0 * n) for n in range(9)])
    for run in (late, first):
        platform.seal(run)
    wait_until_settled(platform, first)  # then the other has been looked at, too
    path = f"{PATH}?runs={late}&keys=loss"

    before = platform.get(path)
    for tier in ROLLUPS:
        tiers.refresh(tier)

    assert before.headers["cache-control"] == "no-cache"
    assert sum(1 for _ in before.json()["series"][0]["x"]) == 9
    wait_for(lambda: "etag" in platform.get(path).headers)
    assert platform.run(late)["summary"]["loss"]["count"] == 9


def test_what_was_dropped_lives_on_in_coarser_buckets(platform: Platform) -> None:
    began = NOW_US - 5 * 86_400 * SECOND
    points = [(n, began + n * SECOND, math.sin(n)) for n in range(4_000)]
    run = a_run(platform, points)
    tiers = PostgresMetricTiers(platform.pool)
    for tier in ROLLUPS:
        tiers.refresh(tier)
    tiers.drop(Tier.POINTS, before=dt.datetime.now(dt.UTC) - dt.timedelta(days=4))

    (cut,) = ask(platform, [run])["series"]

    assert cut["resolution"] == "1m"
    assert sum(cut["count"]) == 4_000
    assert max(cut["max"]) == max(value for _, _, value in points)
    summary = platform.run(run)["summary"]["loss"]
    assert (summary["count"], summary["last"], summary["step"]) == (4_000, points[-1][2], 3_999)


def forget_rollups(platform: Platform) -> None:
    """As if none had ever been stored."""
    platform.rows(
        "UPDATE metric_tiers SET stored_until = -9223372036854775808,"
        " noticed_until = -9223372036854775808"
    )
    for table in ("stored_metric_points_1m", "stored_metric_points_1h", "late_metric_points"):
        platform.rows(f"DELETE FROM {table}")  # TRUNCATE would lock out the gateway's upkeep


# Spikes: whatever is asked, the least and the greatest of what is seen are in the answer.

_VALUES = st.floats(-1e6, 1e6) | st.sampled_from([math.nan, math.inf, -math.inf, 1e300])
_BUDGETS = {
    Resolution.BUCKETS: Budget(),
    Resolution.MINUTES: Budget(points=0),
    Resolution.HOURS: Budget(points=0, minutes=0),
}


@given(
    seed=st.integers(0, 2**32),
    n=st.integers(1, 1_500),
    every=st.sampled_from([0, 1, 7, 600, 4_000]),
    repeats=st.booleans(),
    odd=st.dictionaries(st.integers(0, 1_499), _VALUES, max_size=5),
    axis=st.sampled_from(Axis),
    pixels=st.integers(1, 100),
    ends=st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    wanted=st.sampled_from(list(_BUDGETS)),
    is_stored=st.booleans(),
)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_no_spike_is_hidden_and_counts_add_up(
    platform: Platform,
    seed: int,
    n: int,
    every: int,
    repeats: bool,
    odd: dict[int, float],
    axis: Axis,
    pixels: int,
    ends: tuple[float, float] | None,
    wanted: Resolution,
    is_stored: bool,
) -> None:
    rng = random.Random(seed)
    began = NOW_US // 100_000 - 7_200 * 10 - n * every
    steps = [i % (n // 2 + 1) if repeats else i for i in range(n)]
    points = [
        (steps[i], (began + i * every) * 100_000, odd.get(i, rng.gauss(0, 1))) for i in range(n)
    ]
    run = a_run(platform, points)
    ((never_forget,),) = platform.rows("SELECT has_continuous_aggregates FROM metric_storage")
    if is_stored or never_forget:
        for tier in ROLLUPS:
            PostgresMetricTiers(platform.pool).refresh(tier)
    else:
        forget_rollups(platform)
    shift = {Axis.STEP: 0, Axis.WALL: 0, Axis.RELATIVE: began}[axis]
    xs = [step if axis is Axis.STEP else us // 100_000 - shift for step, us, _ in points]
    low, high = None, None
    if ends is not None:
        span = max(xs) - min(xs)
        low, high = (min(xs) + int(span * end) for end in sorted(ends))
    viewport = Viewport(axis=axis, pixels=pixels, low=low, high=high)

    store = CurveStore(platform.pool, budget=_BUDGETS[wanted])
    columns = store.read(store.runs([RunId(run)], tenant_id=TENANT), ["loss"], viewport)

    inside = [
        value
        for x, (_, _, value) in zip(xs, points, strict=True)
        if (low is None or x >= low) and (high is None or x <= high)
    ]
    finite = [value for value in inside if abs(value) <= 1e290]
    if not columns:
        assert not inside
        return
    (column,) = columns
    series_body(columns, viewport)  # has a form in JSON
    assert list(column.x) == sorted(column.x)
    is_exact = ends is None or column.resolution in {Resolution.RAW, Resolution.BUCKETS}
    seen = column.low[np.isfinite(column.low)], column.high[np.isfinite(column.high)]
    if finite:
        assert seen[0].min() <= min(finite)
        assert seen[1].max() >= max(finite)
    if is_exact:  # else whole minutes or hours come, more than was asked for
        assert column.counts.sum() == len(inside)
        if column.resolution is not Resolution.RAW:
            assert column.nonfinite.sum() == len(inside) - len(finite)
        if finite and column.resolution is not Resolution.RAW:
            assert (seen[0].min(), seen[1].max()) == (min(finite), max(finite))
            total = float(np.nansum(column.mean * (column.counts - column.nonfinite)))
            assert total == pytest.approx(math.fsum(finite), rel=1e-6, abs=1e-6)
    else:
        assert column.counts.sum() >= len(inside)
