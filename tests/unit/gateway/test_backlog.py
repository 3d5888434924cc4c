"""How much may be in memory, of all and of each."""

import datetime as dt

import pytest

from gateway.backlog import Backlog
from gateway.errors import Overloaded
from governance.access import RunGrant
from sweeps.ids import RunId, TenantId


def of(run: str, tenant: str = "vision") -> RunGrant:
    return RunGrant(
        run_id=RunId(run),
        tenant_id=TenantId(tenant),
        expires_at=dt.datetime(2100, 1, 1, tzinfo=dt.UTC),
    )


def test_all_of_it_is_bounded_and_given_back() -> None:
    backlog = Backlog(limit_bytes=100)
    grants = [of(f"{tenant}-{n}", tenant) for tenant in ("vision", "speech") for n in range(2)]
    for grant in grants:
        backlog.hold(25, grant)

    with pytest.raises(Overloaded, match="all runs"):
        backlog.hold(1, of("x-1", "x"))
    for grant in grants:
        backlog.release(25, grant)

    assert backlog.held_bytes == 0
    backlog.hold(25, of("x-1", "x"))


def test_a_run_leaves_room_for_the_others_of_its_tenant() -> None:
    backlog = Backlog(limit_bytes=100)
    backlog.hold(25, of("noisy"))

    with pytest.raises(Overloaded, match="run 'noisy'"):
        backlog.hold(1, of("noisy"))

    backlog.hold(25, of("quiet"))


def test_a_tenant_leaves_room_for_the_others() -> None:
    backlog = Backlog(limit_bytes=100)
    for n in range(3):
        backlog.hold(25, of(f"noisy-{n}"))

    with pytest.raises(Overloaded, match="tenant 'vision'"):
        backlog.hold(1, of("another"))

    backlog.hold(25, of("quiet", "speech"))
