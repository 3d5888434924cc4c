"""`sweepworks graveyard`: what sweeps that have ended have shown."""

import sys

import click

from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.platform import Platform
from sweeps.errors import SweepNotFound
from sweeps.graveyard.entry import BuriedEntry
from sweeps.ids import SweepId, TenantId, is_name

_tenant_option = click.option("--tenant", default="default", show_default=True, help="Whose.")
_CATCH_UP = 20  # pages that a search writes first, where no daemon does


@click.group("graveyard")
def command() -> None:
    """What sweeps that have ended have shown: a page each."""


@command.command("show")
@click.argument("sweep")
@_tenant_option
@json_option
def show(sweep: str, tenant: str, as_json: bool) -> None:
    """The page of SWEEP, in Markdown. It is written first if something has changed."""
    with session(quiet=as_json) as platform:
        entry = _written(platform, sweep, TenantId(tenant))
    if as_json:
        print_json(entry)
    elif sys.stdout.isatty():
        from rich.console import Console
        from rich.markdown import Markdown

        Console().print(Markdown(entry.markdown))
    else:
        click.echo(entry.markdown, nl=False)


@command.command("search")
@click.argument("words", nargs=-1)
@click.option("--experiment", help="Only its sweeps.")
@click.option("--tag", help="Only sweeps with the tag.")
@_tenant_option
@click.option("--limit", type=click.IntRange(1, 500), default=20, show_default=True)
@json_option
def search(
    words: tuple[str, ...],
    experiment: str | None,
    tag: str | None,
    tenant: str,
    limit: int,
    as_json: bool,
) -> None:
    """Sweeps whose page has WORDS, the best match first; without WORDS the latest.

    Words may be "quoted together", put together by `or`, and excluded by a minus.
    """
    with session(quiet=as_json) as platform:
        for sweep_id in platform.graveyard.due(limit=_CATCH_UP):
            platform.graveyard.write(sweep_id)
        found = platform.graveyard.search(
            " ".join(words), tenant_id=TenantId(tenant), experiment=experiment, tag=tag, limit=limit
        )
    if as_json:
        print_json(found)
    elif not found:
        click.echo("no such sweeps")
    else:
        print_table(
            ["sweep", "experiment", "state", "takeaway"],
            [[one.sweep_id, one.experiment, one.state, _takeaway(one)] for one in found],
        )


@command.command("confirm")
@click.argument("sweep")
@click.option("--takeaway", help="What it has shown; without it, what the page proposes.")
@_tenant_option
@json_option
def confirm(sweep: str, takeaway: str | None, tenant: str, as_json: bool) -> None:
    """Say what SWEEP has shown. Its page tells who said so; the last word counts."""
    with session(quiet=as_json) as platform:
        tenant_id = TenantId(tenant)
        _written(platform, sweep, tenant_id)
        text = platform.graveyard.confirm(
            SweepId(sweep), takeaway, tenant_id=tenant_id, by=person()
        )
        platform.graveyard.write(SweepId(sweep))
    if as_json:
        print_json({"sweep": sweep, "takeaway": text})
    else:
        click.echo(f"{sweep}: {text}")


def _written(platform: Platform, sweep: str, tenant_id: TenantId) -> BuriedEntry:
    """The page, as new as it can be."""
    if not is_name(sweep):
        raise SweepNotFound(sweep)
    sweep_id = SweepId(sweep)
    platform.catalog.get(sweep_id, tenant_id=tenant_id)  # there is one, for this tenant
    if platform.graveyard.due(limit=1, sweep_id=sweep_id):
        platform.graveyard.write(sweep_id)
    try:
        return platform.graveyard.entry(sweep_id, tenant_id=tenant_id)
    except SweepNotFound:
        platform.graveyard.write(sweep_id)  # tells what it waits for
        return platform.graveyard.entry(sweep_id, tenant_id=tenant_id)


def _takeaway(entry: BuriedEntry) -> str:
    return entry.takeaway or f"({entry.proposal})"
