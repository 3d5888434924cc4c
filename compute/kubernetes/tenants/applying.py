"""Applies what was planned, object by object; what is done stays, and the next time is the same."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from compute.kubernetes.tenants.live_objects import LiveObjects, ObjectRefused
from compute.kubernetes.tenants.planning import Change, ChangeKind, Group, foreign, mend_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An object that was applied, or not."""

    change: Change
    why: str = ""  #: it was not; empty: it was
    mend: str = ""

    @property
    def is_done(self) -> bool:
        """Whether the cluster has it now."""
        return not self.why


def apply(live: LiveObjects, groups: Iterable[Group]) -> Iterator[Applied]:
    """Apply every group's pending changes, each reported when it is done.

    A refusal ends its group if it is that of the namespace, since the rest has nowhere to be.

    Raises:
        LauncherUnavailable: The API server does not answer; what was reported is done.
    """
    for group in groups:
        for change in group.pending():
            applied = _applied(live, change)
            yield applied
            if not applied.is_done and change.obj["kind"] == "Namespace":
                break


def _applied(live: LiveObjects, change: Change) -> Applied:
    try:
        # Somebody may have made one since the plan, while a person was reading it.
        found = live.get(change.obj)
        if found is not None and (not_ours := foreign(found, change.obj)):
            return Applied(change=change, why=not_ours[0], mend=not_ours[1])
        live.apply(_with_uid(change, found))
    except ObjectRefused as exc:
        return Applied(change=change, why=str(exc), mend=mend_of(exc))
    return Applied(change=change)


def _with_uid(change: Change, found: Any) -> dict[str, Any]:
    """Of the object that was looked at: another one of that name is refused by the server."""
    obj = change.obj
    if found is None or change.kind is ChangeKind.CREATE:
        return dict(obj)
    return {**obj, "metadata": {**obj["metadata"], "uid": found["metadata"]["uid"]}}
