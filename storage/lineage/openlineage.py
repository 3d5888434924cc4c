"""Which events of OpenLineage are due, and what they tell. Of all tenants: the platform sends them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import psycopg
from psycopg.rows import class_row, dict_row

from governance.lineage.openlineage import (
    Event,
    EventData,
    EventRun,
    EventVersion,
    end_event,
    start_event,
    version_events,
)
from storage import queries
from storage.database import Pool, transaction
from sweeps.lineage import Kind, Node, kind_of, name_of

_QUERIES = queries.load("openlineage")
Connection = psycopg.Connection[tuple[Any, ...]]
Key = tuple[str, str]  # a tenant and a node


@dataclass(frozen=True, slots=True, kw_only=True)
class DueEvents:
    """What is to be sent about one thing, in this order."""

    tenant_id: str
    subject: Node
    part: str
    events: Sequence[Event]


class OpenLineageOutbox:
    """Events that nobody has acknowledged: what the tables say, without those that were marked."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def due(self, *, limit: int = 50) -> list[DueEvents]:
        """Some of them, the oldest first."""
        with transaction(self._pool) as connection:
            due = connection.execute(_QUERIES["due"], {"limit": limit}).fetchall()
            keys = list(dict.fromkeys((str(tenant), str(subject)) for tenant, subject, _ in due))
            runs = _runs(connection, keys)
            inputs = _grouped(connection, "inputs", keys)
            outputs = _outputs(connection, keys)
            nodes = [(tenant, str(node)) for (tenant, _), found in inputs.items() for node in found]
            data, versions = _datasets(connection, [*keys, *nodes])
        made: list[DueEvents] = []
        for tenant, subject, part in due:
            key = (str(tenant), str(subject))
            sources = [
                data.get((key[0], str(node)), EventData(node=node)) for node in inputs.get(key, ())
            ]
            if (run := runs.get(key)) is not None:
                run = replace(run, inputs=sources)
                events = (
                    [start_event(run)]
                    if part == "start"
                    else [end_event(replace(run, outputs=outputs.get(key, ())))]
                )
            else:
                events = version_events(replace(versions[key], parents=sources))
            made.append(
                DueEvents(tenant_id=key[0], subject=Node(key[1]), part=str(part), events=events)
            )
        return made

    def mark(self, due: DueEvents, *, refusal: str | None = None) -> None:
        """Note that the receiver has them, or why it will not."""
        parameters = {
            "tenant_id": due.tenant_id,
            "subject": due.subject,
            "part": due.part,
            "refusal": refusal,
        }
        with transaction(self._pool) as connection:
            connection.execute(_QUERIES["mark_sent"], parameters)


def _run_ids(keys: Sequence[Key]) -> list[str]:
    return [name_of(Node(node)) for _, node in keys if kind_of(Node(node)) == Kind.RUN]


def _runs(connection: Connection, keys: Sequence[Key]) -> dict[Key, EventRun]:
    cursor = connection.cursor(row_factory=class_row(EventRun))
    found = cursor.execute(_QUERIES["runs"], {"run_ids": _run_ids(keys)})
    return {(run.tenant_id, f"{Kind.RUN}:{run.run_id}"): run for run in found}


def _grouped(connection: Connection, query: str, keys: Sequence[Key]) -> dict[Key, list[Node]]:
    parameters = {
        "tenants": [tenant for tenant, _ in keys],
        "subjects": [subject for _, subject in keys],
    }
    found: dict[Key, list[Node]] = {}
    for tenant, subject, node in connection.execute(_QUERIES[query], parameters):
        found.setdefault((tenant, subject), []).append(Node(node))
    return found


def _outputs(connection: Connection, keys: Sequence[Key]) -> dict[Key, list[EventData]]:
    found: dict[Key, list[EventData]] = {}
    rows = connection.execute(_QUERIES["outputs"], {"run_ids": _run_ids(keys)})
    for tenant, subject, node, version in rows:
        found.setdefault((tenant, subject), []).append(EventData(node=Node(node), version=version))
    return found


def _datasets(
    connection: Connection, keys: Sequence[Key]
) -> tuple[dict[Key, EventData], dict[Key, EventVersion]]:
    asked = [key for key in dict.fromkeys(keys) if kind_of(Node(key[1])) == Kind.DATASET]
    parameters = {
        "tenants": [tenant for tenant, _ in asked],
        "names": [name_of(Node(node)) for _, node in asked],
    }
    data: dict[Key, EventData] = {}
    versions: dict[Key, EventVersion] = {}
    cursor = connection.cursor(row_factory=dict_row)
    for row in cursor.execute(_QUERIES["datasets"], parameters):
        key = (str(row["tenant_id"]), str(row["node"]))
        data[key] = EventData(
            node=Node(row["node"]), version=row["version"], columns=_columns(row["schema"])
        )
        versions[key] = EventVersion(
            tenant_id=row["tenant_id"],
            data=replace(data[key], column_lineage=_column_lineage(row["column_lineage"])),
            purpose=row["purpose"],
            created_at=row["created_at"],
        )
    return data, versions


def _columns(schema: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Names and types; a type is called `dtype` there."""
    return [(column["name"], column.get("dtype", "")) for column in schema]


def _column_lineage(document: Mapping[str, Sequence[str]]) -> dict[str, list[tuple[str, str]]]:
    """From ``{"age": ["people@1:age"]}``: of each column those that it was made from."""
    return {
        column: [cast("tuple[str, str]", source.partition(":")[::2]) for source in sources]
        for column, sources in document.items()
    }
