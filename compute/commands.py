"""A trial's command line and environment on this machine. Pure."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

#: The platform's own secrets and addresses; a training script has no business with them.
_WITHHELD_PREFIXES = ("SWEEPWORKS_", "DAGSTER_", "PG")


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


def attempt_environment(
    parent: Mapping[str, str], request: Mapping[str, str], *, source_dir: str, interpreter: Path
) -> dict[str, str]:
    """The environment of an attempt: the parent's without our secrets, then the trial's own."""
    inherited = {
        name: value for name, value in parent.items() if not name.startswith(_WITHHELD_PREFIXES)
    }
    # `python` means the environment that the platform, and so the SDK, is installed in.
    inherited["PATH"] = f"{interpreter.parent}:{inherited.get('PATH', '/usr/bin:/bin')}"
    inherited.setdefault("PYTHONUNBUFFERED", "1")  # what a trial prints can be read at once
    return {**inherited, "SWEEPWORKS_SOURCE_DIR": source_dir, **request}
