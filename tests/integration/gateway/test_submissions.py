"""Sweeps that come over HTTP are held to the same policies as those of the command line."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from governance.features.file import FEATURES
from governance.naming_file import NAMING
from sweeps.specs import as_document
from tests.factories import a_spec
from tests.integration.gateway.conftest import TOKEN, Platform, bearer, listening
from tests.integration.policies import apply, apply_long_ago
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


def test_what_is_switched_off_is_refused_with_who_can_switch_it_on(platform: Platform) -> None:
    bohb = {"name": "bohb", "min_resource": 1, "max_resource": 9}
    before = submit(platform, strategy=bohb)
    apply(platform.pool, FEATURES, "features: {bohb: {on: true, tenants: [vision]}}")
    after, other = submit(platform, strategy=bohb), submit(platform)

    assert (before.status_code, after.status_code, other.status_code) == (201, 422, 201)
    told = after.json()["error"]
    assert "bohb is switched off for experiment digits of tenant default" in told
    assert "write `hyperband`" in told
    assert "ask ana" in told
    kept = platform.get(f"/api/v1/sweeps/{before.json()['sweep']}").json()
    assert kept["spec"]["strategy"]["name"] == "bohb"  # for its life
    assert kept["requested"] == "run"


def test_names_that_nobody_can_check_keep_nobody_back_and_are_told(platform: Platform) -> None:
    text = (
        "default: {experiment: {pattern: '(?=d)[a-z]+', example: digits}, expected_outcome: true}"
    )
    apply_long_ago(platform.pool, NAMING, text)

    refused, taken = submit(platform), submit(platform, expected_outcome="wider is better")
    policy = platform.get("/api/v1/policies/naming").json()

    assert (refused.status_code, taken.status_code) == (422, 201), taken.text
    assert "expected_outcome: it is missing" in refused.json()["error"]
    assert "experiment was not checked" in taken.json()["notes"][-1]
    assert "default.experiment.pattern: " in policy["left_out"][0]
