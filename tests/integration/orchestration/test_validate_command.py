"""`sweepworks validate` tells what `submit` would refuse, as far as it can know."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from governance.naming_file import NAMING
from orchestration.cli.validate_command import command
from orchestration.home import Home
from storage.database import open_pool
from storage.policy_store import PolicyStore
from sweeps.policies import PolicyChange
from tests.plugins.postgres import Database
from tests.unit.sweeps.sweep_texts import GOOD

WRONG = f"{GOOD}priority: fast\nretention: eternal\n"
NAMES = "default: {expected_outcome: true}\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a home would be; nothing is there yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SWEEPWORKS_DATABASE_URL", raising=False)
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def installation(
    database: Database, home: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[PolicyStore, None, None]:
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", database.url)
    with open_pool(database.url, max_size=1) as pool:
        yield PolicyStore(pool)


def validate(text: str, *options: str) -> Result:
    Path("sweep.yaml").write_text(text)
    return CliRunner().invoke(command, ["sweep.yaml", *options])


def test_without_an_installation_the_defaults_hold_and_nothing_is_made(home: Path) -> None:
    good, wrong = validate(GOOD), validate(WRONG)

    assert good.exit_code == 0, good.output
    assert "not checked" not in good.output
    assert wrong.exit_code == 1
    assert "priority: there is no class 'fast'" in wrong.output
    assert "retention: 'eternal' is none of the classes" in wrong.output
    assert "2 problems" in wrong.output
    assert not home.exists()


def test_what_an_installation_has_decided_counts(installation: PolicyStore) -> None:
    before = installation.current(NAMING)
    change = PolicyChange(kind=NAMING, source="naming.yaml", before=before, text=NAMES)
    text = GOOD + "priority: high\n"
    good = validate(text)
    installation.apply([change], by="me", comment="")
    refused = validate(text.replace("expected_outcome", "# expected_outcome"))

    assert good.exit_code == 0, good.output
    assert refused.exit_code == 1
    assert "expected_outcome: it is missing" in refused.output


def test_services_that_are_stopped_stay_so_and_that_is_said(home: Path) -> None:
    there = Home(home).databases_file
    there.parent.mkdir(parents=True)
    there.write_text("{}")

    plain, found = validate(WRONG), json.loads(validate(WRONG, "--json").stdout)

    assert plain.exit_code == 0, plain.output
    assert "policies were not checked: the services are not running" in plain.output
    assert found["policies_checked"] is False
    assert "policies were not checked" in found["warnings"][-1]
    assert [one for one in home.rglob("*") if one.is_file()] == [there]


def test_a_database_that_does_not_answer_is_no_mistake_of_the_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    result = validate(WRONG)

    assert result.exit_code == 0, result.output
    assert "policies were not checked: " in result.output
