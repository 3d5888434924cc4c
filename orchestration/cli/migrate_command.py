"""`sweepworks migrate`: the schema of this version, in databases of one's own."""

import click

from orchestration.named_databases import prove_named
from orchestration.settings import InvalidSetting, Settings


@click.command("migrate")
def command() -> None:
    """Bring the database of SWEEPWORKS_DATABASE_URL to the schema of this version.

    That of SWEEPWORKS_DAGSTER_DATABASE_URL, too, if it is set. Safe while an earlier version still
    writes, and from several places at once. An empty database needs no such command, nor does the
    embedded one: both get their schema by themselves.
    """
    settings = Settings.from_environment()
    if settings.database_url is None:
        raise InvalidSetting(
            "SWEEPWORKS_DATABASE_URL",
            "",
            hint="set it to the database; the embedded one is brought up to date when it starts",
        )
    _migrate_ours(settings.database_url)
    if settings.dagster_database_url is not None:
        _migrate_dagsters(settings.dagster_database_url)


def _migrate_ours(url: str) -> None:
    from storage.migrations_runner import upgrade
    from storage.schema_state import SchemaState, schema_state

    prove_named("SWEEPWORKS_DATABASE_URL", url)
    if schema_state(url) is SchemaState.CURRENT:
        click.echo("the schema is up to date")
        return
    upgrade(url)
    click.echo("the schema is up to date now")


def _migrate_dagsters(url: str) -> None:
    from orchestration.dagster_tables import upgrade_tables

    prove_named("SWEEPWORKS_DAGSTER_DATABASE_URL", url.replace("+psycopg2", "", 1))
    upgrade_tables(url)
    click.echo("Dagster's tables are up to date")
