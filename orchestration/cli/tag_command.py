"""`sweepworks tag`."""

from collections.abc import Sequence

import click

from orchestration.cli.hints import print_notes
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.people import person
from sweeps.errors import PermanentError
from sweeps.ids import RunId, TenantId
from sweeps.tags import PRODUCTION_CANDIDATE, NothingTagged, parse_subjects, parse_tag


@click.command("tag")
@click.argument("name")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tag away.")
@click.option("--tenant", default="default", show_default=True, help="Whose they are.")
@json_option
def command(name: str, targets: tuple[str, ...], remove: bool, tenant: str, as_json: bool) -> None:
    """Give TARGETs the tag NAME, or NAME=VALUE: all of them, or none when one cannot have it.

    A TARGET is a run, a sweep, or experiment:NAME; finished ones take tags as well. Known tags:
    baseline (one run of an experiment has it: another one loses it), production_candidate,
    ablation_study, test_run, keeper (its files stay), tier.NAME.
    """
    tag = parse_tag(name)
    by, tenant_id = person(), TenantId(tenant)
    done: list[dict[str, object]] = []
    problems: Sequence[PermanentError] = ()
    notes: Sequence[str] = ()
    with session(quiet=as_json) as platform:
        try:
            subjects = parse_subjects(targets)
            if remove:
                had = platform.tags.remove_all(subjects, tag.name, tenant_id=tenant_id, by=by)
                lines = [{"removed": tag.name if one else None} for one in had]
            else:
                moved = platform.tags.set_all(subjects, tag, tenant_id=tenant_id, by=by)
                lines = [{"tag": str(tag), "moved_from": one} for one in moved]
                if tag.name == PRODUCTION_CANDIDATE:
                    runs = [RunId(one.name) for one in subjects]  # nothing else has that tag
                    notes = platform.evaluations.why_not_by_tag(runs, tenant_id=tenant_id)
            done = [{"target": t, **line} for t, line in zip(targets, lines, strict=True)]
        except NothingTagged as exc:
            problems = exc.problems
        except PermanentError as exc:
            problems = [exc]
    if as_json:
        told = {"problems": [str(problem) for problem in problems], "notes": notes}
        print_json({"done": done, **told})
    else:
        for line in done:
            click.echo(_sentence(line, tag.name))
        print_notes(notes)
        for problem in problems:
            click.echo(f"error: {problem}", err=True)
    if problems:
        if len(targets) > 1 and not as_json:
            click.echo("nothing was changed", err=True)
        raise click.exceptions.Exit(1)


def _sentence(line: dict[str, object], name: str) -> str:
    if "removed" in line:
        had = line["removed"] is not None
        return f"{line['target']}: {name} removed" if had else f"{line['target']} has no {name}"
    moved = line["moved_from"]
    assert isinstance(moved, tuple)
    told = f", {', '.join(moved)} no more: an experiment has one" if moved else ""
    return f"{line['target']}: {line['tag']}{told}"
