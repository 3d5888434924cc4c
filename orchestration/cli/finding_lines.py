"""Findings for people and programs: good ones, wrong ones, and how to mend these."""

from collections.abc import Iterable

import click

from orchestration.cli.output import print_json
from orchestration.findings import Finding


def tell(findings: Iterable[Finding], *, as_json: bool) -> None:
    """Print them as they come; exits with 1 when something is wrong.

    Args:
        as_json: One document, at the end.
    """
    told: list[Finding] = []
    for finding in findings:
        told.append(finding)
        if not as_json:
            _print(finding)
    wrong = [finding for finding in told if not finding.is_good]
    if as_json:
        print_json({"good": not wrong, "findings": told})
    if wrong:
        raise click.exceptions.Exit(1)


def _print(finding: Finding) -> None:
    click.echo(f"{'good ' if finding.is_good else 'WRONG'}  {finding.subject}: {finding.says}")
    if finding.mend:
        click.echo(f"       mend it: {finding.mend}")
