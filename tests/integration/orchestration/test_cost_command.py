"""`sweepworks cost` and the line in `show`, on a database by URL."""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from storage.database import open_pool
from tests.integration.storage.cost_world import DAY, CostWorld
from tests.plugins.postgres import Database


@pytest.fixture
def costs(database: Database) -> Generator[CostWorld, None, None]:
    with open_pool(database.url, max_size=2) as pool:
        yield CostWorld(pool)


class Commands:
    def __init__(self, database: Database, folder: Path) -> None:
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("SWEEPWORKS_")
        } | {
            "SWEEPWORKS_HOME": str(folder / "home"),
            "SWEEPWORKS_DATABASE_URL": database.url,
            "SWEEPWORKS_DAGSTER_DATABASE_URL": database.url,
        }

    def run(self, *arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "orchestration.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr


@pytest.fixture
def commands(database: Database, tmp_path: Path) -> Commands:
    return Commands(database, tmp_path)


def test_costs_of_a_stretch_of_days_by_what_is_asked(costs: CostWorld, commands: Commands) -> None:
    costs.attempt(costs.run(costs.sweep(), 1), 0, 2, reason="script_failed")
    costs.attempt(costs.run(costs.sweep("letters-bbbbbbbb", experiment="letters"), 1), 0, 6)
    costs.replace()
    stretch = ["--since", DAY.isoformat(), "--until", DAY.isoformat()]

    document = json.loads(commands.run("cost", *stretch, "--json"))

    assert [(row["key"], row["gpu_hours"]) for row in document["rows"]] == [
        ("letters", 6),
        ("digits", 2),
    ]
    assert document["total"]["usd"] == pytest.approx(8 * 2.045)
    assert document["total"]["lost_share"] == pytest.approx(0.25)
    assert not document["has_example_prices"]
    text = commands.run("cost", *stretch, "--by", "user")
    assert "me\t$16.36\t-\t8\t0%\t8\t0\t25%" in text


def test_a_sweep_is_shown_by_trial_and_a_run_by_day(costs: CostWorld, commands: Commands) -> None:
    run = costs.run(costs.sweep(), 1)
    costs.execute(
        """INSERT INTO suggestions (sweep_id, number, configuration, sequence, seen_through)
           VALUES ('digits-aaaaaaaa', 1, '{"x": 0.5}', 1, 0)"""
    )
    costs.attempt(run, -1, 2)
    costs.execute("UPDATE runs SET objective = 0.5, resource_level = 3")
    costs.end_run(run, "completed")
    costs.replace()

    text = commands.run("cost", "digits-aaaaaaaa")
    assert "1\tcompleted\t0.5\t$6.14\t$2.04\t3\t0%\t3\t0\t0%" in text
    assert "best: trial 1 cost $6.14" in text
    assert "estimated: the ledger does not have it yet" in text
    document = json.loads(commands.run("cost", run, "--json"))
    assert [row["gpu_hours"] for row in document["rows"]] == [1, 2]
    assert "cost       $6.14, 3 GPU-hours" in commands.run("show", "digits-aaaaaaaa")
    shown = json.loads(commands.run("show", run, "--json"))
    assert shown["cost"]["usd"] == pytest.approx(6.135)


def test_example_prices_and_missing_ones_are_told_of(
    database: Database, commands: Commands
) -> None:
    with open_pool(database.url, max_size=2) as pool:
        costs = CostWorld(pool, prices="")
        costs.attempt(costs.run(costs.sweep(), 1), 0, 2)
        since = ["--since", DAY.isoformat()]

        assert "example prices that ship" in commands.run("cost", *since)
        costs.price("cpu: [{usd_per_core_hour: 1}]")
        assert "2 entries have no price and are in no sum" in commands.run("cost", *since)


def test_what_makes_no_sense_is_refused(commands: Commands) -> None:
    assert "is after" in commands.run(
        "cost", "--since", "2026-02-02", "--until", "2026-02-01", code=2
    )
    assert "shown whole" in commands.run("cost", "x-aaaaaaaa", "--since", "2026-02-02", code=2)
    assert "there is no sweep" in commands.run("cost", "x-aaaaaaaa", code=1)


def test_a_report_brings_the_ledger_up_to_date_first(costs: CostWorld, commands: Commands) -> None:
    """Where no daemon runs nobody else does."""
    costs.attempt(costs.run(costs.sweep(), 1), 0, 2)
    period = ["--period", DAY.isoformat(), "--json"]

    first = json.loads(commands.run("report", *period))
    costs.attempt(costs.run(costs.sweep("letters-bbbbbbbb", experiment="letters"), 1), 0, 6)
    second = json.loads(commands.run("report", *period))

    assert [_figure(report, "cost") for report in (first, second)] == pytest.approx(
        [2 * 2.045, 8 * 2.045]
    )
    of_sweep = json.loads(commands.run("report", "letters-bbbbbbbb", *period))
    assert _figure(of_sweep, "cost") == pytest.approx(6 * 2.045)


def _figure(report: Any, name: str) -> float:
    """Of the section of costs."""
    (section,) = (section for section in report["sections"] if section["key"] == "cost")
    (found,) = (
        figure["value"]
        for block in section["blocks"]
        for figure in block.get("figures", ())
        if figure["name"] == name
    )
    return float(found)
