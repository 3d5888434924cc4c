"""The registry: versions of models, and the moves of their aliases. Scoped to a tenant.

A promotion is one transaction: the version, the move, and the end of the evaluation are there
together or not at all.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from governance.promotion.aliases import Move, MoveKind, before
from governance.promotion.evaluations import (
    EvaluationNotFound,
    EvaluationState,
    ProductionMoved,
    TagTakenAway,
)
from governance.promotion.policy import PromotionRule
from governance.promotion.registry import (
    AliasMove,
    Model,
    ModelNotFound,
    ModelRow,
    ModelVersion,
    NothingBefore,
)
from storage import queries
from storage.database import Pool, transaction
from storage.json_numbers import json_number
from sweeps.errors import ArtifactNotFound, StateConflict
from sweeps.ids import TenantId
from sweeps.tags import PRODUCTION_CANDIDATE

_QUERIES = queries.load("registry")
_EVALUATIONS = queries.load("evaluations")
Connection = psycopg.Connection[tuple[Any, ...]]


class RegistryStore:
    """Models of a tenant."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def promote(
        self,
        evaluation_id: str,
        rule: PromotionRule,
        *,
        tenant_id: TenantId,
        compared_with: int | None,
        metrics: Mapping[str, Mapping[str, float]],
        by: str,
    ) -> int:
        """Register the version and move the alias, once; its number.

        Args:
            compared_with: Version that the candidate was held to; None: nothing was there.
            metrics: Of the evaluation: mean and worst by name.

        Raises:
            EvaluationNotFound: There is no such evaluation.
            StateConflict: It has ended otherwise, or has not passed every gate.
            TagTakenAway: Its run is no candidate any more.
            ProductionMoved: The alias means another version than the one that it was held to.
            ArtifactNotFound: The candidate's file was pruned.
        """
        of_evaluation = {"evaluation_id": evaluation_id}
        with transaction(self._pool) as connection:
            with_tag = {**of_evaluation, "tag": PRODUCTION_CANDIDATE}
            is_tagged = connection.execute(_EVALUATIONS["hold_tag"], with_tag).fetchone()
            state = connection.execute(_EVALUATIONS["hold_evaluation"], of_evaluation).fetchone()
            if state is None:
                raise EvaluationNotFound(evaluation_id)
            done = connection.execute(_QUERIES["promoted_number"], of_evaluation).fetchone()
            if done is not None:
                return int(done[0])
            if EvaluationState(state[0]).has_ended:
                what = f"evaluation {evaluation_id!r}"
                raise StateConflict(what, current=state[0], asked="promoted")
            if is_tagged is None:
                raise TagTakenAway(
                    f"{evaluation_id}: its run is tagged {PRODUCTION_CANDIDATE} no more"
                )
            model: dict[str, Any] = {"tenant_id": tenant_id, "name": rule.model, "by": by}
            model["model_id"] = _number(connection, "ensure_model", model)
            now = _alias(connection, tenant_id, rule.model, rule.alias)
            if rule.gates.comparisons and now != compared_with:
                raise ProductionMoved(
                    f"{rule.model} {rule.alias} is version {now}, not {compared_with} any more"
                )
            version = connection.execute(
                _QUERIES["insert_version"],
                {
                    **model,
                    **of_evaluation,
                    "image": rule.deployment.image,
                    "inference": Jsonb(dict(rule.deployment.inference)),
                    "rollout": Jsonb(dict(rule.deployment.rollout)),
                    "metrics": Jsonb(
                        {
                            name: {key: json_number(value) for key, value in found.items()}
                            for name, found in metrics.items()
                        }
                    ),
                },
            ).fetchone()
            if version is None:
                raise ArtifactNotFound(rule.artifact)
            reason = f"passed every gate of {evaluation_id}"
            move = _move(model, rule.alias, MoveKind.PROMOTED, now, version[0], reason)
            connection.execute(_QUERIES["insert_move"], {**move, **of_evaluation})
            ended = f"{rule.model}@{version[0]} is {rule.alias}"
            connection.execute(_QUERIES["end_promoted"], {**of_evaluation, "reason": ended})
        return int(version[0])

    def alias(self, model: str, alias: str, *, tenant_id: TenantId) -> int | None:
        """The version that an alias means; None: nothing."""
        with transaction(self._pool) as connection:
            return _alias(connection, tenant_id, model, alias)

    def set_alias(
        self, model: str, alias: str, number: int, *, tenant_id: TenantId, by: str, reason: str
    ) -> bool:
        """Let an alias mean a version; whether it meant another one.

        Raises:
            ModelNotFound: There is no such version.
        """
        with transaction(self._pool) as connection:
            held = _hold(connection, model, tenant_id=tenant_id, by=by)
            of_version = {**held, "number": number}
            if connection.execute(_QUERIES["has_version"], of_version).fetchone() is None:
                raise ModelNotFound(f"{model}@{number}")
            now = _alias(connection, tenant_id, model, alias)
            if now == number:
                return False
            move = _move(held, alias, MoveKind.SET, now, number, reason)
            connection.execute(_QUERIES["insert_move"], move)
        return True

    def rollback(
        self, model: str, alias: str, *, tenant_id: TenantId, by: str, reason: str
    ) -> tuple[int, int]:
        """Let an alias mean again what it meant before; from which version, and to which.

        Raises:
            ModelNotFound: There is no such model, or no such alias of it.
            NothingBefore: It has never meant another version.
        """
        with transaction(self._pool) as connection:
            held = _hold(connection, model, tenant_id=tenant_id, by=by)
            now = _alias(connection, tenant_id, model, alias)
            if now is None:
                raise ModelNotFound(f"{model} with an alias {alias!r}")
            moves = _moves(connection, held["model_id"], alias)
            target = before(
                Move(kind=MoveKind(move.kind), number=move.number) for move in reversed(moves)
            )
            if target is None:
                raise NothingBefore(f"{model} {alias} has never been another version than {now}")
            move = _move(held, alias, MoveKind.ROLLED_BACK, now, target, reason)
            connection.execute(_QUERIES["insert_move"], move)
        return now, target

    def models(self, *, tenant_id: TenantId) -> list[ModelRow]:
        """Every model, by name."""
        with transaction(self._pool) as connection:
            return _rows(connection, tenant_id, None)

    def model(self, name: str, *, tenant_id: TenantId) -> Model:
        """One model with all there is about it. `ModelNotFound`."""
        with transaction(self._pool) as connection:
            rows = _rows(connection, tenant_id, name)
            if not rows:
                raise ModelNotFound(repr(name))
            model_id = _number(connection, "model_id", {"tenant_id": tenant_id, "name": name})
            return Model(
                row=rows[0],
                versions=_versions(connection, tenant_id, name, None),
                moves=_moves(connection, model_id, None),
            )

    def version(self, name: str, number: int, *, tenant_id: TenantId) -> ModelVersion:
        """One version. `ModelNotFound`."""
        with transaction(self._pool) as connection:
            found = _versions(connection, tenant_id, name, number)
        if not found:
            raise ModelNotFound(f"{name}@{number}")
        return found[0]

    def meant_by(self, name: str, alias: str, *, tenant_id: TenantId) -> ModelVersion:
        """The version that an alias means. `ModelNotFound`."""
        number = self.alias(name, alias, tenant_id=tenant_id)
        if number is None:
            raise ModelNotFound(f"{name} with an alias {alias!r}")
        return self.version(name, number, tenant_id=tenant_id)


