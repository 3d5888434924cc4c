"""What may be held, and by whom."""

import datetime as dt
from pathlib import Path

import pytest

from retention.world import HoldScope
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool
from storage.retention.holds import HoldRefused, HoldRow, HoldStore
from storage.token_store import TokenStore
from sweeps.ids import TenantId
from tests.integration.storage.retention_rows import TENANT, RetentionRows

OTHER = TenantId("vision")
#: One of each of the tenant `default`.
THERE = {
    HoldScope.TENANT: "default",
    HoldScope.EXPERIMENT: "scratch",
    HoldScope.SWEEP: "s",
    HoldScope.RUN: "scratch-000000000001",
    HoldScope.MODEL: "reader",
    HoldScope.DATASET: "images",
}


@pytest.fixture
def holds(pool: Pool, tmp_path: Path) -> HoldStore:
    rows = RetentionRows(pool, ArtifactFolder(tmp_path / "artifacts"))
    TokenStore(pool).create(tenant_id=OTHER, name="me")
    rows.scratch()
    rows.rows(
        "INSERT INTO sweeps (sweep_id, tenant_id, experiment_id, spec, spec_version, spec_digest,"
        " source_dir, created_by)"
        " SELECT 's', tenant_id, experiment_id, '{}', 1, '', '', 'me' FROM experiments"
    )
    rows.rows("INSERT INTO datasets (tenant_id, name, owner, created_by)"
              " VALUES ('default', 'images', 'me', 'me')")  # fmt: skip
    rows.rows(
        "INSERT INTO dataset_versions (dataset_id, number, content_hash, kind, location, manifest,"
        " is_stored, file_count, size_bytes, schema, statistics, preprocessing, column_lineage,"
        " created_by)"
        " SELECT dataset_id, 1, sha256('x'), 'files', '/x', '{}', false, 0, 0, '{}', '{}', '[]',"
        " '{}', 'me' FROM datasets"
    )
    rows.rows("INSERT INTO lineage_edges (tenant_id, upstream, downstream)"
              " VALUES ('default', 'run:scratch-000000000001', 'model:reader@2')")  # fmt: skip
    return HoldStore(pool)


def place(
    holds: HoldStore, scope: HoldScope, name: str, *, tenant_id: TenantId = TENANT
) -> HoldRow:
    return holds.place(scope, name, tenant_id=tenant_id, why="a claim", who="me")


@pytest.mark.parametrize("scope", THERE)
def test_what_is_there_is_held(holds: HoldStore, scope: HoldScope) -> None:
    placed = place(holds, scope, THERE[scope])

    assert (placed.tenant_id, placed.scope, placed.name) == (TENANT, scope, THERE[scope])


@pytest.mark.parametrize("scope", THERE)
def test_what_is_another_tenants_is_refused(holds: HoldStore, scope: HoldScope) -> None:
    with pytest.raises(HoldRefused):
        place(holds, scope, THERE[scope], tenant_id=OTHER)

    assert holds.all(tenant_id=None) == []


@pytest.mark.parametrize("scope", THERE)
def test_what_is_not_there_is_refused(holds: HoldStore, scope: HoldScope) -> None:
    whose = TenantId("nope") if scope is HoldScope.TENANT else TENANT

    with pytest.raises(HoldRefused, match=f"no {scope.value} 'nope'"):
        place(holds, scope, "nope", tenant_id=whose)


@pytest.mark.parametrize(
    ("scope", "version", "other"),
    [
        (HoldScope.MODEL, "reader@2", "reader@3"),
        (HoldScope.DATASET, "images@1", "images@2"),
        (HoldScope.DATASET, "images", "images@"),
    ],
)
def test_a_version_is_one_that_there_is(
    holds: HoldStore, scope: HoldScope, version: str, other: str
) -> None:
    assert place(holds, scope, version).name == version
    with pytest.raises(HoldRefused):
        place(holds, scope, other)


def test_a_tenant_that_is_declared_is_held_before_anything_is_theirs(holds: HoldStore) -> None:
    declared = TenantId("speech")

    with pytest.raises(HoldRefused):
        place(holds, HoldScope.TENANT, declared)
    placed = holds.place(
        HoldScope.TENANT, declared, tenant_id=declared, why="x", who="me", declared=["speech"]
    )

    assert (placed.tenant_id, placed.name) == (declared, declared)


def test_what_is_over_holds_nothing_and_is_refused(holds: HoldStore) -> None:
    run, now = THERE[HoldScope.RUN], dt.datetime.now(dt.UTC)
    over, to_come = now - dt.timedelta(seconds=1), now + dt.timedelta(days=1)

    with pytest.raises(HoldRefused, match="would hold nothing"):
        holds.place(HoldScope.RUN, run, tenant_id=TENANT, why="x", who="me", until=over)
    placed = holds.place(HoldScope.RUN, run, tenant_id=TENANT, why="x", who="me", until=to_come)

    assert placed.until == to_come
