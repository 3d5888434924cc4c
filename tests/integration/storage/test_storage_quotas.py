"""Room in the artifact store: a tenant never has more than it may, by whichever gateways its files come."""

import threading
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from governance.quotas.file import QUOTAS
from storage.artifacts.blob_announcements import BlobAnnouncements
from storage.database import Pool, open_pool, transaction
from storage.policy_store import PolicyStore
from storage.queue.storage_quotas import StorageQuotas
from sweeps.artifacts import StorageQuotaExceeded
from sweeps.blobs import Blob, BlobKey
from sweeps.ids import TenantId
from sweeps.policies import PolicyChange
from tests.plugins.postgres import Database

TENANT = TenantId("default")
LIMIT = 100


@pytest.fixture
def pool(database: Database) -> Generator[Pool, None, None]:
    with open_pool(database.url, max_size=12) as pool:
        yield pool


class Gateway:
    """What one process of several does with announcements."""

    def __init__(self, pool: Pool) -> None:
        self.quotas = StorageQuotas(pool, PolicyStore(pool))
        self.announcements = BlobAnnouncements(pool)

    def announce(self, number: int, size_bytes: int, *, tenant_id: TenantId = TENANT) -> None:
        blob = a_blob(number, size_bytes, tenant_id=tenant_id)
        self.announcements.begin(blob, take_room=self.quotas.of(tenant_id))

    def lets_in(self, number: int, size_bytes: int) -> bool:
        try:
            self.announce(number, size_bytes)
        except StorageQuotaExceeded:
            return False
        return True


def a_blob(number: int, size_bytes: int, *, tenant_id: TenantId = TENANT) -> Blob:
    key = BlobKey(tenant_id=tenant_id, sha256=f"{number:064x}")
    return Blob(key=key, size_bytes=size_bytes, crc32=())


def limited(pool: Pool, text: str = f"other_tenants: {{limits: {{storage: {LIMIT}}}}}") -> Gateway:
    """The first gateway, of an installation with a limit."""
    policies = PolicyStore(pool)
    change = PolicyChange(
        kind=QUOTAS, source="quotas.yaml", before=policies.current(QUOTAS), text=text
    )
    policies.apply([change], by="me", comment="")
    with transaction(pool) as connection:
        for tenant in (TENANT, "vision"):
            connection.execute("INSERT INTO tenants VALUES (%s) ON CONFLICT DO NOTHING", (tenant,))
    return Gateway(pool)


def stored(pool: Pool) -> int:
    with transaction(pool) as connection:
        row = connection.execute(
            "SELECT coalesce(sum(size_bytes), 0)::bigint FROM blobs WHERE tenant_id = %s", (TENANT,)
        ).fetchone()
    assert row is not None
    return row[0]


def pass_seconds(pool: Pool) -> None:
    """What was added up is old by now."""
    with transaction(pool) as connection:
        connection.execute("UPDATE storage_sums SET added_up_at = '-infinity'")


def test_what_does_not_fit_is_refused_with_what_is_there(pool: Pool) -> None:
    gateway = limited(pool)
    gateway.announce(1, 60)
    gateway.announce(2, 30)

    with pytest.raises(StorageQuotaExceeded) as caught:
        gateway.announce(3, 30)
    gateway.announce(1, 60)  # it is there: it takes no more room

    assert "has 90 bytes in the artifact store and may have 100 bytes" in str(caught.value)
    assert stored(pool) == 90


def test_without_a_limit_nothing_is_added_up(pool: Pool) -> None:
    gateway = limited(
        pool, "tenants: {vision: {limits: {storage: 100}}}\nother_tenants: {weight: 1}"
    )

    gateway.announce(1, 2**60)
    gateway.announce(1, 70, tenant_id=TenantId("vision"))

    assert not gateway.quotas.of(TENANT)
    with transaction(pool) as connection:
        rows = connection.execute("SELECT tenant_id, bytes FROM storage_sums").fetchall()
    assert rows == [("vision", 70)]


def test_tenants_have_rooms_of_their_own(pool: Pool) -> None:
    gateway = limited(pool)
    gateway.announce(1, 90)

    gateway.announce(1, 90, tenant_id=TenantId("vision"))

    assert not gateway.lets_in(2, 20)


