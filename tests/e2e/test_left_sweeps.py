"""A sweep of which everything was killed, while nothing but commands looks after the home."""

import datetime as dt
import time
from typing import Any

import pytest

from tests.e2e.conftest import Installation, controllers, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("kills")]

SILENCE = 15.0  #: seconds in which nobody is there
CORES = 0.1  #: of each trial


def attempts_of(installation: Installation, sweep: str) -> list[dict[str, Any]]:
    report = installation.json("show", sweep)
    return [
        attempt
        for trial in report["trials"]
        for attempt in installation.json("show", trial["run"])["attempts"]
    ]


def core_hours(installation: Installation, sweep: str) -> float:
    return installation.json("cost", sweep)["total"]["core_hours"]


def instant(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


@pytest.fixture(scope="module", autouse=True)
def _one_at_once(installation: Installation) -> None:  # pyright: ignore[reportUnusedFunction]
    quotas = installation.folder / "quotas.yaml"
    quotas.write_text("tenants: {default: {limits: {trials: 1}}}\n")
    installation.run("policy", "apply", str(quotas), "--yes")


def state_of(installation: Installation, experiment: str) -> str:
    (sweep,) = (s for s in installation.json("list") if s["experiment"] == experiment)
    return sweep["state"]


def test_a_sweep_of_which_all_was_killed_holds_up_nobody_and_is_charged_for_what_it_ran(
    installation: Installation,
) -> None:
    first = installation.write_sweep("left", trials=1, epochs=10, seconds=1.0)
    second = installation.write_sweep("next", trials=1, epochs=2, seconds=0.1)
    following = installation.start("run", str(first))
    (script, *_) = wait_for(installation.trial_processes)
    shim = script.parent()
    assert shim is not None
    time.sleep(3.0)
    for process in (*controllers(installation), shim, *installation.trial_processes()):
        process.kill()
    following.kill()
    following.communicate(timeout=30)
    killed_at = dt.datetime.now(dt.UTC)
    time.sleep(SILENCE)

    installation.run("run", str(second), timeout=120)

    (sweep,) = (s for s in installation.json("list") if s["experiment"] == "left")
    lost, *_ = attempts_of(installation, sweep["sweep_id"])
    assert lost["exit"]["reason"] == "lost"
    assert instant(lost["ended_at"]) <= killed_at
    assert instant(lost["ended_at"]) > killed_at - dt.timedelta(seconds=5)
    state = wait_for(
        lambda: {"completed"} & {installation.json("show", sweep["sweep_id"])["state"]}
    )
    assert state == {"completed"}
    attempts = attempts_of(installation, sweep["sweep_id"])
    assert len(attempts) == 2
    lasted = sum(
        (instant(one["ended_at"]) - instant(one["started_at"])).total_seconds() for one in attempts
    )
    charged = core_hours(installation, sweep["sweep_id"])
    assert charged == pytest.approx(lasted / 3600 * CORES, rel=1e-6)
    assert installation.json("queue")["n_held"] == 0


def test_a_controller_that_nobody_follows_brings_back_the_one_it_waits_for(
    installation: Installation,
) -> None:
    first = installation.write_sweep("gone", trials=1, epochs=25, seconds=1.0)
    second = installation.write_sweep("waits", trials=1, epochs=2, seconds=0.1)
    following = installation.start("run", str(first))
    (script, *_) = wait_for(installation.trial_processes)
    shim = script.parent()
    assert shim is not None
    of_first = controllers(installation)
    installation.run("run", str(second), "--detach")
    wait_for(lambda: len(controllers(installation)) > len(of_first))
    for process in (*of_first, shim, *installation.trial_processes()):
        process.kill()
    following.kill()
    following.communicate(timeout=30)

    wait_for(lambda: state_of(installation, "waits") == "completed", seconds=150, every=3)
    wait_for(lambda: state_of(installation, "gone") == "completed", seconds=60, every=3)
