"""The home's spool folder: sent, told, and in the end forgotten."""

import logging
import os
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from sweepworks.spool import Spool
from sweepworks.wire import Flush, ReportRecord, encode_flush

from orchestration.doctor import examine
from orchestration.left_spools import look_at
from orchestration.supervisor.spool_upkeep import SpoolUpkeep
from tests.fake_gateway import FakeGateway

RUN = "scratch-abc"
DAY = 86_400


@pytest.fixture
def gateway() -> Generator[FakeGateway, None, None]:
    made = FakeGateway()
    yield made
    made.close()


def a_spool(folder: Path, *, run: str = RUN, writer: str = "0" * 16, note: bool = True) -> Spool:
    """One that its script has left: a report in it."""
    described = {"run": run, "seed": 5} if note else None
    spool = Spool.create(folder, f"{run}-{writer}", note=described)
    report = ReportRecord(level=1, values={"v": 1.0}, time_us=1)
    flush = Flush(writer=writer, sequence=1, run=run, reports=[report], finish="completed")
    spool.append(1, encode_flush(flush), durable=True)
    return spool


def upkeep(folder: Path, gateway: FakeGateway) -> SpoolUpkeep:
    return SpoolUpkeep(folder, gateway=lambda: (gateway.url, "token"))


def test_what_is_left_is_sent_and_deleted(tmp_path: Path, gateway: FakeGateway) -> None:
    a_spool(tmp_path).close()

    upkeep(tmp_path, gateway).look(now=time.time())

    assert [r.level for flush in gateway.flushes for r in flush.reports] == [1]
    assert gateway.scratch_runs == [{"run": RUN, "seed": 5}]
    assert list(tmp_path.iterdir()) == []


def test_what_somebody_holds_is_left_alone(tmp_path: Path, gateway: FakeGateway) -> None:
    spool = a_spool(tmp_path)

    upkeep(tmp_path, gateway).look(now=time.time())

    assert gateway.flushes == []
    assert spool.path.exists()
    spool.close()


def test_what_cannot_be_sent_is_told_once(
    tmp_path: Path, gateway: FakeGateway, caplog: pytest.LogCaptureFixture
) -> None:
    spool = a_spool(tmp_path, run="demo-abcdefgh-00001", note=False)
    spool.close()
    gateway.unknown = {"demo-abcdefgh-00001"}
    keeper = upkeep(tmp_path, gateway)

    with caplog.at_level(logging.INFO):
        for _ in range(3):
            keeper.look(now=time.time())

    assert [record.getMessage() for record in caplog.records] == [
        f"{spool.path.name}: refused; there is no run"
    ]
    assert spool.path.exists()


def test_what_was_refused_is_kept_for_a_month(tmp_path: Path, gateway: FakeGateway) -> None:
    now = time.time()
    old, new = tmp_path / "old.refused", tmp_path / "new.refused"
    for path, age in ((old, 31), (new, 29)):
        path.write_bytes(b"x")
        os.utime(path, (now, now - age * DAY))
    (tmp_path / "something else").write_bytes(b"x")
    os.utime(tmp_path / "something else", (0, 0))

    upkeep(tmp_path, gateway).look(now=now)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.refused", "something else"]


def test_a_folder_that_is_not_there_is_no_trouble(tmp_path: Path, gateway: FakeGateway) -> None:
    upkeep(tmp_path / "nowhere", gateway).look(now=time.time())

    assert look_at(tmp_path / "nowhere").n_left == 0


def test_what_lies_there_is_counted(tmp_path: Path) -> None:
    live = a_spool(tmp_path, writer="1" * 16)
    a_spool(tmp_path, writer="2" * 16).close()
    (tmp_path / "x.refused").write_bytes(bytes(1_500_000))

    found = look_at(tmp_path)

    assert (found.n_live, found.n_left, found.n_refused) == (1, 1, 1)
    assert str(found) == (
        "1 of running scripts; 1 left to be sent (0.0 MB); 1 refused (1.5 MB), kept for 30 days"
    )
    live.close()


@pytest.mark.parametrize("is_left", [False, True])
def test_the_doctor_says_what_lies_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_left: bool
) -> None:
    monkeypatch.setenv("SWEEPWORKS_HOME", str(tmp_path))
    monkeypatch.setenv("SWEEPWORKS_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    spool = a_spool(tmp_path / "spool")
    if is_left:
        spool.close()

    (finding,) = [found for found in examine() if found.subject == "spool"]

    assert finding.is_good is not is_left
    assert f"{int(is_left)} left to be sent" in finding.says
    assert ("sweepworks sync" in finding.mend) is is_left
    spool.close()
