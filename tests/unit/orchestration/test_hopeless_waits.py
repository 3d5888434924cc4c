"""What is said of trials that can never start as policies are."""

import dataclasses
import datetime as dt
from types import SimpleNamespace
from typing import cast

import pytest

from governance.scheduling import WaitKind
from governance.scheduling.report import QueuedTrial
from orchestration.cli import follow
from orchestration.cli.queue_command import starts_in
from orchestration.platform import Platform
from storage.sweeps.catalog import SweepRow
from sweeps.ids import SweepId
from sweeps.states import SweepState
from tests.factories import SWEEP, at

TRIAL = QueuedTrial(
    attempt_id=f"{SWEEP}-00001-a1",
    sweep_id=SWEEP,
    rerun_of=None,
    tenant_id="default",
    experiment="digits",
    owner="me",
    priority=None,
    cpu_millis=1000,
    memory_bytes=0,
    gpu=0,
    gpu_type="",
    kind=WaitKind.TENANT,
    reason="tenant default may hold 2 trials at once",
    place=1,
    starts_at=at(60),
    queued_at=at(0),
)
ROW = SweepRow(
    sweep_id=SWEEP,
    tenant_id="default",
    experiment="digits",
    state=SweepState.RUNNING,
    requested="run",
    reason="",
    created_by="me",
    created_at=at(0),
    started_at=at(0),
    ended_at=None,
    log_position=1,
    metric="val_loss",
    direction="minimize",
    max_trials=4,
    trials=2,
    live=2,
    completed=0,
    stopped=0,
    paused=0,
    failed=0,
    best=None,
)


@pytest.mark.parametrize(
    ("kind", "starts_at", "words"),
    [
        (WaitKind.TENANT, at(60), "30s"),
        (WaitKind.TENANT, None, None),
        (WaitKind.NEVER, None, "never"),
        (WaitKind.REFUSED, None, "never"),
        (WaitKind.BUDGET, None, None),
    ],
)
def test_the_queue_tells_who_never_starts_from_whom_nobody_can_estimate(
    kind: WaitKind, starts_at: dt.datetime | None, words: str | None
) -> None:
    trial = dataclasses.replace(TRIAL, kind=kind, starts_at=starts_at)

    assert starts_in(trial, now=at(30)) == words


def test_whoever_follows_is_told_once_why_nothing_can_start(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(follow, "_LOOK_SECONDS", 0.0)
    hopeless = dataclasses.replace(ROW, reason="no trial of it can start as policies are now: why")
    ended = dataclasses.replace(ROW, state=SweepState.CANCELLED, reason="cancelled")
    rows = iter([ROW, hopeless, hopeless, ROW, ended])

    def row(_sweep_id: SweepId) -> SweepRow:
        return next(rows)

    platform = cast("Platform", SimpleNamespace(catalog=SimpleNamespace(row=row)))

    state = follow._watch(platform, SWEEP, quiet=True)  # pyright: ignore[reportPrivateUsage]

    said = capsys.readouterr().err
    assert state is SweepState.CANCELLED
    assert said.count("no trial of it can start as policies are now: why") == 1
    assert f"`sweepworks cancel {SWEEP}` ends it" in said
