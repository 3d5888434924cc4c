"""`sweepworks link`: all of the links, or none."""

import contextlib
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from orchestration.cli import link_command
from storage.annotations.notes import NoteStore
from sweeps.tags import InvalidLink, Subject, SubjectKind
from tests.integration.orchestration.promotion_world import TENANT, PromotionWorld


def test_a_link_that_is_none_keeps_the_others_away(
    world: PromotionWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, notes = world.candidate(), NoteStore(world.pool)

    @contextlib.contextmanager
    def session(**_: object) -> Generator[Any, None, None]:
        yield SimpleNamespace(notes=notes)

    monkeypatch.setattr(link_command, "session", session)

    def links() -> list[str]:
        said = notes.annotations(Subject(SubjectKind.RUN, run), tenant_id=TENANT)
        return [link.target for link in said.links]

    refused = CliRunner().invoke(link_command.command, [run, "VIS-1", "no link"])
    assert isinstance(refused.exception, InvalidLink)
    assert links() == []

    given = CliRunner().invoke(link_command.command, [run, "VIS-1", "https://x.example/2"])
    assert given.output == f"{run}: VIS-1\n{run}: https://x.example/2\n"
    assert links() == ["VIS-1", "https://x.example/2"]
