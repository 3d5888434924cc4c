"""Files of datasets in the artifact store: brought by their owners, read by who uses the version."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel

from gateway.authentication import GivenOwner, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.downloads import blob_answer
from gateway.services import GivenServices, Services
from gateway.uploads import UploadRequest, upload_of
from storage.datasets.stored_files import page_of
from sweeps.blobs import BlobFinishing
from sweeps.datasets import DatasetNotFound, DatasetReference, FileEntry, is_single_file
from sweeps.ids import RunId, TenantId

_MOST_FILES = 1_000  # of an answer
_MOST_MISSING = 10_000
_NO_RUN = RunId("")

router = APIRouter(prefix="/api/v1")
Sha256 = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
After = Annotated[str, Query(max_length=4096)]
Limit = Annotated[int, Query(ge=1, le=_MOST_FILES)]


@router.post("/files")
def begin(body: UploadRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Which parts of a file to bring, and where. What nothing refers to in a day is deleted."""
    blob = body.draft().blob(owner.tenant_id)
    services.announcements.begin(blob, take_room=services.storage_quotas.of(owner.tenant_id))
    return answer({"upload": upload_of(services, blob, run=_NO_RUN)})


@router.post("/files/commit")
def commit(body: UploadRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Note that a file has arrived; 202 while another request puts it together."""
    draft = body.draft()
    blob, store = draft.blob(owner.tenant_id), services.artifact_store
    try:
        store.finish(blob)
    except BlobFinishing:
        return answer({"finishing": True}, status=202)
    services.announcements.commit(
        blob, has_bytes=lambda: store.size_of(blob.key) == blob.size_bytes
    )
    return answer(
        {"artifact": {"sha256": draft.sha256, "size_bytes": draft.size_bytes}}, status=201
    )


class StoreRequest(BaseModel):
    """A version that is to be kept."""

    looks: bool = False  #: in the store itself, for each content: seconds for a hundred thousand


@router.post("/datasets/{dataset}/store")
def store(
    body: StoreRequest, dataset: str, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """Keep a version whose files have all arrived, or say which have not."""
    reference = DatasetReference.parse(dataset)
    version = services.datasets.pin(reference, tenant_id=owner.tenant_id)
    size_of = services.artifact_store.size_of if body.looks else None
    missing = services.stored_files.store(version, tenant_id=owner.tenant_id, size_of=size_of)
    return answer({"dataset": str(version), "missing": missing[:_MOST_MISSING]})


@router.get("/datasets/{dataset}/files")
def list_files(
    dataset: str,
    owner: GivenOwner,
    services: GivenServices,
    after: After = "",
    limit: Limit = _MOST_FILES,
) -> JSONResponse:
    """Files of a version, in order of their paths."""
    return _listed(services, dataset, owner.tenant_id, after=after, limit=limit)


@router.get("/datasets/{dataset}/files/{sha256}")
def read_file(dataset: str, sha256: Sha256, owner: GivenOwner, services: GivenServices) -> Response:
    """A file's bytes, or where they are."""
    return _file(services, dataset, sha256, owner.tenant_id)


@router.get("/runs/{run}/datasets/{dataset}/files")
def list_files_for_run(
    run: GivenRun,
    dataset: str,
    writer: GivenWriter,
    services: GivenServices,
    after: After = "",
    limit: Limit = _MOST_FILES,
) -> JSONResponse:
    """Files of a version that the run has said it uses."""
    _require_use(services, run, dataset, writer.tenant_id)
    return _listed(services, dataset, writer.tenant_id, after=after, limit=limit)


@router.get("/runs/{run}/datasets/{dataset}/files/{sha256}")
def read_file_for_run(
    run: GivenRun, dataset: str, sha256: Sha256, writer: GivenWriter, services: GivenServices
) -> Response:
    """A file's bytes of a version that the run has said it uses, or where they are."""
    _require_use(services, run, dataset, writer.tenant_id)
    return _file(services, dataset, sha256, writer.tenant_id)


def _require_use(services: Services, run: RunId, dataset: str, tenant_id: TenantId) -> None:
    if dataset not in map(str, services.datasets.of_run(run, tenant_id=tenant_id)):
        raise DatasetNotFound(f"{dataset[:80]} among those that {run} uses")


def _listed(
    services: Services, dataset: str, tenant_id: TenantId, *, after: str, limit: int
) -> JSONResponse:
    version = services.datasets.pin(DatasetReference.parse(dataset), tenant_id=tenant_id)
    if not services.stored_files.has(version):
        raise DatasetNotFound(f"{version} in the artifact store")
    whole = services.stored_files.files_of(version)
    files, is_more = page_of(whole, after=after, limit=limit)
    return answer(
        {
            "dataset": str(version),
            # A single file is the dataset itself, and no folder around it.
            "is_file": is_single_file(whole, version.location),
            "files": [_document(file) for file in files],
            "is_more": is_more,
        }
    )


def _file(services: Services, dataset: str, sha256: Sha256, tenant_id: TenantId) -> Response:
    version = services.datasets.pin(DatasetReference.parse(dataset), tenant_id=tenant_id)
    found = services.stored_files.find(version, sha256, tenant_id=tenant_id)
    return blob_answer(services, found.key, name=sha256, size_bytes=found.size_bytes)


def _document(file: FileEntry) -> dict[str, object]:
    return {"path": file.path, "size_bytes": file.size_bytes, "sha256": file.sha256}
