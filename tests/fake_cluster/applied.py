"""Objects that are applied rather than launched: namespaces, quotas, policies, rights, queues."""

import copy
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.fake_cluster.server_side_apply import FieldConflict, applied, edited
from tests.fake_cluster.store import Key, Object, Store, matches

_KUEUE = "kueue.x-k8s.io/v1beta1"
#: By plural: the version they are of, their kind, and whether they are in a namespace.
_KINDS = {
    "namespaces": ("v1", "Namespace", False),
    "resourcequotas": ("v1", "ResourceQuota", True),
    "limitranges": ("v1", "LimitRange", True),
    "serviceaccounts": ("v1", "ServiceAccount", True),
    "networkpolicies": ("networking.k8s.io/v1", "NetworkPolicy", True),
    "roles": ("rbac.authorization.k8s.io/v1", "Role", True),
    "rolebindings": ("rbac.authorization.k8s.io/v1", "RoleBinding", True),
    "clusterroles": ("rbac.authorization.k8s.io/v1", "ClusterRole", False),
    "clusterrolebindings": ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", False),
    "priorityclasses": ("scheduling.k8s.io/v1", "PriorityClass", False),
    "resourceflavors": (_KUEUE, "ResourceFlavor", False),
    "workloadpriorityclasses": (_KUEUE, "WorkloadPriorityClass", False),
    "clusterqueues": (_KUEUE, "ClusterQueue", False),
    "localqueues": (_KUEUE, "LocalQueue", True),
}
_PATH = re.compile(
    r"/(?:api|apis)/(?P<version>v1|[^/]+/[^/]+)(?:/namespaces/(?P<namespace>[^/]+))?"
    r"/(?P<plural>[a-z]+)(?:/(?P<name>[^/]+))?"
)
Answer = tuple[int, Object]


def status(code: int, message: str) -> Answer:
    return code, {"kind": "Status", "code": code, "message": message}


