from pathlib import Path

import pytest

from compute.control_group import ControlGroup


@pytest.fixture
def machine(tmp_path: Path) -> ControlGroup:
    (tmp_path / "vmstat").write_text("pgfault 7\noom_kill 5\n")
    return ControlGroup(
        proc=tmp_path / "self", mount=tmp_path / "cgroup", vmstat=tmp_path / "vmstat"
    )


def write(machine: ControlGroup, path: str, text: str) -> None:
    file = machine.mount / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_kills_are_counted_in_the_groups_own_file(machine: ControlGroup) -> None:
    machine.proc.write_text("0::/user/me\n")
    write(machine, "user/me/memory.events", "low 0\noom 9\noom_kill 2\noom_group_kill 8\n")

    assert machine.oom_kills() == 2


def test_kills_are_counted_in_the_first_version_too(machine: ControlGroup) -> None:
    machine.proc.write_text("4:memory:/box\n0::/\n")
    write(machine, "memory/box/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n")

    assert machine.oom_kills() == 3


def test_without_a_group_the_whole_machine_counts(machine: ControlGroup) -> None:
    assert machine.oom_kills() == 5


def test_without_anything_nothing_is_counted_or_limited(tmp_path: Path) -> None:
    nowhere = ControlGroup(proc=tmp_path / "a", mount=tmp_path / "b", vmstat=tmp_path / "c")

    assert nowhere.oom_kills() == 0
    assert nowhere.memory_bytes() == float("inf")
    assert nowhere.cores() == float("inf")


def test_the_smallest_limit_on_the_way_up_holds(machine: ControlGroup) -> None:
    machine.proc.write_text("0::/a/b\n")
    write(machine, "a/memory.max", "1000\n")
    write(machine, "a/b/memory.max", "max\n")
    write(machine, "a/cpu.max", "150000 100000\n")
    write(machine, "a/b/cpu.max", "max 100000\n")

    assert machine.memory_bytes() == 1000
    assert machine.cores() == 1.5


def test_limits_of_the_first_version_hold_too(machine: ControlGroup) -> None:
    machine.proc.write_text("4:memory:/box\n1:cpu,cpuacct:/box\n")
    write(machine, "memory/box/memory.limit_in_bytes", "2000\n")
    write(machine, "cpu/box/cpu.cfs_quota_us", "50000\n")
    write(machine, "cpu/box/cpu.cfs_period_us", "100000\n")

    assert machine.memory_bytes() == 2000
    assert machine.cores() == 0.5


def test_a_quota_of_minus_one_is_none(machine: ControlGroup) -> None:
    machine.proc.write_text("1:cpu:/\n")
    write(machine, "cpu/cpu.cfs_quota_us", "-1\n")

    assert machine.cores() == float("inf")
