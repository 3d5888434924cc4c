"""`sweepworks migrate`: the schema of this version, in a database of one's own."""

import click

from orchestration.settings import InvalidSetting, Settings


@click.command("migrate")
def command() -> None:
    """Bring the database of SWEEPWORKS_DATABASE_URL to the schema of this version.

    Safe while an earlier version still writes, and from several places at once. An empty database
    needs no such command, nor does the embedded one: both get their schema by themselves.
    """
    from storage.migrations_runner import upgrade
    from storage.schema_state import SchemaState, schema_state

    url = Settings.from_environment().database_url
    if url is None:
        raise InvalidSetting(
            "SWEEPWORKS_DATABASE_URL",
            "",
            hint="set it to the database; the embedded one is brought up to date when it starts",
        )
    before = schema_state(url)
    if before is SchemaState.CURRENT:
        click.echo("the schema is up to date")
        return
    upgrade(url)
    click.echo("the schema is up to date now")
