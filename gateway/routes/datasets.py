"""Datasets: used by runs, listed and looked at."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from gateway.authentication import GivenOwner, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.services import GivenServices
from sweeps.datasets import DatasetReference, check_dataset_name

router = APIRouter(prefix="/api/v1")


class UseRequest(BaseModel):
    """What a script is about to read."""

    dataset: Annotated[str, Field(min_length=1, max_length=100)]


@router.post("/runs/{run}/datasets")
def use(
    body: UseRequest, run: GivenRun, writer: GivenWriter, services: GivenServices
) -> JSONResponse:
    """Note that the run uses a version, and say where it is; twice is once."""
    reference = DatasetReference.parse(body.dataset)
    used = services.datasets.use(run, reference, tenant_id=writer.tenant_id)
    is_stored = services.stored_files.has(used)
    return answer({"dataset": str(used), "location": used.location, "is_stored": is_stored})


@router.get("/datasets")
def list_datasets(
    owner: GivenOwner,
    services: GivenServices,
    name: Annotated[str | None, Query(max_length=63)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JSONResponse:
    """The newest version of each dataset, or all versions of one, newest first."""
    if name is not None:
        check_dataset_name(name)
    rows = services.datasets.versions(
        tenant_id=owner.tenant_id, name=name, latest=name is None, limit=limit
    )
    return answer({"datasets": rows})


@router.get("/datasets/{dataset}")
def get_dataset(dataset: str, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One version with its columns, and what was found when it was looked at last."""
    version = services.datasets.get(DatasetReference.parse(dataset), tenant_id=owner.tenant_id)
    return answer(
        {
            "dataset": version.row,
            "parents": version.parents,
            "preprocessing": version.preprocessing,
            "column_lineage": version.column_lineage,
            "statistics": version.profile,
            "look": services.datasets.newest_look(version.pinned()),
        }
    )
