"""The queue as people see it, and the room in the artifact store."""

import pytest

from governance.scheduling.report import usage_words
from storage.database import Pool
from storage.queue.view import QueueView
from sweeps import ids
from sweeps.blobs import Blob, BlobKey
from sweeps.ids import TenantId
from tests.contracts.admission_desk_contract import FIRST, gpu_spec
from tests.integration.storage.test_admission_store import PostgresDeskWorld

_POLICY = "other_tenants: {limits: {gpu: 2, gpu_types: {a100: 4}, trials: 9, storage: 100}}"


@pytest.fixture
def desk_world(pool: Pool) -> PostgresDeskWorld:
    return PostgresDeskWorld(pool)


def view(world: PostgresDeskWorld) -> QueueView:
    return QueueView(world.pool, world.policies)


def test_who_waits_and_what_is_held_is_told(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(_POLICY)
    spec = gpu_spec(gpu_type="A100-80GB")
    names = desk_world.write(FIRST, spec, 3)
    desk_world.desk.ask(FIRST, spec, names)
    desk_world.start(names[0], ago="1 hour")

    report = view(desk_world).report()

    (waiting,) = report.waiting
    assert (waiting.attempt_id, waiting.place, waiting.demand) == (
        names[2], 1, "1 A100-80GB GPU, 1 core",
    )  # fmt: skip
    assert waiting.reason == "tenant default may hold 2 GPUs at once"
    assert (report.n_waiting, report.n_held) == (1, 2)
    (tenant,) = report.tenants
    assert [bound.words for bound in tenant.limits] == [
        "2 of 9 trials", "2 of 2 GPUs", "2 of 4 a100 GPUs", "0 bytes of 100 bytes of storage",
    ]  # fmt: skip
    assert usage_words(tenant.used) == "0.998 GPU-hours, 0.998 core-hours"
    assert report.decided_at is not None


def test_who_asked_for_any_gpu_counts_with_the_one_that_it_got(
    desk_world: PostgresDeskWorld,
) -> None:
    desk_world.set_policy("other_tenants: {limits: {gpu_types: {a100: 1}}}")
    (name,) = desk_world.write(FIRST, gpu_spec(), 1)
    desk_world.desk.ask(FIRST, gpu_spec(), [name])
    desk_world.start(name, ago="1 hour")
    desk_world.execute("UPDATE attempts SET gpu_model = 'NVIDIA A100-SXM4-80GB'")

    (tenant,) = view(desk_world).report().tenants

    assert "1 of 1 a100 GPUs" in [bound.words for bound in tenant.limits]


def test_a_tenant_sees_its_own_alone(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(f"capacity: {{gpu: 50}}\n{_POLICY}")
    names = desk_world.write(FIRST, gpu_spec(), 3)
    desk_world.desk.ask(FIRST, gpu_spec(), names)

    report = view(desk_world).report(tenant_id="speech")

    assert report.waiting == []
    assert [tenant.tenant_id for tenant in report.tenants] == ["speech"]
    assert report.capacity == []
    assert [b.words for b in view(desk_world).report().capacity] == ["2 of 50 GPUs"]


def test_what_a_run_waits_for(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(_POLICY)
    names = desk_world.write(FIRST, gpu_spec(), 3)
    desk_world.desk.ask(FIRST, gpu_spec(), names)

    waits = view(desk_world).waits([ids.run_id(FIRST, n) for n in (1, 2, 3)])

    assert {run: wait.place for run, wait in waits.items()} == {ids.run_id(FIRST, 3): 1}


def a_blob(number: int, size_bytes: int) -> Blob:
    key = BlobKey(tenant_id=TenantId("default"), sha256=f"{number:064x}")
    return Blob(key=key, size_bytes=size_bytes, crc32=())


def announce(world: PostgresDeskWorld, blob: Blob) -> None:
    world.execute("INSERT INTO tenants (tenant_id) VALUES ('default') ON CONFLICT DO NOTHING")
    world.execute(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes) VALUES ('default', %s, %s)",
        (bytes.fromhex(blob.key.sha256), blob.size_bytes),
    )


def test_bytes_of_the_installation_are_in_no_tenants_room(desk_world: PostgresDeskWorld) -> None:
    desk_world.set_policy(_POLICY)
    announce(desk_world, a_blob(1, 60))
    desk_world.execute(
        "INSERT INTO blobs (tenant_id, sha256, size_bytes)"
        " SELECT installation_tenant(), sha256('a report'), 1000"
    )

    found = QueueView(desk_world.pool, desk_world.policies).report()

    assert [(one.tenant_id, one.storage_bytes) for one in found.tenants] == [("default", 60)]
