"""`sweepworks show`: a sweep, or one trial of it."""

from collections.abc import Mapping, Sequence

import click

from governance.quotas.escalations import document as escalation_document
from orchestration.cli.annotation_lines import annotations_of
from orchestration.cli.cost_lines import cost_of
from orchestration.cli.escalation_lines import escalation_lines
from orchestration.cli.origin_lines import origin_lines
from orchestration.cli.output import duration, json_option, print_json, print_table
from orchestration.cli.report import (
    leaderboard,
    search_lines,
    seconds,
    sweep_report,
    trial_document,
    trials_by_state,
)
from orchestration.cli.session import session
from orchestration.cli.targets import find_target
from orchestration.cli.wait_lines import after_lines, wait_lines
from sweeps.ids import RunId, TenantId, is_scratch_run
from sweeps.runs import Provenance
from sweeps.search_report import search_report
from sweeps.states import RunState
from sweeps.tags import Subject, SubjectKind
from sweeps.trials import Attempt, SweepSnapshot, Trial


@click.command("show")
@click.argument("name")
@click.option("--trial", type=int, help="One trial of the sweep, by number.")
@click.option("--tenant", default="default", show_default=True, help="Whose scratch run.")
@json_option
def command(name: str, trial: int | None, tenant: str, as_json: bool) -> None:
    """NAME is a sweep, or a run such as digits-mlp-ab12cd34-00003 or scratch-abcdefghijkl."""
    if is_scratch_run(name) and trial is None:
        _show_scratch_run(RunId(name), TenantId(tenant), as_json=as_json)
        return
    with session(quiet=as_json) as platform:
        snapshot, chosen = find_target(platform, name, trial)
        notices: Mapping[str, str] = {}
        provenance: Provenance = {}
        tenant_id = TenantId(snapshot.sweep.spec.tenant)
        lines, document = annotations_of(platform, _subject(snapshot, chosen), tenant_id)
        spent, cost = cost_of(
            platform,
            sweep_id=snapshot.sweep.sweep_id,
            run_id=None if chosen is None else chosen.run_id,
        )
        lines, document = [("cost", spent), *lines], {"cost": cost, **document}
        waits = platform.queue.waits(
            [trial.run_id for trial in snapshot.trials if trial.state is RunState.QUEUED]
            if chosen is None
            else [chosen.run_id]
        )
        escalations = platform.escalations.list(tenant=tenant_id, subject=snapshot.sweep.sweep_id)
        after = platform.waits.of(snapshot.sweep.sweep_id)
        if chosen is not None:
            record = platform.runs.get(chosen.run_id, tenant_id=tenant_id)
            notices, provenance = record.notices, record.provenance
    if as_json and chosen is not None:
        print_json(
            {
                **_trial(snapshot, chosen, notices),
                "origin": provenance.get("origin"),
                "admission": waits.get(chosen.run_id),
                **document,
            },
        )
    elif as_json:
        print_json(
            {
                **sweep_report(snapshot),
                "waits_for": after.waits_for,
                "awaited_by": after.awaited_by,
                "admissions": waits,
                "escalations": [escalation_document(one) for one in escalations],
                **document,
            }
        )
    elif chosen:
        _print_trial(snapshot, chosen, notices)
        for subject, sentence in [*wait_lines(waits), *origin_lines(provenance), *lines]:
            click.echo(f"  {subject:10} {sentence}")
    else:
        others = after_lines(after, snapshot.sweep)
        waiting = [*others, *wait_lines(waits), *escalation_lines(escalations)]
        _print_sweep(snapshot, [*waiting, *lines])


def _subject(snapshot: SweepSnapshot, chosen: Trial | None) -> Subject:
    if chosen is not None:
        return Subject(SubjectKind.RUN, chosen.run_id)
    return Subject(SubjectKind.SWEEP, snapshot.sweep.sweep_id)


