"""Accounts of a namespace: the trials' one, which may do nothing, and the platform's rights."""

from collections.abc import Sequence
from typing import Any

from compute.kubernetes import names
from compute.kubernetes.inspection import NEEDED, NEEDED_OF_NODES
from compute.kubernetes.tenants.site import NAME, Site, shared_labels
from governance.cluster.policies import Subject

#: By which pods of trials on several nodes find each other.
_SERVICES = ("", "services", ("create",))
#: To tell people why a Job still waits.
_QUEUES = ("kueue.x-k8s.io", "workloads", ("list",))
TRIAL_ACCOUNT = f"{NAME}-trial"
_RBAC = "rbac.authorization.k8s.io"


def service_account(site: Site) -> dict[str, Any]:
    """Of the trials: without a token, and nothing is bound to it."""
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": site.metadata(TRIAL_ACCOUNT),
        "automountServiceAccountToken": False,
    }


def role(site: Site) -> dict[str, Any]:
    """What launchers, reapers and readers of logs do."""
    more = [
        *([_SERVICES] if site.policy.is_open_inside else []),
        *([_QUEUES] if site.queue else []),
    ]
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "Role",
        "metadata": site.metadata(),
        "rules": [
            {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
            for group, resource, verbs in (*NEEDED, *more)
        ],
    }


def role_binding(site: Site, subjects: Sequence[Subject]) -> dict[str, Any]:
    """Who does it."""
    return {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "RoleBinding",
        "metadata": site.metadata(),
        "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": NAME},
        "subjects": [_subject(one) for one in subjects],
    }


def node_readers(installation: str, subjects: Sequence[Subject]) -> list[dict[str, Any]]:
    """Who may read nodes, which are in no namespace."""
    metadata = {
        "name": f"{NAME}-{names.label_value(installation)}-nodes",
        "labels": shared_labels(installation),
    }
    group, resource, verbs = NEEDED_OF_NODES
    rule = {"apiGroups": [group], "resources": [resource], "verbs": list(verbs)}
    ref = {"apiGroup": _RBAC, "kind": "ClusterRole", "name": metadata["name"]}
    version = {"apiVersion": f"{_RBAC}/v1"}
    return [
        {**version, "kind": "ClusterRole", "metadata": metadata, "rules": [rule]},
        {
            **version,
            "kind": "ClusterRoleBinding",
            "metadata": metadata,
            "roleRef": ref,
            "subjects": [_subject(one) for one in subjects],
        },
    ]


def _subject(subject: Subject) -> dict[str, str]:
    if subject.namespace is not None:
        return {"kind": subject.kind, "name": subject.name, "namespace": subject.namespace}
    return {"kind": subject.kind, "name": subject.name, "apiGroup": _RBAC}
