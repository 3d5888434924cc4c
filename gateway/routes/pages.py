"""Pages for people: runs compared, one run. They ask the query routes for curves."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gateway.authentication import GivenOwner, GivenRun
from gateway.errors import InvalidRequest
from gateway.html import page
from gateway.said import said_about
from gateway.services import GivenServices, Services
from gateway.spent import cost_words
from gateway.viewports import MOST_CURVES, MOST_KEYS, asked_runs
from retention.resolution import Axis
from storage.token_store import TokenOwner
from sweeps.comparison import ComparedRun, differences, ranking, seconds
from sweeps.ids import RunId
from sweeps.objectives import Direction, Objective
from sweeps.tags import Subject, SubjectKind

_AXES = {"step": "step", "relative": "time since start", "wall": "clock time"}
_MOST_NAMED = 500  # keys to choose from
_RECENT = 100

router = APIRouter(include_in_schema=False)


@router.get("/compare")
def compare(
    owner: GivenOwner,
    services: GivenServices,
    runs: str = "",
    key: Annotated[list[str] | None, Query()] = None,
    axis: Annotated[Axis, Query(alias="x")] = Axis.STEP,
) -> Response:
    """Curves of runs over each other, their parameters, and how they rank."""
    names = [name for name in runs.split(",") if name]
    if not names:
        recent = services.search.find(tenant_id=owner.tenant_id, limit=_RECENT)
        return page("choose.html", runs=recent, owner=owner)
    return _compare(owner, services, asked_runs(names), key or [], axis)


def _compare(
    owner: TokenOwner, services: Services, run_ids: list[RunId], asked: list[str], axis: Axis
) -> Response:
    records = services.comparisons.read(run_ids, tenant_id=owner.tenant_id)
    objective = services.comparisons.objective(run_ids, tenant_id=owner.tenant_id)
    keys = sorted({key for record in records for key in record.summary})
    shown = list(dict.fromkeys(asked)) or _first_key(keys, objective)
    if len(shown) > MOST_KEYS or len(shown) * len(run_ids) > MOST_CURVES:
        raise InvalidRequest(
            f"{len(run_ids)} runs with {len(shown)} metrics are too many curves; a page shows at "
            f"most {MOST_CURVES}"
        )
    now = services.clock.now()
    ranked = _ranked(records, objective, shown)
    return page(
        "compare.html",
        owner=owner,
        records=records,
        ranked=ranked,
        rank_by=objective.metric if objective else (shown[0] if shown else None),
        has_objective=objective is not None,
        took={record.run.run_id: seconds(record, now=now) for record in records},
        differences=differences(records),
        keys=keys[:_MOST_NAMED],
        n_more_keys=max(0, len(keys) - _MOST_NAMED),
        shown=shown,
        axis=str(axis),
        axes=_AXES,
        run_ids=run_ids,
        is_live=any(record.run.ended_at is None for record in records),
    )


@router.get("/runs/{run}")
def show_run(
    run: GivenRun,
    owner: GivenOwner,
    services: GivenServices,
    key: Annotated[list[str] | None, Query()] = None,
    axis: Annotated[Axis, Query(alias="x")] = Axis.STEP,
) -> Response:
    """One run with all there is about it."""
    record = services.runs.get(run, tenant_id=owner.tenant_id)
    keys = sorted(record.summary)
    objective = services.comparisons.objective([run], tenant_id=owner.tenant_id)
    shown = (list(dict.fromkeys(key or [])) or _first_key(keys, objective))[:MOST_KEYS]
    now = services.clock.now()
    took = None
    if record.run.started_at is not None:
        took = ((record.run.ended_at or now) - record.run.started_at).total_seconds()
    return page(
        "run.html",
        owner=owner,
        record=record,
        took=took,
        keys=keys[:_MOST_NAMED],
        n_more_keys=max(0, len(keys) - _MOST_NAMED),
        shown=shown,
        axis=str(axis),
        axes=_AXES,
        run_ids=[run],
        is_live=record.run.ended_at is None,
        evaluations=services.evaluations.list(tenant_id=owner.tenant_id, run_id=run, limit=1),
        cost=cost_words(services, owner, run_id=run),
        said=said_about(Subject(SubjectKind.RUN, run), owner.tenant_id, services),
    )


def _first_key(keys: Sequence[str], objective: Objective | None) -> list[str]:
    if objective is not None and objective.metric in keys:
        return [objective.metric]
    return list(keys[:1])


def _ranked(
    records: Sequence[ComparedRun], objective: Objective | None, shown: Sequence[str]
) -> list[ComparedRun]:
    """By the objective of their sweeps, or by the last value of the first metric that is shown."""
    if objective is not None:
        return ranking(records, lambda record: record.run.objective, objective.direction)

    def last(record: ComparedRun) -> float | None:
        found = record.summary.get(shown[0]) if shown else None
        return None if found is None else found.last

    return ranking(records, last, Direction.MAXIMIZE)
