"""`sweepworks retention`, from a plan to what is deleted, on a database by URL and a folder."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from retention.keeping import ItemState
from retention.policy_file import RETENTION
from storage.artifacts.folder import ArtifactFolder
from storage.database import open_pool
from storage.policy_store import PolicyStore
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from sweeps.policies import PolicyChange
from tests.contracts.artifact_store_contract import bring
from tests.integration.storage.retention_rows import RetentionRows
from tests.plugins.postgres import Database

HASTY = """
min_age: 0.001s
grace: 0.001s
default_class: a
classes:
  a: {runs: {scratch_after: 0.001s}}
"""
_STRAYS = 150
_DAYS = 2 * 86_400  # older than what an upload may still commit


@pytest.fixture
def rows(database: Database, tmp_path: Path) -> Generator[RetentionRows, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        store = PolicyStore(pool)
        change = PolicyChange(
            kind=RETENTION, source="retention.yaml", before=store.current(RETENTION), text=HASTY
        )
        store.apply([change], by="me", comment="")
        yield RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))


class Commands:
    """The command line of an installation."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SWEEPWORKS_")
        } | {
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_DATABASE_URL": database.url,
            "SWEEPWORKS_DAGSTER_DATABASE_URL": database.url,
            "SWEEPWORKS_ARTIFACTS": str(folder / "artifacts"),
        }

    def run(self, *arguments: str, code: int = 0, group: str = "retention") -> tuple[str, str]:
        """What it writes to stdout and stderr."""
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", group, *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def commands(database: Database, tmp_path: Path) -> Commands:
    return Commands(database, tmp_path)


def aged_strays(rows: RetentionRows, folder: Path, count: int) -> None:
    """Files in the tenant's folder that no row knows of, and that are not from today."""
    for number in range(count):
        bring(rows.store, b"stray %d" % number)
    then = time.time() - _DAYS
    for path in folder.glob("default/*/*/*"):
        os.utime(path, (then, then))


def owner(folder: Path) -> str:
    return (folder / ".sweepworks-installation").read_text().strip()


def test_a_store_of_another_installation_is_left_alone_until_it_is_taken_over(
    rows: RetentionRows, commands: Commands, tmp_path: Path
) -> None:
    folder = tmp_path / "artifacts"
    aged_strays(rows, folder, 1)
    rows.store.set_owner("another")

    told, error = commands.run("delete", code=1)
    refused = owner(folder), rows.rows("SELECT count(*) FROM blobs")
    document, _ = commands.run("delete", "--take-over", "--json")

    assert "of installation another" in error
    assert "--take-over" in error
    assert "collected  0 files" in told
    assert refused == ("another", [(0,)])
    assert json.loads(document)["strays"] == 1
    ((installation,),) = rows.rows("SELECT installation_id::text FROM installation")
    assert owner(folder) == installation


def test_many_strays_go_only_when_a_person_says_so(
    rows: RetentionRows, commands: Commands, tmp_path: Path
) -> None:
    aged_strays(rows, tmp_path / "artifacts", _STRAYS)

    told, error = commands.run("delete", code=1)
    before = rows.rows("SELECT count(*) FROM blobs")
    agreed, _ = commands.run("delete", "--with-strays")
    again, _ = commands.run("delete")

    assert f"{_STRAYS} of {_STRAYS} files" in error
    assert "collected  0 files" in told
    assert before == [(0,)]
    assert f"strays     {_STRAYS} files" in agreed
    assert "strays" not in again  # they are known now, and in quarantine
    assert rows.rows("SELECT count(*) FROM blobs") == [(_STRAYS,)]


def test_of_a_file_only_what_is_in_it_is_marked(
    rows: RetentionRows, commands: Commands, tmp_path: Path
) -> None:
    run, other = rows.scratch({"a": b"1", "b": b"2"}), rows.scratch({"a": b"3"})
    time.sleep(1)  # ages are whole seconds
    file, foreign, strange = (tmp_path / name for name in ("plan", "foreign", "strange"))
    commands.run("plan", "--out", str(file))
    document = json.loads(file.read_text())
    document["items"] = [
        item for item in document["items"] if (item["run_id"], item["name"]) == (run, "a")
    ]
    file.write_text(json.dumps(document))
    foreign.write_text(json.dumps(document | {"installation": "another"}))
    added = [*document["items"], {"kind": "artifact", "run_id": other, "name": "z"}]
    strange.write_text(json.dumps(document | {"items": added}))

    _, of_another = commands.run("apply", str(foreign), "--yes", code=1)
    _, with_more = commands.run("apply", str(strange), "--yes", code=1)
    before = rows.rows("SELECT DISTINCT state::text FROM retention_items")
    told, _ = commands.run("apply", str(file), "--yes")

    assert "is of installation another" in of_another
    assert f"does not name artifact {other}/z" in with_more
    assert before == [("planned",)]
    assert "marked  1 items" in told
    assert "spared  2, left_out" in told
    assert rows.rows("SELECT run_id, name FROM retention_items WHERE state = 'marked'") == [
        (run, "a")
    ]