def _hold(connection: Connection, model: str, *, tenant_id: TenantId, by: str) -> dict[str, Any]:
    parameters: dict[str, Any] = {"tenant_id": tenant_id, "name": model, "by": by}
    row = connection.execute(_QUERIES["hold_model"], parameters).fetchone()
    if row is None:
        raise ModelNotFound(repr(model))
    return {**parameters, "model_id": int(row[0])}


def _move(
    model: Mapping[str, Any],
    alias: str,
    kind: MoveKind,
    from_number: int | None,
    number: int,
    reason: str,
) -> dict[str, Any]:
    return {
        "model_id": model["model_id"],
        "alias": alias,
        "kind": str(kind),
        "from_number": from_number,
        "number": number,
        "evaluation_id": None,
        "by": model["by"],
        "reason": reason,
    }


def _alias(connection: Connection, tenant_id: TenantId, model: str, alias: str) -> int | None:
    parameters = {"tenant_id": tenant_id, "name": model, "alias": alias}
    row = connection.execute(_QUERIES["alias"], parameters).fetchone()
    return None if row is None else int(row[0])


def _number(connection: Connection, query: str, parameters: Mapping[str, Any]) -> int:
    row = connection.execute(_QUERIES[query], parameters).fetchone()
    assert row is not None  # INSERT … RETURNING with DO UPDATE, or a row that was just seen
    return int(row[0])


def _moves(connection: Connection, model_id: int, alias: str | None) -> list[AliasMove]:
    cursor = connection.cursor(row_factory=class_row(AliasMove))
    return cursor.execute(_QUERIES["moves"], {"model_id": model_id, "alias": alias}).fetchall()


def _rows(connection: Connection, tenant_id: TenantId, name: str | None) -> list[ModelRow]:
    cursor = connection.cursor(row_factory=class_row(ModelRow))
    return cursor.execute(
        _QUERIES["list_models"], {"tenant_id": tenant_id, "name": name}
    ).fetchall()


def _versions(
    connection: Connection, tenant_id: TenantId, name: str, number: int | None
) -> list[ModelVersion]:
    cursor = connection.cursor(row_factory=class_row(ModelVersion))
    parameters = {"tenant_id": tenant_id, "name": name, "number": number}
    return cursor.execute(_QUERIES["versions"], parameters).fetchall()
