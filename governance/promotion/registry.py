"""Models as they are kept: versions that never change, and aliases that say which one counts. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweeps.errors import PermanentError
from sweeps.ids import RunId


class ModelNotFound(PermanentError):
    """No model, version or alias of that name for this tenant."""

    def __init__(self, what: str) -> None:
        super().__init__(f"there is no model {what}; `sweepworks models list` shows all")


class NothingBefore(PermanentError):
    """An alias that has never meant another version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """A line of the list of models."""

    name: str
    created_by: str
    created_at: dt.datetime
    newest: int
    aliases: Mapping[str, int]
    moved_at: dt.datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """A version, and what it takes to serve it."""

    model: str
    number: int
    evaluation_id: str
    run_id: RunId
    artifact: str
    sha256: str
    size_bytes: int
    image: str
    inference: Mapping[str, Any]
    rollout: Mapping[str, Any]
    commit: str | None
    data: Sequence[str]
    metrics: Mapping[str, Any]
    created_by: str
    created_at: dt.datetime
    aliases: Sequence[str]

    def __str__(self) -> str:
        return f"{self.model}@{self.number}"

    def is_of(self, run_id: RunId, artifact: str) -> bool:
        """Whether it is that file of that run."""
        return (self.run_id, self.artifact) == (run_id, artifact)

    @property
    def path(self) -> str:
        """Where the gateway gives its bytes."""
        return f"/api/v1/models/{self.model}/versions/{self.number}/file"


@dataclass(frozen=True, slots=True, kw_only=True)
class AliasMove:
    """What happened to an alias, when, by whom and why."""

    alias: str
    kind: str
    from_number: int | None
    number: int
    evaluation_id: str | None
    moved_by: str
    reason: str
    moved_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A model with all its versions and moves, newest first."""

    row: ModelRow
    versions: Sequence[ModelVersion]
    moves: Sequence[AliasMove]
