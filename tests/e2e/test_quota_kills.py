"""Quotas and budgets while everything that decides about them is killed at random moments."""

import datetime as dt
import random
import subprocess
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.conftest import Installation, controllers, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.xdist_group("kills")]

LIMIT = 2  # trials at once
SWEEPS, TRIALS = 3, 6
QUOTAS = f"tenants: {{default: {{limits: {{trials: {LIMIT}}}}}}}\n"
CORES = 0.1  #: of each trial


def executing(installation: Installation) -> set[str]:
    """Attempts whose script runs now."""
    found: set[str] = set()
    for process in installation.trial_processes():
        try:
            words, environment = process.cmdline(), process.environ()
        except (psutil.Error, OSError):
            continue
        if (
            words[-1:]
            and words[-1].endswith("train.py")
            and (attempt := environment.get("SWEEPWORKS_ATTEMPT_ID"))
        ):
            found.add(attempt)
    return found


@contextmanager
def watching(installation: Installation) -> Generator[list[set[str]], None, None]:
    """All that runs at once, looked at again and again meanwhile."""
    seen: list[set[str]] = []
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(0.1):
            seen.append(executing(installation))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


def victims(installation: Installation) -> list[psutil.Process]:
    """Controllers, and whoever serves the gateway or the database."""
    found = controllers(installation)
    for process in psutil.process_iter():
        try:
            home = process.environ().get("SWEEPWORKS_HOME")
            if home == str(installation.home) and "orchestration.supervisor" in process.cmdline():
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_no_kill_lets_more_start_than_the_quota_or_leaves_anything_reserved(
    installation: Installation, tmp_path: Path
) -> None:
    rng = random.Random(7)
    (tmp_path / "quotas.yaml").write_text(QUOTAS)
    installation.run("policy", "apply", str(tmp_path / "quotas.yaml"), "--yes")
    files = [
        installation.write_sweep(f"quota-{n}", trials=TRIALS, epochs=3, seconds=0.4)
        for n in range(SWEEPS)
    ]
    kills = 0

    with watching(installation) as seen:
        following = [
            installation.start("run", str(file), stderr=subprocess.DEVNULL) for file in files
        ]
        while kills < 12 and any(process.poll() is None for process in following):
            time.sleep(rng.uniform(1.0, 5.0))
            if living := victims(installation):
                rng.choice(living).kill()
                kills += 1
        outputs = [process.communicate(timeout=600)[0] for process in following]

    assert [process.returncode for process in following] == [0] * SWEEPS, outputs
    assert kills == 12
    assert max(map(len, seen)) == LIMIT
    executed = set[str]().union(*seen)
    wait_for(lambda: not controllers(installation), seconds=20)
    queue = installation.json("queue")
    assert (queue["n_waiting"], queue["n_held"]) == (0, 0)
    sweeps = [s for s in installation.json("list") if s["experiment"].startswith("quota-")]
    assert len(sweeps) == SWEEPS
    attempts: dict[str, float] = {}
    for sweep in sweeps:
        report = installation.json("show", sweep["sweep_id"])
        assert report["trials_by_state"] == {"completed": TRIALS}
        for trial in report["trials"]:
            for attempt in installation.json("show", trial["run"])["attempts"]:
                lasted = dt.datetime.fromisoformat(attempt["ended_at"]) - dt.datetime.fromisoformat(
                    attempt["started_at"]
                )
                attempts[attempt["attempt_id"]] = lasted.total_seconds() / 3600 * CORES
    assert executed == set(attempts)  # each is on record, and none ran twice
    assert len(attempts) == SWEEPS * TRIALS
    spent = sum(
        installation.json("cost", sweep["sweep_id"])["total"]["core_hours"] for sweep in sweeps
    )
    assert spent == pytest.approx(sum(attempts.values()), rel=1e-6)
