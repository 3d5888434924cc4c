"""`sweepworks pause`, `resume` and `cancel` say what becomes of a sweep that has not started."""

import contextlib
from collections.abc import Callable, Generator
from types import SimpleNamespace
from typing import Any

import click
import pytest
from click.testing import CliRunner

from orchestration import controllers
from orchestration.cli import cancel_command, pause_command, requests, resume_command
from storage.database import Pool
from storage.sweeps.waits import SweepWaits
from tests.factories import a_spec
from tests.integration.storage.conftest import PostgresWorld
from tests.integration.storage.test_sweep_waits import A, B, spec_after

Say = Callable[[click.Command, str], str]


@pytest.fixture
def say(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Say:
    """What a command says of a sweep, of two: `A`, which may start, and `B`, which waits for it."""
    rows = PostgresWorld(pool)
    rows.submit(A, a_spec())
    rows.submit(B, spec_after(A))

    @contextlib.contextmanager
    def session(**_: object) -> Generator[Any, None, None]:
        yield SimpleNamespace(catalog=rows.catalog, waits=SweepWaits(pool))

    def nobody_starts_it(*_: object) -> Any:
        return SimpleNamespace(begin=lambda: None)

    monkeypatch.setattr(requests, "session", session)
    monkeypatch.setattr(requests, "look_at_waiting", lambda _: None)
    monkeypatch.setattr(controllers, "Controllers", nobody_starts_it)

    def said(command: click.Command, sweep: str) -> str:
        return CliRunner().invoke(command, [sweep], catch_exceptions=False).output.strip()

    return said


def test_one_that_waits_has_no_trials_to_be_asked_to_end(say: Say) -> None:
    paused = say(pause_command.command, B)
    resumed = say(resume_command.command, B)
    cancelled = say(cancel_command.command, B)

    assert paused == (
        f"{B} rests: it does not start before `sweepworks resume {B}`, whatever it waits for has ended"
    )
    assert resumed == f"{B} waits for {A} (submitted)"
    assert cancelled == f"{B} is cancelled: it had not started"


def test_one_that_may_start_goes_through_its_controller(say: Say) -> None:
    paused = say(pause_command.command, A)
    resumed = say(resume_command.command, A)

    assert paused == f"{A} will pause: live trials end, no new ones start"
    assert resumed == f"{A} goes on"
