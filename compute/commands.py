"""A trial's command line and environment on this machine. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sweepworks.provenance.software import IMAGE

#: The platform's own secrets and addresses; a training script has no business with them.
_WITHHELD_PREFIXES = ("SWEEPWORKS_", "DAGSTER_", "PG")


_INTERPRETER = re.compile(r"python[0-9.]*|(ba|da|z|k)?sh")


def resolve_command(
    command: Sequence[str], *, source_dir: str, is_file: Callable[[Path], bool]
) -> list[str]:
    """`command` with names of files in `source_dir` made absolute.

    A trial has a working directory of its own, so `train.py` would not be found there.
    """
    folder = Path(source_dir)
    resolved: list[str] = []
    for word in command:
        path = folder / word
        is_ours = bool(source_dir) and bool(word) and not word.startswith("-") and is_file(path)
        resolved.append(str(path) if is_ours else word)
    return resolved


def without_secrets(parent: Mapping[str, str]) -> dict[str, str]:
    """The parent's environment as anyone may see it."""
    return {n: value for n, value in parent.items() if not n.startswith(_WITHHELD_PREFIXES)}


def missing_script(
    command: Sequence[str], *, source_dir: str, is_file: Callable[[Path], bool]
) -> str:
    """One sentence when `command` is an interpreter and a script that is not there; else empty.

    The interpreter would look for it in the attempt's own folder and complain about that one, which
    no author of a sweep file has heard of.
    """
    if not command or not source_dir or not _INTERPRETER.fullmatch(Path(command[0]).name):
        return ""
    for word in command[1:]:
        if word in {"-c", "-m"}:
            return ""
        if not word.startswith("-"):
            is_missing = word.endswith((".py", ".sh")) and not is_file(Path(source_dir) / word)
            return f"{word}: there is no such file in {source_dir}" if is_missing else ""
    return ""


def attempt_environment(
    parent: Mapping[str, str], request: Mapping[str, str], *, source_dir: str, interpreter: Path
) -> dict[str, str]:
    """The environment of an attempt: the parent's without our secrets, then the trial's own."""
    inherited = without_secrets(parent)
    # `python` means the environment that the platform, and so the SDK, is installed in.
    inherited["PATH"] = f"{interpreter.parent}:{inherited.get('PATH', '/usr/bin:/bin')}"
    inherited.setdefault("PYTHONUNBUFFERED", "1")  # what a trial prints can be read at once
    if image := parent.get(IMAGE):  # a local process is in the same container
        inherited[IMAGE] = image
    return {**inherited, "SWEEPWORKS_SOURCE_DIR": source_dir, **request}
