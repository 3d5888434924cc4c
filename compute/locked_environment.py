"""Virtual environments with exactly the packages that a run had."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

import sweepworks

from sweeps.errors import PermanentError

_SECONDS = 3600.0
_UNUSED_SECONDS = 30 * 24 * 3600.0
_COMPLETE = "complete"
_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")  #: PEP 508
_VERSION = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.!+_-]*[A-Za-z0-9])?")  #: PEP 440, and older ones


class EnvironmentUnavailable(PermanentError):
    """Packages that cannot be installed, or an interpreter that is not here."""


@dataclass(frozen=True, slots=True)
class LockedEnvironments:
    """Environments in a folder, each made once and used again; those that nobody uses go away.

    Args:
        folder: Where they are.
        variables: Of the programs that install: proxies, indexes.
    """

    folder: Path
    variables: Mapping[str, str]

    def trouble(self, python: str, pins: Mapping[str, str]) -> str:
        """Why there could be no such environment; empty when there could. Installs nothing."""
        if (self._place(python, pins) / _COMPLETE).exists():
            return ""
        try:
            interpreter = _interpreter(python)
            if not pins:
                return ""
            uv = _uv()
            if uv is not None:
                command = [
                    *(uv, "pip", "compile", "-q", "--no-deps", "--no-header", "--no-annotate"),
                    *("--python", interpreter, "-"),
                ]
            else:
                command = [
                    *(sys.executable, "-m", "pip", "install", "-q", "--dry-run", "--no-deps"),
                    *("--ignore-installed", "-r", "/dev/stdin"),
                ]
            self._run(command, stdin=_requirements(pins))
        except EnvironmentUnavailable as exc:
            return str(exc)
        return ""

    def python(self, python: str, pins: Mapping[str, str]) -> Path:
        """The interpreter of the environment, which is made when it is not there.

        Args:
            python: Version of the interpreter; the first two numbers count.
            pins: Name and version of each package.

        Raises:
            EnvironmentUnavailable: It cannot be made.
        """
        place = self._place(python, pins)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(place.with_suffix(".lock")):
            mark = place / _COMPLETE
            if not mark.exists():
                shutil.rmtree(place, ignore_errors=True)  # of a maker that was killed
                self._make(place, _interpreter(python), pins)
            mark.touch()
        return place / "bin" / "python"

    def forget_unused(self) -> None:
        """Remove environments that were not used for a month."""
        if not self.folder.is_dir():
            return
        for mark in self.folder.glob(f"*/{_COMPLETE}"):
            if time.time() - mark.stat().st_mtime > _UNUSED_SECONDS:
                shutil.rmtree(mark.parent, ignore_errors=True)

    def _place(self, python: str, pins: Mapping[str, str]) -> Path:
        text = json.dumps([_minor(python), sorted(pins.items())])
        return self.folder / hashlib.sha256(text.encode()).hexdigest()[:16]

    def _make(self, place: Path, interpreter: str, pins: Mapping[str, str]) -> None:
        uv = _uv()
        without_pip = ["--without-pip"] if uv is not None or not pins else []
        self._run([interpreter, "-m", "venv", *without_pip, str(place)])
        python = str(place / "bin" / "python")
        if pins:
            pip = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip"]
            install = [] if uv else ["install", "--disable-pip-version-check"]
            wanted = place / "requirements.txt"
            wanted.write_text(_requirements(pins), encoding="utf-8")
            self._run([*pip, *install, "-q", "--no-deps", "-r", str(wanted)])
        # The SDK of this installation: it has no dependencies, and speaks to the gateway as it is.
        packages = next(place.glob("lib/python*/site-packages"))
        shutil.copytree(
            Path(sweepworks.__file__).parent,
            packages / "sweepworks",
            dirs_exist_ok=True,
            ignore=shutil.ignore_patterns("__pycache__"),
        )

    def _run(self, command: list[str], *, stdin: str = "") -> None:
        try:
            done = subprocess.run(
                command,
                input=stdin,
                capture_output=True,
                text=True,
                env=dict(self.variables),
                timeout=_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as exc:
            raise EnvironmentUnavailable("the packages took more than an hour to install") from exc
        except OSError as exc:
            raise EnvironmentUnavailable(f"{command[0]}: {exc.strerror}") from exc
        if done.returncode != 0:
            said = " ".join((done.stderr or done.stdout).split())
            raise EnvironmentUnavailable(f"cannot be installed: {said[-400:]}")


def _requirements(pins: Mapping[str, str]) -> str:
    # They were recorded by a script: nothing but names and versions gets to the installer.
    odd = [n for n, v in pins.items() if not (_NAME.fullmatch(n) and _VERSION.fullmatch(v))]
    if odd:
        raise EnvironmentUnavailable(f"{odd[0][:80]!r} is no package with a version")
    return "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _interpreter(python: str) -> str:
    wanted = _minor(python)
    if wanted == f"{sys.version_info.major}.{sys.version_info.minor}":
        return sys.executable
    found = shutil.which(f"python{wanted}") if wanted.replace(".", "").isdigit() else None
    if found is None:
        raise EnvironmentUnavailable(f"there is no python{wanted} on the PATH")
    return found


def _uv() -> str | None:
    beside = Path(sys.executable).parent / "uv"
    return str(beside) if beside.exists() else shutil.which("uv")


@contextlib.contextmanager
def _locked(path: Path) -> Generator[None, None, None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
