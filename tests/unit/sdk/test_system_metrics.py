"""What is measured beside a script: of the machine, of its GPUs, and on its way."""

import os
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import pytest
import sweepworks
from sweepworks.system.linux import LinuxMachine
from sweepworks.system.nvml import Gpus, open_gpus
from sweepworks.system.portable import PortableMachine
from sweepworks.system.rates import Rates
from sweepworks.system.sampler import Sampler, Source

from tests.fake_gateway import FakeGateway
from tests.fake_nvml import FakeNvml
from tests.waiting import wait_until

GIB = 2**30


class Kernel:
    """A /proc and a /sys of a machine with two seconds to look at."""

    def __init__(self, root: Path) -> None:
        self.proc, self.sys = root / "proc", root / "sys"
        self.now = 100.0
        for disk in ("vda", "loop0"):
            (self.sys / "block" / disk).mkdir(parents=True)
        for interface in ("lo", "eth0", "docker0"):
            (self.sys / "class" / "net" / interface).mkdir(parents=True)
        (self.sys / "class" / "net" / "eth0" / "device").mkdir()
        self.write("meminfo", "MemTotal: 4194304 kB\nMemFree: 0 kB\nMemAvailable: 3145728 kB\n")
        self.write("loadavg", "1.50 1.00 0.50 2/300 4242\n")

    def write(self, name: str, text: str) -> None:
        path = self.proc / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def process(self, pid: int, *, ticks: int, pages: int, children: str = "") -> None:
        zeros = " ".join(["0"] * 10)
        self.write(f"{pid}/stat", f"{pid} (a) b(c) S {zeros} {ticks} 1 2 3 0 0 0 0 9 0 {pages} 0\n")
        self.write(f"{pid}/task/{pid}/children", children)

    def counters(self, *, busy: int, idle: int, sectors: int, received: int) -> None:
        self.write("stat", f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 1 2 3\n")
        self.write(
            "diskstats",
            f"7 0 loop0 1 0 99 0 1 0 99 0\n254 0 vda 1 0 {sectors} 0 1 0 {2 * sectors} 0\n"
            f"254 1 vda1 1 0 {sectors} 0 1 0 {sectors} 0\n",
        )
        head = "Inter-| Receive\n face |bytes\n"
        lines = [
            f"  {name}: {amount} 1 0 0 0 0 0 0 {3 * amount} 1\n"
            for name, amount in (("lo", 10**9), ("eth0", received), ("docker0", 10**6 * received))
        ]
        self.write("net/dev", head + "".join(lines))

    def machine(self) -> LinuxMachine:
        return LinuxMachine(
            pid=10, disk=Path("/"), proc=self.proc, sys=self.sys, rates=Rates(lambda: self.now)
        )


@pytest.fixture
def kernel(tmp_path: Path) -> Kernel:
    return Kernel(tmp_path)


def test_the_machine_and_the_tree_of_processes_are_measured(kernel: Kernel) -> None:
    tick, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    kernel.process(10, ticks=0, pages=5, children="11 ")
    kernel.process(11, ticks=0, pages=7, children="12 ")
    kernel.process(12, ticks=0, pages=1)
    kernel.counters(busy=100, idle=100, sectors=0, received=0)
    machine = kernel.machine()
    machine.read()
    kernel.now += 2
    kernel.process(10, ticks=tick, pages=5, children="11 ")
    kernel.process(12, ticks=tick, pages=1)
    kernel.counters(busy=150, idle=250, sectors=4, received=2000)

    found = machine.read()

    assert found["process/count"] == 3
    assert found["process/cpu_percent"] == pytest.approx(100)  # two seconds of CPU in two seconds
    assert found["process/memory_bytes"] == 13 * page
    assert found["machine/cpu_percent"] == pytest.approx(25)
    assert found["machine/load_1m"] == 1.5
    assert found["machine/memory_used_bytes"] == GIB
    assert found["machine/memory_percent"] == 25
    assert found["disk/read_bytes_per_second"] == 1024
    assert found["disk/written_bytes_per_second"] == 2048
    assert found["network/received_bytes_per_second"] == 1000
    assert found["network/sent_bytes_per_second"] == 3000
    assert 0 < found["disk/used_percent"] < 100


def test_what_the_kernel_does_not_tell_is_left_out(kernel: Kernel) -> None:
    kernel.write("meminfo", "nonsense\n")

    found = kernel.machine().read()

    assert set(found) == {
        "process/count",
        "process/memory_bytes",
        "machine/load_1m",
        "disk/used_bytes",
        "disk/used_percent",
    }


def test_a_counter_that_begins_anew_gives_no_rate() -> None:
    moments = iter([1.0, 2.0, 3.0, 4.0])
    rates = Rates(lambda: next(moments))

    found = [rates.per_second("a", count) for count in (100, 150, 3, 5)]

    assert found == [None, 50.0, None, 2.0]


def test_elsewhere_the_standard_library_tells_something() -> None:
    machine = PortableMachine(disk=Path.cwd())
    machine.read()
    busy_until = time.perf_counter() + 0.05
    while time.perf_counter() < busy_until:
        pass

    found = machine.read()

    assert found["process/cpu_percent"] > 0
    assert found["process/peak_memory_bytes"] > 2**20
    assert {"machine/load_1m", "disk/used_bytes", "disk/used_percent"} < set(found)


def test_each_gpu_is_measured_by_itself() -> None:
    gpus = Gpus(FakeNvml(2), visible=None)

    assert gpus.read() == {
        "gpu/0/utilization_percent": 50.0,
        "gpu/0/memory_used_bytes": float(2 * GIB),
        "gpu/0/memory_percent": 25.0,
        "gpu/0/temperature_celsius": 60.0,
        "gpu/0/power_watts": 250.0,
        "gpu/1/utilization_percent": 51.0,
        "gpu/1/memory_used_bytes": float(2 * GIB + 1),
        "gpu/1/memory_percent": pytest.approx(25.0),
        "gpu/1/temperature_celsius": 61.0,
        "gpu/1/power_watts": 250.001,
    }


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        (None, {0, 1, 2}),
        ("", set[int]()),
        ("2,0", {0, 2}),
        ("1,-1,0", {1}),
        ("0,7,1", {0}),
        ("1,1", {1}),
        ("GPU-2", {2}),
        (" GPU-1cafe , 0", {0, 1}),
        ("GPU-", set[int]()),  # more than one begins so
        ("MIG-1", set[int]()),
    ],
)
def test_only_gpus_that_the_script_may_use_are_measured(
    visible: str | None, indices: set[int]
) -> None:
    found = Gpus(FakeNvml(3), visible=visible).read()

    assert {int(name.split("/")[1]) for name in found} == indices


