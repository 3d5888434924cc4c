"""The small process beside a local attempt: owns its process group, and tells how it ended.

Its life in short: read a request from stdin, detach, check the lock on the attempt's folder that it
inherited from its launcher, write ``shim.json``, answer, then execute the command and write
``exit.json`` once. The lock is held for its whole life and is the truth about liveness: whoever
finds it free, beside a ``shim.json`` and no ``exit.json``, knows that the shim was killed.

Secrets arrive on stdin and go on as environment, never to a command line or a file.

The launcher waits for the answer, so little is imported before it: with the standard library's
``json`` and ``subprocess`` the start takes more than twice as long.
"""

import errno
import fcntl
import marshal
import os
import time

from compute.process_start import start_since_boot

TYPE_CHECKING = False  # importing it takes longer than all else here
if TYPE_CHECKING:
    from compute.shim_request import ShimRequest

STARTED = b"started"
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_RESERVED_BYTES = 64 * 1024  # the longest exit record, with a message that is all escapes
_STOP_BYTES = 1024


def main() -> None:
    """Detach, claim the folder, say so on stdout, and execute."""
    request: ShimRequest = marshal.loads(_read_stdin())  # noqa: S302 - our own launcher's bytes
    if os.fork():  # the launcher gets its answer from the one that goes on
        os._exit(0)
    os.setsid()
    os.chdir("/")  # the launcher's folder may be removed or unmounted
    started_at = time.time()
    try:
        # Ours by inheritance; a shim that was given no lock, or another's, must not execute.
        fcntl.flock(request["lock"], fcntl.LOCK_EX | fcntl.LOCK_NB)
        hold = _hold(request["hold_file"])
        _claim(request["folder"], started_at)
    except OSError as exc:
        _answer(str(exc.errno or errno.EIO).encode())
        return
    _answer(STARTED)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # nobody waits for the end of this process' output
        os.dup2(null, descriptor)

    from compute.attempt_process import execute

    execute(request, started_at=started_at)
    del hold  # held until here; the kernel drops it, and the lock, with the process


def _read_stdin() -> bytes:
    """All of stdin. Of a launcher that was killed half-way it is no complete document."""
    chunks: list[bytes] = []
    while chunk := os.read(0, 1 << 20):
        chunks.append(chunk)
    return b"".join(chunks)


def _hold(path: str | None) -> int | None:
    """A shared lock that keeps the home's services alive as long as this attempt."""
    if path is None:
        return None
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _claim(folder: str, started_at: float) -> None:
    """Write ``shim.json``, from which on the attempt counts as executed, or nothing at all.

    The space of the exit record is taken now, so that a disk filled by the trial cannot make a
    finished attempt look like a lost one; and that of a wish to stop, so that it can be ended.
    """
    reserved, record = f"{folder}/.exit.reserved", f"{folder}/.shim.json.new"
    stop = f"{folder}/.stop.reserved"
    try:
        _write(reserved, bytes(_RESERVED_BYTES), is_durable=False)
        _write(stop, bytes(_STOP_BYTES), is_durable=False)
        start = start_since_boot(os.getpid()) or repr(started_at)
        text = '{"pid": %d, "start": "%s", "started_at": %r}' % (os.getpid(), start, started_at)  # noqa: UP031 - JSON's braces
        _write(record, text.encode(), is_durable=True)
        os.rename(record, f"{folder}/shim.json")  # noqa: PTH104 - pathlib takes long to import
    except OSError:
        for path in (reserved, stop, record):
            _remove(path)
        raise


def _write(path: str, content: bytes, *, is_durable: bool) -> None:
    descriptor = os.open(path, _NEW_FILE, 0o600)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if is_durable:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 - pathlib takes long to import
    except FileNotFoundError:
        return


def _answer(word: bytes) -> None:
    """Tell the launcher, which may have been killed meanwhile."""
    try:
        os.write(1, word)
    except OSError:
        return
