"""The tenant file on disk, read anew whenever somebody asks: an edit needs no restart."""

from pathlib import Path

from governance.tenants import DEFAULT, TenantDirectory, parse_tenants
from storage.text_files import read_text


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
