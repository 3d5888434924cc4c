"""The process that reads a script's metrics, as its shim keeps it. Standard library only."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from compute import process_tree

_MOST_STARTS = 4  # one that ends by itself has met a fault; again and again helps nobody
_LAST_SECONDS = 60.0  # for what is left to be read and sent, once the script has ended
_CUT_SHORT_SECONDS = 2.0
_LOOK_SECONDS = 0.01


class MetricsReader:
    """Starts it beside a script, and again when it was killed; it reads on where that one was.

    Args:
        command: Without the folder and the process that it is about.
        folder: Of the attempt.
        script: Number of the script's process.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, folder: Path, script: int
    ) -> None:
        self._command = [*command, str(folder), str(script)]
        self._environment = environment
        self._folder = folder
        self._n_starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._start()

    @property
    def pid(self) -> int | None:
        """Number of the process; None when there is none."""
        return None if self._process is None else self._process.pid

    def collected(self, status: int) -> None:
        """It has ended, and its parent has collected it."""
        assert self._process is not None  # its number was known
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._close()
        if self._n_starts < _MOST_STARTS:
            self._start()

    def finish(self, *, cut_short: bool) -> None:
        """Let it read and send what is left; it has a minute for it.

        Args:
            cut_short: The script was ended: nobody waits for its last words.
        """
        if self._process is None:
            return
        self._hang_up(self._process)
        seconds = _CUT_SHORT_SECONDS if cut_short else _LAST_SECONDS
        give_up_at = time.monotonic() + seconds
        while self._process.poll() is None and time.monotonic() < give_up_at:
            time.sleep(_LOOK_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End it without asking."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            self._process.wait()
            self._close()

    def _start(self) -> None:
        self._n_starts += 1
        shim = os.getpid()

        def in_child() -> None:
            process_tree.die_with(shim)
            for signum in (signal.SIGINT, signal.SIGHUP):
                signal.signal(signum, signal.SIG_DFL)  # to be ignored is inherited

        # Without a reader a script still runs: its trial will say that nothing was found.
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            log = (self._folder / "reader.log").open("ab")
            with log:
                self._process = subprocess.Popen(
                    self._command,
                    env=dict(self._environment),
                    cwd=self._folder,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    process_group=0,  # what is sent to the script's is not for it
                    preexec_fn=in_child,  # noqa: PLW1509 - the shim has one thread
                )

    def _close(self) -> None:
        assert self._process is not None  # it was there
        self._hang_up(self._process)
        self._process = None

    @staticmethod
    def _hang_up(process: subprocess.Popen[bytes]) -> None:
        """End its stdin: from that it knows that the script has ended."""
        if process.stdin is not None:
            process.stdin.close()
