"""The SDK against a gateway that can misbehave."""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import sweepworks
from sweepworks.spool import read_spool
from sweepworks.wire import decode_flush

from tests.fake_gateway import FakeGateway
from tests.waiting import wait_until

pytestmark = pytest.mark.usefixtures("trial")


def test_a_trial_knows_its_parameters_and_seed() -> None:
    run = sweepworks.init()

    assert dict(run.params) == {"lr": 0.1, "k": 3}
    assert run.seed == 42
    assert sweepworks.init() is run
    with pytest.raises(TypeError):
        run.params["lr"] = 1  # type: ignore[index]
    run.finish()


def test_everything_logged_arrives_once_and_in_order(gateway: FakeGateway) -> None:
    gateway.answers = [503, 200, 599, 299, 429, 200]
    run = sweepworks.init()
    for step in range(300):
        run.log({"loss": step / 2, "acc": -step})
        if step % 50 == 0:
            time.sleep(0.06)
    run.report(1, val=0.5)

    run.finish()

    points = gateway.points()
    assert points["loss"] == [(step, step / 2) for step in range(300)]
    assert points["acc"] == [(step, float(-step)) for step in range(300)]
    assert [r.level for f in gateway.flushes for r in f.reports] == [1]
    assert gateway.flushes[-1].finish == "completed"


def test_nothing_is_left_on_disk_once_everything_is_stored(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    run = sweepworks.init()
    run.log({"a": 1})

    run.finish()

    assert gateway.points() == {"a": [(0, 1.0)]}
    assert list((tmp_path / "spool").iterdir()) == []


def test_a_report_is_on_disk_when_the_call_returns(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.hang.clear()
    run = sweepworks.init()

    run.report(3, {"val/acc": 0.25}, other=1.0)

    (file,) = (tmp_path / "spool").glob("*.spool")
    (reports,) = [decode_flush(batch).reports for _, batch in read_spool(file)]
    assert (reports[0].level, dict(reports[0].values)) == (3, {"val/acc": 0.25, "other": 1.0})
    gateway.hang.set()
    run.finish()


def test_a_gateway_that_hangs_does_not_slow_the_loop(gateway: FakeGateway) -> None:
    gateway.hang.clear()
    run = sweepworks.init()
    run.report(1, val=1.0)
    time.sleep(0.1)

    began = time.perf_counter()
    for _ in range(10_000):
        run.log({"loss": 1.0})
    took = time.perf_counter() - began

    assert took < 1.0
    gateway.hang.set()
    run.finish()
    assert len(gateway.points()["loss"]) == 10_000


def test_stop_reaches_the_script_with_an_acknowledgement(gateway: FakeGateway) -> None:
    run = sweepworks.init()
    assert not run.should_stop
    gateway.control = "stop"

    run.report(1, val=1.0)

    wait_until(lambda: run.should_stop)
    run.finish()


def test_at_a_rung_a_report_waits_for_the_decision(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "1,3")
    gateway.decision = "stop"
    run = sweepworks.init()

    run.report(3, val=1.0)

    assert run.should_stop
    run.finish()


def test_a_decision_that_does_not_come_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "1")
    monkeypatch.setenv("SWEEPWORKS_DECISION_TIMEOUT", "0.2")
    run = sweepworks.init()

    began = time.monotonic()
    run.report(1, val=1.0)

    assert time.monotonic() - began < 2.0
    run.finish()


@pytest.mark.parametrize("saves", [False, True])
def test_at_a_gateway_that_hangs_a_rung_costs_the_decision_timeout_and_then_nothing(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: bool
) -> None:
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "1,2,3")
    monkeypatch.setenv("SWEEPWORKS_DECISION_TIMEOUT", "0.5")
    gateway.hang.clear()
    run = sweepworks.init()
    (tmp_path / "c").write_text("weights")
    checkpoint = tmp_path / "c" if saves else None

    began = time.monotonic()
    run.report(1, val=1.0, checkpoint=checkpoint)
    assert time.monotonic() - began < 1.5

    refusals = [503] * 1000
    gateway.answers = refusals
    gateway.hang.set()
    wait_until(lambda: len(refusals) < 999)  # now the background knows, too
    gateway.hang.clear()
    began = time.monotonic()
    run.report(2, val=1.0, checkpoint=checkpoint)
    run.report(3, val=1.0, checkpoint=checkpoint)
    assert time.monotonic() - began < 0.4
    gateway.answers.clear()
    gateway.hang.set()
    run.finish()
    assert [report.level for flush in gateway.flushes for report in flush.reports] == [1, 2, 3]


