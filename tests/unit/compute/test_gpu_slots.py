from pathlib import Path

import pytest

from compute.gpu_slots import GpuSlots
from sweeps.errors import LaunchRejected, NoCapacity


def test_devices_are_handed_out_once_until_their_lease_ends(tmp_path: Path) -> None:
    one, other = (GpuSlots(tmp_path, ("0", "MIG-GPU-1/2/0")) for _ in range(2))
    lease = one.lease(1)
    with pytest.raises(NoCapacity):
        other.lease(2)

    rest = other.lease(1)  # what the failed lease had taken is free again
    lease.close()

    assert (lease.devices, rest.devices) == (("0",), ("MIG-GPU-1/2/0",))
    assert one.lease(1).devices == ("0",)


def test_more_than_there_are_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(LaunchRejected, match="is 2, this machine has 1"):
        GpuSlots(tmp_path, ("0",)).lease(2)


def test_none_asked_for_needs_nothing(tmp_path: Path) -> None:
    assert GpuSlots(tmp_path, ()).lease(0).devices == ()


def test_only_devices_of_the_type_are_taken(tmp_path: Path) -> None:
    slots = GpuSlots(tmp_path, ("0", "1", "2"))

    assert slots.lease(2, among=("1", "2")).devices == ("1", "2")
    with pytest.raises(LaunchRejected, match="this machine has 1 of that type"):
        slots.check(2, among=("1",))
