"""Sweeps that wait for others, while nothing but commands and controllers looks after the home."""

from pathlib import Path

import pytest

from tests.e2e.conftest import Installation, controllers, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("kills")]


HELD = """\
import pathlib, time, sweepworks
run = sweepworks.init()
while not pathlib.Path({go!r}).exists():
    time.sleep(0.1)
run.report(1, val_loss=1.0)
run.finish()
"""


def state(installation: Installation, sweep: str) -> str:
    return installation.json("show", sweep)["state"]


def detached(installation: Installation, name: str, *after: str, go: Path | None = None) -> str:
    """A sweep that nobody follows; with `go`, its trials last until there is such a file."""
    train = None if go is None else HELD.format(go=str(go))
    file = installation.write_sweep(name, trials=1, epochs=1, seconds=0.1, train=train)
    file.write_text(file.read_text().replace("trial_timeout: 2m", "trial_timeout: 10m"))
    words = [word for sweep in after for word in ("--after", sweep)]
    return installation.json("run", str(file), "--detach", *words)["sweep"]


def test_one_after_the_other_is_started_by_the_controller_that_ends(
    installation: Installation,
) -> None:
    go = installation.folder / "go"
    first = detached(installation, "first", go=go)
    second = detached(installation, "second", first)
    third = detached(installation, "third", second, first)

    shown = installation.run("show", third)
    assert f"waits for  {first} (running), {second} (submitted)" in shown
    assert f"awaited by {third} (submitted)" in installation.run("show", second)
    assert f"submitted, waits for {first} (running)" in installation.run("list")
    assert [row["sweep_id"] for row in installation.json("queue")["sweeps"]] == [second, third]
    go.touch()
    wait_for(lambda: state(installation, third) == "completed", seconds=150, every=1)

    rows = {row["sweep_id"]: row for row in installation.json("list")}
    assert rows[first]["ended_at"] <= rows[second]["started_at"]
    assert rows[second]["ended_at"] <= rows[third]["started_at"]


def test_what_waits_outlives_that_all_is_killed_and_starts_when_the_other_is_done(
    installation: Installation,
) -> None:
    go = installation.folder / "go on"
    first = detached(installation, "killed", go=go)
    second = detached(installation, "outlives", first)
    wait_for(installation.trial_processes)
    for process in (*controllers(installation), *installation.trial_processes()):
        process.kill()
    installation.run("down")

    assert state(installation, second) == "submitted"
    go.touch()
    installation.run("attach", first, timeout=120)

    wait_for(lambda: state(installation, second) == "completed", seconds=120, every=1)


def test_when_one_is_cancelled_those_behind_it_fail_and_dagster_says_so(
    installation: Installation,
) -> None:
    first = detached(installation, "cancelled", go=installation.folder / "never")
    second = detached(installation, "behind", first)
    third = detached(installation, "last", second)

    installation.run("cancel", first)

    wait_for(lambda: state(installation, third) == "failed", seconds=90)
    shown = wait_for(
        lambda: (found := installation.json("show", second))["dagster_run"] and found, seconds=90
    )
    assert shown["reason"] == (
        f"waited for {first} to succeed, which was cancelled: cancelled by a person"
    )
    file = installation.write_sweep("refused", trials=1)
    refusal = installation.run("submit", str(file), "--after", second, code=1)
    assert f"{second} has ended already: failed" in refusal
    followed = installation.run("attach", third, code=1)
    assert f"waited for {second} to succeed, which failed" in followed