def test_arguments_are_looked_at_before_a_plan_is_made(
    rows: RetentionRows, commands: Commands, tmp_path: Path
) -> None:
    missing = str(tmp_path / "none" / "plan.json")

    errors = [
        commands.run(*arguments, code=2)[1]
        for arguments in (
            ("plan", "--limit", "-5"),
            ("plan", "--out", missing),
            ("plan", "--out", str(tmp_path)),
            ("status", "--limit", "-1"),
        )
    ]

    assert ["Invalid value" in error for error in errors] == [True] * 4
    assert "cannot be written" in errors[1]
    assert rows.rows("SELECT count(*) FROM retention_plans") == [(0,)]


def test_undoing_says_what_stays_or_why_nothing_does(
    rows: RetentionRows, commands: Commands
) -> None:
    run = rows.scratch({"a": b"1"})
    time.sleep(1)  # ages are whole seconds
    plan = json.loads(commands.run("plan", "--json")[0])["plan"]["plan_id"]
    commands.run("apply", str(plan), "--yes")

    told, _ = commands.run("undo", run)
    _, again = commands.run("undo", run, code=1)
    _, no_run = commands.run("undo", "nope", code=1)
    _, no_plan = commands.run("undo", "77", code=1)
    header, row, *_ = commands.run("status")[0].splitlines()

    assert told == "1 items stay\n"
    assert f"nothing of {run} is marked" in again
    assert "there is no run 'nope'" in no_run
    assert "there is no plan 77" in no_plan
    assert (
        dict(zip(header.split()[3:], row.split()[-len(ItemState) :], strict=True))["undone"] == "1"
    )


def test_a_hold_on_a_tenant_is_on_the_tenant_that_is_named(
    rows: RetentionRows, commands: Commands
) -> None:
    run = rows.scratch({"a": b"1"})
    TokenStore(rows.pool).create(tenant_id=TenantId("vision"), name="me")
    time.sleep(1)  # ages are whole seconds

    placed = json.loads(commands.run("hold", "add", "tenant", "vision", "--why", "x", "--json")[0])
    _, unknown = commands.run("hold", "add", "tenant", "nope", "--why", "x", code=1)
    _, two = commands.run(
        "hold", "add", "tenant", "vision", "--why", "x", "--tenant", "default", code=1
    )
    plan = json.loads(commands.run("plan", "--json")[0])

    assert (placed["tenant_id"], placed["name"]) == ("vision", "vision")
    assert "there is no tenant 'nope'" in unknown
    assert "tenant 'vision' is not tenant 'default'" in two
    assert [(item["run_id"], item["state"]) for item in plan["items"]] == [(run, "planned")]


def test_the_last_day_of_a_hold_is_to_come(rows: RetentionRows, commands: Commands) -> None:
    run = rows.scratch()

    _, past = commands.run("hold", "add", "run", run, "--why", "x", "--until", "2024-01-01", code=1)
    _, never = commands.run(
        "hold", "add", "run", run, "--why", "x", "--until", "9999-12-31", code=2
    )

    assert "would hold nothing" in past
    assert "Traceback" not in never
    assert "until somebody lifts it" in never
    assert commands.run("hold", "list")[0] == "nothing is on hold\n"


def test_what_is_due_goes_although_the_store_is_refused(
    rows: RetentionRows, commands: Commands
) -> None:
    run = rows.scratch({"a": b"1"})
    kept = rows.scratch({"a": b"2"})
    rows.tag(kept)
    time.sleep(1)  # ages are whole seconds
    plan = json.loads(commands.run("plan", "--json")[0])["plan"]["plan_id"]
    commands.run("apply", str(plan), "--yes")
    rows.store.set_owner("another")

    document, error = commands.run("delete", "--json", code=1)

    done = json.loads(document)
    assert (done["deleted"], done["collected"]) == (1, 0)
    assert done["refused"] in error.replace("\n", " ")
    assert rows.names() == {f"{kept}/a"}
    assert rows.has_bytes(b"1")
    assert hashlib.sha256(b"1").digest() in {
        sha for (sha,) in rows.rows("SELECT sha256 FROM blobs")
    }
    assert run in commands.run("status")[0]


def test_a_policy_that_a_folder_cannot_follow_is_applied_with_a_warning(
    rows: RetentionRows, commands: Commands, tmp_path: Path
) -> None:
    rows.scratch({"a": bytes(200_000)})
    file = tmp_path / "retention.yaml"
    file.write_text(
        "cold_class: STANDARD_IA\ndefault_class: a\nclasses: {a: {cold_after: 0.001s}}\n"
    )

    applied, warned = commands.run("apply", str(file), "--yes", group="policy")
    told, _ = commands.run("plan")

    assert "applied  retention" in applied
    assert "warning: the policy has files go cold" in warned
    assert "has no storage classes: nothing moves" in told


@pytest.mark.parametrize("command", ["apply", "undo"])
def test_a_number_that_no_plan_can_have_is_told_in_a_sentence(
    commands: Commands, command: str
) -> None:
    more = ["--yes"] if command == "apply" else []
    for number in ("9" * 20, "9" * 5000):
        _, said = commands.run(command, number, *more, code=1)

        assert said.strip().startswith("Error: there is no plan 9999")
        assert len(said) < 200


def test_a_plan_file_with_such_a_number_is_none(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps({"installation": "x", "plan": {"plan_id": 10**30}, "items": []}))

    _, said = commands.run("apply", str(path), "--yes", code=2)

    assert "is no plan that" in said
