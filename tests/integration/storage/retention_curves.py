"""Runs of retention's tests with a curve, in all tiers."""

import datetime as dt
from collections.abc import Mapping

from sweeps.ids import RunId
from tests.integration.storage.retention_rows import RetentionRows
from tests.integration.storage.tier_world import MINUTE_US, Point, TierWorld


def a_run(
    rows: RetentionRows,
    tiers: TierWorld,
    series: int,
    *,
    days_ago: float,
    files: Mapping[str, str] | None = None,
) -> RunId:
    """A sealed run with a curve of an hour that ended then, and files of some types.

    The content of each is its own, but for one that is called `shared`.
    """
    run = rows.open_run()
    for name, kind in (files or {}).items():
        content = b"shared" if name == "shared" else b"%s of %d" % (name.encode(), series)
        rows.file(run, name, content, kind=kind)
    end = tiers.ago(days=days_ago)
    points: list[Point] = [(series, i, end - (60 - i) * MINUTE_US, i / 7) for i in range(60)]
    rows.rows("INSERT INTO series (series_id, run_id, key) VALUES (%s, %s, 'loss')", series, run)
    tiers.write(points)
    rows.rows(
        "INSERT INTO series_summaries (series_id, point_count, nonfinite_count, last_value,"
        " last_step, least_step, greatest_step, first_time_ds, last_time_ds)"
        " VALUES (%s, 60, 0, 1, 59, 0, 59, %s, %s)",
        series, points[0][2] // 100_000, points[-1][2] // 100_000,
    )  # fmt: skip
    ended = tiers.now - dt.timedelta(days=days_ago)
    rows.rows(
        "UPDATE runs SET state = 'completed', started_at = %s, ended_at = %s WHERE run_id = %s",
        ended - dt.timedelta(hours=1), ended, run,
    )  # fmt: skip
    rows.rows("UPDATE runs SET sealed_at = now() WHERE run_id = %s", run)
    return run
