"""The interpreter and the packages that a run had, found again."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compute.code_source import CodeUnavailable
from compute.interpreter import Interpreter, is_trusted, look_at
from compute.locked_environment import LockedEnvironments
from orchestration.home import Home
from orchestration.settings import inherited_environment
from sweeps import recorded
from sweeps.rerun_packages import Packages, needs_environment, package_lines
from sweeps.reruns import Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Software:
    """What a rerun is executed by."""

    interpreter: Interpreter
    packages: Packages
    pins: Mapping[str, str] | None  #: None: the interpreter will do as it is, or must
    lines: tuple[Line, ...]


def software_of(home: Home, section: Mapping[str, Any], roots: tuple[str, ...]) -> Software:
    """The interpreter that ran it, if it is as it was; else this command's, or pins.

    Args:
        section: What is recorded; may be empty.
        roots: Of the run's work tree, by each name that it had.

    Raises:
        CodeUnavailable: Not even the interpreter of this command answers.
    """
    interpreter = _interpreter(section, roots)
    had = Packages.of(section, interpreter.installed, roots)
    if not section:
        return Software(interpreter=interpreter, packages=had, pins=None, lines=())
    pins, trouble = None, ""
    if needs_environment(had, interpreter.installed):
        pins = had.pins
        trouble = environments(home).trouble(had.python, pins)
    return Software(
        interpreter=interpreter,
        packages=had,
        pins=None if trouble else pins,
        lines=tuple(package_lines(had, interpreter.installed, trouble=trouble)),
    )


def environments(home: Home) -> LockedEnvironments:
    """Virtual environments of this home's reruns."""
    return LockedEnvironments(home.reruns / "environments", inherited_environment())


def _interpreter(section: Mapping[str, Any], roots: tuple[str, ...]) -> Interpreter:
    present = look_at(Path(sys.executable))
    if present is None:
        raise CodeUnavailable(f"{sys.executable} does not say what it has installed")
    executable = Path(recorded.text(section, "executable") or "")
    is_other = executable.is_absolute() and executable != present.executable
    if is_other and executable.is_file() and is_trusted(executable):
        theirs = look_at(executable)
        if theirs is not None and theirs.installed.python == section.get("python"):
            had = Packages.of(section, theirs.installed, roots)
            if not needs_environment(had, theirs.installed):
                return theirs
    return present
