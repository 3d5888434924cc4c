"""`sweepworks quotas escalations`, `quotas acknowledge`, and what `show` says, on a database by URL."""

import datetime as dt
import json
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration.cli.quotas_command import command as quotas_command
from orchestration.cli.show_command import command as show_command
from storage.database import open_pool
from tests.contracts.admission_desk_contract import SECOND
from tests.integration.storage.escalation_world import HOUR, EscalationWorld
from tests.plugins.postgres import Database


@pytest.fixture
def world(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[EscalationWorld, None, None]:
    """A violation that was noticed five hours ago, and told the owner."""
    for name, value in {
        "SWEEPWORKS_HOME": str(tmp_path / "home"),
        "SWEEPWORKS_DATABASE_URL": database.url,
        "SWEEPWORKS_DAGSTER_DATABASE_URL": database.url,
    }.items():
        monkeypatch.setenv(name, value)
    with open_pool(database.url, max_size=2) as pool:
        world = EscalationWorld(pool)
        world.obstruct()
        now = dt.datetime.now(dt.UTC)
        world.escalations.notice(now - 5 * HOUR)
        with world.escalations.telling(now) as news:
            assert len(news.tellings) == 1
        yield world


def quotas(*arguments: str) -> Result:
    return CliRunner().invoke(quotas_command, arguments)


@pytest.mark.usefixtures("world")
def test_what_stays_in_the_way_is_listed_with_who_was_told() -> None:
    text = quotas("escalations")
    (one,) = json.loads(quotas("escalations", "--json").stdout)["escalations"]

    assert f"no trial of sweep {SECOND} starts" in text.stdout
    assert "told me (me@example.org), as the owner" in text.stdout
    assert "1: `other_tenants.limits.gpu: 3` instead of 2" in text.stdout
    assert (one["id"], one["subject"], one["acknowledged"]) == (1, SECOND, None)
    assert one["told"][0]["people"] == [{"name": "me", "email": "me@example.org"}]
    assert "no limit stays" in quotas("escalations", "--tenant", "speech").stdout


@pytest.mark.usefixtures("world")
def test_the_limits_are_shown_with_what_is_open() -> None:
    text = quotas("--tenant", "default").stdout
    document = json.loads(quotas("--json").stdout)

    assert "2 of 2 GPUs" in text
    assert f"escalation 1: no trial of sweep {SECOND} starts" in text
    assert [one["id"] for one in document["escalations"]] == [1]


def test_who_acknowledges_is_kept_and_what_is_over_is_listed_with_all(
    world: EscalationWorld,
) -> None:
    assert quotas("acknowledge", "1", "-m", "it ends tonight").exit_code == 0
    world.limit(3)
    world.notice(10**6)

    assert json.loads(quotas("escalations", "--json").stdout) == {"escalations": []}
    (one,) = json.loads(quotas("escalations", "--all", "--json").stdout)["escalations"]
    assert one["acknowledged"]["comment"] == "it ends tonight"
    assert one["ended_at"] is not None


@pytest.mark.usefixtures("world")
def test_options_before_a_word_that_would_be_lost_are_refused() -> None:
    assert quotas("--tenant", "speech", "escalations").exit_code == 2


@pytest.mark.usefixtures("world")
def test_a_sweep_says_since_when_and_who_was_told() -> None:
    text = CliRunner().invoke(show_command, [SECOND]).stdout
    document = json.loads(CliRunner().invoke(show_command, [SECOND, "--json"]).stdout)

    assert f"limited    since {dt.datetime.now(dt.UTC) - 5 * HOUR:%Y-%m-%d}" in text
    assert "told me (me@example.org), as the owner" in text
    assert [one["kind"] for one in document["escalations"]] == ["waiting"]
