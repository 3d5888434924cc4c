"""Evaluations as they are asked for: by a tag, by a person, and again."""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import kwargs_row

from governance.features.catalogue import Feature
from governance.promotion.evaluations import Evaluation, EvaluationState
from governance.promotion.policy import PromotionRule
from storage import queries
from storage.database import Pool, transaction
from storage.features import AppliedFeatures
from storage.policy_store import PolicyStore
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId
from sweeps.tags import PRODUCTION_CANDIDATE

_QUERIES = queries.load("evaluations")
_REGISTRY = queries.load("registry")
Connection = psycopg.Connection[tuple[Any, ...]]


class EvaluationRequests:
    """What asks for evaluations, and takes that back."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._features = AppliedFeatures(PolicyStore(pool))

    def request_tagged(self, *, limit: int = 50) -> list[str]:
        """Ask for an evaluation of every run that has the tag and had none; names of the new ones.

        Not of those for whom the feature `evaluation_by_tag` is off.
        """
        tagged = {"tag": PRODUCTION_CANDIDATE}
        with transaction(self._pool) as connection:
            found = connection.execute(_QUERIES["tagged_experiments"], tagged).fetchall()
        flags = self._features.now()
        experiments = [
            experiment_id
            for experiment_id, tenant, name in found
            if flags.is_on(Feature.EVALUATION_BY_TAG, tenant=tenant, experiment=name)
        ]
        parameters = {**tagged, "experiments": experiments, "limit": limit}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["insert_tagged"], parameters).fetchall()
        return [str(row[0]) for row in rows]

    def why_not_by_tag(self, run_ids: Sequence[RunId], *, tenant_id: TenantId) -> list[str]:
        """Why the tag starts no evaluation of some of these runs, in sentences.

        Nothing of runs that have one: somebody has asked for it.
        """
        parameters = {"run_ids": list(run_ids), "tenant_id": tenant_id}
        with transaction(self._pool) as connection:
            found = connection.execute(
                _QUERIES["experiments_without_evaluation"], parameters
            ).fetchall()
        asked = (
            self._features.refusal(Feature.EVALUATION_BY_TAG, tenant=tenant_id, experiment=name)
            for (name,) in found
        )
        return [sentence for sentence in asked if sentence is not None]

    def withdraw_untagged(self, run_id: RunId | None = None) -> list[str]:
        """End what is open of runs that have lost the tag, or of one of them; names of those."""
        parameters = {"tag": PRODUCTION_CANDIDATE, "run_id": run_id}
        with transaction(self._pool) as connection:
            rows = connection.execute(_QUERIES["withdraw_untagged"], parameters).fetchall()
        return [str(row[0]) for row in rows]

    def request(self, run_id: RunId, *, tenant_id: TenantId, by: str) -> Evaluation:
        """Ask for the evaluation of a run; gives the one that is open, or was the last, if there is.

        Whether it has the tag is for the caller to see to.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        of_run = {"run_id": run_id, "tenant_id": tenant_id, "by": by}
        with transaction(self._pool) as connection:
            last = _hold_newest(connection, of_run)
            if last is None or last.state is EvaluationState.WITHDRAWN:
                last = _insert(connection, of_run)
        return last

    def request_again(
        self, run_id: RunId, *, tenant_id: TenantId, by: str, rule: PromotionRule | None
    ) -> Evaluation:
        """Ask for another evaluation of a run when its last has ended; gives the newest one then.

        What the last one has led to, and is in production, has nothing more to show: it stays the
        newest one, and what explains the promotion. A promotion that is under way is waited for.

        Args:
            rule: Says what production is; None: nothing is.

        Raises:
            RunNotFound: There is none of that name for the tenant.
        """
        of_run = {"run_id": run_id, "tenant_id": tenant_id, "by": by}
        with transaction(self._pool) as connection:
            last = _hold_newest(connection, of_run)
            if last is not None and not last.state.has_ended:
                return last
            is_promoted = last is not None and last.state is EvaluationState.PROMOTED
            if last is None or not (is_promoted and rule and _is_meant(connection, rule, of_run)):
                last = _insert(connection, of_run)
        return last


def read_evaluations(connection: Connection, **parameters: object) -> list[Evaluation]:
    """Newest first, by some of tenant_id, evaluation_id, run_id, state and model, and a limit."""
    absent = dict.fromkeys(("tenant_id", "evaluation_id", "run_id", "state", "model"))
    cursor = connection.cursor(row_factory=kwargs_row(_evaluation))
    return cursor.execute(_QUERIES["list_evaluations"], {**absent, **parameters}).fetchall()


def _evaluation(**columns: Any) -> Evaluation:
    columns["state"] = EvaluationState(columns["state"])
    return Evaluation(**columns)


def _hold_newest(connection: Connection, of_run: Mapping[str, Any]) -> Evaluation | None:
    """The last evaluation of a run, whose row is held: requests come one after the other."""
    if connection.execute(_QUERIES["hold_candidate"], of_run).fetchone() is None:
        raise RunNotFound(of_run["run_id"])
    return _newest(connection, of_run)


def _insert(connection: Connection, of_run: Mapping[str, Any]) -> Evaluation:
    connection.execute(_QUERIES["insert_evaluation"], of_run)
    newest = _newest(connection, of_run)
    assert newest is not None  # it was inserted, or one was open
    return newest


def _newest(connection: Connection, of_run: Mapping[str, Any]) -> Evaluation | None:
    found = read_evaluations(
        connection, tenant_id=of_run["tenant_id"], run_id=of_run["run_id"], limit=1
    )
    return found[0] if found else None


def _is_meant(connection: Connection, rule: PromotionRule, of_run: Mapping[str, Any]) -> bool:
    """Whether the alias means the run's file; its model is held, so that this stays as it is."""
    parameters = {
        **of_run, "name": rule.model, "alias": rule.alias, "artifact": rule.artifact,
    }  # fmt: skip
    if connection.execute(_REGISTRY["hold_model"], parameters).fetchone() is None:
        return False
    return connection.execute(_REGISTRY["is_meant"], parameters).fetchone() is not None
