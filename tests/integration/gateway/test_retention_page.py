"""The page of what is to go, and the mark beside a file that is."""

import dataclasses
import datetime as dt

from retention.policy import RetentionClass, RetentionPolicy
from storage.retention.deletion import RetentionDeletion
from storage.retention.store import RetentionStore
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.integration.gateway.conftest import TOKEN, Platform, bearer

LATER = dt.datetime.now(dt.UTC) + dt.timedelta(days=1_000)
POLICY = RetentionPolicy(
    classes={"standard": RetentionClass(name="standard")},
    default_class="standard",
    grace=dt.timedelta(days=7),
)


def a_marked_file(platform: Platform, policy: RetentionPolicy = POLICY) -> str:
    """An old file of a sealed scratch run, marked; the run's name."""
    run, _ = platform.scratch()
    platform.rows(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes) VALUES ('default', sha256('x'), 3)"
        " RETURNING 1"
    )
    platform.rows(
        "INSERT INTO artifacts (tenant_id, run_id, name, type, sha256, size_bytes)"
        f" VALUES ('default', '{run}', 'model.pt', 'file', sha256('x'), 3) RETURNING 1"
    )
    platform.rows(
        "UPDATE runs SET state = 'completed', started_at = now(), ended_at = now()"
        f" WHERE run_id = '{run}' RETURNING 1"
    )
    platform.rows(f"UPDATE runs SET sealed_at = now() WHERE run_id = '{run}' RETURNING 1")
    plans = RetentionStore(platform.pool)
    made = plans.make(policy, policy_version=0, who="me", now=LATER)
    plans.apply(made.plan_id, policy, who="me", now=LATER)
    return run


def test_what_is_marked_is_shown_with_its_day(platform: Platform) -> None:
    run = a_marked_file(platform)
    day = (LATER + POLICY.grace).strftime("%Y-%m-%d")

    page = platform.client.get("/retention", headers=bearer(TOKEN)).text
    shown = platform.client.get(f"/runs/{run}", headers=bearer(TOKEN)).text
    listed = platform.client.get(f"/api/v1/runs/{run}/artifacts", headers=bearer(TOKEN)).json()

    assert f"{run}</a>/model.pt" in page
    assert day in page
    assert f"goes {day}" in shown
    assert listed["artifacts"][0]["goes_at"].startswith(day)


def test_a_plan_of_nothing_says_so(platform: Platform) -> None:
    RetentionStore(platform.pool).make(POLICY, policy_version=0, who="me", now=LATER)

    assert "Nothing would go." in platform.client.get("/retention", headers=bearer(TOKEN)).text


def test_what_has_gone_is_shown_and_other_tenants_see_none_of_it(platform: Platform) -> None:
    policy = dataclasses.replace(POLICY, grace=dt.timedelta(0))
    run = a_marked_file(platform, policy)
    RetentionDeletion(platform.pool).delete_due(now=LATER)
    other = TokenStore(platform.pool).create(tenant_id=TenantId("other"), name="them")

    ours = platform.client.get("/retention", headers=bearer(TOKEN)).text
    theirs = platform.client.get("/retention", headers=bearer(other)).text

    assert "Nothing is marked." in ours
    assert f"{run}</a>/model.pt" in ours
    assert run not in theirs