@pytest.mark.parametrize(
    ("visible", "indices"),
    [
        ("MIG-a", {2}),
        ("MIG-a,MIG-b,1", {1, 2}),
        ("MIG-c", {0}),
        ("MIG-unknown,0", set[int]()),
        ("MIG-GPU-1cafe-42/3/0", {1}),
        ("MIG-GPU-7cafe-42/3/0", set[int]()),
    ],
)
def test_of_an_instance_the_whole_gpu_is_measured(visible: str, indices: set[int]) -> None:
    nvml = FakeNvml(3, instances={"MIG-a": 2, "MIG-b": 2, "MIG-c": 0})

    found = Gpus(nvml, visible=visible).read()

    assert {int(name.split("/")[1]) for name in found} == indices


def test_a_driver_that_knows_no_instances_measures_none_but_those_named_by_their_gpu() -> None:
    nvml = FakeNvml(2, missing={"nvmlDeviceGetHandleByUUID"})

    assert Gpus(nvml, visible="MIG-a").read() == {}
    assert "gpu/1/memory_percent" in Gpus(nvml, visible="MIG-GPU-1cafe-42/3/0").read()


def test_what_a_gpu_does_not_tell_is_left_out() -> None:
    nvml = FakeNvml(1, failing={"nvmlDeviceGetPowerUsage", "nvmlDeviceGetUtilizationRates"})

    names = set(Gpus(nvml, visible=None).read())

    assert names == {"gpu/0/memory_used_bytes", "gpu/0/memory_percent", "gpu/0/temperature_celsius"}


