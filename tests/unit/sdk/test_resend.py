"""What a writer left behind, sent by somebody else."""

import multiprocessing
from pathlib import Path

import pytest
import sweepworks
from sweepworks.connection import Connection
from sweepworks.frames import read_batches
from sweepworks.resend import attempt_of, resend, spools_in
from sweepworks.spool import Spool
from sweepworks.wire import Flush, ReportRecord, decode_flush, encode_flush

from tests.fake_gateway import FakeGateway

RUN = "demo-abcdefgh-00001"

pytestmark = pytest.mark.usefixtures("trial")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def away(trial: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """No gateway answers while the script runs."""
    monkeypatch.setenv("SWEEPWORKS_GATEWAY_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("SWEEPWORKS_FINISH_TIMEOUT", "0.1")


def a_spool_of_reports(folder: Path, n: int) -> Path:
    """What a writer left that is gone; a batch a report."""
    spool = Spool.create(folder, f"{RUN}-{'0' * 16}")
    for level in range(1, n + 1):
        report = ReportRecord(level=level, values={"val": 0.5}, time_us=1)
        flush = Flush(writer="0" * 16, sequence=level, run=RUN, reports=[report])
        spool.append(level, encode_flush(flush), durable=True)
    spool.close()
    return spool.path


def send(path: Path, gateway: FakeGateway) -> tuple[bool, list[str]]:
    said: list[str] = []
    connection = Connection(gateway.url, "token")
    is_sent = resend(path, RUN, connection, say=lambda _, why: said.append(why)).is_done
    connection.close()
    return is_sent, said


@pytest.mark.usefixtures("away")
def test_what_a_script_could_not_send_is_sent_once_and_in_order(
    gateway: FakeGateway, folder: Path, tmp_path: Path
) -> None:
    run = sweepworks.init()
    (tmp_path / "model").write_bytes(b"weights")
    for level in (1, 2, 3):
        run.log({"loss": 1 / level}, step=level)
        run.report(level, val=0.5)
    run.log_artifact(tmp_path / "model", type="model")
    run.finish()
    (path,) = spools_in(folder)[RUN]

    assert attempt_of(path) == f"{RUN}-a1"
    assert send(path, gateway) == (True, [])

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1, 2, 3]
    assert [step for step, _ in gateway.points()["loss"]] == [1, 2, 3]
    assert gateway.flushes[-1].finish == "completed"
    (artifact,) = gateway.artifacts
    assert (artifact["name"], artifact["type"]) == ("model", "model")
    assert gateway.blobs[artifact["sha256"]] == b"weights"
    assert gateway.arrivals[0] == "model", "what a report may refer to comes first"
    assert list(folder.iterdir()) == []
    assert send(path, gateway) == (True, [])


@pytest.mark.usefixtures("away")
def test_an_outage_in_between_neither_loses_nor_repeats(gateway: FakeGateway, folder: Path) -> None:
    run = sweepworks.init()
    for level in (1, 2, 3):
        run.report(level, val=0.5)
    run.finish()
    (path,) = spools_in(folder)[RUN]
    gateway.answers = [200, 503]

    assert send(path, gateway)[0] is False
    assert send(path, gateway)[0] is True

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1, 2, 3]


def test_the_file_of_a_living_writer_is_left_alone(gateway: FakeGateway, folder: Path) -> None:
    run = sweepworks.init()
    gateway.hang.clear()
    run.report(1, val=0.5)
    (path,) = spools_in(folder)[RUN]

    assert send(path, gateway)[0] is False

    gateway.hang.set()
    run.finish()
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]


def _die_with_a_batch(folder: str) -> None:
    spool = Spool.create(Path(folder), f"{RUN}-{'0' * 16}")
    spool.append(1, b"no flush", durable=True)


def test_the_lock_of_a_process_that_died_is_free(folder: Path) -> None:
    process = multiprocessing.get_context("spawn").Process(
        target=_die_with_a_batch, args=(str(folder),)
    )
    process.start()
    process.join()
    (path,) = spools_in(folder)[RUN]

    first, second = Spool.adopt(path), Spool.adopt(path)

    assert first is not None
    assert second is None
    first.close()


@pytest.mark.usefixtures("away")
def test_what_the_gateway_rejects_is_said_and_set_aside(gateway: FakeGateway, folder: Path) -> None:
    run = sweepworks.init()
    run.report(1, val=0.5)
    run.finish()
    (path,) = spools_in(folder)[RUN]
    gateway.answers = [400] * 2

    is_sent, said = send(path, gateway)

    assert is_sent
    assert said
    assert all(
        sentence.startswith("the gateway refuses a batch: because; it is kept in ")
        for sentence in said
    )
    assert [kept.suffix for kept in folder.iterdir()] == [".refused"]
    assert spools_in(folder) == {}


@pytest.mark.usefixtures("away")
def test_what_is_left_of_a_sealed_run_is_set_aside_whole(
    gateway: FakeGateway, folder: Path, tmp_path: Path
) -> None:
    run = sweepworks.init()
    (tmp_path / "model").write_bytes(b"weights")
    run.log_artifact(tmp_path / "model")
    for level in (1, 2, 3):
        run.report(level, val=0.5)
    run.finish()
    (path,) = spools_in(folder)[RUN]
    gateway.answers = [200, 409]
    gateway.taken = {"model"}  # 409

    is_sent, said = send(path, gateway)

    assert is_sent
    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    refused = path.with_suffix(".refused")
    assert said == [
        "the artifact 'model' is not stored: taken",
        "nothing more of this run is stored: because",
        f"the rest is kept in {refused}",
    ]
    kept = [decode_flush(batch) for _, batch in read_batches(refused)]
    assert [r.level for flush in kept for r in flush.reports] == [2, 3]
    (copy,) = [other for other in folder.iterdir() if other != refused]
    assert copy.suffix == ".refused"
    assert copy.read_bytes() == b"weights"
    assert spools_in(folder) == {}


def test_a_file_that_a_crash_cut_short_is_sent_as_far_as_it_goes(
    gateway: FakeGateway, folder: Path, away: None
) -> None:
    run = sweepworks.init()
    for level in (1, 2):
        run.report(level, val=0.5)
    run.finish()
    (path,) = spools_in(folder)[RUN]
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 3)

    assert send(path, gateway)[0] is True

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1, 2]
    assert gateway.flushes[-1].finish is None


@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_file_that_is_damaged_in_its_midst_is_sent_up_to_there_and_kept(
    gateway: FakeGateway, folder: Path, is_sealed: bool
) -> None:
    path = a_spool_of_reports(folder, 3)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # in the second of them
    path.write_bytes(content)
    gateway.answers = [409] if is_sealed else []

    is_sent, said = send(path, gateway)

    assert not is_sent
    levels = [r.level for flush in gateway.flushes for r in flush.reports]
    assert levels == ([] if is_sealed else [1])
    assert path.read_bytes() == content
    assert any(str(path) in why and "damaged in its midst" in why for why in said)


def test_spools_are_told_apart_by_run(tmp_path: Path) -> None:
    names = [f"{RUN}-{'a' * 16}", f"{RUN}1-{'b' * 16}", f"{RUN}-{'c' * 16}"]
    for name in names:
        (tmp_path / f"{name}.spool").touch()
    (tmp_path / f"{names[0]}.ack").touch()

    found = spools_in(tmp_path)

    assert {run: [p.stem for p in paths] for run, paths in found.items()} == {
        RUN: [names[0], names[2]],
        f"{RUN}1": [names[1]],
    }
    assert spools_in(tmp_path / "nowhere") == {}
