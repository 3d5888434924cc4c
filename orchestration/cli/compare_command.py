"""`sweepworks compare`."""

import datetime as dt
import math
from collections.abc import Sequence
from urllib.parse import urlencode

import click

from orchestration.cli.output import duration, json_option, print_json, print_table
from orchestration.cli.report import ranked
from orchestration.cli.session import session
from orchestration.cli.sparkline import sparkline
from orchestration.platform import Platform
from retention.resolution import Axis, Viewport
from sweeps.comparison import ComparedRun, differences, seconds, summaries
from sweeps.errors import SweepNotFound
from sweeps.ids import RunId, SweepId, TenantId, is_name

_WIDTH = 60
_MOST = 200


@click.command("compare")
@click.argument("names", nargs=-1, required=True)
@click.option("--metric", "metrics", multiple=True, help="A curve of it for every run.")
@click.option("--all", "shows_all", is_flag=True, help="Also parameters that are equal.")
@click.option("--open", "prints_link", is_flag=True, help="Print the address of the page.")
@click.option("--tenant", default="default", show_default=True, help="Whose runs.")
@json_option
def command(
    names: tuple[str, ...],
    metrics: tuple[str, ...],
    shows_all: bool,
    prints_link: bool,
    tenant: str,
    as_json: bool,
) -> None:
    """NAMES are runs; a sweep stands for its best trial."""
    if len(names) > _MOST:
        raise click.UsageError(f"at most {_MOST} runs can be compared")
    tenant_id = TenantId(tenant)
    with session(quiet=as_json) as platform:
        runs = list(dict.fromkeys(_run(platform, name, tenant_id) for name in names))
        records = platform.comparisons.read(runs, tenant_id=tenant_id)
        curves = {key: _curves(platform, runs, key, tenant_id) for key in metrics}
        link = platform.page_link(_path(runs, metrics), tenant_id) if prints_link else None
    if as_json:
        print_json(_document(records, shows_all, curves, link))
        return
    _print_runs(records)
    _print_params(records, shows_all)
    _print_summaries(records)
    for key, lines in curves.items():
        _print_curves(key, records, lines)
    if link is not None:
        click.echo(f"{link}\n  (opens once, within a minute)")


def _run(platform: Platform, name: str, tenant_id: TenantId) -> RunId:
    """The run of that name, or the best trial of the sweep of that name."""
    if not is_name(name):
        raise SweepNotFound(name[:80])
    try:
        platform.catalog.get(SweepId(name), tenant_id=tenant_id)
    except SweepNotFound:
        return RunId(name)
    best = ranked(platform.trial_store.load(SweepId(name)))
    if not best:
        raise click.UsageError(f"no trial of {name} has a result yet")
    return best[0].run_id


def _path(runs: Sequence[RunId], metrics: Sequence[str]) -> str:
    query = [("runs", ",".join(runs)), *(("key", key) for key in metrics)]
    return f"/compare?{urlencode(query)}"


def _curves(
    platform: Platform, runs: Sequence[RunId], key: str, tenant_id: TenantId
) -> dict[str, list[float]]:
    """Means of a curve in about as many buckets as a line of text has room for, by run."""
    store = platform.curves
    columns = store.read(
        store.runs(runs, tenant_id=tenant_id), [key], Viewport(axis=Axis.STEP, pixels=_WIDTH)
    )
    curves: dict[str, list[float]] = {}
    for column in columns:
        values = column.mean.tolist()
        step = max(1.0, len(values) / _WIDTH)
        curves[column.run_id] = [values[int(n * step)] for n in range(int(len(values) / step))]
    return curves


def _document(
    records: Sequence[ComparedRun],
    shows_all: bool,
    curves: dict[str, dict[str, list[float]]],
    link: str | None,
) -> dict[str, object]:
    now = dt.datetime.now(dt.UTC)
    return {
        "runs": [{**_plain(record), "seconds": seconds(record, now=now)} for record in records],
        "params": {
            row.name: {"differs": row.differs, "values": list(row.values)}
            for row in differences(records)
            if row.differs or shows_all
        },
        "summary": {
            key: {
                record.run.run_id: found
                for record, found in zip(records, row, strict=True)
                if found is not None
            }
            for key, row in summaries(records).items()
        },
        "curves": curves,
        "link": link,
    }


def _plain(record: ComparedRun) -> dict[str, object]:
    run = record.run
    return {
        "run": run.run_id,
        "sweep": run.sweep_id,
        "state": run.state,
        "objective": run.objective,
        "resource_level": run.resource_level,
        "configuration": dict(record.params),
        "tags": dict(record.tags),
    }


def _print_runs(records: Sequence[ComparedRun]) -> None:
    now = dt.datetime.now(dt.UTC)
    rows: list[list[object]] = []
    for record in records:
        took = seconds(record, now=now)
        rows.append(
            [
                record.run.run_id,
                record.run.state,
                record.run.objective,
                record.run.resource_level,
                None if took is None else duration(took),
                record.run.experiment,
            ]
        )
    print_table(["run", "state", "objective", "level", "took", "experiment"], rows)


def _print_params(records: Sequence[ComparedRun], shows_all: bool) -> None:
    rows = [row for row in differences(records) if row.differs or shows_all]
    if not rows:
        click.echo("the parameters do not differ")
        return
    columns = ["parameter", *(record.run.run_id for record in records)]
    print_table(columns, [[row.name, *row.values] for row in rows])


def _print_summaries(records: Sequence[ComparedRun]) -> None:
    rows = [
        [key, record.run.run_id, found.last, found.min, found.max, found.at_best]
        for key, row in summaries(records).items()
        for record, found in zip(records, row, strict=True)
        if found is not None
    ]
    if rows:
        print_table(["metric", "run", "last", "min", "max", "at best"], rows)


def _print_curves(key: str, records: Sequence[ComparedRun], curves: dict[str, list[float]]) -> None:
    finite = [value for line in curves.values() for value in line if math.isfinite(value)]
    if not finite:
        click.echo(f"{key}: nobody has logged it")
        return
    low, high = min(finite), max(finite)
    click.echo(f"{key}, from {low:.5g} to {high:.5g}")
    width = max(len(record.run.run_id) for record in records)
    for record in records:
        line = sparkline(curves.get(record.run.run_id, []), low=low, high=high)
        click.echo(f"  {record.run.run_id:<{width}}  {line}")
