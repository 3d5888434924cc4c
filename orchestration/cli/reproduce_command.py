"""`sweepworks reproduce`: whether reruns came to the same metrics."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import click

from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.platform import Platform
from sweeps import reproduction
from sweeps.errors import PermanentError, RunNotFound
from sweeps.explanations import Explanation, explanations
from sweeps.ids import RunId, TenantId, is_name
from sweeps.reproduction import JudgedMetric, MetricDifference, Tolerance, Verdict
from sweeps.runs import RunRecord

_MOST_RUNS = 10  # each is compared with each
_MOST_TOLD = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    run: RunId
    verdict: Verdict
    state: str
    metrics: Sequence[JudgedMetric]
    keys: tuple[str, ...]  #: of all metrics, those that are ignored included
    explanations: Sequence[Explanation]


@click.command("reproduce")
@click.argument("run")
@click.option("--runs", "names", multiple=True, help="These instead of its reruns; again for more.")
@click.option("--tolerance", default=str(reproduction.DEFAULT_TOLERANCE), show_default=True,
              help="How far values may be apart: a share of the larger, or abs:NUMBER.")  # fmt: skip
@click.option("--metric", "metrics", multiple=True, metavar="NAME=TOLERANCE",
              help="Of one metric: 0.01, abs:0.001, or ignore.")  # fmt: skip
@click.option("--tenant", default="default", show_default=True, help="Whose runs.")
@json_option
def command(
    run: str,
    names: tuple[str, ...],
    tolerance: str,
    metrics: tuple[str, ...],
    tenant: str,
    as_json: bool,
) -> None:
    """Compare the metrics of RUN with those of its reruns, at the steps that both have.

    With two reruns or more it says, too, how far they are from each other: what the run does by
    itself, with the same code and the same seed. Exits with 0 when all reruns are bitwise equal or
    within the tolerance, with 1 when not.
    """
    asked = reproduction.parse_tolerance(tolerance)
    if asked is None:
        raise click.UsageError("--tolerance cannot be ignore; --metric NAME=ignore leaves one out")
    of = dict(_of_metric(text) for text in metrics)
    given = [name for text in names for name in text.split(",") if name]
    if len(given) > _MOST_RUNS:
        raise click.UsageError(
            f"{len(given)} runs are too many: each is compared with each; name at most {_MOST_RUNS}"
        )
    for name in (run, *given):
        if not is_name(name):
            raise RunNotFound(name[:80])
    tenant_id = TenantId(tenant)
    with session(quiet=as_json) as platform:
        original = platform.runs.get(RunId(run), tenant_id=tenant_id)
        again, n_left = _again(platform, original, given, tenant_id)
        compared = [
            _compare(platform, original, other, tenant_id=tenant_id, tolerance=asked, of=of)
            for other in again
        ]
        _check_metrics(of, compared)
        ids = [record.run.run_id for record in again]
        spread = reproduction.spread(
            platform.reproductions.differences(one, other)
            for one, other in itertools.combinations(ids, 2)
        )
    verdict = reproduction.worst([one.verdict for one in compared])
    if as_json:
        print_json(
            {
                "run": run,
                "verdict": verdict,
                "reruns": compared,
                "spread": spread or None,
                "left_out": n_left,
            }
        )
    else:
        _tell(run, verdict, compared, spread)
        if n_left:
            click.echo(f"{n_left} older reruns were left out; name them with --runs")
    if not verdict.is_good:
        raise click.exceptions.Exit(1)


def _of_metric(text: str) -> tuple[str, Tolerance | None]:
    name, equals, tolerance = text.rpartition("=")
    if not equals or not name:
        raise click.UsageError(f"--metric {text!r}: write NAME=TOLERANCE")
    return name, reproduction.parse_tolerance(tolerance)


def _again(
    platform: Platform, original: RunRecord, given: Sequence[str], tenant_id: TenantId
) -> tuple[list[RunRecord], int]:
    """Those to compare with, and how many older ones are left out."""
    run = original.run
    names = [RunId(name) for name in given] or platform.reruns.reruns_of(
        run.run_id, tenant_id=tenant_id
    )
    names = [name for name in dict.fromkeys(names) if name != run.run_id]
    if not names:
        other = f"; it repeats {run.rerun_of}" if run.rerun_of else ""
        raise PermanentError(
            f"{run.run_id} has no rerun yet{other}; make one: sweepworks rerun {run.run_id}"
        )
    # The newest ones say what is so now.
    newest = [platform.runs.get(name, tenant_id=tenant_id) for name in names[-_MOST_RUNS:]]
    return newest, len(names) - len(newest)


def _check_metrics(of: Mapping[str, Tolerance | None], compared: Sequence[_Compared]) -> None:
    known = {key for one in compared for key in one.keys}
    unknown = sorted(set(of) - known)
    if unknown:
        raise click.UsageError(
            f"no metric is called {unknown[0]!r}; there are {', '.join(sorted(known)) or 'none'}"
        )


def _compare(
    platform: Platform,
    original: RunRecord,
    again: RunRecord,
    *,
    tenant_id: TenantId,
    tolerance: Tolerance,
    of: Mapping[str, Tolerance | None],
) -> _Compared:
    one, other = original.run.run_id, again.run.run_id
    differences = platform.reproductions.differences(one, other)
    judged = reproduction.judge(differences, tolerance=tolerance, of=of)
    is_over = original.run.state.is_terminal and again.run.state.is_terminal
    return _Compared(
        run=other,
        verdict=reproduction.overall(judged) if is_over else Verdict.NOT_COMPARABLE,
        state=str(again.run.state),
        metrics=judged,
        keys=tuple(sorted({difference.key for difference in differences})),
        explanations=explanations(
            original,
            again,
            data=_data(platform, one, tenant_id),
            data_again=_data(platform, other, tenant_id),
        ),
    )


def _data(platform: Platform, run_id: RunId, tenant_id: TenantId) -> list[str]:
    return [str(version) for version in platform.datasets.of_run(run_id, tenant_id=tenant_id)]


def _tell(
    run: str,
    verdict: Verdict,
    compared: Sequence[_Compared],
    spread: Mapping[str, MetricDifference],
) -> None:
    click.echo(f"{run}: {verdict}")
    for one in compared:
        click.echo(f"\n{one.run}  {one.state}: {one.verdict}")
        if one.metrics:
            print_table(
                ["metric", "verdict", "steps", "final", "again", "largest", "at", "relative", "at"],
                [_row(metric) for metric in one.metrics],
            )
        for metric in one.metrics:
            if metric.why:
                click.echo(f"  {metric.difference.key}: {metric.why}")
        if one.verdict is not Verdict.BITWISE and one.explanations:
            click.echo("  it may come from:")
            for cause in one.explanations[:_MOST_TOLD]:
                click.echo(f"    {cause.subject}: {cause.says}")
            if len(one.explanations) > _MOST_TOLD:
                click.echo(f"    and {len(one.explanations) - _MOST_TOLD} more: --json has them")
    for key, metric in spread.items():
        if metric.different:
            click.echo(
                f"{key}: the reruns themselves are up to {metric.largest_absolute:.5g} apart, at "
                f"step {metric.absolute_at}: so far it is not the same twice"
            )


def _row(metric: JudgedMetric) -> list[object]:
    found = metric.difference
    return [
        found.key if found.kind == "curve" else f"{found.key} (report)",
        metric.verdict,
        f"{found.common} of {found.steps}",
        found.final,
        found.final_again,
        found.largest_absolute,
        found.absolute_at,
        found.largest_relative,
        found.relative_at,
    ]
