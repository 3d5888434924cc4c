"""Sweeps: submitted, listed, looked at, steered."""

import secrets
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from compute.kubernetes.pod_checks import check_pods, image_of
from compute.kubernetes.trial_images import TrialImages
from gateway.authentication import GivenOwner, GivenSweep
from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.services import GivenServices
from governance.cluster.policies import Admission
from governance.cluster.pool_notes import pool_notes
from storage.sweeps.submission_checks import check_policies, policy_notes
from sweeps import ids
from sweeps.errors import LauncherUnavailable
from sweeps.specs import SweepSpec, as_document
from sweeps.states import SweepRequest, SweepState
from sweeps.trials import Sweep

_REQUEST_BY_WORD = {
    "pause": SweepRequest.PAUSE,
    "resume": SweepRequest.RUN,
    "cancel": SweepRequest.CANCEL,
}

router = APIRouter(prefix="/api/v1/sweeps")


class SubmitRequest(BaseModel):
    """A sweep file as JSON, and the folder that relative paths of its command start from."""

    spec: dict[str, object]
    source_dir: Annotated[str, Field(min_length=1, max_length=4096)]


class SteerRequest(BaseModel):
    """What a person wants of a sweep."""

    request: Literal["pause", "resume", "cancel"]


@router.post("", status_code=201)
def submit(body: SubmitRequest, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Write a sweep down; whoever starts sweeps finds it."""
    if body.spec.get("tenant", owner.tenant_id) != owner.tenant_id:
        raise InvalidRequest(f"this token submits for tenant {owner.tenant_id!r} only")
    tenants = services.tenants.read()
    spec = tenants.check({"tenant": owner.tenant_id, **body.spec})
    tenant = tenants.require(spec.tenant)
    tenant.require_own(spec.owner, by=owner.name)
    check_pods(spec, services.images, tenants=tenants, source="spec")
    if not body.source_dir.startswith("/") or "\x00" in body.source_dir:
        raise InvalidRequest("source_dir is no absolute path")
    if spec.provenance.require_clean:
        raise InvalidRequest(
            "provenance.require_clean is checked where the code is, which cannot be seen from "
            "here: use `sweepworks submit`"
        )
    sweep_id = ids.sweep_id(spec.experiment, entropy=secrets.token_bytes(5))
    check_policies(
        sweep_id,
        spec,
        policies=services.policies,
        waits=services.waits,
        budgets=services.budget_gate,
        source="spec",
        is_elsewhere=tenant.cluster.admission is Admission.KUEUE,
    )
    datasets = services.data_gate.pin(spec.trial.data, tenant_id=owner.tenant_id)
    image, notes = _image(spec, services.images)
    notes += policy_notes(spec, policies=services.policies)
    if services.images is not None:
        notes += pool_notes(spec, tenants.cluster.pods_of(tenant.cluster).pools)
    services.sweeps.submit(
        sweep_id,
        spec,
        source_dir=body.source_dir,
        created_by=owner.name,
        datasets=datasets,
        image=image,
    )
    pinned = [str(dataset) for dataset in datasets]
    alike = services.graveyard.resembling(spec, pinned)
    document = {"sweep": sweep_id, "datasets": pinned, "image": image, "notes": notes}
    waits_for = services.waits.of(sweep_id).open
    return answer({**document, "waits_for": waits_for, "resembles": alike}, status=201)


@router.get("")
def list_sweeps(
    owner: GivenOwner,
    services: GivenServices,
    state: SweepState | None = None,
    before: Annotated[int | None, Query(ge=0, lt=2**63)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JSONResponse:
    """Sweeps of the tenant, newest first; `next` is what to pass as `before` for the next page."""
    rows = services.sweeps.list(tenant_id=owner.tenant_id, state=state, before=before, limit=limit)
    following = rows[-1].log_position if len(rows) == limit else None
    return answer({"sweeps": rows, "next": following})


@router.get("/{sweep}")
def get_sweep(sweep: GivenSweep, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One sweep with its spec, what it waits for, and what waits for it."""
    found = services.sweeps.get(sweep, tenant_id=owner.tenant_id)
    waits = services.waits.of(sweep)
    return answer(
        {**_document(found), "waits_for": waits.waits_for, "awaited_by": waits.awaited_by}
    )


@router.get("/{sweep}/trials")
def list_trials(sweep: GivenSweep, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """A sweep's trials, by number."""
    services.sweeps.get(sweep, tenant_id=owner.tenant_id)  # there is one, or 404
    return answer({"trials": services.runs.trials(sweep, tenant_id=owner.tenant_id)})


@router.post("/{sweep}/requests", status_code=202)
def steer(
    sweep: GivenSweep, body: SteerRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """Ask for pause, resume or cancel; the controller brings the sweep there."""
    requested = _REQUEST_BY_WORD[body.request]
    services.sweeps.request(sweep, requested, tenant_id=owner.tenant_id)
    return answer({"requested": requested}, status=202)


def _image(spec: SweepSpec, images: TrialImages | None) -> tuple[str | None, list[str]]:
    """The digest that was looked up, and what there is to say when it could not be."""
    try:
        return image_of(spec, images), []
    except LauncherUnavailable as exc:
        # The registry may be within reach of controllers only, which look it up as well.
        return None, [f"{exc}: the image is looked up before the first trial begins"]


def _document(sweep: Sweep) -> dict[str, object]:
    return {
        "sweep_id": sweep.sweep_id,
        "spec": as_document(sweep.spec),
        "state": sweep.state,
        "requested": sweep.requested,
        "reason": sweep.reason,
        "created_by": sweep.created_by,
        "created_at": sweep.created_at,
        "started_at": sweep.started_at,
        "ended_at": sweep.ended_at,
        "dagster_run_id": sweep.dagster_run_id,
    }
