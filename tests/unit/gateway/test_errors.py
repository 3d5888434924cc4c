"""Every error of the platform has its status, decided in one place."""

import json
from collections.abc import Iterator

import pytest

from gateway.documents import document
from gateway.errors import Overloaded, TooSlow, answer_to
from governance.access import ForeignRun
from sweeps import errors
from sweeps.artifacts import ArtifactTooLarge, InvalidArtifact
from sweeps.errors import (
    AccessDenied,
    DiskFull,
    RunNotFound,
    StateConflict,
    StorageError,
    StorageUnavailable,
    SweepsError,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (AccessDenied("no"), 401),
        (ForeignRun("r"), 403),
        (RunNotFound("r"), 404),
        (StateConflict("r", current="sealed", asked="x"), 409),
        (ArtifactTooLarge("x"), 413),
        (InvalidArtifact("x"), 422),
        (Overloaded("x"), 429),
        (StorageError("x"), 500),
        (StorageUnavailable("x"), 503),
        (DiskFull("x"), 507),
    ],
)
def test_errors_have_their_status(error: SweepsError, status: int) -> None:
    answer = answer_to(error)

    assert answer.status == status
    assert json.loads(answer.body()) == {"error": str(error)}


def test_what_may_succeed_later_says_when() -> None:
    assert answer_to(StorageUnavailable("x", retry_after_seconds=0.1)).headers == {
        "Retry-After": "1"
    }
    assert answer_to(Overloaded("x", retry_after_seconds=4)).headers == {"Retry-After": "4"}


def test_who_is_too_slow_may_come_again_on_another_connection() -> None:
    answer = answer_to(TooSlow("x"))

    assert answer.status == 408
    assert answer.headers == {"Retry-After": "1", "Connection": "close"}


def test_only_bugs_are_500() -> None:
    def all_kinds(kind: type[SweepsError]) -> Iterator[type[SweepsError]]:
        yield kind
        for narrower in kind.__subclasses__():
            yield from all_kinds(narrower)

    within_reach = {"sweeps", "governance", "storage", "gateway"}
    transient = {
        kind
        for kind in all_kinds(errors.TransientError)
        if kind.__module__.partition(".")[0] in within_reach
    }

    assert {answer_to(kind("x")).status for kind in transient} <= {408, 428, 429, 503, 507}


def test_a_record_that_has_no_form_in_json_is_a_bug() -> None:
    with pytest.raises(TypeError):
        document(object())
