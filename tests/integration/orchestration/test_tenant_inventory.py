"""`sweepworks tenants list` and `show`, on a database by URL."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestration.cli.tenants_command import command
from storage.database import open_pool
from tests.contracts.admission_desk_contract import FIRST, SECOND
from tests.integration.storage.escalation_world import TENANTS, EscalationWorld
from tests.plugins.postgres import Database


@pytest.fixture(autouse=True)
def world(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Generator[EscalationWorld, None, None]:
    (tmp_path / "tenants.yaml").write_text(TENANTS)
    for name, value in {
        "SWEEPWORKS_HOME": str(tmp_path / "home"),
        "SWEEPWORKS_TENANTS": str(tmp_path / "tenants.yaml"),
        "SWEEPWORKS_ARTIFACTS": str(tmp_path / "artifacts"),
        "SWEEPWORKS_DATABASE_URL": database.url,
        "SWEEPWORKS_DAGSTER_DATABASE_URL": database.url,
    }.items():
        monkeypatch.setenv(name, value)
    with open_pool(database.url, max_size=2) as pool:
        world = EscalationWorld(pool)
        world.obstruct()
        world.notice()
        yield world


def tenants(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_all_tenants_are_listed() -> None:
    text = tenants("list").stdout
    (entry,) = json.loads(tenants("list", "--json").stdout)["tenants"]

    assert "lea (lea@example.org)" in text
    assert "2 trials: 2 GPUs, 2 cores" in text
    assert (entry["name"], entry["use"]["queued"]) == ("default", 1)
    assert entry["members"] == [{"name": "me", "email": "me@example.org"}]


def test_one_tenant_is_shown_with_all_that_bounds_it() -> None:
    text = tenants("show", "default").stdout
    document = json.loads(tenants("show", "default", "--json").stdout)

    for line in (
        "  contacts   lea (lea@example.org)",
        "  members    me (me@example.org)",
        "  holds      2 trials: 2 GPUs, 2 cores",
        "  waits      1 to be admitted",
        "  limits     2 of 2 GPUs",
        "  budget     none",
        "  retention  others: standard",
        "  limited    since ",
    ):
        assert line in text, line
    assert f"{SECOND}  submitted, digits of me" in text
    assert {one["sweep_id"] for one in document["sweeps"]} == {FIRST, SECOND}
    assert document["cluster"] is None


def test_in_a_cluster_its_namespace_and_quota_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_LAUNCHER", "kubernetes")
    monkeypatch.setenv("SWEEPWORKS_K8S_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", "http://gateway.platform.svc")
    contacts = "contacts: [{name: lea"
    quota = "cluster: {quota: {cpu: 8, memory: 1Gi, pods: 20}}\n    "
    (tmp_path / "tenants.yaml").write_text(
        TENANTS.replace(f"    {contacts}", f"    {quota}{contacts}")
    )

    text = tenants("show", "default").stdout

    assert "  cluster    namespace sweepworks-default, 8 cores, 1 GiB, 20 pods" in text
