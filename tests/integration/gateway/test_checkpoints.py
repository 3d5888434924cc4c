"""Pause and promote from the script's side: a later attempt goes on where an earlier one ended."""

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import sweepworks
from sweepworks import checkpoints, start
from sweepworks.wire import ReportRecord

from tests.integration.gateway.conftest import (
    NOW_US,
    TOKEN,
    Platform,
    a_flush,
    bearer,
    run_token,
    some_points,
    wait_for,
)

Attempt = Callable[..., sweepworks.Run]


@pytest.fixture
def attempt(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Attempt:
    """Starts an execution of a trial, in a working directory of its own."""
    monkeypatch.setattr(checkpoints, "_PATIENCE_SECONDS", 0.5)

    def begin(run: str, number: int, **variables: str) -> sweepworks.Run:
        folder = tmp_path / f"a{number}"
        folder.mkdir()
        monkeypatch.chdir(folder)
        for name, value in {
            "GATEWAY_URL": platform.url,
            "RUN_TOKEN": run_token(run),
            "RUN_ID": run,
            "ATTEMPT_ID": f"{run}-a{number}",
            "PARAMS": "{}",
            "RUNGS": "1,3",
            "MAX_RESOURCE": "9",
            "DECISION_TIMEOUT": "0",
            "FLUSH_SECONDS": "0.05",
            "FINISH_TIMEOUT": "5",
            "SPOOL_DIR": str(tmp_path / "spool"),
            **variables,
        }.items():
            monkeypatch.setenv(f"SWEEPWORKS_{name}", value)
        monkeypatch.setattr(start, "_current", None)
        return sweepworks.init()

    return begin


def train(run: sweepworks.Run, until: int) -> None:
    """From where it was to `until`, with a checkpoint at every level; then the script ends."""
    before = run.checkpoint.path.read_text() if run.checkpoint else ""
    for level in range(run.resumed_from + 1, until + 1):
        before = f"{before}{level},"
        Path("ckpt.txt").write_text(before)
        run.report(level, checkpoint="ckpt.txt", score=float(level))
    run.finish()


def pause(platform: Platform, run: str, level: int) -> None:
    """What the controller writes when the search pauses a trial, and its process has ended."""
    platform.rows(
        "UPDATE reports SET decision = 'pause', sequence = 1"
        " WHERE run_id = %s AND resource_level = %s",
        run,
        level,
    )
    platform.rows("UPDATE run_activity SET control = 'pause' WHERE run_id = %s", run)
    platform.rows("UPDATE runs SET state = 'paused' WHERE run_id = %s", run)


def promote(platform: Platform, run: str) -> None:
    """What it writes before it launches the next attempt."""
    platform.rows("UPDATE run_activity SET control = 'continue' WHERE run_id = %s", run)
    platform.rows("UPDATE runs SET state = 'running' WHERE run_id = %s", run)


def a_report(level: int, score: float = 0.5) -> ReportRecord:
    return ReportRecord(level=level, values={"score": score}, time_us=NOW_US)


def bring(platform: Platform, run: str, content: bytes, name: str, kind: str = "checkpoint") -> int:
    """Store an artifact as any HTTP client would; status of the commit."""
    path, headers = f"/api/v1/runs/{run}/artifacts", bearer(run_token(run))
    sha256 = hashlib.sha256(content).hexdigest()
    body = {"name": name, "type": kind, "sha256": sha256, "size": len(content)}
    begun = platform.client.post(path, json=body, headers=headers).json()
    if begun.get("upload"):
        platform.client.put(begun["upload"]["parts"][0]["url"], content=content)
    return platform.client.post(f"{path}/commit", json=body, headers=headers).status_code


def newest(platform: Platform, run: str, *, token: str | None = None) -> httpx.Response:
    return platform.get(f"/api/v1/runs/{run}/checkpoint", token=token or run_token(run))


def test_a_promoted_trial_goes_on_from_where_it_was_paused(
    platform: Platform, attempt: Attempt
) -> None:
    (run,) = platform.trials()
    train(attempt(run, 1), until=3)
    pause(platform, run, 3)
    promote(platform, run)

    second = attempt(run, 2)
    resumed_from, should_stop = second.resumed_from, second.should_stop
    train(second, until=9)

    assert (resumed_from, should_stop) == (3, False)
    assert Path("ckpt.txt").read_text() == "1,2,3,4,5,6,7,8,9,"
    levels = platform.rows("SELECT resource_level FROM reports ORDER BY 1")
    assert [level for (level,) in levels] == list(range(1, 10))
    names = [artifact["name"] for artifact in platform.run(run)["artifacts"]]
    assert names == ["checkpoints/0000000001/ckpt.txt", "checkpoints/0000000003/ckpt.txt"]


def test_a_retry_starts_from_the_last_checkpoint_of_what_was_lost(
    platform: Platform, attempt: Attempt
) -> None:
    (run,) = platform.trials()
    train(attempt(run, 1, CHECKPOINTS="all"), until=5)

    second = attempt(run, 2)
    found = second.checkpoint
    second.finish()

    assert found is not None
    assert (found.level, found.path.read_text()) == (5, "1,2,3,4,5,")
    assert found.path.is_relative_to(Path.cwd())


def test_a_script_that_starts_over_is_not_disturbed_and_changes_nothing(
    platform: Platform, attempt: Attempt, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = platform.trials()
    train(attempt(run, 1), until=3)
    before = newest(platform, run).json()

    second = attempt(run, 2)
    for level in (1, 2, 3):
        Path("ckpt.txt").write_text("other weights")
        second.report(level, checkpoint="ckpt.txt", score=-1.0)
    second.finish()

    assert newest(platform, run).json() == before
    values = platform.rows("SELECT value FROM reports ORDER BY resource_level")
    assert values == [(1.0,), (2.0,), (3.0,)]
    assert capsys.readouterr().err == ""


def test_a_level_reported_again_after_its_decision_changes_nothing(platform: Platform) -> None:
    (run,) = platform.trials()
    platform.flush(a_flush(run, writer="first", attempt=f"{run}-a1", reports=[a_report(3, 0.5)]))
    pause(platform, run, 3)
    promote(platform, run)

    again = platform.flush(
        a_flush(run, writer="second", attempt=f"{run}-a2", reports=[a_report(3, 0.9), a_report(4)])
    )

    assert again.json() == {"acked": 1, "control": "continue", "refused": []}
    rows = platform.rows("SELECT resource_level, value, decision FROM reports ORDER BY 1")
    assert rows == [(3, 0.5, "pause"), (4, 0.5, None)]


def test_a_pause_lasts_until_the_trial_is_promoted(platform: Platform) -> None:
    (run,) = platform.trials()
    platform.flush(a_flush(run, reports=[a_report(3)]))

    def decision() -> str | None:
        path = f"/api/v1/runs/{run}/decision?level=3"
        return platform.get(path, token=run_token(run)).json()["decision"]

    before = decision()
    pause(platform, run, 3)
    paused = decision()
    promote(platform, run)

    assert (before, paused, decision()) == (None, "pause", "continue")


def test_a_paused_run_still_takes_what_is_in_flight_and_is_not_sealed(platform: Platform) -> None:
    (run,) = platform.trials()
    platform.flush(a_flush(run, reports=[a_report(3)]))
    pause(platform, run, 3)

    late = platform.flush(a_flush(run, 2, some_points(3), finish="completed"))
    stored = bring(platform, run, b"weights", "checkpoints/3/late.pt")
    time.sleep(0.5)  # several rounds of sealing
    state = platform.run(run)["run"]

    assert (late.status_code, late.json()["control"], stored) == (200, "pause", 201)
    assert (state["state"], state["sealed_at"], state["ended_at"]) == ("paused", None, None)
    assert newest(platform, run).json()["checkpoint"]["level"] == 3


def test_the_writer_of_the_next_attempt_is_taken_and_the_run_is_sealed_after_its_end(
    platform: Platform,
) -> None:
    (run,) = platform.trials()
    platform.flush(a_flush(run, 5, writer="first", reports=[a_report(3)], finish="completed"))
    pause(platform, run, 3)
    promote(platform, run)

    begun = platform.flush(a_flush(run, 1, some_points(2), writer="second"))
    platform.rows("UPDATE runs SET state = 'completed', ended_at = now() WHERE run_id = %s", run)
    last = platform.flush(a_flush(run, 2, writer="second", finish="completed"))
    wait_for(lambda: platform.run(run)["run"]["sealed_at"])

    assert (begun.status_code, last.status_code) == (200, 200)
    assert platform.flush(a_flush(run, 3, writer="second", beat=True)).status_code == 409
    assert len(platform.points(run)) == 2


def test_only_checkpoints_of_levels_that_were_reported_are_started_from(
    platform: Platform,
) -> None:
    (run,) = platform.trials()
    assert newest(platform, run).json() == {"checkpoint": None}
    platform.flush(a_flush(run, reports=[a_report(level) for level in (2, 5, 7)]))

    for content, name, kind in [
        (b"older", "checkpoints/0000000002/z.pt", "checkpoint"),
        (b"first", "checkpoints/5/b.pt", "checkpoint"),
        (b"second", "checkpoints/0000000005/a.pt", "checkpoint"),
        (b"unreported", "checkpoints/6/a.pt", "checkpoint"),
        (b"a model", "checkpoints/7/a.pt", "model"),
        (b"no level", "checkpoints/best/a.pt", "checkpoint"),
        (b"a name", "7.pt", "checkpoint"),
        (b"huge", f"checkpoints/{'9' * 40}/a.pt", "checkpoint"),
    ]:
        assert bring(platform, run, content, name, kind) == 201

    assert newest(platform, run).json()["checkpoint"] == {
        "name": "checkpoints/5/b.pt",
        "level": 5,
        "sha256": hashlib.sha256(b"first").hexdigest(),
        "size_bytes": 5,
    }


def test_a_token_reads_its_own_run_alone(platform: Platform) -> None:
    run, other = platform.trials(2)
    platform.flush(a_flush(run, reports=[a_report(1)]))
    bring(platform, run, b"weights", "checkpoints/1/a.pt")
    artifacts = f"/api/v1/runs/{run}/artifacts"
    path = f"{artifacts}/checkpoints/1/a.pt"
    tokens = {
        "own": run_token(run),
        "another run's": run_token(other),
        "another tenant's": run_token(run, tenant="them"),
        "expired": run_token(run, seconds=-1),
        "forged": run_token(run, key=bytes(32)),
        "a person's": TOKEN,
        "a stranger's": platform.token_of("them"),
    }

    statuses = {
        whose: tuple(
            answer.status_code
            for answer in (
                newest(platform, run, token=token),
                platform.get(artifacts, token=token),
                platform.get(path, token=token),
            )
        )
        for whose, token in tokens.items()
    }

    assert statuses == {
        "own": (200, 200, 200),
        "another run's": (403, 403, 403),
        "another tenant's": (404, 404, 404),
        "expired": (401, 401, 401),
        "forged": (401, 401, 401),
        "a person's": (401, 200, 200),
        "a stranger's": (401, 404, 404),
    }
    assert platform.get(path, token=tokens["own"]).content == b"weights"


def test_a_damaged_checkpoint_is_not_used(
    platform: Platform, attempt: Attempt, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = platform.trials()
    train(attempt(run, 1), until=3)
    for file in (tmp_path / "artifacts").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(b"X" * file.stat().st_size)

    second = attempt(run, 2)
    found = second.checkpoint
    second.finish()

    assert found is None
    assert "starting over" in capsys.readouterr().err
    assert list(Path.cwd().rglob("*.txt")) == []


@pytest.mark.slow
def test_with_the_database_away_training_begins_anew(
    platform: Platform, attempt: Attempt, capsys: pytest.CaptureFixture[str]
) -> None:
    (run,) = platform.trials()
    train(attempt(run, 1), until=3)

    with platform.database_away():
        second = attempt(run, 2)
        found = second.checkpoint
    second.finish()

    assert found is None
    assert capsys.readouterr().err.count("starting over") == 1
