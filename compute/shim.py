"""The small process beside a local attempt: owns its process group, and tells how it ended.

Run as a script, with the standard library alone, so that it starts in a few hundredths of a second:
``python -I -S shim.py``, a JSON request on stdin. It detaches, takes an exclusive lock on the
attempt's folder for its life, starts the command, and writes ``exit.json`` once. The lock is the
truth about liveness: whoever finds it free, and no ``exit.json``, knows that the shim was killed.

Secrets arrive on stdin and go on as environment, never to a command line or a file.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

STARTED, ALREADY = b"S", b"A"
_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
_LOOK_SECONDS = 0.25
_TAIL_BYTES, _TAIL_LINES = 8192, 20
_LEFTOVER_SECONDS = 1.0  # for children of a script that has ended by itself
#: Crashes of the process itself; any other signal came from outside.
_OWN_CRASHES = {
    signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL, signal.SIGTRAP,
    signal.SIGSYS,
}  # fmt: skip


def lock_folder(folder: Path, *, wait_seconds: float) -> int | None:
    """Take the attempt's lock; its descriptor, or None when another shim holds it.

    Waiting is for those who only look: they hold it, shared, for an instant.
    """
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + wait_seconds
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() > deadline:
                os.close(descriptor)
                return None
            time.sleep(0.01)
        else:
            return descriptor


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Replace `path` in one step, and on disk."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(document, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_json(path: Path) -> dict[str, Any] | None:
    """The document at `path`, or None when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None