def _show_scratch_run(run_id: RunId, tenant_id: TenantId, *, as_json: bool) -> None:
    with session(quiet=as_json) as platform:
        record = platform.runs.get(run_id, tenant_id=tenant_id)
        reruns = platform.reruns.reruns_of(run_id, tenant_id=tenant_id)
        subject = Subject(SubjectKind.RUN, run_id)
        lines, document = annotations_of(platform, subject, tenant_id)
        waits = platform.queue.waits([run_id])
        if record.attempts:
            spent, cost = cost_of(platform, run_id=run_id)
            lines, document = [("cost", spent), *lines], {"cost": cost, **document}
    run = record.run
    if as_json:
        print_json(
            {
                "run": run.run_id,
                "state": run.state,
                "reason": run.reason,
                "experiment": run.experiment,
                "seed": run.seed,
                "rerun_of": run.rerun_of,
                "reruns": reruns,
                "attempts": record.attempts,
                "admission": waits.get(run_id),
                "params": record.params,
                "summary": record.summary,
                "origin": record.provenance.get("origin"),
                "not_stored": record.notices,
                **document,
            }
        )
        return
    click.echo(f"{run.run_id}  {run.state}  {run.reason}".rstrip())
    click.echo(f"  experiment {run.experiment}, seed {run.seed}")
    for word, sentence in [*wait_lines(waits), *origin_lines(record.provenance), *lines]:
        click.echo(f"  {word:10} {sentence}")
    _print_attempts(record.attempts)
    for name, value in record.params.items():
        click.echo(f"  {name} = {value}")
    for key, found in record.summary.items():
        click.echo(f"  {key} {found.last:.6g} at step {found.step}")
    for rerun in reruns:
        click.echo(f"  rerun      {rerun}")
    for word, sentence in record.notices.items():
        click.echo(f"  not stored: {word}: {sentence}")


def _trial(snapshot: SweepSnapshot, trial: Trial, notices: Mapping[str, str]) -> dict[str, object]:
    return {
        **trial_document(trial, busy=snapshot.busy_seconds()),
        "attempts": [a for a in snapshot.attempts if a.run_id == trial.run_id],
        "not_stored": notices,
    }


def _print_sweep(snapshot: SweepSnapshot, lines: Sequence[tuple[str, str]]) -> None:
    sweep = snapshot.sweep
    spec = sweep.spec
    click.echo(f"{sweep.sweep_id}  {sweep.state}  {sweep.reason}")
    click.echo(f"  experiment {spec.experiment} of {spec.owner} ({spec.tenant})")
    click.echo(f"  purpose    {spec.purpose}")
    click.echo(
        f"  search     {spec.strategy.name}, {spec.objective.direction} {spec.objective.metric}, "
        f"{spec.limits.max_trials} trials, {spec.limits.max_parallel} at a time, seed {spec.seed}"
    )
    if snapshot.datasets:
        click.echo(f"  data       {', '.join(str(dataset) for dataset in snapshot.datasets)}")
    if sweep.started_at and sweep.ended_at:
        click.echo(f"  took       {duration((sweep.ended_at - sweep.started_at).total_seconds())}")
    states = ", ".join(f"{n} {state}" for state, n in trials_by_state(snapshot.trials).items())
    click.echo(f"  trials     {states or 'none yet'}")
    for subject, sentence in lines:
        click.echo(f"  {subject:10} {sentence}")
    for line in search_lines(search_report(snapshot)):
        click.echo(f"  search     {line}")
    click.echo()
    columns, rows = leaderboard(snapshot, limit=10)
    if rows:
        print_table(columns, rows)
    failed = [trial for trial in snapshot.trials if trial.state is RunState.FAILED]
    for trial in failed[:5]:
        click.echo(f"  trial {trial.number} failed: {trial.reason}")
    if len(failed) > 5:
        click.echo(f"  … and {len(failed) - 5} more failed")


def _print_trial(snapshot: SweepSnapshot, trial: Trial, notices: Mapping[str, str]) -> None:
    metric = snapshot.sweep.spec.objective.metric
    click.echo(f"{trial.run_id}  {trial.state}  {trial.reason}")
    took = seconds(snapshot.busy_seconds(), trial)
    lasted = "" if took is None else f", {took} s"
    click.echo(f"  {metric} {trial.objective} at level {trial.resource_level}{lasted}")
    for name, value in trial.configuration.items():
        click.echo(f"  {name} = {value}")
    _print_attempts([one for one in snapshot.attempts if one.run_id == trial.run_id])
    for subject, sentence in notices.items():
        click.echo(f"  not stored: {subject}: {sentence}")


def _print_attempts(attempts: Sequence[Attempt]) -> None:
    for attempt in attempts:
        ended = f"{attempt.exit.reason} {attempt.exit.message}" if attempt.exit else ""
        where = " ".join(filter(None, (attempt.node, attempt.image)))
        if attempt.machine:
            where = f"{where} ({attempt.machine})"
        if attempt.nearness:
            where = f"{where} {attempt.nearness}".lstrip()
        click.echo(f"  attempt {attempt.number}: {attempt.state} {where} {ended}")
