"""`sweepworks list`: sweeps, or runs."""

import click

from governance.naming import names_tier, with_tiers
from governance.naming_file import NAMING
from orchestration.cli.output import duration, json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.platform import Platform
from sweeps.ids import TenantId
from sweeps.run_filters import Filter, parse_filter
from sweeps.runs import Run
from sweeps.states import SweepState
from sweeps.waits import wait_words

_TENANT = TenantId("default")


@click.command("list")
@click.option(
    "--state", type=click.Choice([str(state) for state in SweepState]), help="Only these sweeps."
)
@click.option("--runs", "lists_runs", is_flag=True, help="Runs instead of sweeps.")
@click.option("--where", help='Runs such as "val_accuracy > 0.9 and params.lr < 0.01".')
@click.option("--sort", help="Runs by a metric or params.NAME; with a minus the greatest first.")
@click.option("--tenant", default=_TENANT, show_default=True, help="Whose runs.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@json_option
def command(
    state: str | None,
    lists_runs: bool,
    where: str | None,
    sort: str | None,
    tenant: str,
    limit: int,
    as_json: bool,
) -> None:
    """Sweeps, newest first; or runs, with --runs, --where or --sort.

    A comparison of --where is about a metric's last value (NAME, or min.NAME, max.NAME, and
    best.NAME: when the objective was best), params.NAME, tag.NAME, or one of run, sweep, experiment,
    state, by, rerun_of, trial, objective, level, seconds, created, started, ended. `tag = keeper` is
    true of what has the tag, whatever its value; so do sweep_tag, experiment_tag and tier. Put
    together by and, or, not and parentheses; odd names and values in quotes.
    """
    if lists_runs or where is not None or sort is not None:
        if state is not None:
            raise click.UsageError("--state is of sweeps; write --where 'state = …'")
        _list_runs(
            None if where is None else parse_filter(where), sort, TenantId(tenant), limit, as_json
        )
    else:
        _list_sweeps(SweepState(state) if state else None, limit, as_json)


def _list_runs(
    where: Filter | None, sort: str | None, tenant: TenantId, limit: int, as_json: bool
) -> None:
    with session(quiet=as_json) as platform:
        rows = _find(platform, where, sort, tenant, limit)
    if as_json:
        print_json(rows)
    elif not rows:
        click.echo("no such runs")
    else:
        print_table(
            ["run", "state", "objective", "level", "took", "experiment", "by", "created"],
            [
                [
                    row.run_id,
                    row.state,
                    row.objective,
                    row.resource_level,
                    _took(row),
                    row.experiment,
                    row.created_by,
                    row.created_at,
                ]
                for row in rows
            ],
        )


def _find(
    platform: Platform, where: Filter | None, sort: str | None, tenant: TenantId, limit: int
) -> list[Run]:
    if where is not None and names_tier(where):
        where = with_tiers(where, platform.policies.current(NAMING).value.of(tenant).tiers)
    return platform.search.find(
        where,
        tenant_id=tenant,
        sort=None if sort is None else sort.removeprefix("-"),
        is_descending=sort is not None and sort.startswith("-"),
        limit=limit,
    )


def _took(row: Run) -> str | None:
    if row.started_at is None or row.ended_at is None:
        return None
    return duration((row.ended_at - row.started_at).total_seconds())


def _list_sweeps(state: SweepState | None, limit: int, as_json: bool) -> None:
    with session(quiet=as_json) as platform:
        rows = platform.catalog.list(state=state, limit=limit)
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo("no sweeps yet; `sweepworks init demo && sweepworks run demo/sweep.yaml`")
        return
    print_table(
        ["sweep", "state", "trials", "failed", "best", "metric", "by", "created"],
        [
            [
                row.sweep_id,
                f"{row.state}, waits for {wait_words(row.waits_for)}"
                if row.waits_for
                else row.state,
                f"{row.trials - row.live}/{row.max_trials}",
                row.failed,
                row.best,
                row.metric,
                row.created_by,
                row.created_at,
            ]
            for row in rows
        ],
    )
