import json
import os
from pathlib import Path

import psutil
import pytest

from compute.process_mark import ProcessMark
from orchestration.supervisor.file_lock import has_holders, hold_shared, is_owned, try_exclusive
from orchestration.supervisor.status import (
    ChildStatus,
    SupervisorState,
    SupervisorStatus,
)


def test_shared_holders_share_and_keep_others_out(tmp_path: Path) -> None:
    path = tmp_path / "lock"

    first, second = hold_shared(path), hold_shared(path)

    assert has_holders(path)
    assert not is_owned(path)
    assert try_exclusive(path) is None
    os.close(first)
    assert has_holders(path)
    os.close(second)
    assert not has_holders(path)


def test_a_lock_that_nobody_ever_held_is_not_made_by_a_look(tmp_path: Path) -> None:
    assert not has_holders(tmp_path / "lock")
    assert not is_owned(tmp_path / "lock")

    assert list(tmp_path.iterdir()) == []  # on a full disk it could not be


def test_an_owner_is_seen_until_it_lets_go(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    assert not is_owned(path)

    owner = try_exclusive(path)

    assert owner is not None
    assert is_owned(path)
    os.close(owner)
    assert not is_owned(path)


def test_a_status_reads_back_the_same(tmp_path: Path) -> None:
    mark = ProcessMark.of(os.getpid())
    written = SupervisorStatus(
        mark=mark,
        state=SupervisorState.READY,
        changed_at=1.5,
        phase="ready",
        gateway_url="http://127.0.0.1:1",
        children={"gateway": ChildStatus(mark=mark, is_ready=True, failures=2, log="/x")},
    )

    written.write(tmp_path / "status")

    assert SupervisorStatus.read(tmp_path / "status") == written


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"mark": 1}', '{"children": []}'])
def test_a_status_that_makes_no_sense_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status").write_text(text)

    assert SupervisorStatus.read(tmp_path / "status") is None


def test_a_status_of_an_earlier_version_is_understood(tmp_path: Path) -> None:
    began = psutil.Process().create_time()
    mark = {"pid": os.getpid(), "started_at": began}
    child = {"mark": mark, "is_ready": True, "failures": 0, "log": "/x"}
    SupervisorStatus(
        mark=ProcessMark.of(os.getpid()), state=SupervisorState.READY, changed_at=1.5, phase="ready"
    ).write(tmp_path / "status")
    written = json.loads((tmp_path / "status").read_text())
    (tmp_path / "status").write_text(
        json.dumps({**written, "mark": mark, "children": {"gateway": child}})
    )

    status = SupervisorStatus.read(tmp_path / "status")

    assert status is not None
    assert status.mark.process() is not None
    assert status.children["gateway"].mark == status.mark
