"""`sweepworks tag`: what it says, and that it does all or nothing."""

import contextlib
import json
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.features.file import FEATURES
from orchestration.cli import tag_command
from storage.database import Pool
from sweeps.ids import RunId
from sweeps.tags import Subject, SubjectKind
from tests.integration.orchestration.promotion_world import TENANT, PromotionWorld
from tests.integration.policies import apply


@pytest.fixture
def run(world: PromotionWorld, monkeypatch: pytest.MonkeyPatch) -> RunId:
    """A run that the command finds."""
    platform: Any = SimpleNamespace(tags=world.tags, evaluations=world.evaluations)

    @contextlib.contextmanager
    def session(**_: object) -> Generator[Any, None, None]:
        yield platform

    monkeypatch.setattr(tag_command, "session", session)
    return world.candidate()


def tag(*arguments: str) -> Result:
    return CliRunner().invoke(tag_command.command, arguments)


def tags_of(world: PromotionWorld, run: RunId) -> list[str]:
    found = world.tags.tags(Subject(SubjectKind.RUN, run), tenant_id=TENANT)
    return [one.name for one in found if one.set_by]  # its script has given it one, too


def test_all_get_the_tag_and_lose_it(world: PromotionWorld, run: RunId) -> None:
    other = world.candidate("scratch-bbbbbbbbbbbb")

    given = tag("x=1", run, other)
    taken = tag("--remove", "x", other, run)
    again = tag("--remove", "x", run)

    assert given.output == f"{run}: x=1\n{other}: x=1\n"
    assert taken.output == f"{other}: x removed\n{run}: x removed\n"
    assert again.output == f"{run} has no x\n"
    assert [given.exit_code, taken.exit_code, again.exit_code] == [0, 0, 0]


def test_when_one_is_not_there_nobody_gets_the_tag(world: PromotionWorld, run: RunId) -> None:
    told = tag("x=1", run, "nope")
    document = json.loads(tag("x=1", run, "nope", "run:nobody", "--json").stdout)

    assert told.exit_code == 1
    assert told.stdout == ""
    assert "error: there is no run or sweep 'nope'" in told.stderr
    assert "nothing was changed" in told.stderr
    assert document["done"] == []
    assert len(document["problems"]) == 2
    assert tags_of(world, run) == []


def test_when_one_is_not_there_nobody_loses_the_tag(world: PromotionWorld, run: RunId) -> None:
    tag("x", run)

    told = tag("--remove", "x", run, "experiment:nothing", "x y")

    assert told.exit_code == 1
    assert tags_of(world, run) == ["x"]


def test_a_baseline_that_moves_is_told(world: PromotionWorld, run: RunId) -> None:
    other = world.candidate("scratch-bbbbbbbbbbbb")
    tag("baseline", run)

    told = tag("baseline", other)

    assert told.output == f"{other}: baseline, {run} no more: an experiment has one\n"


def test_a_candidate_whose_tag_starts_nothing_is_told_what_does(
    pool: Pool, world: PromotionWorld, run: RunId
) -> None:
    before = tag("production_candidate", run)
    apply(pool, FEATURES, "features: {evaluation_by_tag: {on: false}}")
    after, other = tag("production_candidate", run), tag("keeper", run)
    document = json.loads(tag("production_candidate", run, "--json").stdout)

    assert [one.exit_code for one in (before, after, other)] == [0, 0, 0]
    assert "note:" not in before.output + other.output
    assert "note: evaluation_by_tag is switched off" in after.stderr
    assert "ask for it with `sweepworks promote`" in document["notes"][0]
