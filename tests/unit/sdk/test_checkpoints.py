"""Checkpoints: stored where they can matter, found again by the next attempt."""

import hashlib
import time
from pathlib import Path

import pytest
import sweepworks
from sweepworks import checkpoints, start

from tests.fake_gateway import FakeGateway

pytestmark = pytest.mark.usefixtures("trial")
RUN = "demo-abcdefgh-00001"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(checkpoints, "_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(checkpoints, "_RETRY_SECONDS", 0.05)


@pytest.fixture
def second_attempt(trial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_ATTEMPT_ID", f"{RUN}-a2")


def trained(monkeypatch: pytest.MonkeyPatch, levels: list[int], **variables: str) -> None:
    """A script that reports those levels, each with its checkpoint."""
    for name, value in variables.items():
        monkeypatch.setenv(f"SWEEPWORKS_{name}", value)
    run = sweepworks.init()
    for level in levels:
        Path("ckpt.pt").write_text(f"weights {level}")
        run.report(level, checkpoint="ckpt.pt", val_loss=1 / level)
    run.finish()


def stored(content: bytes, level: object = 3, **changes: object) -> dict[str, object]:
    return {
        "name": "checkpoints/0000000003/ckpt.pt",
        "level": level,
        "sha256": hashlib.sha256(content).hexdigest(),
        "size_bytes": len(content),
        **changes,
    }


@pytest.mark.parametrize(
    ("levels", "variables", "kept"),
    [
        ([1, 2, 3, 4, 9], {"RUNGS": "1,3,9", "MAX_RESOURCE": "9"}, [1, 3]),
        ([1, 2, 3], {"RUNGS": ""}, []),
        ([2, 4, 6, 10], {"RUNGS": "3,9"}, [4, 10]),
        ([1, 2], {"RUNGS": "1", "CHECKPOINTS": "all"}, [1, 2]),
        ([1, 2], {"RUNGS": "1", "CHECKPOINTS": "none"}, []),
    ],
    ids=["at rungs below the last", "no rungs", "first report beyond a rung", "all", "none"],
)
def test_a_checkpoint_is_stored_where_it_can_matter(
    gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    levels: list[int],
    variables: dict[str, str],
    kept: list[int],
) -> None:
    gateway.decision = "continue"

    trained(monkeypatch, levels, **variables)

    assert [a["name"] for a in gateway.artifacts] == [
        f"checkpoints/{level:010d}/ckpt.pt" for level in kept
    ]
    assert {a["type"] for a in gateway.artifacts} <= {"checkpoint"}
    assert [r.level for flush in gateway.flushes for r in flush.reports] == levels


def test_the_checkpoint_is_there_before_its_report(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained(monkeypatch, [1], RUNGS="1")

    assert gateway.arrivals == ["checkpoints/0000000001/ckpt.pt", "report 1"]


def test_with_the_gateway_away_the_checkpoint_waits_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variables = {"GATEWAY_URL": "http://127.0.0.1:1", "FINISH_TIMEOUT": "0.1"}

    trained(monkeypatch, [1, 2, 3], RUNGS="1,3", **variables)

    kept = [p.read_text() for p in (tmp_path / "spool").iterdir() if p.suffix == ""]
    assert sorted(kept) == ["weights 1", "weights 3"]


def test_what_waits_goes_before_its_report_when_the_gateway_is_back(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.answers = [503, 503]
    real = gateway.post
    refusals = [503, 503]

    def away_at_first(path: str, body: bytes) -> tuple[int, object]:
        if "artifacts" in path and refusals:
            return refusals.pop(), {"error": "away"}
        return real(path, body)

    monkeypatch.setattr(gateway, "post", away_at_first)

    trained(monkeypatch, [1], RUNGS="1", DECISION_TIMEOUT="0")

    assert gateway.arrivals == ["checkpoints/0000000001/ckpt.pt", "report 1"]


def test_the_first_checkpoint_of_a_level_stands_and_nobody_is_disturbed(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.taken = {"checkpoints/0000000001/ckpt.pt"}

    trained(monkeypatch, [1], RUNGS="1")

    assert gateway.arrivals == ["report 1"]
    assert capsys.readouterr().err == ""


def test_an_artifact_whose_name_is_taken_is_said(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.taken = {"model.pt"}
    Path("model.pt").write_text("x")
    run = sweepworks.init()

    run.log_artifact("model.pt")
    run.finish()

    assert "'model.pt' is not stored: taken" in capsys.readouterr().err


@pytest.mark.parametrize("mode", ["rungs", "none"])
def test_a_checkpoint_that_is_no_file_is_a_mistake_at_every_level(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CHECKPOINTS", mode)
    Path("folder").mkdir()
    run = sweepworks.init()

    with pytest.raises(FileNotFoundError, match=r"no file to store at missing\.pt"):
        run.report(1, checkpoint="missing.pt", loss=1.0)
    with pytest.raises(IsADirectoryError, match="pack it first"):
        run.report(1, checkpoint=Path("folder"), loss=1.0)
    run.finish()

    assert gateway.arrivals == []


def test_names_of_files_become_names_of_artifacts(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_CHECKPOINTS", "all")
    names = ["größe+1.pt", "a b.pt", "x" * 250]
    run = sweepworks.init()

    for level, name in enumerate(names):
        Path(name).write_text("x")
        run.report(level, checkpoint=Path(name), loss=1.0)
    run.finish()

    assert [a["name"].split("/")[2] for a in gateway.artifacts] == [
        "gr__e_1.pt",
        "a b.pt",
        "x" * 200,
    ]


def test_an_unknown_wish_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_CHECKPOINTS", "some")

    with pytest.raises(ValueError, match="SWEEPWORKS_CHECKPOINTS is 'some'"):
        sweepworks.init()


def test_a_first_attempt_asks_for_nothing(gateway: FakeGateway) -> None:
    gateway.checkpoint = stored(b"x")
    run = sweepworks.init()

    found, level = run.checkpoint, run.resumed_from
    run.finish()

    assert (found, level, gateway.gets) == (None, 0, [])


def test_a_scratch_run_asks_for_nothing(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SWEEPWORKS_RUN_ID")
    monkeypatch.setenv("SWEEPWORKS_TOKEN", "api")
    run = sweepworks.init()

    assert (run.checkpoint, run.max_resource, gateway.gets) == (None, None, [])
    run.finish()


@pytest.mark.usefixtures("second_attempt")
def test_a_later_attempt_finds_the_newest_once(gateway: FakeGateway) -> None:
    gateway.content = b"weights" * 500_000
    gateway.checkpoint = stored(gateway.content)
    run = sweepworks.init()

    found = run.checkpoint
    again, level = run.checkpoint, run.resumed_from
    run.finish()

    assert found is not None
    assert found == sweepworks.Checkpoint(Path.cwd() / ".sweepworks-checkpoint/ckpt.pt", 3)
    assert found.path.read_bytes() == gateway.content
    assert (again, level) == (found, 3)
    assert gateway.gets == [
        f"/api/v1/runs/{RUN}/checkpoint",
        f"/api/v1/runs/{RUN}/artifacts/checkpoints/0000000003/ckpt.pt",
    ]
    assert [p.name for p in found.path.parent.iterdir()] == ["ckpt.pt"]


@pytest.mark.usefixtures("second_attempt")
def test_what_is_there_already_is_not_brought_again(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.content = b"weights"
    gateway.checkpoint = stored(b"weights")
    run = sweepworks.init()
    assert run.checkpoint
    run.finish()
    monkeypatch.setattr(start, "_current", None)

    other = sweepworks.init()
    assert other.checkpoint == run.checkpoint
    other.finish()

    assert len([path for path in gateway.gets if "artifacts" in path]) == 1


@pytest.mark.usefixtures("second_attempt")
def test_a_rung_that_was_met_before_needs_no_checkpoint(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.content, gateway.checkpoint = b"weights", stored(b"weights", level=4)
    monkeypatch.setenv("SWEEPWORKS_RUNGS", "3,9")
    run = sweepworks.init()
    Path("ckpt.pt").write_text("x")

    for level in range(run.resumed_from + 1, 10):
        run.report(level, checkpoint="ckpt.pt", loss=1.0)
    run.finish()

    assert [a["name"] for a in gateway.artifacts] == ["checkpoints/0000000009/ckpt.pt"]


@pytest.mark.usefixtures("second_attempt")
def test_without_a_stored_checkpoint_training_begins_anew(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = sweepworks.init()

    assert (run.checkpoint, run.resumed_from) == (None, 0)
    run.finish()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("second_attempt")
@pytest.mark.parametrize(
    "changes",
    [{"sha256": "0" * 64}, {"size_bytes": 8}, {"name": "checkpoints/3/../../x"}, {"level": None}],
)
def test_a_checkpoint_that_is_not_what_was_stored_is_not_used(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str], changes: dict[str, object]
) -> None:
    gateway.content = b"weights"
    gateway.checkpoint = stored(b"weights", **changes)
    run = sweepworks.init()

    assert (run.checkpoint, run.resumed_from) == (None, 0)
    run.finish()

    assert capsys.readouterr().err.count("starting over") == 1
    assert [p for p in Path().rglob("*") if p.is_file()] == []


@pytest.mark.usefixtures("second_attempt")
def test_with_the_gateway_away_training_begins_anew_and_that_is_said_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.1")
    run = sweepworks.init()

    began = time.monotonic()
    found = [run.checkpoint, run.checkpoint]
    took = time.monotonic() - began
    run.finish()

    assert found == [None, None]
    assert took < 2
    assert capsys.readouterr().err.count("starting over") == 1


@pytest.mark.usefixtures("second_attempt")
def test_a_gateway_that_restarts_is_waited_for(gateway: FakeGateway) -> None:
    gateway.content, gateway.checkpoint = b"weights", stored(b"weights")
    gateway.get_answers = [503, 200, 429]
    run = sweepworks.init()

    assert run.resumed_from == 3
    run.finish()


@pytest.mark.usefixtures("second_attempt")
def test_a_download_that_breaks_off_begins_again(gateway: FakeGateway) -> None:
    gateway.content = b"weights" * 500_000
    gateway.checkpoint = stored(gateway.content)
    gateway.lost_bytes = 1000
    run = sweepworks.init()

    found = run.checkpoint
    run.finish()

    assert found is not None
    assert found.path.read_bytes() == gateway.content
    assert len([path for path in gateway.gets if "artifacts" in path]) == 2


@pytest.mark.usefixtures("second_attempt")
def test_bytes_of_another_store_are_fetched_there_without_our_token(gateway: FakeGateway) -> None:
    gateway.content, gateway.checkpoint = b"weights", stored(b"weights")
    gateway.elsewhere = f"{gateway.url}/blobs/abc?signature=s"
    run = sweepworks.init()

    found = run.checkpoint
    run.finish()

    assert found is not None
    assert found.path.read_bytes() == b"weights"
    assert gateway.gets[-1] == "/blobs/abc?signature=s"
    assert gateway.got_tokens == ["Bearer token", "Bearer token", None]


@pytest.mark.usefixtures("second_attempt")
def test_a_gateway_that_refuses_is_not_asked_again(
    gateway: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.get_answers = [403]
    run = sweepworks.init()

    assert run.checkpoint is None
    run.finish()
    assert len(gateway.gets) == 1
    assert "because" in capsys.readouterr().err


def test_the_last_level_is_known_to_the_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWEEPWORKS_MAX_RESOURCE", "27")
    run = sweepworks.init()

    assert run.max_resource == 27
    run.finish()


def test_disabled_nothing_is_stored_or_looked_for(
    gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_MODE", "disabled")
    monkeypatch.setenv("SWEEPWORKS_ATTEMPT_ID", f"{RUN}-a2")

    trained(monkeypatch, [1], RUNGS="1")

    assert (gateway.arrivals, gateway.gets) == ([], [])
