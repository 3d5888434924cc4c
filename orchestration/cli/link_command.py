"""`sweepworks link`."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from orchestration.people import person
from sweeps.ids import TenantId
from sweeps.tags import check_link, parse_subject


@click.command("link")
@click.argument("target")
@click.argument("links", metavar="LINK...", nargs=-1, required=True)
@click.option("--remove", is_flag=True, help="Remove the links.")
@click.option("--tenant", default="default", show_default=True, help="Whose it is.")
@json_option
def command(target: str, links: tuple[str, ...], remove: bool, tenant: str, as_json: bool) -> None:
    """Link TARGET, a run, a sweep or experiment:NAME, with tasks or addresses.

    A LINK is a task id such as VIS-123 or team/repo#12, or an address that begins with https:// or
    http://. The policy `naming` says where task ids lead to.
    """
    subject, tenant_id, by = parse_subject(target), TenantId(tenant), person()
    if not remove:
        links = tuple(check_link(link) for link in links)  # all of them or none
    changed: dict[str, bool] = {}
    with session(quiet=as_json) as platform:
        write = platform.notes.unlink if remove else platform.notes.link
        for link in links:
            changed[link] = write(subject, link, tenant_id=tenant_id, by=by)
    if as_json:
        print_json(changed)
        return
    for link, is_new in changed.items():
        if remove:
            click.echo(f"{target}: {link} removed" if is_new else f"{target} has no link {link}")
        else:
            click.echo(f"{target}: {link}" if is_new else f"{target} has {link} already")
