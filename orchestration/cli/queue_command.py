"""`sweepworks queue`: who waits for what, and what runs."""

import datetime as dt

import click

from governance.scheduling.report import QueuedTrial, QueueReport, usage_words
from orchestration.cli.output import duration, json_option, print_json, print_table
from orchestration.cli.session import session


@click.command("queue")
@click.option("--tenant", help="Only what is this tenant's.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=50, show_default=True)
@json_option
def command(tenant: str | None, limit: int, as_json: bool) -> None:
    """What waits to be admitted: why, in which place, until when if that can be told.

    Trials and reruns come first, then sweeps that start when others have ended.
    """
    with session(quiet=as_json) as platform:
        report = platform.queue.report(tenant_id=tenant, limit=limit)
    if as_json:
        print_json(report)
        return
    now = dt.datetime.now(dt.UTC)
    _print_waiting(report, now=now)
    _print_sweeps(report, now=now)
    click.echo(f"{report.n_held} running or about to start")
    for bound in report.capacity:
        click.echo(f"  {bound.words} in use")
    if report.tenants:
        print_table(
            ["tenant", "waits", "holds", "used lately", "weight", "share"],
            [
                [
                    one.tenant_id,
                    one.queued,
                    one.held.words,
                    usage_words(one.used),
                    one.weight,
                    one.share,
                ]
                for one in report.tenants
            ],
        )


def _print_waiting(report: QueueReport, *, now: dt.datetime) -> None:
    if not report.waiting:
        click.echo("nobody waits to be admitted")
        return
    print_table(
        ["place", "trial", "tenant", "priority", "asks for", "waits", "starts in", "because"],
        [
            [
                trial.place,
                f"{trial.attempt_id}, again {trial.rerun_of}"
                if trial.rerun_of
                else trial.attempt_id,
                trial.tenant_id,
                trial.priority,
                trial.demand,
                duration((now - trial.queued_at).total_seconds()),
                starts_in(trial, now=now),
                trial.reason or "nobody has looked yet",
            ]
            for trial in report.waiting
        ],
    )
    more = report.n_waiting - len(report.waiting)
    if more > 0:
        click.echo(f"… and {more} more wait")


def _print_sweeps(report: QueueReport, *, now: dt.datetime) -> None:
    if report.sweeps:
        print_table(
            ["sweep", "tenant", "waits", "for"],
            [
                [
                    sweep.sweep_id,
                    sweep.tenant_id,
                    duration((now - sweep.submitted_at).total_seconds()),
                    f"{sweep.words}{', paused' if sweep.is_paused else ''}",
                ]
                for sweep in report.sweeps
            ],
        )


def starts_in(trial: QueuedTrial, *, now: dt.datetime) -> str | None:
    """How long until it starts, as far as can be told; never: as policies are now."""
    if trial.is_hopeless:
        return "never"
    if trial.starts_at is None:
        return None
    return duration(max((trial.starts_at - now).total_seconds(), 0.0))