@dataclass
class AppliedObjects:
    """They are stored beside Jobs and pods."""

    store: Store
    namespaces: set[str]
    forbidden: set[str]  # such as "patch roles"
    has_kueue: bool = True
    dry_run_unknown: set[str] = field(default_factory=set)  # plurals, to a webhook
    lock: threading.RLock = field(default_factory=threading.RLock)

    def get(self, plural: str, name: str, namespace: str = "") -> Object | None:
        return self.store.get((plural, namespace, name))

    def edit(
        self,
        plural: str,
        name: str,
        namespace: str,
        change: Callable[[Object], None],
        *,
        manager: str = "kubectl-edit",
    ) -> None:
        """As a person does it."""
        with self.lock:
            key = (plural, namespace, name)
            found = self.store.get(key)
            assert found is not None
            self._write(key, found, edited(found, change, manager=manager))

    def verb_and_plural(self, method: str, path: str) -> tuple[str, str] | None:
        """What is asked for, if it is asked here."""
        match = _PATH.fullmatch(path)
        if match is None or match["plural"] not in _KINDS:
            return None
        if method == "GET" and match["name"] is None:
            # Of a namespace only its quotas are listed, elsewhere.
            return None if match["namespace"] else ("list", match["plural"])
        verb = {"GET": "get", "PATCH": "patch"}.get(method)
        return (verb, match["plural"]) if verb else None

    def answer(
        self, verb: str, path: str, query: dict[str, str], content_type: str, body: Object
    ) -> Answer:
        match = _PATH.fullmatch(path)
        assert match is not None
        plural, namespace, name = match["plural"], match["namespace"] or "", match["name"] or ""
        version, _, is_namespaced = _KINDS[plural]
        if match["version"] != version or (version == _KUEUE and not self.has_kueue):
            return status(404, "404 page not found")
        if f"{verb} {plural}" in self.forbidden:
            where = f' in the namespace "{namespace}"' if namespace else " at the cluster scope"
            return status(
                403,
                f'{plural} "{name}" is forbidden: User "trials" cannot {verb} resource '
                f'"{plural}" in API group "{version.rpartition("/")[0]}"{where}',
            )
        with self.lock:
            if verb == "list":
                return 200, self._list(plural, query)
            key = (plural, namespace, name)
            if verb == "get":
                found = self._found(key)
                return (200, found) if found else status(404, f'{plural} "{name}" not found')
            if is_namespaced and namespace not in self.namespaces:
                return status(404, f'namespaces "{namespace}" not found')
            return self._apply(key, query, content_type, body)

    def _list(self, plural: str, query: dict[str, str]) -> Object:
        terms = [term.split("=", 1) for term in query.get("labelSelector", "").split(",") if term]
        labels = dict(terms)
        with self.store.changed:
            found = [
                copy.deepcopy(obj)
                for (kind, _, _), obj in self.store.objects.items()
                if kind == plural and matches(obj, labels)
            ]
        for obj in found:  # as servers do it
            del obj["kind"], obj["apiVersion"]
        return {"kind": "List", "metadata": {}, "items": found}

    def _found(self, key: Key) -> Object | None:
        found = self.store.get(key)
        if found is None and key[0] == "namespaces" and key[2] in self.namespaces:
            meta = {"name": key[2], "uid": f"uid-{key[2]}", "labels": {}}
            return {"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
        return found

    def _apply(self, key: Key, query: dict[str, str], content_type: str, body: Object) -> Answer:
        version, kind, _ = _KINDS[key[0]]
        if content_type != "application/apply-patch+yaml":
            return status(415, "only server-side apply")
        if not query.get("fieldManager"):
            return status(422, "fieldManager: Required value: is required for apply patch")
        if (body.get("apiVersion"), body.get("kind")) != (version, kind):
            return status(400, f"{body.get('apiVersion')}, Kind={body.get('kind')} does not match")
        if (body["metadata"].get("name"), body["metadata"].get("namespace", "")) != (
            key[2],
            key[1],
        ):
            return status(400, "the name of the object does not match the name on the URL")
        is_dry = query.get("dryRun") == "All"
        if is_dry and key[0] in self.dry_run_unknown:
            return status(400, 'admission webhook "old.example.org" does not support dry run')
        live = self._found(key)
        uid = body["metadata"].get("uid")
        if uid is not None and (live is None or live["metadata"]["uid"] != uid):
            return status(409, f"Precondition failed: UID in precondition: {uid}")
        try:
            after = applied(
                live, body, manager=query["fieldManager"], force=query.get("force") == "true"
            )
        except FieldConflict as exc:
            return status(409, str(exc))
        _complete(key, after)
        if problem := _problem(key[0], live, after):
            return status(422, f'{kind} "{key[2]}" is invalid: {problem}')
        if is_dry:
            return (200 if live else 201), after
        return (200 if live else 201), self._write(key, live, after)

    def _write(self, key: Key, live: Object | None, after: Object) -> Object:
        if key[0] == "namespaces":
            self.namespaces.add(key[2])
        if self.store.get(key) is None:
            uid = live["metadata"]["uid"] if live else None
            made = self.store.create(key[0], key[1], {**after, "metadata": dict(after["metadata"])})

            def settle(obj: Object) -> None:
                if not key[1]:
                    del obj["metadata"]["namespace"]
                if uid is not None:
                    obj["metadata"]["uid"] = uid

            return self.store.update(key, settle) or made

        def change(obj: Object) -> None:
            obj.clear()
            obj |= after

        return self.store.update(key, change) or after


def _complete(key: Key, obj: Object) -> None:
    """What the server writes by itself."""
    spec: Any = obj.get("spec")
    match key[0]:
        case "namespaces":
            obj["metadata"].setdefault("labels", {})["kubernetes.io/metadata.name"] = key[2]
            obj.setdefault("spec", {})["finalizers"] = ["kubernetes"]
            obj["status"] = {"phase": "Active"}
        case "resourcequotas":
            spec["hard"] = {name: canonical(amount) for name, amount in spec["hard"].items()}
            obj["status"] = {"hard": spec["hard"], "used": dict.fromkeys(spec["hard"], "0")}
        case "limitranges":
            for limit in spec["limits"]:
                for part in ("max", "default", "defaultRequest"):
                    given = limit.get(part, {})
                    below = {"default": "max", "defaultRequest": "default"}.get(part)
                    given = {**(limit.get(below, {}) if below else {}), **given}
                    if given:
                        limit[part] = {name: canonical(amount) for name, amount in given.items()}
        case "networkpolicies":
            for rule in (*spec.get("ingress", ()), *spec.get("egress", ())):
                for port in rule.get("ports", ()):
                    port.setdefault("protocol", "TCP")
        case "clusterqueues":
            spec.setdefault("stopPolicy", "None")
            spec.setdefault(
                "flavorFungibility", {"whenCanBorrow": "Borrow", "whenCanPreempt": "TryNextFlavor"}
            )
            obj["metadata"]["finalizers"] = ["kueue.x-k8s.io/resource-in-use"]
        case _:
            pass


def _problem(plural: str, live: Object | None, after: Object) -> str:
    if plural == "priorityclasses" and live and live["value"] != after["value"]:
        return "value: Forbidden: may not be changed in an update."
    if plural == "localqueues" and live and live["spec"] != after["spec"]:
        return "spec.clusterQueue: Invalid value: field is immutable"
    if plural == "limitranges":
        for limit in after["spec"]["limits"]:
            for name, most in limit.get("max", {}).items():
                if amount_of(limit["default"][name]) > amount_of(most):
                    return f"spec.limits[0].default[{name}]: Invalid value: is greater than max"
    return ""


_UNITS = {"m": 1, "": 1000, **{s: 1000 ** (i + 1) for i, s in enumerate("kMGTPE", 1)},
          **{f"{s}i": 1000 * 1024**i for i, s in enumerate("KMGTPE", 1)}}  # fmt: skip


def amount_of(text: str) -> int:
    """In thousandths."""
    match = re.fullmatch(r"([0-9]+)(m|[kMGTPE]|[KMGTPE]i)?", text)
    assert match, f"{text} is no quantity"
    return int(match[1]) * _UNITS[match[2] or ""]


def canonical(text: str) -> str:
    """As Kubernetes writes a quantity: its own kind of suffix, the largest without a fraction."""
    binary = text.endswith("i")
    thousandths = amount_of(text)
    suffixes = ["Ei", "Pi", "Ti", "Gi", "Mi", "Ki", ""] if binary else [*"EPTGMk", "", "m"]
    for suffix in suffixes:
        if thousandths and thousandths % _UNITS[suffix] == 0:
            return f"{thousandths // _UNITS[suffix]}{suffix}"
    return "0"
