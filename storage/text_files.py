"""Files that people write."""

from pathlib import Path

from sweeps.errors import InvalidSweepFile, Problem


def read_text(file: Path, *, hint: str) -> str:
    """Content of a file that a person wrote.

    Raises:
        InvalidSweepFile: It cannot be read; `hint` says what to do.
    """
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        problem = Problem(path="file", message=f"not UTF-8: {exc.reason}", hint="save it as UTF-8")
    except OSError as exc:
        problem = Problem(path="file", message=exc.strerror or str(exc), hint=hint)
    raise InvalidSweepFile(str(file), [problem])
