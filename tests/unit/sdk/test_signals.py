"""A signal handler may do what the script may, wherever it interrupts it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sweepworks.frames import read_batches
from sweepworks.wire import decode_flush

from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("trial")

SCRIPT = """
import os, signal, sys, threading, time
import sweepworks

run = sweepworks.init()
last = 0

def preempted(number, frame):
    {handler}

signal.signal(signal.SIGTERM, preempted)
threading.Timer({after}, os.kill, (os.getpid(), signal.SIGTERM)).start()
began = time.monotonic()
while time.monotonic() - began < 20:
    run.log({{"loss": 1.0}})
    run.report(last + 1, val=0.5)
    last += 1
"""

ENDING = """
import os, signal, sweepworks

run = sweepworks.init()
signal.signal(signal.SIGTERM, lambda *_: (run.finish("failed"), os._exit(3)))
for _ in range(100):
    run.log({"loss": 1.0})
print("ready", flush=True)
run.finish()
"""


def run_script(handler: str, after: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(handler=handler, after=after)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("after", [0.31, 0.352, 0.417, 0.503])
def test_finish_in_a_signal_handler_ends_the_run(gateway: FakeGateway, after: float) -> None:
    ended = run_script(
        "run.finish('failed', 'preempted'); print(last, flush=True); os._exit(7)", after
    )

    assert ended.returncode == 7, ended.stderr
    assert (gateway.flushes[-1].finish, gateway.flushes[-1].message) == ("failed", "preempted")
    levels = [r.level for flush in gateway.flushes for r in flush.reports]
    # The one that was interrupted may be there or not.
    assert levels in ([*range(1, int(ended.stdout) + more)] for more in (1, 2))


def test_a_last_report_in_a_signal_handler_is_stored(gateway: FakeGateway) -> None:
    ended = run_script("run.report(10**6, val=0.25); run.finish(); os._exit(0)", 0.3)

    assert ended.returncode == 0, ended.stderr
    assert [r.level for flush in gateway.flushes for r in flush.reports][-1] == 10**6


def test_a_handler_that_interrupts_finish_finds_everything_on_disk(
    gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.hang.clear()
    script = subprocess.Popen([sys.executable, "-c", ENDING], stdout=subprocess.PIPE, text=True)
    assert script.stdout is not None
    script.stdout.readline()
    time.sleep(0.3)
    os.kill(script.pid, signal.SIGTERM)

    assert script.wait(20) == 3
    script.stdout.close()
    (file,) = (tmp_path / "spool").glob("*.spool")
    flushes = [decode_flush(batch) for _, batch in read_batches(file)]
    assert sum(flush.n_points for flush in flushes) == 100
    assert flushes[-1].finish == "completed"


MEDIA = """
import signal, sys, time, sweepworks
from sweepworks.media.content import Content

run = sweepworks.init()
if {handles}:
    signal.signal(signal.SIGTERM, lambda *_: (run.finish("failed", "terminated"), sys.exit(3)))
run.log({{"loss": 1.0}})
slow = Content("png", 1, lambda: time.sleep(6) or b"x")
run._outbox.put("media/a/0.png", "image", slow, subject="a")
print("ready", flush=True)
run.finish()
"""


@pytest.mark.parametrize(
    ("number", "finish"), [(signal.SIGINT, "completed"), (signal.SIGTERM, "failed")]
)
def test_an_interrupted_wait_for_media_still_ends_the_run(
    gateway: FakeGateway, number: signal.Signals, finish: str
) -> None:
    code = MEDIA.format(handles=number is signal.SIGTERM)
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as script:  # fmt: skip
        assert script.stdout is not None
        script.stdout.readline()
        time.sleep(0.3)
        began = time.monotonic()
        script.send_signal(number)
        script.wait(20)

    assert time.monotonic() - began < 3
    assert gateway.points() == {"loss": [(0, 1.0)]}
    assert gateway.flushes[-1].finish == finish