@pytest.mark.parametrize("failing", ["nvmlInit_v2", "nvmlDeviceGetCount_v2"])
def test_a_driver_that_does_not_work_has_no_gpus(failing: str) -> None:
    assert Gpus(FakeNvml(2, failing={failing}), visible=None).read() == {}


def test_without_the_driver_there_are_no_gpus() -> None:
    assert open_gpus(visible=None, library="libno-such-driver.so.1") is None


class Broken:
    def read(self) -> dict[str, float]:
        raise RuntimeError("a device fell off the bus")


class Steady:
    def read(self) -> dict[str, float]:
        return {"a": 1.0}


def test_a_source_that_fails_costs_its_own_metrics_alone() -> None:
    entries, said = deque[Any](), dict[str, str]()
    sources: list[Source] = [Broken(), Steady()]
    sampler = Sampler(
        entries,
        sources=lambda: sources,
        every_seconds=0.01,
        say=said.setdefault,  # pyright: ignore[reportArgumentType]
    )

    wait_until(lambda: len(entries) >= 6)
    sampler.stop()

    assert (entries[1], entries[2], entries[4]) == (0, {"a": 1.0}, 1)
    assert list(said) == ["system-Broken"]


def test_a_device_that_hangs_holds_nothing_up() -> None:
    entered, leave = threading.Event(), threading.Event()

    def hang() -> list[Source]:
        entered.set()
        leave.wait()
        return []

    sampler = Sampler(deque(), sources=hang, every_seconds=0.01, say=lambda *_: None)
    assert entered.wait(5)

    began = time.perf_counter()
    sampler.stop()

    assert time.perf_counter() - began < 1
    leave.set()


@pytest.fixture
def measured(trial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_SYSTEM_SECONDS", "0.02")


@pytest.mark.usefixtures("measured")
def test_samples_come_as_a_family_of_their_own_and_are_no_sign_of_life(
    gateway: FakeGateway,
) -> None:
    run = sweepworks.init()

    wait_until(lambda: len(gateway.flushes) >= 2)
    silent = list(gateway.flushes)
    run.log({"loss": 1.0})
    run.finish()

    assert all(flush.system and not flush.series and not flush.beat for flush in silent)
    assert gateway.points() == {"loss": [(0, 1.0)]}
    steps = [step for step, _ in gateway.system_points()["disk/used_bytes"]]
    assert steps == list(range(len(steps)))


@pytest.mark.usefixtures("measured")
def test_a_forked_child_measures_nothing_and_ends(gateway: FakeGateway) -> None:
    run = sweepworks.init()
    wait_until(lambda: bool(gateway.flushes))

    pid = os.fork()
    if pid == 0:
        run.log({"child": 1.0})
        run.finish()
        os._exit(7 if threading.active_count() == 1 else 8)
    _, status = os.waitpid(pid, 0)
    run.finish()

    assert os.waitstatus_to_exitcode(status) == 7
    assert gateway.points() == {}
    assert len({flush.writer for flush in gateway.flushes}) == 1


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("ending", ["", "raise SystemExit(3)", "import os; os._exit(3)"])
def test_a_script_that_ends_while_it_is_measured_ends_as_it_would(
    gateway: FakeGateway, ending: str
) -> None:
    script = f"import sweepworks, time; run = sweepworks.init(); time.sleep(0.3)\n{ending}"

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False
    )

    assert (done.returncode, done.stderr) == (3 if ending else 0, "")
    assert gateway.system_points()