class Shim:
    """One execution of one attempt."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request
        self._folder = Path(request["folder"])
        self._process: subprocess.Popen[bytes] | None = None
        self._code: int | None = None  # of the main process, as Popen gives it
        self._why: str | None = None  # reason of the first stop request acted on
        self._message = ""
        self._oom_before = _oom_kills()
        self._terminated = False

    def run(self) -> None:
        """Execute, wait, and leave the exit record."""
        started_at = time.time()
        try:
            self._start()
        except OSError as exc:
            what = exc.filename or self._request["command"][0]
            self._exit(started_at, "launch_failed", message=f"{what}: {exc.strerror}")
            return
        self._wait()
        self._end_leftovers()
        self._exit(started_at, *self._judge())

    def _start(self) -> None:
        signal.signal(signal.SIGTERM, self._on_terminate)
        signal.signal(signal.SIGCHLD, self._on_child)
        read, write = os.pipe()
        os.set_blocking(write, False)
        self._wake = read
        signal.set_wakeup_fd(write, warn_on_full_buffer=False)
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
        work = self._folder / "work"
        work.mkdir(mode=0o700, exist_ok=True)
        parent = os.getpid()

        def in_child() -> None:
            # The command dies with its shim: nothing trains unseen.
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)

        with (
            (self._folder / "stdout.log").open("ab") as out,
            (self._folder / "stderr.log").open("ab") as err,
        ):
            self._process = subprocess.Popen(
                self._request["command"],
                cwd=work,
                env=self._request["environment"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                process_group=0,
                preexec_fn=in_child,  # noqa: PLW1509 - the shim has one thread
            )

    def _on_terminate(self, signum: int, frame: object) -> None:  # noqa: ARG002 - a handler's signature
        self._terminated = True

    def _on_child(self, signum: int, frame: object) -> None:
        """Nothing to do: the signal's arrival wakes the loop."""

    def _wait(self) -> None:
        timeout = self._request.get("timeout_seconds")
        deadline = time.monotonic() + timeout if timeout else None
        kill_at: float | None = None
        while not self._reap():
            now = time.monotonic()
            if self._why is None:
                self._look_for_reason(deadline, now)
                if self._why is not None:
                    self._signal_all(signal.SIGTERM)
                    kill_at = now + float(self._request["grace_seconds"])
            elif kill_at is not None and now >= kill_at:
                self._signal_all(signal.SIGKILL)
            ready, _, _ = select.select([self._wake], [], [], _LOOK_SECONDS)
            if ready:
                os.read(self._wake, 4096)

    def _look_for_reason(self, deadline: float | None, now: float) -> None:
        stop = read_json(self._folder / "stop.json")
        if stop is not None:
            self._why, self._message = stop["reason"], stop.get("message", "")
        elif self._terminated:
            self._why, self._message = "killed", "the machine is shutting down"
        elif deadline is not None and now >= deadline:
            self._why = "timed_out"

    def _reap(self) -> bool:
        """Collect every child that has ended; True once the main process is among them."""
        assert self._process is not None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return self._code is not None
            if pid == 0:
                return self._code is not None
            if pid == self._process.pid:
                self._code = os.waitstatus_to_exitcode(status)
                self._process.returncode = self._code

    def _signal_all(self, signum: signal.Signals) -> None:
        """Signal the process group, and every descendant that left it."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signum)
        for pid in _descendants(os.getpid()):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signum)

    def _end_leftovers(self) -> None:
        """End what the script started and did not wait for."""
        if not self._has_leftovers():
            return
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + _LEFTOVER_SECONDS
        while self._has_leftovers() and time.monotonic() < deadline:
            self._reap()
            time.sleep(0.02)
        # One that forks while it is killed is found in the next round.
        for _ in range(100):
            if not self._has_leftovers():
                return
            self._signal_all(signal.SIGKILL)
            self._reap()
            time.sleep(0.02)

    def _has_leftovers(self) -> bool:
        assert self._process is not None
        self._reap()
        if _descendants(os.getpid()):
            return True
        try:
            os.killpg(self._process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _judge(self) -> tuple[str, int | None, int | None, str]:
        """Reason, exit code, signal and message."""
        assert self._code is not None
        tail = _tail(self._folder / "stderr.log")
        code, signum = (self._code, None) if self._code >= 0 else (None, -self._code)
        if self._why is not None:
            return self._why, code, signum, self._message or tail
        if code == 0:
            return "completed", 0, None, ""
        if signum is None or signum in _OWN_CRASHES:
            return "script_failed", code, signum, tail
        if signum == signal.SIGKILL and _oom_kills() > self._oom_before:
            return "out_of_memory", None, signum, tail
        return "killed", None, signum, tail

    def _exit(
        self,
        started_at: float,
        reason: str,
        code: int | None = None,
        signum: int | None = None,
        message: str = "",
    ) -> None:
        write_json(
            self._folder / "exit.json",
            {
                "reason": reason,
                "code": code,
                "signal": signum,
                "message": message,
                "started_at": started_at,
                "ended_at": time.time(),
            },
        )
        Path(self._request["live_marker"]).unlink(missing_ok=True)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _descendants(pid: int) -> list[int]:
    """Children of `pid` and theirs; empty where /proc does not tell."""
    found: list[int] = []
    queue = [pid]
    while queue:
        for tasks in Path(f"/proc/{queue.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(text) for text in tasks.read_text().split()]
                found += children
                queue += children
    return found


def _oom_kills() -> int:
    """Processes the kernel has killed for memory: in this control group, else on this machine."""
    with contextlib.suppress(OSError, StopIteration, ValueError):
        group = next(
            line.strip().rpartition(":")[2]
            for line in Path("/proc/self/cgroup").read_text().splitlines()
            if line.startswith("0::")
        )
        events = Path(f"/sys/fs/cgroup{group}/memory.events").read_text()
        return next(int(x.split()[1]) for x in events.splitlines() if x.startswith("oom_kill "))
    with contextlib.suppress(OSError, StopIteration, ValueError):
        counters = Path("/proc/vmstat").read_text().splitlines()
        return next(int(x.split()[1]) for x in counters if x.startswith("oom_kill "))
    return 0


def _tail(path: Path) -> str:
    """The last lines of a file, whatever bytes are in it."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
        text = file.read().decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
        return "\n".join(text.splitlines()[-_TAIL_LINES:])
    return ""


def main() -> None:
    """Detach, take the lock, say so on stdout, and execute."""
    request = json.loads(sys.stdin.buffer.read())
    if os.fork():  # the launcher gets its answer from the one that goes on
        os._exit(0)
    os.setsid()
    for name in ("SIGINT", "SIGHUP", "SIGPIPE"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    folder = Path(request["folder"])
    lock = lock_folder(folder, wait_seconds=2.0)
    if lock is None or (folder / "shim.json").exists() or (folder / "exit.json").exists():
        _answer(ALREADY)
        return
    hold = _hold(request.get("hold_file"))
    write_json(folder / "shim.json", {"pid": os.getpid(), "started_at": time.time()})
    _answer(STARTED)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # nobody waits for the end of this process' output
        os.dup2(null, descriptor)
    Shim(request).run()
    del lock, hold  # held until here; the kernel drops them with the process


def _answer(word: bytes) -> None:
    """Tell the launcher, which may have been killed meanwhile."""
    with contextlib.suppress(OSError):
        os.write(1, word)


def _hold(path: str | None) -> int | None:
    """A shared lock that keeps the home's services alive as long as this attempt."""
    if path is None:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


if __name__ == "__main__":
    main()
