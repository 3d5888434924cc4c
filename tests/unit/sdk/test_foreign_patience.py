"""A pattern that takes for ever holds nobody up, and costs the lines that it takes for ever on."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sweepworks.foreign.patience import Patience
from sweepworks.foreign.rules import rule_of

SLOW = r"(?:a+)+(?P<name>[a-z]{2,9})=(?P<value>[0-9.]+)"
ENDLESS = "a" * 60


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.getsignal(signal.SIGVTALRM)
    yield
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    signal.signal(signal.SIGVTALRM, before)


def patience(said: list[str], pattern: str = SLOW, **seconds: float) -> Patience:
    return Patience(
        rule_of({"pattern": pattern}), say=lambda _, sentence: said.append(sentence), **seconds
    )


def test_what_a_pattern_finds_in_time_is_found() -> None:
    said: list[str] = []
    read = patience(said, r"(?P<name>\w+)=(?P<value>\S+)")

    assert list(read("loss=0.5 acc=1")) == [("loss", "0.5", None), ("acc", "1", None)]
    assert list(read("nothing")) == []
    assert said == []
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_a_line_that_takes_too_long_is_left_out_and_others_are_read() -> None:
    said: list[str] = []
    read = patience(said, line_seconds=0.1)
    began = time.process_time()

    found = [list(read(line)) for line in ("aacc=0.5", ENDLESS, "aacc=0.6")]

    assert [[value for _, value, _ in one] for one in found] == [["0.5"], [], ["0.6"]]
    assert time.process_time() - began < 5
    (sentence,) = said
    assert "took more than 0.1 s for 'aaaa" in sentence


def test_when_such_lines_have_cost_too_much_no_more_are_read() -> None:
    said: list[str] = []
    read = patience(said, line_seconds=0.1, all_seconds=0.2)
    began = time.process_time()

    found = [list(read(line)) for line in [ENDLESS, ENDLESS, "aacc=0.6", *[ENDLESS] * 1000]]

    assert not any(found)
    assert time.process_time() - began < 5
    assert said[-1] == "its pattern takes too long: no more lines are read"


def test_an_error_of_a_rule_leaves_no_timer_behind() -> None:
    def rule(line: str) -> Iterator[tuple[str, object, object]]:
        raise ValueError(line)

    with pytest.raises(ValueError, match="x"):
        Patience(rule, say=lambda *_: None)("x")

    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0, 0)


def test_the_reader_beside_a_script_ends_although_its_pattern_does_not(tmp_path: Path) -> None:
    (tmp_path / "stdout.log").write_text(f"aacc=0.5\n{ENDLESS}\naacc=0.75\n")
    environment = {
        **os.environ,
        "SWEEPWORKS_METRICS": json.dumps({"source": "stdout", "pattern": SLOW}),
        "SWEEPWORKS_MODE": "offline",
        "SWEEPWORKS_SPOOL_DIR": str(tmp_path / "spool"),
        "SWEEPWORKS_RUN_ID": "digits-aaaaaaaa-00001",
    }

    done = subprocess.run(
        [sys.executable, "-m", "sweepworks.foreign", str(tmp_path), str(os.getpid())],
        env=environment, cwd=tmp_path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert "which is left out" in done.stderr
    assert "found: cc" in done.stderr or "found: acc" in done.stderr
