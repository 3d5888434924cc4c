"""Commands of a server: databases brought up to date, tokens for people."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from governance.access import Sees
from storage.database import open_pool
from storage.token_store import TokenStore
from sweeps.errors import AccessDenied
from tests.plugins.postgres import Database


class Server:
    """Commands with two databases by URL."""

    def __init__(self, databases: tuple[Database, Database], folder: Path) -> None:
        self.ours, self.dagsters = databases
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SWEEPWORKS_")
        } | {
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_DATABASE_URL": self.ours.url,
            "SWEEPWORKS_DAGSTER_DATABASE_URL": self.dagsters.url,
        }

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def server(empty_databases: tuple[Database, Database], tmp_path: Path) -> Server:
    return Server(empty_databases, tmp_path)


def test_migrate_makes_the_tables_of_both_databases(server: Server) -> None:
    assert "up to date now" in server.run("migrate")
    assert server.run("migrate").splitlines() == [
        "the schema is up to date",
        "Dagster's tables are up to date",
    ]

    with psycopg.connect(server.ours.url) as connection:
        connection.execute("SELECT count(*) FROM sweepworks.sweeps")
    with psycopg.connect(server.dagsters.url) as connection:
        connection.execute("SELECT count(*) FROM event_logs")


def test_migrate_names_the_variable_of_a_database_that_is_away(server: Server) -> None:
    away = "postgresql://nobody:hunter2@127.0.0.1:1/none"
    server.environment["SWEEPWORKS_DAGSTER_DATABASE_URL"] = away

    said = server.run("migrate", code=1)

    assert "SWEEPWORKS_DAGSTER_DATABASE_URL" in said
    assert "hunter2" not in said


def test_a_token_is_shown_once_and_closes_again(server: Server) -> None:
    token = server.run("token", "create", "ana", "--days", "30").strip()

    with open_pool(server.ours.url) as pool:
        assert TokenStore(pool).owner_of(token).name == "ana"
        (row,) = json.loads(server.run("token", "list", "--json"))
        assert (row["name"], row["sees"]) == ("ana", "tenant")
        assert row["expires_at"] > row["created_at"]
        assert token not in json.dumps(row)

        assert "1 revoked" in server.run("token", "revoke", "ana")
        with pytest.raises(AccessDenied):
            TokenStore(pool).owner_of(token)
    assert "no open token of 'ana'" in server.run("token", "revoke", "ana", code=1)


def test_a_token_may_be_made_to_see_more(server: Server) -> None:
    token = server.run("token", "create", "lead", "--sees", "portfolio").strip()

    with open_pool(server.ours.url) as pool:
        assert TokenStore(pool).owner_of(token).sees is Sees.PORTFOLIO
    (row,) = json.loads(server.run("token", "list", "--json"))
    assert row["sees"] == "portfolio"
    assert "is not one of" in server.run("token", "create", "lead", "--sees", "much", code=2)


def test_an_unknown_tenant_gets_no_token(server: Server) -> None:
    assert "unknown tenant" in server.run("token", "create", "ana", "--tenant", "nobody", code=1)


def test_the_webserver_says_what_it_lacks(server: Server) -> None:
    assert "DAGSTER_HOME" in server.run("webserver", code=1)
    del server.environment["SWEEPWORKS_DATABASE_URL"]
    assert "SWEEPWORKS_DATABASE_URL" in server.run("webserver", code=1)
