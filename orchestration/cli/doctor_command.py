"""`sweepworks doctor`: what is there, what is wrong, how to mend it."""

import click

from orchestration.cli.output import json_option, print_json
from orchestration.doctor import examine


@click.command("doctor")
@json_option
def command(as_json: bool) -> None:
    """Versions, database, disk, what is reachable, what is wrong and how to mend it.

    Exits with 1 when something is wrong.
    """
    findings = examine()
    wrong = [finding for finding in findings if not finding.is_good]
    if as_json:
        print_json({"good": not wrong, "findings": findings})
    else:
        for finding in findings:
            click.echo(
                f"{'good ' if finding.is_good else 'WRONG'}  {finding.subject}: {finding.says}"
            )
            if finding.mend:
                click.echo(f"       mend it: {finding.mend}")
    if wrong:
        raise click.exceptions.Exit(1)
