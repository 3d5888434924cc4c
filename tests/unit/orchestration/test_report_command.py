"""`sweepworks report`, on facts that a test says."""

import contextlib
import datetime as dt
import json
from collections.abc import Generator
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.periods import Span
from governance.reports.model import Report, Scope
from governance.reports.shelf import KeptReport
from orchestration.cli import report_command
from sweeps.errors import SweepNotFound
from tests.unit.governance.reports.world import WEEK, Told, spent


class Shelf:
    def __init__(self) -> None:
        self.kept: list[tuple[Report, str]] = []

    def put(self, report: Report, *, by: str) -> KeptReport:
        self.kept.append((report, by))
        return KeptReport(report_id=7, files={})


#: When sweeps began that ended on the 18th of November 2026.
BEGAN = {
    "digits-a": dt.datetime(2026, 11, 16, 23, tzinfo=dt.UTC),
    "digits-old": dt.datetime(2024, 1, 31, 23, tzinfo=dt.UTC),
}


class Catalog:
    def list(self, *, tenant_id: str | None, limit: int, experiment: str | None = None) -> Any:
        assert limit == 1
        return [] if experiment == "nope" or tenant_id == "nope" else [object()]

    def row(self, sweep_id: str, *, tenant_id: str | None = None) -> Any:
        if sweep_id not in BEGAN:
            raise SweepNotFound(sweep_id)
        return SimpleNamespace(
            created_at=BEGAN[sweep_id], ended_at=dt.datetime(2026, 11, 18, 1, tzinfo=dt.UTC)
        )


OLD = BEGAN["digits-old"].date()


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()
    facts = Told(spent_rows=[spent(amount_usd=Decimal("12.5"))])
    platform = SimpleNamespace(
        report_facts=facts, report_shelf=shelf, catalog=Catalog(), costs=None
    )

    @contextlib.contextmanager
    def session(*, quiet: bool = False) -> Generator[Any, None, None]:
        yield platform

    monkeypatch.setattr(report_command, "session", session)
    monkeypatch.setattr(report_command, "catch_up", lambda *_, **__: None)
    return shelf


def run(*arguments: str) -> Result:
    return CliRunner().invoke(report_command.command, list(arguments))


def test_a_report_is_printed_without_pictures(shelf: Shelf) -> None:
    result = run("--period", WEEK.name)

    assert result.exit_code == 0
    assert "**$12.50**" in result.output.replace("\\", "")
    assert "data:image" not in result.output
    assert shelf.kept == []


def test_a_page_and_markdown_are_written(shelf: Shelf, tmp_path: Path) -> None:
    result = run("--period", WEEK.name, "--tenant", "../vision", "--out", str(tmp_path / "out"))

    assert result.exit_code == 0
    written = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert written == ["report-2026-W47-___vision.html", "report-2026-W47-___vision.md"]
    assert "<!doctype html>" in (tmp_path / "out" / written[0]).read_text()


def test_json_has_every_value_as_it_is(shelf: Shelf) -> None:
    result = run("--period", WEEK.name, "--json")

    document = json.loads(result.output)
    assert document["period"]["first"] == "2026-11-16"
    (cost,) = [section for section in document["sections"] if section["key"] == "cost"]
    assert cost["blocks"][0]["figures"][0]["value"] == "12.5"


def test_a_sweep_is_told_over_its_own_time(shelf: Shelf) -> None:
    run("digits-a", "--shelve")

    ((report, _),) = shelf.kept
    assert report.scope == Scope(sweep_id="digits-a")
    assert (report.period.first, report.period.last) == (
        dt.date(2026, 11, 16),
        dt.date(2026, 11, 18),
    )


def test_a_sweep_that_went_on_for_years_is_told_over_its_own_time(shelf: Shelf) -> None:
    result = run("digits-old", "--shelve")

    assert result.exit_code == 0, result.output
    ((report, _),) = shelf.kept
    assert (report.period.first, report.period.last) == (OLD, dt.date(2026, 11, 18))
    assert report.period.days == 1023


def test_what_is_asked_wrongly_is_said(shelf: Shelf) -> None:
    assert isinstance(run("words-b").exception, SweepNotFound)
    assert "--portfolio" in run("--portfolio", "--experiment", "x").output
    assert run("--period", "soon").exit_code == 2


def test_when_nothing_can_be_told_the_command_fails(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spent(scope: Scope, period: Span) -> Any:
        raise RuntimeError("away")

    monkeypatch.setattr(Told, "spent", staticmethod(spent))

    result = run("--portfolio", "--period", WEEK.name)

    assert result.exit_code == 1
    assert "This section could not be made" in result.output


def test_a_period_that_there_is_none_of_is_wrong_usage(shelf: Shelf) -> None:
    result = run("--period", "2026-13")

    assert result.exit_code == 2
    assert "--period" in result.output
    assert not shelf.kept


@pytest.mark.parametrize(
    ("option", "words"),
    [("--tenant", "tenant 'nope'"), ("--experiment", "there is no sweep of an experiment 'nope'")],
)
def test_whom_there_is_none_of_has_no_report(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, option: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)

    result = run(option, "nope", "--shelve")

    assert result.exit_code == 1
    assert words in str(result.exception)
    assert not shelf.kept
