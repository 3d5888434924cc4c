"""What is known of a candidate: whose it is, what it learnt from, what came out of its holdout."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import class_row, dict_row

from governance.lineage.rules import ModelFacts
from governance.promotion.holdout import Leaks, leaks
from storage import queries
from storage.database import Pool, transaction
from storage.promotion.shared_data import read_shared_data
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, SweepId, TenantId
from sweeps.lineage import Edge, Kind, Node, name_of

_MOST_EDGES = 200_000  # below what shares data with a holdout: as a rule its evaluations alone

_QUERIES = queries.load("candidates")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A run that may become a model."""

    run_id: RunId
    tenant_id: TenantId
    experiment: str
    experiment_id: int
    experiment_owner: str
    created_by: str
    state: str
    reason: str
    sweep_id: SweepId | None
    sweep_kind: str | None
    source_dir: str | None
    image: str | None
    sweep_owner: str | None

    @property
    def owners(self) -> frozenset[str]:
        """Who made it, and whose question it answers."""
        named = (self.created_by, self.experiment_owner, self.sweep_owner)
        return frozenset(name for name in named if name)


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldoutLook:
    """Whether the runs of an experiment know a holdout."""

    leaks: Leaks
    runs: int  #: of the experiment
    is_cut: bool  #: more has to do with it than was read, so that nothing is proven


class CandidateFacts:
    """Reads what is known."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def candidate(self, run_id: RunId, *, tenant_id: TenantId) -> Candidate:
        """The run. `RunNotFound`."""
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=class_row(Candidate))
            found = cursor.execute(_QUERIES["candidate"], parameters).fetchone()
        if found is None:
            raise RunNotFound(run_id)
        return found

    def look_for_holdout(self, candidate: Candidate, *, holdout: str) -> HoldoutLook:
        """Ways that lead from a holdout, ``name@number``, to a run of the candidate's experiment."""
        start = Node(f"{Kind.DATASET}:{holdout}")
        with transaction(self._pool) as connection:
            related, is_cut = read_shared_data(
                connection, holdout=start, tenant_id=candidate.tenant_id
            )
            asked = {
                "tenant_id": candidate.tenant_id,
                "nodes": [start, *related],
                "limit": _MOST_EDGES,
            }
            rows = connection.execute(_QUERIES["edges_below"], asked).fetchall()
            edges = [Edge(Node(upstream), Node(downstream)) for upstream, downstream in rows]
            reached = {edge.downstream for edge in edges}
            of_experiment = {
                "experiment_id": candidate.experiment_id,
                "candidate": candidate.run_id,
                "run_ids": [name_of(n) for n in reached if n.startswith(f"{Kind.RUN}:")],
            }
            known = connection.execute(_QUERIES["runs_of_experiment"], of_experiment).fetchall()
            count = connection.execute(_QUERIES["count_runs"], of_experiment).fetchone()
        assert count is not None  # an aggregate
        return HoldoutLook(
            leaks=leaks(
                holdout=start,
                related=related,
                edges=edges,
                runs={Node(f"{Kind.RUN}:{run_id}") for (run_id,) in known},
            ),
            runs=int(count[0]),
            is_cut=is_cut or len(edges) >= _MOST_EDGES,
        )

    def learnt_from(self, run_id: RunId, *, tenant_id: TenantId) -> dict[str, RunId]:
        """Versions of datasets that went into it, ``name@number``, each with a run that used it.

        Through the files of other runs, too, that it was made from: those of what it was tuned from.
        """
        parameters = {"run_id": run_id, "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["learnt_from"], parameters).fetchall()
        return {version: RunId(reader) for version, reader in rows}

    def attempts(self, run_id: RunId) -> int:
        """How often a run was executed by a launcher; never where it runs by itself."""
        with transaction(self._pool) as connection:
            row = connection.execute(_QUERIES["count_attempts"], {"run_id": run_id}).fetchone()
        assert row is not None  # an aggregate
        return int(row[0])

    def came_out_of(self, run_id: RunId, artifact: str, *, tenant_id: TenantId) -> ModelFacts:
        """What an artifact came out of, as it is said of a model."""
        node = Node(f"{Kind.ARTIFACT}:{run_id}/{artifact}")
        parameters = {"tenant_id": tenant_id, "artifact": node}
        with transaction(self._pool) as connection:
            cursor = connection.cursor(row_factory=dict_row)
            row = cursor.execute(_QUERIES["came_out_of"], parameters).fetchone()
        assert row is not None  # an aggregate
        return ModelFacts(tenant_id=tenant_id, model=node, **row)
