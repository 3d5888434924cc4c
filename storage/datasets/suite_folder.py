"""Suites on disk, read anew whenever somebody asks: an edit needs no restart."""

from pathlib import Path

from governance.datasets.contracts import Suite, parse_suite
from governance.tenants import DEFAULT
from storage.text_files import read_text
from sweeps.datasets import InvalidDataset, check_dataset_name
from sweeps.ids import TenantId

_ENDINGS = (".yaml", ".json")


class SuiteFolder:
    """A folder with a file for each dataset that something is expected of: ``digits.yaml``.

    Those of another tenant than `default` are in a folder of the tenant's name.

    Args:
        path: Need not exist. None: nothing is expected of anything.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def find(self, name: str, *, tenant_id: TenantId) -> Suite | None:
        """What is expected of a dataset; None when nothing is.

        Raises:
            InvalidSweepFile: Everything that is wrong with the file.
        """
        if self._path is None:
            return None
        for ending in _ENDINGS:
            file = self._file(self._path, name, tenant_id, ending)
            if file.is_file():
                text = read_text(file, hint="make it readable")
                return parse_suite(text, name=name, source=str(file))
        return None

    def propose(self, name: str, text: str, *, tenant_id: TenantId) -> Path:
        """Write a first suite; one that is there stands.

        Raises:
            InvalidDataset: There is one.
            OSError: The folder cannot be written.
        """
        if self._path is None:
            raise InvalidDataset("there is no folder of suites")
        for ending in _ENDINGS:
            there = self._file(self._path, name, tenant_id, ending)
            if there.exists():
                raise InvalidDataset(f"{there} is there already; give another place with -o")
        file = self._file(self._path, name, tenant_id, _ENDINGS[0])
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
        return file

    def _file(self, folder: Path, name: str, tenant_id: TenantId, ending: str) -> Path:
        check_dataset_name(name)
        check_dataset_name(tenant_id)  # tenants have names of the same form
        within = folder if tenant_id == DEFAULT else folder / tenant_id
        return within / f"{name}{ending}"
