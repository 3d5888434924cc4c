"""What applying would change, object by object, before anything is changed."""

import http.client
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, cast

from compute.kubernetes import names
from compute.kubernetes.objects import KubeObject, items, label, part
from compute.kubernetes.tenants.live_objects import KINDS, LiveObjects, ObjectRefused, path_of

_SERVERS = ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp")
_LEAVING = "is being terminated"
ADMINISTRATOR = (
    "use credentials that may, such as an administrator's KUBECONFIG, or hand the output of "
    "`sweepworks tenants render` to somebody who has them"
)


class ChangeKind(StrEnum):
    """What happens to an object."""

    CREATE = "create"
    UPDATE = "change"
    SAME = "same"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An object, and what becomes of it."""

    obj: KubeObject  #: as it was rendered
    kind: ChangeKind
    before: KubeObject | None = None  #: without what the server alone writes
    after: KubeObject | None = None
    uid: str = ""  #: of the live object
    why: str = ""  #: when it is refused
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Objects that belong together: a tenant's, or those that belong to none."""

    tenant: str | None
    changes: Sequence[Change]

    @property
    def is_refused(self) -> bool:
        """Whether nothing of it is applied: half a tenant helps nobody."""
        return self.tenant is not None and any(
            change.kind is ChangeKind.REFUSED for change in self.changes
        )

    def pending(self) -> list[Change]:
        """Those that are to be applied."""
        wanted = (ChangeKind.CREATE, ChangeKind.UPDATE)
        return [] if self.is_refused else [one for one in self.changes if one.kind in wanted]


def plan(live: LiveObjects, objects: Iterable[KubeObject], *, tenant: str | None) -> Group:
    """What becomes of each object.

    Raises:
        LauncherUnavailable: The API server does not answer.
    """
    coming: set[str] = set()  # namespaces that are not there yet
    changes: list[Change] = []
    for obj in objects:
        change = _planned(live, obj, coming)
        if obj["kind"] == "Namespace" and change.kind is ChangeKind.CREATE:
            coming.add(obj["metadata"]["name"])
        changes.append(change)
    return Group(tenant=tenant, changes=changes)


def _planned(live: LiveObjects, obj: KubeObject, coming: Collection[str]) -> Change:
    try:
        if not live.serves(obj["apiVersion"]):
            return refused(
                obj,
                f"the cluster does not serve {obj['apiVersion']}",
                "install Kueue 0.3 or newer, or write admission: none in the tenant file",
            )
        if obj["metadata"].get("namespace") in coming:
            return Change(obj=obj, kind=ChangeKind.CREATE, after=obj)
        found = live.get(obj)
        if found is not None and (why := foreign(found, obj)):
            return _shared(found, obj) or refused(obj, *why)
        after = _dry_run(live, obj, found)
    except ObjectRefused as exc:
        return refused(obj, str(exc), mend_of(exc))
    if found is None:
        return Change(obj=obj, kind=ChangeKind.CREATE, after=cleaned(after))
    is_same = cleaned(found) == cleaned(after) and _managed(found) == _managed(after)
    return Change(
        obj=obj,
        kind=ChangeKind.SAME if is_same else ChangeKind.UPDATE,
        before=cleaned(found),
        after=cleaned(after),
        uid=str(found["metadata"].get("uid", "")),
    )


def refused(obj: KubeObject, why: str, mend: str) -> Change:
    """An object that is left as it is, or as it is not."""
    return Change(obj=obj, kind=ChangeKind.REFUSED, why=why, mend=mend)


def mend_of(exc: ObjectRefused) -> str:
    """What helps against a refusal of the server; empty when only its message says."""
    if _LEAVING in str(exc):
        return "wait until it is gone, and apply again"
    return ADMINISTRATOR if exc.status == http.client.FORBIDDEN else ""


def foreign(found: KubeObject, wanted: KubeObject) -> tuple[str, str] | None:
    """Why a live object is not ours to change, and the way out; None when it is ours."""
    expected = wanted["metadata"]["labels"]
    ours = (names.MANAGED_BY, names.INSTALLATION, names.TENANT)
    wrong = {
        name: expected[name]
        for name in ours
        if name in expected and label(found, name) != expected[name]
    }
    if not wrong:
        return None
    meta = wanted["metadata"]
    where = f" -n {meta['namespace']}" if meta.get("namespace") else ""
    has = ", ".join(f"{name}={label(found, name) or '(none)'}" for name in wrong)
    labels = " ".join(f"{name}={value}" for name, value in wrong.items())
    adopt = f"kubectl label --overwrite {wanted['kind'].lower()} {meta['name']}{where} {labels}"
    return f"it is there and not ours: {has}", f"if it is to be ours: {adopt}"


def cleaned(obj: KubeObject) -> dict[str, Any]:
    """What people and we write, without what the server notes itself."""
    meta = {k: v for k, v in part(obj, "metadata").items() if k not in _SERVERS}
    return {k: v for k, v in {**obj, "metadata": meta}.items() if k != "status"}


def leftovers(
    live: LiveObjects, rendered: Iterable[KubeObject], *, installation: str, tenant: str | None
) -> tuple[list[KubeObject], list[str]]:
    """Objects of ours that nobody asks for any more, and kinds that could not be looked at.

    Args:
        rendered: Everything that is asked for.
        tenant: Only this one's; None: of all, also of those that the file no longer has.
    """
    labels = {"installation": installation} | ({} if tenant is None else {"tenant": tenant})
    wanted = {path_of(obj) for obj in rendered}
    found: list[KubeObject] = []
    unseen: list[str] = []
    for api_version, kind in KINDS:
        try:
            if live.serves(api_version):
                found += live.owned(api_version, kind, selector=names.selector(**labels))
        except ObjectRefused as exc:
            unseen.append(f"{kind}: {exc}")
    return [obj for obj in found if path_of(obj) not in wanted], unseen


def _shared(found: KubeObject, wanted: KubeObject) -> Change | None:
    """What another installation has made alike, and belongs to no tenant, serves both."""
    is_shared = names.TENANT not in wanted["metadata"]["labels"]
    is_alike = all(found.get(k) == v for k, v in wanted.items() if k != "metadata")
    if is_shared and is_alike and label(found, names.MANAGED_BY) == names.MANAGER:
        return Change(obj=wanted, kind=ChangeKind.SAME)
    return None


def _dry_run(live: LiveObjects, obj: KubeObject, found: KubeObject | None) -> KubeObject:
    try:
        return live.apply(obj, dry_run=True)
    except ObjectRefused as exc:
        # A webhook on the way may not know what a dry run is.
        if exc.status != http.client.BAD_REQUEST or "dry run" not in str(exc):
            raise
    return obj if found is None else _laid_over(found, obj)


def _laid_over(found: Any, wanted: Any) -> Any:
    if not isinstance(found, dict) or not isinstance(wanted, dict):
        return wanted
    below, above = cast("dict[str, Any]", found), cast("dict[str, Any]", wanted)
    both = {key: _laid_over(below[key], above[key]) for key in below.keys() & above.keys()}
    return {**below, **above, **both}


def _managed(obj: KubeObject) -> Mapping[str, Any] | None:
    """Fields that we are on record for."""
    for entry in items(part(obj, "metadata"), "managedFields"):
        if entry.get("manager") == names.MANAGER and entry.get("operation") == "Apply":
            return part(entry, "fieldsV1")
    return None
