"""`sweepworks tag`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.people import person
from sweeps.errors import PermanentError
from sweeps.ids import TenantId
from sweeps.tags import parse_subject, parse_tag


@click.command("tag")
@click.argument("name")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Take the tag away.")
@click.option("--tenant", default="default", show_default=True, help="Whose they are.")
@json_option
def command(name: str, targets: tuple[str, ...], remove: bool, tenant: str, as_json: bool) -> None:
    """Give TARGETs the tag NAME, or NAME=VALUE.

    A TARGET is a run, a sweep, or experiment:NAME; finished ones take tags as well. Known tags:
    baseline (one run of an experiment has it: another one loses it), production_candidate,
    ablation_study, test_run, keeper (its files stay), tier.NAME.
    """
    tag = parse_tag(name)
    by, tenant_id = person(), TenantId(tenant)
    done: list[dict[str, object]] = []
    problems: list[str] = []
    with session(quiet=as_json) as platform:
        for target in targets:
            try:
                subject = parse_subject(target)
                if remove:
                    had = platform.tags.remove(subject, tag.name, tenant_id=tenant_id, by=by)
                    done.append({"target": target, "removed": tag.name if had else None})
                else:
                    moved = platform.tags.set(subject, tag, tenant_id=tenant_id, by=by)
                    done.append({"target": target, "tag": str(tag), "moved_from": moved})
            except PermanentError as exc:  # the others get theirs
                problems.append(str(exc))
    if as_json:
        print_json({"done": done, "problems": problems})
    else:
        for line in done:
            click.echo(_sentence(line, tag.name))
    for problem in problems if not as_json else ():
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise click.exceptions.Exit(1)


def _sentence(line: dict[str, object], name: str) -> str:
    if "removed" in line:
        had = line["removed"] is not None
        return f"{line['target']}: {name} removed" if had else f"{line['target']} has no {name}"
    moved = line["moved_from"]
    assert isinstance(moved, tuple)
    told = f", {', '.join(moved)} no more: an experiment has one" if moved else ""
    return f"{line['target']}: {line['tag']}{told}"
