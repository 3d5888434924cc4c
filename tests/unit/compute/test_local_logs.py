"""Output of attempts, piece by piece."""

import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute import local_logs
from compute.attempt_folder import AttemptFolder
from compute.local_logs import LocalLogs
from sweeps.ids import AttemptId

ATTEMPT = AttemptId("s-00001-a1")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


def printed(root: Path, content: bytes, stream: str = "stdout") -> LocalLogs:
    folder = AttemptFolder.of(root, ATTEMPT)
    assert folder is not None
    folder.prepare()
    (folder.path / f"{stream}.log").write_bytes(content)
    return LocalLogs(root)


def test_output_is_read_from_anywhere_and_no_more_than_asked_for(root: Path) -> None:
    logs = printed(root, b"0123456789")

    assert logs.read(ATTEMPT, "stdout", offset=2, limit=3) == b"234"
    assert logs.read(ATTEMPT, "stdout", offset=8, limit=99) == b"89"
    assert logs.read(ATTEMPT, "stdout", offset=10, limit=99) == b""


@given(content=st.text("ab\n").map(str.encode), lines=st.integers(0, 8), block=st.integers(1, 5))
def test_the_last_lines_are_those_that_a_person_would_count(
    root: Path, content: bytes, lines: int, block: int
) -> None:
    logs = printed(root, content)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_logs, "_BLOCK_BYTES", block)
        offset = logs.tail(ATTEMPT, "stdout", lines=lines)

    whole = content.splitlines(keepends=True)
    assert content[offset:] == b"".join(whole[max(0, len(whole) - lines) :])


def test_a_tail_costs_no_more_than_a_block(root: Path) -> None:
    logs = printed(root, b"line\n" * 4_000_000)

    tracemalloc.start()
    offset = logs.tail(ATTEMPT, "stdout", lines=3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert logs.read(ATTEMPT, "stdout", offset=offset, limit=99) == b"line\n" * 3
    assert peak < 1_000_000


def test_what_is_not_there_is_empty(root: Path, tmp_path: Path) -> None:
    logs = LocalLogs(tmp_path)

    for name in (ATTEMPT, AttemptId("../../etc-a1"), AttemptId("no-attempt")):
        assert not logs.exists(name)
        assert logs.read(name, "stderr", offset=0, limit=9) == b""
        assert logs.tail(name, "stderr", lines=9) == 0
    assert printed(root, b"").exists(ATTEMPT)
    with pytest.raises(ValueError, match="neither"):
        logs.read(ATTEMPT, "../lock", offset=0, limit=9)
