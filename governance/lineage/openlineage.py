"""Runs and versions of datasets as events of OpenLineage 2-0-2. Pure.

A run is a run of the job that is called as its experiment; its sweep is the parent. A version of a
dataset is what a run of the job `register NAME` put out. Every event of a run has the same `runId`,
made from its name, so that what is sent twice is known as the same.
Source: https://openlineage.io/spec/2-0-2/OpenLineage.json and the facets that each name their schema.
"""

import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast
from urllib.parse import quote

from sweeps.lineage import Node, kind_of, name_of

PRODUCER = "https://github.com/sweepworks/sweepworks"
_SCHEMA = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_SCP = re.compile(r"(?P<host>(?:[^@/:]+@)?[^@/:]+):(?P<path>.+)")
_NAMES = uuid.uuid5(uuid.NAMESPACE_URL, PRODUCER)

Event = Mapping[str, Any]


class EventType(StrEnum):
    """What happened to a run."""

    START = "START"
    COMPLETE = "COMPLETE"
    FAIL = "FAIL"
    ABORT = "ABORT"


_END_OF_STATE = {
    "completed": EventType.COMPLETE,
    "stopped": EventType.COMPLETE,
    "failed": EventType.FAIL,
    "cancelled": EventType.ABORT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventData:
    """A version of a dataset, an artifact or a model, as an input or output."""

    node: Node
    version: str | None = None  #: sha256 of what it is
    columns: Sequence[tuple[str, str]] = ()  #: names with their types
    #: Of each column, those that it was made from, with the dataset's version they are of.
    column_lineage: Mapping[str, Sequence[tuple[str, str]]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRun:
    """A run, as far as events tell of it."""

    tenant_id: str
    run_id: str
    experiment: str
    purpose: str
    sweep_id: str | None
    state: str
    reason: str
    started_at: dt.datetime
    ended_at: dt.datetime | None
    commit: str | None
    branch: str | None
    remote: str | None
    script: str | None
    inputs: Sequence[EventData] = ()
    outputs: Sequence[EventData] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventVersion:
    """A version of a dataset that was registered."""

    tenant_id: str
    data: EventData
    purpose: str
    created_at: dt.datetime
    parents: Sequence[EventData] = ()


def run_uuid(name: str) -> str:
    """The `runId` of a run or a sweep: the same for the same name."""
    return str(uuid.uuid5(_NAMES, name))


def start_event(run: EventRun) -> Event:
    """That a run has started."""
    return _of_run(run, EventType.START, run.started_at)


def end_event(run: EventRun) -> Event:
    """How a run has ended.

    Raises:
        ValueError: It has not.
    """
    if run.ended_at is None or run.state not in _END_OF_STATE:
        raise ValueError(f"run {run.run_id} has not ended")
    return _of_run(run, _END_OF_STATE[run.state], run.ended_at)


def version_events(version: EventVersion) -> Sequence[Event]:
    """That a version of a dataset was registered: a run that starts and ends at that moment."""
    node = version.data.node
    job_facets: dict[str, Any] = {"jobType": _job_type("REGISTRATION")}
    if version.purpose:
        job_facets["documentation"] = _documentation(version.purpose)
    return [
        _event(
            kind,
            version.created_at,
            tenant_id=version.tenant_id,
            run={"runId": run_uuid(f"{version.tenant_id}/{node}"), "facets": {}},
            job={"name": f"register {name_of(node).partition('@')[0]}", "facets": job_facets},
            inputs=version.parents,
            outputs=outputs,
        )
        for kind, outputs in ((EventType.START, ()), (EventType.COMPLETE, (version.data,)))
    ]


def _of_run(run: EventRun, kind: EventType, at: dt.datetime) -> Event:
    job_facets: dict[str, Any] = {"jobType": _job_type("TRAINING")}
    if run.purpose:
        job_facets["documentation"] = _documentation(run.purpose)
    if (code := _source_code(run)) is not None:
        job_facets["sourceCodeLocation"] = code
    run_facets: dict[str, Any] = {}
    if run.sweep_id is not None:
        run_facets["parent"] = _facet(
            "1-0-1",
            "ParentRunFacet",
            run={"runId": run_uuid(run.sweep_id)},
            job={"namespace": _namespace(run.tenant_id), "name": f"{run.experiment}.sweep"},
        )
    if kind is EventType.FAIL:
        run_facets["errorMessage"] = _facet(
            "1-0-0",
            "ErrorMessageRunFacet",
            message=run.reason or "it failed",
            programmingLanguage="PYTHON",
        )
    return _event(
        kind,
        at,
        tenant_id=run.tenant_id,
        run={"runId": run_uuid(run.run_id), "facets": run_facets},
        job={"name": run.experiment, "facets": job_facets},
        inputs=run.inputs,
        outputs=run.outputs,
    )


def _event(
    kind: EventType,
    at: dt.datetime,
    *,
    tenant_id: str,
    run: Mapping[str, Any],
    job: Mapping[str, Any],
    inputs: Sequence[EventData],
    outputs: Sequence[EventData],
) -> Event:
    namespace = _namespace(tenant_id)
    return {
        "eventType": str(kind),
        "eventTime": at.isoformat(),
        "run": run,
        "job": {"namespace": namespace, **job},
        "inputs": [_data(one, namespace) for one in inputs],
        "outputs": [_data(one, namespace) for one in outputs],
        "producer": PRODUCER,
        "schemaURL": _SCHEMA,
    }


def _job_type(word: str) -> Mapping[str, Any]:
    return _facet(
        "2-0-4", "JobTypeJobFacet", processingType="BATCH", integration="SWEEPWORKS", jobType=word
    )


def _documentation(purpose: str) -> Mapping[str, Any]:
    return _facet("1-0-0", "DocumentationJobFacet", description=purpose)


def _source_code(run: EventRun) -> Mapping[str, Any] | None:
    """None where no address of the code is known: the facet has to have one."""
    if run.remote is None:
        return None
    known = {
        "repoUrl": run.remote,
        "path": run.script,
        "version": run.commit,
        "branch": run.branch,
    }
    return _facet(
        "1-0-1",
        "SourceCodeLocationJobFacet",
        type="git",
        url=_uri(run.remote),
        **{name: value for name, value in known.items() if value is not None},
    )


def _uri(remote: str) -> str:
    """A remote as an address: git also takes ``host:path``, and paths."""
    if "://" in remote:
        return remote
    scp = _SCP.fullmatch(remote)
    if scp is not None:
        return f"ssh://{scp['host']}/{quote(scp['path'].lstrip('/'))}"
    return f"file://{quote(remote)}"


def _data(data: EventData, namespace: str) -> Mapping[str, Any]:
    facets: dict[str, Any] = {}
    if data.version is not None:
        facets["version"] = _facet(
            "1-0-0", "DatasetVersionDatasetFacet", datasetVersion=data.version
        )
    if data.columns:
        fields = [{"name": name, "type": kind} for name, kind in data.columns]
        facets["schema"] = _facet("1-0-0", "SchemaDatasetFacet", fields=fields)
    if data.column_lineage:
        facets["columnLineage"] = _facet(
            "1-0-1",
            "ColumnLineageDatasetFacet",
            fields={
                column: {
                    "inputFields": [
                        {"namespace": namespace, "name": dataset, "field": field}
                        for dataset, field in sources
                    ]
                }
                for column, sources in data.column_lineage.items()
            },
        )
    return {"namespace": namespace, "name": _name(data.node), "facets": facets}


def _name(node: Node) -> str:
    """Datasets by their own name and version, others with their kind before it."""
    return name_of(node) if kind_of(node) == "dataset" else str(node)


def _namespace(tenant_id: str) -> str:
    return f"sweepworks/{tenant_id}"


def _facet(version: str, schema: str, /, **fields: object) -> Mapping[str, Any]:
    return {
        "_producer": PRODUCER,
        "_schemaURL": f"{_FACETS}/{version}/{schema}.json#/$defs/{schema}",
        **cast("dict[str, Any]", fields),
    }
