"""Sweeps that come over HTTP are held to the same policies as those of the command line."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from sweeps.specs import as_document
from tests.factories import a_spec
from tests.integration.gateway.conftest import TOKEN, Platform, bearer, listening
from tests.plugins.postgres import Database


def submit(platform: Platform, *, token: str = TOKEN, **changes: Any) -> httpx.Response:
    spec: dict[str, Any] = {k: v for k, v in as_document(a_spec()).items() if k != "tenant"}
    body = {"spec": {**spec, **changes}, "source_dir": "/there"}
    return platform.client.post("/api/v1/sweeps", json=body, headers=bearer(token))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"retention": "for-ever-and-ever"}, "none of the classes of the policy"),
        ({"priority": "fast"}, "there is no class 'fast'"),
    ],
)
def test_what_a_policy_does_not_know_is_refused_and_nothing_is_written(
    platform: Platform, changes: dict[str, Any], told: str
) -> None:
    answer = submit(platform, **changes)

    assert answer.status_code == 422, answer.text
    assert told in answer.json()["error"]
    assert platform.rows("SELECT count(*) FROM sweeps") == [(0,)]


def test_everything_that_policies_refuse_is_told_at_once(platform: Platform) -> None:
    answer = submit(platform, retention="for-ever-and-ever", priority="fast")

    assert answer.status_code == 422, answer.text
    assert "there is no class 'fast'" in answer.text
    assert "none of the classes of the policy" in answer.text


def test_a_class_of_the_retention_policy_is_taken(platform: Platform) -> None:
    answer = submit(platform, retention="standard")

    assert answer.status_code == 201, answer.text
    assert platform.rows("SELECT spec ->> 'retention' FROM sweeps") == [("standard",)]


def test_a_member_s_token_submits_for_that_member_alone(database: Database, tmp_path: Path) -> None:
    tenants = tmp_path / "tenants.yaml"
    tenants.write_text("tenants: [{name: default, members: [ana, ben, somebody]}]")

    with listening(database, tmp_path, tenants_file=tenants) as platform:
        own = platform.token_of("default")  # whose name is a member's
        refused = submit(platform, token=own, owner="ana")
        kept = platform.rows("SELECT count(*) FROM sweeps")
        taken = submit(platform, token=own, owner="somebody")
        of_program = submit(platform, owner="ben")

    assert refused.status_code == 403, refused.text
    assert "write `owner: somebody`" in refused.json()["error"]
    assert kept == [(0,)]
    assert (taken.status_code, of_program.status_code) == (201, 201)
