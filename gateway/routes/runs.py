"""Runs: lists, one with everything, curves, decisions; and the start of a scratch run."""

import datetime as dt
import re
import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from gateway.authentication import GivenOwner, GivenRun, GivenWriter
from gateway.documents import answer
from gateway.errors import InvalidRequest
from gateway.routes.series import series_answer
from gateway.services import GivenServices, Services
from gateway.viewports import Family, GivenViewport
from governance.access import RunGrant, sign_run_token
from governance.naming import names_tier, with_tiers
from governance.naming_file import NAMING
from storage.points.ingest_batch import MOST_PARAMS, MOST_TAGS
from storage.token_store import TokenOwner
from sweeps import ids
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, SweepId
from sweeps.run_filters import Filter, parse_filter
from sweeps.runs import MetricPoint, ScratchRun
from sweeps.states import RunState

_TOKEN_LIFE = dt.timedelta(days=30)  # the longest a script may train without asking again
_MAX_LEVEL = 2**63 - 1
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)

router = APIRouter(prefix="/api/v1/runs")


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("text cannot contain NUL")
    return text


def _plain(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("a name has no control characters")
    return text


def _bounded(value: object) -> object:
    # Before it is taken for a float, which would be another number.
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise ValueError("a parameter is an integer beyond 64 bits; send it as text")
    return value


_Name = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(_plain)]
_Text = Annotated[str, AfterValidator(_storable)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_Param = Annotated[bool | int | _Number | _Text, BeforeValidator(_bounded)]


def _scratch(name: str) -> str:
    if not ids.is_scratch_run(name):
        raise ValueError("a run outside sweeps is scratch- and 12 of a-z 2-7")
    return name


class ScratchRunRequest(BaseModel):
    """What a script outside any sweep says about itself; what it has recorded, if it comes later."""

    run: Annotated[str, AfterValidator(_scratch)] | None = None
    seed: Annotated[int, Field(ge=0, lt=2**32)] | None = None
    started_at: AwareDatetime | None = None
    ended_at: AwareDatetime | None = None
    experiment: (
        Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_plain)] | None
    ) = None
    params: Annotated[dict[_Name, _Param], Field(max_length=MOST_PARAMS)] = {}
    # One more is the script's name.
    tags: Annotated[dict[_Name, _Text], Field(max_length=MOST_TAGS - 1)] = {}
    script: _Text = ""


@router.post("", status_code=201)
def create_scratch_run(
    body: ScratchRunRequest, owner: GivenOwner, services: GivenServices
) -> JSONResponse:
    """A run outside any sweep, and the token with which its script writes; the same one again."""
    if (body.run is None) != (body.seed is None):
        raise InvalidRequest("a run that has a name has a seed")
    script = {"script": body.script} if body.script else {}
    run = ScratchRun(
        run_id=RunId(body.run or ids.scratch_run_id(entropy=secrets.token_bytes(8))),
        experiment=body.experiment or "scratch",
        owner=owner.name,
        seed=secrets.randbits(32) if body.seed is None else body.seed,
        params=body.params,
        tags={**script, **body.tags},
        started_at=body.started_at,
        ended_at=body.ended_at,
    )
    is_new = services.runs.create_scratch_run(run, tenant_id=owner.tenant_id)
    opened = _opened(run.run_id, owner, services)
    return answer({"run": run.run_id, "seed": run.seed, **opened}, status=201 if is_new else 200)