def test_a_long_upload_keeps_the_run_alive(gateway: FakeGateway, tmp_path: Path) -> None:
    run = sweepworks.init()
    (tmp_path / "big").write_bytes(b"x" * 64 * 1024 * 1024)
    gateway.take.clear()
    uploading = threading.Thread(target=run.log_artifact, args=(tmp_path / "big",))
    uploading.start()
    assert gateway.puts.wait(10)
    before = sum(flush.beat for flush in gateway.flushes)
    gateway.take.set()

    uploading.join(20)
    run.finish()

    assert sum(flush.beat for flush in gateway.flushes) > before


def test_what_was_kept_beats_on_its_way(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_DECISION_TIMEOUT", "0.2")
    gateway.hang.clear()
    run = sweepworks.init()
    (tmp_path / "big").write_bytes(b"x" * 64 * 1024 * 1024)
    run.log_artifact(tmp_path / "big")
    gateway.control = "stop"

    gateway.hang.set()
    assert gateway.puts.wait(15)
    run.finish()

    assert len(gateway.artifacts) == 1
    assert gateway.beats
    assert set(gateway.beats) == {run.id}
    assert run.should_stop


def test_what_is_no_number_is_left_out_and_named_once(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweepworks.init()
    run.log({"good": 1, "bad": "text"})
    run.log({"good": 2, "bad": object()})

    run.finish()

    assert gateway.points() == {"good": [(0, 1.0), (1, 2.0)]}
    assert capsys.readouterr().err.count("'bad'") == 1


def test_a_silent_script_sends_no_beat(gateway: FakeGateway) -> None:
    run = sweepworks.init()
    run.heartbeat()
    wait_until(lambda: len(gateway.flushes) == 1)
    time.sleep(0.3)

    assert [flush.beat for flush in gateway.flushes] == [True]
    run.finish()


def test_a_refused_batch_does_not_hold_up_the_next(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers = [422]
    run = sweepworks.init()
    run.log({"a": 1})
    wait_until(lambda: not gateway.answers)
    run.log({"a": 2})

    run.finish()

    assert gateway.points() == {"a": [(1, 2.0)]}
    assert "because" in capsys.readouterr().err


def test_artifacts_are_uploaded_once(gateway: FakeGateway, tmp_path: Path) -> None:
    run = sweepworks.init()
    file = tmp_path / "model.bin"
    file.write_bytes(b"x" * 3_000_000)

    run.log_artifact(file, type="checkpoint")
    run.log_artifact(file, name="again/model.bin")
    run.finish()

    assert [a["name"] for a in gateway.artifacts] == ["model.bin", "again/model.bin"]
    assert list(gateway.blobs.values()) == [b"x" * 3_000_000]


def test_what_was_not_stored_is_said_once_and_not_without_end(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.refused = [{"what": f"metric 'm{n}'", "why": "too many"} for n in range(30)]
    run = sweepworks.init()

    for level in (1, 2, 3):
        run.report(level, val=0.5)
    run.finish()

    said = [line for line in capsys.readouterr().err.splitlines() if "not stored" in line]
    assert said[:2] == [
        "sweepworks: not stored: metric 'm0': too many",
        "sweepworks: not stored: metric 'm1': too many",
    ]
    assert len(said) == len(set(said)) == 20


@pytest.mark.parametrize("name", ["../x", "/x", "a//b", "a/../b", "", "ü", "a" * 257, "."])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    run = sweepworks.init()
    (tmp_path / "f").write_text("x")
    with pytest.raises(ValueError, match="artifact"):
        run.log_artifact(tmp_path / "f", name=name)
    run.finish()


def test_an_artifact_that_cannot_be_uploaded_is_kept_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.1")
    run = sweepworks.init()
    (tmp_path / "f").write_text("first")

    run.log_artifact(tmp_path / "f")
    (tmp_path / "f").write_text("overwritten")

    kept = [p for p in (tmp_path / "spool").iterdir() if p.suffix == ""]
    assert [p.read_text() for p in kept] == ["first"]
    run.finish()


def test_a_forked_worker_stays_silent(gateway: FakeGateway) -> None:
    run = sweepworks.init()
    run.log({"parent": 1})
    pid = os.fork()
    if pid == 0:
        run.log({"child": 1})
        run.finish()
        os._exit(0)
    os.waitpid(pid, 0)

    run.finish()

    assert gateway.points() == {"parent": [(0, 1.0)]}


SCRIPT = """
import os, sweepworks, time
run = sweepworks.init()
for step in range(100):
    run.log({"loss": step})
run.report(1, val=0.5)
run.log({"late": 1})
"""


def run_script(ending: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT + ending],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_run_that_is_finished_is_let_go(gateway: FakeGateway) -> None:
    code = (
        "import gc, weakref; run.finish(); gone = weakref.ref(run); run = None\n"
        "import sweepworks.start as s; s._current = None; gc.collect(); print(gone() is None)"
    )

    assert run_script(code).stdout.strip() == "True"


@pytest.mark.parametrize(
    ("ending", "code", "finish", "message"),
    [
        ("", 0, "completed", ""),
        ("1/0", 1, "failed", "ZeroDivisionError: division by zero"),
        ("import sys; sys.exit()", 0, "completed", ""),
        ("import sys; sys.exit(0)", 0, "completed", ""),
        ("import sys; sys.exit('no data')", 1, "failed", "no data"),
        ("from sys import exit; exit(3)", 3, "failed", "exit code 3"),
        ("import argparse; argparse.ArgumentParser().error('x')", 2, "failed", "exit code 2"),
        ("import sys\ntry: sys.exit(2)\nexcept SystemExit: pass", 0, "completed", ""),
        (
            "import sys\ntry: sys.exit(2)\nexcept SystemExit: pass\nsys.exit(3)",
            3,
            "failed",
            "exit code 3",
        ),
        (
            "import sys, threading\nt = threading.Thread(target=sys.exit, args=[1]); t.start(); t.join()",
            0,
            "completed",
            "",
        ),
        ("import sys\nwith run: sys.exit(0)", 0, "completed", ""),
        ("import sys\nwith run: sys.exit(4)", 4, "failed", "exit code 4"),
    ],
)
def test_a_script_that_forgets_to_finish_is_finished_at_its_end(
    gateway: FakeGateway, ending: str, code: int, finish: str, message: str
) -> None:
    ended = run_script(ending)

    assert ended.returncode == code
    assert len(gateway.points()["loss"]) == 100
    assert gateway.points()["late"] == [(100, 1.0)]
    assert (gateway.flushes[-1].finish, gateway.flushes[-1].message) == (finish, message)


def test_a_killed_script_loses_no_report(gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.hang.clear()

    run_script("os.kill(os.getpid(), 9)")

    (file,) = (tmp_path / "spool").glob("*.spool")
    flushes = [decode_flush(batch) for _, batch in read_spool(file)]
    assert sum(flush.n_points for flush in flushes) >= 100
    assert [r.level for flush in flushes for r in flush.reports] == [1]


@pytest.mark.usefixtures("scratch")
def test_a_scratch_run_is_made_outside_a_trial(gateway: FakeGateway) -> None:
    run = sweepworks.init(params={"lr": 1.0})
    run.log({"a": 1})
    run.finish()

    assert (run.id, run.seed, dict(run.params)) == ("scratch-abc", 5, {"lr": 1.0})
    assert gateway.flushes[0].run == "scratch-abc"


def test_without_a_gateway_a_scratch_run_is_kept_and_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SWEEPWORKS_RUN_ID")
    monkeypatch.delenv("SWEEPWORKS_GATEWAY_URL")
    monkeypatch.chdir(tmp_path)

    run = sweepworks.init()
    run.log({"a": 1})
    run.finish()

    (file,) = (tmp_path / "spool").glob("*.spool")
    assert sum(decode_flush(batch).n_points for _, batch in read_spool(file)) == 1
    assert capsys.readouterr().err.count("kept on disk") == 1


@pytest.mark.usefixtures("scratch")
@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b"{}"),
        (204, b""),
        (302, b""),
        (201, b"[" * 100_000),
        (404, b"<html>default backend</html>"),
        (201, b'{"run": "scratch-abc", "seed": Infinity, "token": "t"}'),
        (201, b'{"run": "scratch-abc", "seed": null, "token": "t"}'),
        (201, b'{"run": "../elsewhere", "seed": 1, "token": "t"}'),
        (201, b'{"run": 7, "seed": 1, "token": "t"}'),
        (201, b'{"run": "scratch-abc", "seed": 1, "token": "t\\n"}'),
    ],
)
def test_a_scratch_run_that_makes_no_sense_is_kept_on_disk(
    gateway: FakeGateway,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    status: int,
    body: bytes,
) -> None:
    gateway.foreign = [(status, body)]

    run = sweepworks.init()
    run.report(1, val=0.5)
    run.finish()

    assert run.id.startswith("scratch-")
    (kept,) = (tmp_path / "spool").glob("*.spool")
    assert kept.name.startswith(run.id)
    assert "does not answer" in capsys.readouterr().err


def test_disabled_means_nothing_is_recorded(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MODE", "disabled")

    run = sweepworks.init()
    run.log({"a": 1})
    run.report(1, val=1.0)
    run.finish()

    assert gateway.flushes == []
    assert not list(tmp_path.glob("spool/*"))


@pytest.mark.parametrize(
    ("variables", "is_recorded"),
    [
        ({"SWEEPWORKS_NODES": "2", "RANK": "0"}, True),
        ({"SWEEPWORKS_NODES": "2", "RANK": "1"}, False),
        ({"SWEEPWORKS_NODES": "2"}, True),
        ({"RANK": "1"}, True),  # somebody else's variable, as long as there is one pod
    ],
)
def test_on_several_nodes_the_first_process_records(
    gateway: FakeGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    is_recorded: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    run = sweepworks.init()
    run.log({"a": 1})
    run.report(1, val=1.0)
    run.finish()

    assert run.params["k"] == 3
    assert bool(gateway.flushes) is is_recorded
    assert is_recorded or not list(tmp_path.glob("spool/*"))


class Tensor:
    """What torch does with more than one element."""

    def __float__(self) -> float:
        raise RuntimeError("a Tensor with 2 elements cannot be converted to Scalar")


def test_values_that_break_when_they_are_looked_at_cost_only_themselves(
    gateway: FakeGateway,
) -> None:
    run = sweepworks.init()
    run.log({"good": 1, "bad": Tensor()})
    run.log({"far": 1.0}, step=2**70)
    run.add_params({"folder": Path("/data")})  # type: ignore[dict-item]
    run.report(1, loss=0.5)
    run.log({"good": 2}, step=1)

    run.finish()

    assert gateway.points() == {"good": [(0, 1.0), (1, 2.0)]}
    assert {k: v for flush in gateway.flushes for k, v in flush.params.items()} == {
        "folder": str(Path("/data"))
    }
    assert [report.level for flush in gateway.flushes for report in flush.reports] == [1]


def test_a_full_queue_leaves_new_entries_out_and_breaks_none(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sweepworks.run.MAX_ENTRIES", 30)
    run = sweepworks.init()
    threads = [
        threading.Thread(target=lambda: [run.log({"a": 1.0}, step=7) for _ in range(20_000)])
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    run.finish()

    assert set(gateway.points()["a"]) == {(7, 1.0)}
    assert gateway.flushes[-1].finish == "completed"


def test_points_reach_the_disk_while_the_gateway_hangs(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.hang.clear()
    run = sweepworks.init()
    run.report(1, val=0.5)
    time.sleep(0.2)  # its request hangs by now

    run.log({"loss": 1.0}, step=7)

    (file,) = (tmp_path / "spool").glob("*.spool")
    wait_until(
        lambda: sum(decode_flush(batch).n_points for _, batch in read_spool(file)) == 1, seconds=2
    )
    gateway.hang.set()
    run.finish()


def test_a_spool_that_is_full_loses_the_oldest_points_and_says_how_many(
    gateway: FakeGateway,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SWEEPWORKS_SPOOL_MEGABYTES", "0.1")
    run = sweepworks.init()
    gateway.hang.clear()
    for level in range(10):
        for step in range(1000):
            run.log({"loss": 1.0}, step=1000 * level + step)
        run.report(level, val=0.5)
    wait_until(lambda: "left out" in capsys.readouterr().err)
    (file,) = (tmp_path / "spool").glob("*.spool")
    wait_until(lambda: file.stat().st_size < 100_000)

    gateway.hang.set()
    run.log({"loss": 2.0}, step=10_000)
    run.finish()

    assert [r.level for flush in gateway.flushes for r in flush.reports] == list(range(10))
    steps = [step for step, _ in gateway.points()["loss"]]
    assert steps == sorted(steps)
    assert steps[-1] == 10_000
    dropped = gateway.flushes[-1].dropped
    assert dropped > 0
    assert len(steps) + dropped == 10_001
    assert f"{dropped} metric points were left out" in capsys.readouterr().err


def test_a_spool_folder_that_is_gone_does_not_end_the_sending(
    gateway: FakeGateway, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = sweepworks.init()
    shutil.rmtree(tmp_path / "spool")
    run.log({"a": 1.0})
    run.report(1, loss=0.5)
    run.log({"a": 2.0})

    run.finish()

    assert gateway.points()["a"] == [(0, 1.0), (1, 2.0)]
    assert "cannot note" in capsys.readouterr().err
