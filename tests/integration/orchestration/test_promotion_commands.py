"""Words that people give on the command line: whose counts, what it exits with, what is kept."""

import contextlib
import json
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from governance.promotion.approvals import NoApprover, NoReason
from governance.promotion.evaluations import Evaluation, EvaluationState
from orchestration.cli import promotion_command
from orchestration.cli.promotion_command import command
from storage.promotion.candidate_facts import CandidateFacts
from sweeps.errors import StateConflict
from tests.integration.orchestration.promotion_world import PromotionWorld, a_policy
from tests.unit.governance.promotion.worlds import THRESHOLD


@pytest.fixture
def found(world: PromotionWorld) -> Evaluation:
    """A candidate of `me` that waits for somebody's word."""
    world.policy = a_policy(f"{THRESHOLD}, approvals: {{count: 1, by: [ben]}}")
    found = world.begun(world.candidate())
    world.measure(found)
    record = world.through(found.evaluation_id)
    assert record.evaluation.state is EvaluationState.WAITING
    return record.evaluation


@pytest.fixture(autouse=True)
def platform(world: PromotionWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands get the stores of the world, without services."""
    platform: Any = SimpleNamespace(
        evaluations=world.evaluations, candidates=CandidateFacts(world.pool)
    )

    @contextlib.contextmanager
    def session(**_: object) -> Generator[Any, None, None]:
        yield platform

    monkeypatch.setattr(promotion_command, "session", session)
    monkeypatch.setattr(promotion_command, "import_dagster_meanwhile", lambda: None)


def says(monkeypatch: pytest.MonkeyPatch, by: str, *arguments: str) -> Result:
    """What the command of the system's user `by` prints and exits with."""
    monkeypatch.setattr(promotion_command, "person", lambda: by)
    return CliRunner().invoke(command, arguments)


def test_a_rejection_exits_like_a_gate_that_has_failed_and_is_explained(
    world: PromotionWorld, found: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = says(monkeypatch, "ben", "reject", found.run_id, "-m", "it mistakes sevens")
    explained = says(monkeypatch, "cleo", "explain", found.run_id)
    document = json.loads(says(monkeypatch, "cleo", "explain", found.run_id, "--json").stdout)

    assert said.exit_code == 3, said.output
    assert "X approvals_are_given: failed" in said.output
    assert "ben: it mistakes sevens; asked is nobody who may approve it rejects it" in said.output
    assert explained.output == said.output
    assert document["exit_code"] == 3
    assert world.evaluations.get(found.evaluation_id).state is EvaluationState.REJECTED


@pytest.mark.parametrize(
    ("by", "arguments", "error"),
    [
        ("me", ["approve", "--detach"], NoApprover),
        ("me", ["reject", "-m", "no"], NoApprover),
        ("eve", ["approve", "--detach"], NoApprover),
        ("eve", ["reject", "-m", "no"], NoApprover),
        ("ben", ["reject", "-m", " "], NoReason),
    ],
)
def test_a_word_that_does_not_count_is_refused_and_not_kept(
    world: PromotionWorld,
    found: Evaluation,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    arguments: list[str],
    error: type[Exception],
) -> None:
    said = says(monkeypatch, by, arguments[0], found.run_id, *arguments[1:])

    assert isinstance(said.exception, error)
    record = world.evaluations.record(found.evaluation_id)
    assert (record.evaluation.state, record.approvals) == (EvaluationState.WAITING, ())


def test_an_approval_is_kept_for_whoever_judges_next_and_what_has_ended_takes_none(
    world: PromotionWorld, found: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = says(monkeypatch, "ben", "approve", found.run_id, "-m", "it reads well", "--detach")
    promoted = world.through(found.evaluation_id)
    late = says(monkeypatch, "ben", "approve", found.run_id, "--detach")
    too_late = says(monkeypatch, "ben", "reject", found.run_id, "-m", "no")

    assert (said.exit_code, said.output) == (0, f"{found.evaluation_id} approved by ben\n")
    assert promoted.evaluation.state is EvaluationState.PROMOTED
    assert isinstance(late.exception, StateConflict)
    assert isinstance(too_late.exception, StateConflict)
    assert "approved by ben" in says(monkeypatch, "cleo", "explain", found.run_id).output


def test_what_nobody_waits_for_is_told_in_json_too(
    found: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = says(monkeypatch, "ben", "approve", found.run_id, "--detach", "--json")

    assert json.loads(said.output)["evaluation"]["evaluation_id"] == found.evaluation_id
