"""Escalations of quotas for people."""

from collections.abc import Sequence

import click

from governance.quotas.escalations import Escalation
from orchestration.cli.output import print_table


def print_escalations(found: Sequence[Escalation]) -> None:
    """A table, and for each what would remedy it and what was told."""
    if not found:
        click.echo("no limit stays in anybody's way")
        return
    print_table(
        ["escalation", "tenant", "what", "since", "ended"],
        [[one.escalation_id, one.tenant_id, one.what, one.since, one.ended_at] for one in found],
    )
    for one in found:
        click.echo(f"{one.escalation_id}: {one.remedy}")
        for sentence in one.history:
            click.echo(f"    {sentence}")


def escalation_lines(found: Sequence[Escalation]) -> list[tuple[str, str]]:
    """What a sweep says of its own: since when, what would remedy it, who was told."""
    lines: list[tuple[str, str]] = []
    for one in found:
        lines += [
            ("limited", f"since {one.since:%Y-%m-%d %H:%M} UTC: {one.what}"),
            ("", one.remedy),
            *(("", sentence) for sentence in one.history or [one.standing]),
        ]
    return lines
