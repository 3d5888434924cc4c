"""Datasets on a fresh database, with files of their own."""

from pathlib import Path
from typing import Any

from storage.database import Pool, transaction
from storage.datasets.catalog import DatasetCatalog, Registered
from storage.datasets.gate import DataGate
from storage.datasets.inspection import DataInspection
from storage.datasets.registration import with_files
from storage.datasets.suite_folder import SuiteFolder
from sweeps.data_profiles import Profile
from sweeps.datasets import DatasetKind, DatasetReference, DatasetVersion, VersionDraft
from sweeps.ids import TenantId

TENANT = TenantId("default")


class Silent:
    """Nobody watches."""

    def begin(self, what: str, n_bytes: int) -> None:
        pass

    def advance(self, n_bytes: int) -> None:
        pass


def a_draft(name: str = "people", **changes: Any) -> VersionDraft:
    defaults: dict[str, Any] = {
        "name": name,
        "owner": "ana",
        "purpose": "To learn.",
        "created_by": "me",
        "kind": DatasetKind.FILES,
        "location": "",
        "files": (),
        "profile": Profile(),
    }
    return VersionDraft(**{**defaults, **changes})


class DataWorld:
    """Versions of datasets, their suites, and who lets sweeps start on them."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.pool = pool
        self.folder = folder
        self.catalog = DatasetCatalog(pool)
        self.suites = SuiteFolder(folder / "expectations")
        self.inspection = DataInspection(self.catalog, self.suites)
        self.gate = DataGate(self.catalog, self.suites, inspector=self.inspection, is_here=True)

    def file(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def register(self, location: Path, *, tenant: TenantId = TENANT, **changes: Any) -> Registered:
        draft = with_files(a_draft(**changes), location, watch=Silent())
        return self.catalog.register(draft, tenant_id=tenant)

    def get(self, reference: str, *, tenant: TenantId = TENANT) -> DatasetVersion:
        return self.catalog.get(DatasetReference.parse(reference), tenant_id=tenant)

    def expect(self, name: str, text: str) -> None:
        self.suites.propose(name, text, tenant_id=TENANT)

    def rows(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        with transaction(self.pool) as connection:
            return connection.execute(statement, parameters).fetchall()  # pyright: ignore[reportArgumentType]  literals of tests
