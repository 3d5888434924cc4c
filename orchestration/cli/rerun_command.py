"""`sweepworks rerun`: make a run again, from the code, packages and data that it had."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId, is_name
from sweeps.reruns import Fate, Line
from sweeps.states import RunState

if TYPE_CHECKING:
    from orchestration.reruns.execution import Rerun

_MARKS = {Fate.SAME: "  ", Fate.OTHER: "! ", Fate.MISSING: "X "}


@click.command("rerun")
@click.argument("run")
@click.option("--attempts", type=click.IntRange(1, 100), default=1, show_default=True,
              help="How many times, one after the other; a run each.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only say what would be made again, and what cannot.")
@click.option("--force", is_flag=True, help="Also when something is missing.")
@click.option("--keep", is_flag=True, help="Leave the work tree where it is.")
@click.option("--repository", "repositories", multiple=True,
              type=click.Path(exists=True, file_okay=False, path_type=Path),
              help="Where its commit may be; looked at first.")  # fmt: skip
@click.option("--tenant", default="default", show_default=True, help="Whose run.")
@json_option
def command(
    run: str,
    attempts: int,
    dry_run: bool,
    force: bool,
    keep: bool,
    repositories: tuple[Path, ...],
    tenant: str,
    as_json: bool,
) -> None:
    """RUN is a trial's or a scratch run's name. The rerun is a run of its own, linked to it.

    First it says what is made again as it was, what is another (!) and what is missing (X); with
    something missing it is refused, unless --force is given. Then it makes a work tree with the
    commit, the patch and the files, an environment with the packages where they differ from those
    here, and runs it. A trial that ran in a pod is made again in one, by the digest of the image
    that it ran. It is admitted as trials are, and paid for by whoever makes it: while it waits it
    says why, and Ctrl-C gives its place back. `sweepworks reproduce RUN` compares the metrics.
    """
    if not is_name(run):
        raise RunNotFound(run[:80])
    with session(quiet=as_json) as platform:
        from orchestration.people import person
        from orchestration.reruns.rerunning import found_again, make_again, require_whole

        made_of = found_again(
            platform,
            RunId(run),
            tenant_id=TenantId(tenant),
            repositories=[path.absolute() for path in repositories],
        )
        document: dict[str, object] = {
            "run": run,
            "can_rerun": not made_of.missing,
            "plan": made_of.lines,
        }
        if not as_json:
            _print_plan(run, made_of.lines)
        if dry_run:
            if as_json:
                print_json(document)
            raise click.exceptions.Exit(1 if made_of.missing and not force else 0)
        if not force:
            if made_of.missing and as_json:
                print_json({**document, "reruns": []})
            require_whole(made_of)
        say = _say_nothing if as_json else _say
        done = [
            make_again(platform, made_of, by=person(), keep=keep, is_forced=force, say=say)
            for _ in range(attempts)
        ]
    if as_json:
        print_json({**document, "reruns": done})
    else:
        _print_reruns(run, done)
    if any(one.state is not RunState.COMPLETED for one in done):
        raise click.exceptions.Exit(1)


def _print_reruns(run: str, done: Sequence["Rerun"]) -> None:
    for one in done:
        click.echo(f"{one.run_id}  {one.state}  {one.reason}".rstrip())
        if one.state is not RunState.COMPLETED:
            where = one.logs or f"sweepworks artifacts get {one.run_id}/logs/a1.log"
            click.echo(f"  its output: {where}")
        if one.tree is not None:
            click.echo(f"  its work tree: {one.tree}")
    click.echo(f"compare them:  sweepworks reproduce {run}")


def _print_plan(run: str, lines: Sequence[Line]) -> None:
    click.echo(f"{run} is made again:")
    width = max(len(line.part) for line in lines)
    for line in lines:
        click.echo(f"{_MARKS[line.fate]}{line.part:<{width}}  {line.says}")


def _say(words: str) -> None:
    click.echo(f"  {words}", err=True)


def _say_nothing(_: str) -> None:
    pass