def test_what_is_let_in_by_another_gateway_counts_at_once(pool: Pool) -> None:
    first, second = limited(pool), Gateway(pool)

    assert first.lets_in(1, 60)
    assert not second.lets_in(2, 60)
    assert second.lets_in(3, 40)
    assert not first.lets_in(4, 1)


def test_what_is_deleted_makes_room_when_all_is_added_up_again(pool: Pool) -> None:
    gateway = limited(pool)
    gateway.announce(1, 90)
    with transaction(pool) as connection:
        connection.execute("DELETE FROM blobs")

    before = gateway.lets_in(2, 90)
    pass_seconds(pool)

    assert (before, gateway.lets_in(2, 90)) == (False, True)


def test_an_announcement_that_fails_takes_no_room(pool: Pool) -> None:
    gateway = limited(pool)
    room = gateway.quotas.of(TENANT)
    assert room is not None

    with transaction(pool) as connection:
        room(connection, a_blob(1, 90))
        connection.rollback()

    assert gateway.lets_in(2, 100)


def test_gateways_together_let_in_as_much_as_fits_and_no_more(pool: Pool) -> None:
    """Each announces files of its own at once; sums grow old meanwhile."""
    gateways = [limited(pool), *(Gateway(pool) for _ in range(3))]
    together, let_in = threading.Barrier(8), [0] * 8
    faults: list[BaseException] = []

    def announce(which: int) -> None:
        together.wait()
        try:
            for n in range(12):
                if n % 5 == which % 5:
                    pass_seconds(pool)
                let_in[which] += gateways[which % 4].lets_in(100 * which + n, 3)
        except BaseException as exc:  # noqa: BLE001 - told by the test's own thread
            faults.append(exc)

    threads = [threading.Thread(target=announce, args=[which]) for which in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert faults == []
    assert (sum(let_in), stored(pool)) == (33, 99)


class Rooms(RuleBasedStateMachine):
    """Announcements through several gateways, deletions, and gateways that die."""

    pool: Pool

    @initialize()
    def begin(self) -> None:
        with transaction(self.pool) as connection:
            connection.execute("DELETE FROM blobs")
            connection.execute("TRUNCATE storage_sums")
        self.gateways = [limited(self.pool), Gateway(self.pool), Gateway(self.pool)]
        self.there: dict[int, int] = {}
        self.is_fresh = True  #: nothing was deleted since all was added up

    @rule(which=st.integers(0, 2), number=st.integers(1, 9), size=st.integers(0, 70))
    def announce(self, which: int, number: int, size: int) -> None:
        size = self.there.get(number, size)
        fits = number in self.there or sum(self.there.values()) + size <= LIMIT
        let_in = self.gateways[which].lets_in(number, size)
        assert let_in == fits if self.is_fresh else not let_in or fits
        if let_in:
            self.there[number] = size

    @rule(which=st.integers(0, 2), size=st.integers(1, LIMIT))
    def die(self, which: int, size: int) -> None:
        """After it has taken the room, before that is committed."""
        room = self.gateways[which].quotas.of(TENANT)
        assert room is not None
        with transaction(self.pool) as connection:
            try:
                room(connection, a_blob(99, size))
            except StorageQuotaExceeded:
                assert not self.is_fresh or sum(self.there.values()) + size > LIMIT
            connection.rollback()

    @rule(number=st.integers(1, 9))
    def delete(self, number: int) -> None:
        if self.there.pop(number, 0):
            self.is_fresh = False
        with transaction(self.pool) as connection:
            connection.execute(
                "DELETE FROM blobs WHERE sha256 = %s", (bytes.fromhex(f"{number:064x}"),)
            )

    @rule()
    def wait(self) -> None:
        pass_seconds(self.pool)
        self.is_fresh = True

    @invariant()
    def no_more_is_there_than_may_be(self) -> None:
        if hasattr(self, "there"):
            assert stored(self.pool) == sum(self.there.values()) <= LIMIT


@pytest.mark.slow
def test_whatever_gateways_do_the_limit_holds(pool: Pool) -> None:
    Rooms.pool = pool
    run_state_machine_as_test(
        Rooms,
        settings=settings(
            max_examples=15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
