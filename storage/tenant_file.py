"""The tenant file on disk, read anew whenever somebody asks: an edit needs no restart."""

from pathlib import Path

from governance.tenants import DEFAULT, TenantDirectory, parse_tenants
from sweeps.errors import InvalidSweepFile, Problem


class TenantFile:
    """Tenants of an installation; without a file, only `default`.

    Args:
        path: None: there is no file.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> TenantDirectory:
        """All tenants.

        Raises:
            InvalidSweepFile: Everything that is wrong with the file, also when it cannot be read.
        """
        if self._path is None or not self._path.exists():
            return TenantDirectory()
        hint = f"make it readable; without it there is only the tenant {DEFAULT!r}"
        return parse_tenants(read_text(self._path, hint=hint), source=str(self._path))


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
