"""`sweepworks schema`: completion and checks in the editor."""

import click

from orchestration.cli.output import print_json
from sweeps.sweep_files import json_schema


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of sweep files.

    Save it, and put `# yaml-language-server: $schema=sweep.schema.json` at the top of a sweep file.
    """
    print_json(json_schema())
