"""What shares data with a holdout: versions of datasets, and artifacts that somebody used."""

from collections.abc import Sequence
from typing import Any

import psycopg

from governance.promotion.shared_data import Contents, shared_data
from storage import queries
from sweeps.ids import TenantId
from sweeps.lineage import Node, name_of

_QUERIES = queries.load("shared_data")
Connection = psycopg.Connection[tuple[Any, ...]]


def read_shared_data(
    connection: Connection, *, holdout: Node, tenant_id: TenantId
) -> tuple[dict[Node, str], bool]:
    """Everything but the holdout itself, with what it has to do with that; whether there is more."""
    of_tenant = {"tenant_id": tenant_id}

    def contents(versions: Sequence[Node]) -> list[Contents]:
        asked = {**of_tenant, "versions": list(versions)}
        rows = connection.execute(_QUERIES["contents"], asked).fetchall()
        return [Contents(frozenset(map(Node, holders)), files) for holders, files in rows]

    known = connection.execute(_QUERIES["versions"], of_tenant).fetchall()
    its_name = name_of(holdout).partition("@")[0]
    found = shared_data(
        holdout=holdout,
        others=[Node(node) for node, name, _ in known if name == its_name and node != holdout],
        parents={Node(node): tuple(map(Node, parents)) for node, _, parents in known if parents},
        contents=contents,
    )
    asked = {**of_tenant, "versions": list(found.telling)}
    used = connection.execute(_QUERIES["used_files"], asked).fetchall()
    files = {
        Node(artifact): relation
        for artifact, holders in used
        if (relation := found.relation_of_file([Node(node) for node in holders])) is not None
    }
    return {**found.relations, **files}, found.is_cut
