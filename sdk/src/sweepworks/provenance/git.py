"""Git as a program: bounded in time and output, and without doing what a repository's config asks."""

import contextlib
import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

_SECONDS = 5.0  # for all commands together: a start of training must not hang on a network disk
# A hook of git that calls the script must not point the script's own git elsewhere.
_DROPPED = {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_EXTERNAL_DIFF"}


class GitFailed(Exception):
    """A command of git did not answer, with the reason."""


class Git:
    """Commands in one folder. None of them writes, asks, or runs programs that a config names.

    Args:
        folder: Within the repository, or its root.
        seconds: For all commands together.
    """

    def __init__(self, folder: Path, *, seconds: float = _SECONDS) -> None:
        self._folder = folder
        self._give_up_at = time.monotonic() + seconds
        self._environment = {
            **{name: value for name, value in os.environ.items() if name not in _DROPPED},
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_TERMINAL_PROMPT": "0",
            "LC_ALL": "C",
        }

    def run(self, *arguments: str, most_bytes: int = 16_000_000, stdin: bytes = b"") -> bytes:
        """Output of a command.

        Raises:
            GitFailed: It failed, took too long, or said more than `most_bytes`.
        """
        command = ["git", "-c", "core.fsmonitor=false", "-c", "core.quotePath=false", *arguments]
        try:
            process = subprocess.Popen(
                command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except OSError as exc:  # no git on this machine, or no such folder any more
            raise GitFailed(f"git cannot be run: {exc.strerror}") from exc
        with process:
            try:
                out, err = process.communicate(
                    stdin, timeout=max(0.0, self._give_up_at - time.monotonic())
                )
            except subprocess.TimeoutExpired as exc:
                process.kill()
                raise GitFailed(f"git {arguments[0]} takes too long") from exc
            finally:
                with contextlib.suppress(OSError):
                    process.kill()
        if process.returncode != 0:
            said = err.decode("utf-8", "replace").strip().splitlines()
            raise GitFailed(said[-1][:300] if said else f"git {arguments[0]} failed")
        if len(out) > most_bytes:
            raise GitFailed(f"git {arguments[0]} says more than {most_bytes} bytes")
        return out

    def text(self, *arguments: str) -> str:
        """The same as one line of text."""
        return self.run(*arguments).decode("utf-8", "replace").strip()

    def fields(self, *arguments: str, stdin: bytes = b"") -> Sequence[str]:
        """The same of a command that ends each of its fields with a NUL."""
        out = self.run(*arguments, stdin=stdin)
        return os.fsdecode(out).split("\0")[:-1] if out else []