@router.post("/{run}/token", status_code=201)
def create_token(run: GivenRun, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """A token that opens the run, for who brings what its script has left."""
    services.runs.require(run, tenant_id=owner.tenant_id)
    return answer(_opened(run, owner, services), status=201)


def _opened(run: RunId, owner: TokenOwner, services: Services) -> dict[str, object]:
    """A token that opens the run, and how much of each of its writers is stored."""
    expires_at = services.clock.now() + _TOKEN_LIFE
    grant = RunGrant(run_id=run, tenant_id=owner.tenant_id, expires_at=expires_at)
    token = sign_run_token(grant, key=services.key)
    return {"token": token, "watermarks": services.runs.watermarks(run)}


@router.get("")
def list_runs(
    owner: GivenOwner,
    services: GivenServices,
    sweep: str | None = None,
    state: RunState | None = None,
    after: str | None = None,
    where: Annotated[str | None, Query(max_length=4_000)] = None,
    sort: Annotated[str | None, Query(max_length=300)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
) -> JSONResponse:
    """Runs of the tenant, newest first; `next` is what to pass as `after` for the next page.

    With `where` or `sort` those that the filter admits, in that order, and no next page.
    """
    if where is not None or sort is not None:
        if (sweep, state, after) != (None, None, None):
            raise InvalidRequest("write sweep and state into `where`; there are no further pages")
        if "\x00" in (sort or ""):
            raise InvalidRequest("a name has no NUL")
        found = services.search.find(
            None if where is None else _parsed(where, owner, services),
            tenant_id=owner.tenant_id,
            sort=None if sort is None else sort.removeprefix("-"),
            is_descending=sort is not None and sort.startswith("-"),
            limit=limit,
        )
        return answer({"runs": found, "next": None})
    if after is not None and not ids.is_name(after):
        raise RunNotFound(after[:80])
    if sweep is not None and not ids.is_name(sweep):
        return answer({"runs": [], "next": None})
    runs = services.runs.page(
        tenant_id=owner.tenant_id,
        sweep_id=None if sweep is None else SweepId(sweep),
        state=state,
        after=None if after is None else RunId(after),
        limit=limit,
    )
    following = runs[-1].run_id if len(runs) == limit else None
    return answer({"runs": runs, "next": following})


def _parsed(where: str, owner: TokenOwner, services: Services) -> Filter:
    found = parse_filter(where)
    if not names_tier(found):
        return found
    return with_tiers(found, services.policies.current(NAMING).value.of(owner.tenant_id).tiers)


@router.get("/{run}")
def get_run(run: GivenRun, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """One run: state, params, tags, summary, attempts, artifacts."""
    return answer(services.runs.get(run, tenant_id=owner.tenant_id))


@router.get("/{run}/decision")
def get_decision(
    run: GivenRun,
    writer: GivenWriter,
    services: GivenServices,
    level: Annotated[int, Query(ge=0, le=_MAX_LEVEL)],
) -> JSONResponse:
    """The search's answer to the report at that level; null while there is none."""
    decision = services.runs.decision(run, level=level, tenant_id=writer.tenant_id)
    return answer({"decision": decision})


@router.post("/{run}/beat")
def post_beat(run: GivenRun, writer: GivenWriter, services: GivenServices) -> JSONResponse:
    """A sign of life beside the flushes, for a script whose flushes wait for an upload."""
    return answer({"control": services.runs.beat(run, tenant_id=writer.tenant_id)})


@router.get("/{run}/checkpoint")
def get_checkpoint(run: GivenRun, writer: GivenWriter, services: GivenServices) -> JSONResponse:
    """Where a new attempt of the run starts; null when that is at the beginning."""
    newest = services.artifacts.newest_checkpoint(run, tenant_id=writer.tenant_id)
    return answer({"checkpoint": newest})


@router.get("/{run}/series")
def list_series(run: GivenRun, owner: GivenOwner, services: GivenServices) -> JSONResponse:
    """Curves of a run."""
    series = services.runs.series(run, tenant_id=owner.tenant_id)
    return answer({"series": [{"key": row.key, "family": row.family} for row in series]})


@router.get("/{run}/series/{key:path}")
def get_series(
    run: GivenRun,
    key: str,
    request: Request,
    owner: GivenOwner,
    services: GivenServices,
    seen: GivenViewport,
    family: Family = "user",
    limit: Annotated[int, Query(ge=1, le=100_000)] = 10_000,
) -> Response:
    """A curve as a plot shows it, if anything of a plot is given.

    Else its last points as `[step, microseconds, value]`, in order of time.
    """
    if seen is not None:
        return series_answer(request, services, owner.tenant_id, [run], [key], seen, family=family)
    points = services.runs.points(run, key, tenant_id=owner.tenant_id, family=family, limit=limit)
    return answer({"key": key, "family": family, "points": [_row(point) for point in points]})


def _row(point: MetricPoint) -> tuple[int, int, float]:
    return point.step, (point.time - _EPOCH) // _MICROSECOND, point.value
