"""The inventory of tenants: each piece is what its own store says."""

import dataclasses
import datetime as dt

import pytest

from governance.budgets.policy import BUDGETS
from governance.cluster.policies import Quota
from governance.contacts import Contact
from governance.tenant_inventory import (
    ClusterPlace,
    TenantNotFound,
    class_words,
    cluster_words,
    kept_words,
)
from governance.tenants import TenantDirectory, parse_tenants
from retention.policy_file import RETENTION
from storage.budgets.store import BudgetStore
from storage.database import Pool
from storage.queue.live_attempts import LiveAttempts
from storage.queue.view import QueueView
from storage.sweeps.catalog import SweepCatalog
from storage.tenant_inventory import TenantInventory
from tests.contracts.admission_desk_contract import FIRST, SECOND
from tests.integration.policies import apply
from tests.integration.storage.escalation_world import EscalationWorld

NOW = dt.datetime.now(dt.UTC)
FILE = """\
contacts: [{name: platform, channel: "#platform"}]
tenants:
  - name: default
    members: [{name: me, email: me@example.org}, ana]
    contacts: [{name: lea, email: lea@example.org}]
  - name: speech
"""
QUOTAS = """\
classes:
  normal: {value: 1}
  urgent: {value: 2, tenants: [speech], users: [ana], max_trials: 4, max_share: 0.5}
tenants:
  default: {weight: 2, limits: {gpu: 2, storage: 1Gi}}
  robots: {limits: {trials: 1}}
"""


@pytest.fixture
def world(pool: Pool) -> EscalationWorld:
    world = EscalationWorld(pool)
    world.obstruct()
    world.set_policy(QUOTAS)
    world.pass_again()
    world.notice()
    return world


def inventory(world: EscalationWorld) -> TenantInventory:
    def place_of(directory: TenantDirectory, tenant: str) -> ClusterPlace:
        quota = directory.cluster_of(tenant).quota
        return ClusterPlace(namespace=f"sweepworks-{tenant}", queue="", quota=quota)

    return TenantInventory(
        tenants=lambda: parse_tenants(FILE, source="tenants.yaml"),
        policies=world.policies,
        queue=QueueView(world.pool, world.policies),
        budgets=BudgetStore(world.pool, world.policies),
        escalations=world.escalations,
        sweeps=SweepCatalog(world.pool),
        attempts=LiveAttempts(world.pool),
        place_of=place_of,
    )


def test_one_tenant_in_one_place(world: EscalationWorld) -> None:
    entry = inventory(world).one("default", now=NOW)

    assert entry.contacts == (Contact(name="lea", email="lea@example.org"),)
    assert [one.words for one in entry.members] == ["me (me@example.org)", "ana"]
    assert (entry.use.weight, entry.use.queued, entry.use.held.trials) == (2, 1, 2)
    assert [bound.words for bound in entry.use.limits] == [
        "2 of 2 GPUs", "0 bytes of 1 GiB of storage",
    ]  # fmt: skip
    assert [class_words(one) for one in entry.classes] == ["normal"]
    assert {one.sweep_id: one.state for one in entry.sweeps} == {
        FIRST: "submitted", SECOND: "submitted",
    }  # fmt: skip
    assert [one.subject for one in entry.escalations] == [SECOND]
    assert entry.cluster is not None
    assert cluster_words(entry.cluster) == "namespace sweepworks-default, no quota"


def test_pieces_are_those_of_their_own_stores(world: EscalationWorld) -> None:
    entry = inventory(world).one("default", now=NOW)

    (use,) = QueueView(world.pool, world.policies).report(tenant_id="default").tenants
    # Only what is used grows from one look to the next.
    assert dataclasses.replace(entry.use, used=use.used) == use
    assert entry.escalations == world.escalations.list(tenant="default")


def test_all_that_are_declared_or_have_anything_or_have_limits(world: EscalationWorld) -> None:
    world.execute("INSERT INTO tenants (tenant_id) VALUES ('gone')")

    entries = {one.name: one for one in inventory(world).all(now=NOW)}

    assert list(entries) == ["default", "gone", "robots", "speech"]
    assert [name for name, one in entries.items() if one.is_declared] == ["default", "speech"]
    assert [len(one.sweeps) for one in entries.values()] == [2, 0, 0, 0]
    assert [class_words(one) for one in entries["speech"].classes] == [
        "normal", "urgent, for ana, at most 4 trials at a time, at most 0.5 of the capacity for all of it",
    ]  # fmt: skip


def test_budgets_of_several_are_told_only_to_who_may_know(world: EscalationWorld) -> None:
    apply(
        world.pool,
        BUDGETS,
        "budgets:\n"
        "  - {name: ours, tenant: default, period: month, max_cost_usd: 5}\n"
        "  - {name: theirs, tenant: speech, period: month, max_cost_usd: 5}\n"
        "  - {name: everybodys, period: month, max_cost_usd: 5}\n",
    )
    found = inventory(world)

    alone = found.one("default", now=NOW)
    shared = found.one("default", now=NOW, with_shared=True)
    of_all = {one.name: one for one in found.all(now=NOW)}

    assert [one.budget.name for one in alone.budgets] == ["ours"]
    assert [one.budget.name for one in shared.budgets] == ["ours", "everybodys"]
    assert [one.budget.name for one in of_all["speech"].budgets] == ["theirs"]


def test_classes_of_retention_are_told_in_the_order_in_which_they_count(
    world: EscalationWorld,
) -> None:
    apply(
        world.pool,
        RETENTION,
        "classes: {standard: {}, short: {}, long: {}}\n"
        "default_class: standard\n"
        "assignments:\n"
        '  - {tenant: "def*", experiment: "digits-*", class: short}\n'
        "  - {tenant: speech, class: long}\n"
        '  - {experiment: "big-*", class: long}\n'
        "budgets:\n"
        "  - {tenant: default, max_bytes: 2Ti}\n"
        '  - {tenant: speech, experiment: "a-*", max_bytes: 1Gi}\n',
    )
    entries = {one.name: kept_words(one) for one in inventory(world).all(now=NOW)}

    assert entries["default"] == (
        "digits-*: short; big-*: long; others: standard; all: at most 2 TiB"
    )
    assert entries["speech"] == "others: long; a-*: at most 1 GiB"
    assert entries["robots"] == "big-*: long; others: standard"


def test_a_tenant_that_there_is_not_is_refused_with_those_there_are(world: EscalationWorld) -> None:
    with pytest.raises(TenantNotFound, match="no tenant 'nlp'; known: default, robots, speech"):
        inventory(world).one("nlp", now=NOW)


def test_a_quota_of_the_cluster_is_told_with_its_flavors() -> None:
    quota = Quota(
        cpu=64,
        memory_bytes=2**39,
        gpu={"nvidia.com/gpu": 24},
        gpu_flavors={"nvidia.com/gpu": {"a100": 8, "l4": 16}},
        pods=100,
        storage_bytes=2**40,
    )

    words = cluster_words(ClusterPlace(namespace=None, queue="vision", quota=quota, pools=("nfs",)))

    assert words == (
        "namespace as the platform is set, admitted by queue vision, 64 cores, 512 GiB, "
        "24 nvidia.com/gpu (8 a100, 16 l4), 100 pods, 1 TiB of volumes, storage pools nfs"
    )
