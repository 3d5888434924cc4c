"""What a tenant file asks of a cluster: legal for any legal file, and always the same."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compute.kubernetes.inspection import NEEDED
from compute.kubernetes.tenants.known_peers import peer_of
from compute.kubernetes.tenants.quantities import cores, count, size
from compute.kubernetes.tenants.rendering import shared_objects, tenant_objects
from compute.kubernetes.tenants.site import Site
from governance.cluster.policies import Admission, Egress, Port, Subject
from governance.tenants import TenantDirectory, parse_tenants
from orchestration.cluster.settings import ClusterSettings
from tests.kubernetes_schemas import check

FULL = """\
cluster:
  subjects: [{name: sweepworks, namespace: platform}, {kind: Group, name: "ops@example.org"}]
tenants:
  - name: vision
    cluster:
      quota: {cpu: 64, memory: 512Gi, gpu: {nvidia.com/gpu: 8, amd.com/gpu: 2}, pods: 2000, storage: 1Ti}
      limits: {max: {cpu: 16, memory: 64Gi}, default: {memory: 4Gi}, default_request: {cpu: 500m}}
      egress:
        - {cidr: 10.20.0.0/16, except: [10.20.1.0/24], ports: [443, 53/udp]}
        - {namespace: mlflow, pods: {app.kubernetes.io/name: mlflow}, ports: [5000]}
      priority_classes: [sweepworks-low, team-batch]
"""
SHARED = [Egress(namespace="platform", ports=(Port(number=8787),))]


def objects_of(text: str, name: str = "vision", *, namespace: str = "") -> list[dict[str, Any]]:
    directory = parse_tenants(text, source="tenants.yaml")
    site = site_of(directory, name, namespace)
    tenant = tenant_objects(site, subjects=directory.cluster.subjects, egress=SHARED)
    return [
        *shared_objects(
            "here", [site], directory.cluster.flavors, subjects=directory.cluster.subjects
        ),
        *tenant,
    ]


def site_of(directory: TenantDirectory, name: str, namespace: str = "") -> Site:
    return Site(
        tenant=name,
        namespace=namespace or f"sweepworks-{name}",
        installation="here",
        policy=directory.require(name).cluster,
        queue="sweepworks" if directory.require(name).cluster.admission is Admission.KUEUE else "",
    )


def one(objects: list[dict[str, Any]], kind: str, name: str = "sweepworks") -> dict[str, Any]:
    (found,) = (o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name)
    return found


def with_kueue(text: str) -> str:
    return text.replace(
        "      quota:", "      admission: kueue\n      cohort: research\n      quota:"
    )


def test_a_quota_is_in_the_words_of_the_cluster() -> None:
    objects = objects_of(FULL)

    assert one(objects, "ResourceQuota")["spec"]["hard"] == {
        "requests.cpu": "64",
        "requests.memory": "512Gi",
        "limits.memory": "512Gi",
        "requests.nvidia.com/gpu": "8",
        "requests.amd.com/gpu": "2",
        "pods": "2k",
        "requests.storage": "1Ti",
        "services.loadbalancers": "0",
        "services.nodeports": "0",
    }


def test_containers_that_say_nothing_get_what_the_file_says() -> None:
    (limits,) = one(objects_of(FULL), "LimitRange")["spec"]["limits"]

    assert limits["default"] == {"memory": "4Gi", "cpu": "16"}
    assert limits["defaultRequest"] == {"cpu": "500m", "memory": "4Gi"}
    assert limits["max"] == {"cpu": "16", "memory": "64Gi"}


def test_priority_classes_that_are_not_allowed_are_refused_by_a_quota_of_none() -> None:
    spec = one(objects_of(FULL), "ResourceQuota", "sweepworks-priority-classes")["spec"]

    (expression,) = spec["scopeSelector"]["matchExpressions"]
    assert spec["hard"] == {"pods": "0"}
    assert expression["values"] == [
        "sweepworks-normal", "sweepworks-high", "system-cluster-critical", "system-node-critical",
    ]  # fmt: skip


def test_nobody_comes_in_and_out_goes_only_what_is_named() -> None:
    spec = one(objects_of(FULL), "NetworkPolicy")["spec"]

    assert spec["podSelector"] == {}
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in spec
    peers = [rule["to"][0] for rule in spec["egress"]]
    assert [peer.get("ipBlock") for peer in peers if "ipBlock" in peer] == [
        {"cidr": "169.254.20.10/32"},
        {"cidr": "10.20.0.0/16", "except": ["10.20.1.0/24"]},
    ]
    assert [peer["namespaceSelector"]["matchLabels"] for peer in peers if "ipBlock" not in peer] == [
        {"kubernetes.io/metadata.name": name} for name in ("kube-system", "platform", "mlflow")
    ]  # fmt: skip
    assert all(rule["ports"] for rule in spec["egress"])


def test_pods_of_a_namespace_meet_only_where_the_file_says_so() -> None:
    text = FULL.replace("      egress:", "      pod_to_pod: true\n      egress:")

    objects = objects_of(text)

    spec = one(objects, "NetworkPolicy")["spec"]
    rules = one(objects, "Role")["rules"]
    assert {"apiGroups": [""], "resources": ["services"], "verbs": ["create"]} in rules
    assert spec["ingress"] == [{"from": [{"podSelector": {}}]}]
    assert spec["egress"][-1] == {"to": [{"podSelector": {}}]}


def test_the_platform_may_read_nodes_and_change_nothing_of_the_whole_cluster() -> None:
    objects = objects_of(FULL)

    role = one(objects, "ClusterRole", "sweepworks-here-nodes")
    binding = one(objects, "ClusterRoleBinding", "sweepworks-here-nodes")
    assert role["rules"] == [{"apiGroups": [""], "resources": ["nodes"], "verbs": ["get", "list"]}]
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert binding["subjects"] == one(objects, "RoleBinding")["subjects"]
    without = objects_of(FULL.partition("tenants:")[1] + FULL.partition("tenants:")[2])
    assert not [o for o in without if o["kind"].startswith("Cluster")]


def test_the_platform_may_do_what_it_needs_and_trials_nothing() -> None:
    objects = objects_of(FULL)

    rules = one(objects, "Role")["rules"]
    assert {(r["apiGroups"][0], r["resources"][0], tuple(r["verbs"])) for r in rules} == set(NEEDED)
    binding = one(objects, "RoleBinding")
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "sweepworks", "namespace": "platform"},
        {"kind": "Group", "name": "ops@example.org", "apiGroup": "rbac.authorization.k8s.io"},
    ]
    assert (
        one(objects, "ServiceAccount", "sweepworks-trial")["automountServiceAccountToken"] is False
    )


def test_without_subjects_nobody_gets_rights() -> None:
    objects = objects_of("tenants: [{name: vision}]")

    assert "RoleBinding" not in {o["kind"] for o in objects}


def test_with_kueue_the_queue_has_the_quota_and_the_namespace_what_it_does_not_count() -> None:
    objects = objects_of(with_kueue(FULL), namespace="team-vision")

    assert set(one(objects, "ResourceQuota")["spec"]["hard"]) == {
        "requests.storage", "services.loadbalancers", "services.nodeports",
    }  # fmt: skip
    queue = one(objects, "ClusterQueue", "team-vision")["spec"]
    assert queue["cohort"] == "research"
    (group,) = queue["resourceGroups"]
    (flavor,) = group["flavors"]
    assert flavor["name"] == one(objects, "ResourceFlavor")["metadata"]["name"]
    assert group["coveredResources"] == [r["name"] for r in flavor["resources"]]
    assert {r["name"]: r["nominalQuota"] for r in flavor["resources"]} == {
        "cpu": "64", "memory": "512Gi", "pods": "2k", "amd.com/gpu": "2", "nvidia.com/gpu": "8",
    }  # fmt: skip
    assert one(objects, "LocalQueue")["spec"] == {"clusterQueue": "team-vision"}
    rules = one(objects, "Role")["rules"]
    assert {"apiGroups": ["kueue.x-k8s.io"], "resources": ["workloads"], "verbs": ["list"]} in rules
    values = {
        kind: {o["metadata"]["name"]: o["value"] for o in objects if o["kind"] == kind}
        for kind in ("PriorityClass", "WorkloadPriorityClass")
    }
    assert values["PriorityClass"] == values["WorkloadPriorityClass"]


def test_models_of_a_device_are_counted_apart_by_the_nodes_that_have_them() -> None:
    flavors = "cluster:\n  flavors: {a100: {gpu.product: A100}, l4: {gpu.product: L4}}\n"
    text = with_kueue(FULL).replace("cluster:\n", flavors, 1)
    text = text.replace("nvidia.com/gpu: 8", "nvidia.com/gpu: {l4: 16, a100: 8}")

    objects = objects_of(text)

    plain, by_model = one(objects, "ClusterQueue", "sweepworks-vision")["spec"]["resourceGroups"]
    assert plain["coveredResources"] == ["cpu", "memory", "pods", "amd.com/gpu"]
    assert by_model["coveredResources"] == ["nvidia.com/gpu"]
    assert [(f["name"], f["resources"][0]["nominalQuota"]) for f in by_model["flavors"]] == [
        ("sweepworks-l4", "16"), ("sweepworks-a100", "8"),
    ]  # fmt: skip
    flavor = one(objects, "ResourceFlavor", "sweepworks-a100")
    assert flavor["spec"] == {"nodeLabels": {"gpu.product": "A100"}}
    for manifest in objects:
        check(manifest)


def test_without_a_queue_the_models_of_a_device_are_counted_together() -> None:
    text = "{cluster: {flavors: {a100: {gpu: A100}, l4: {gpu: L4}}}, tenants: [{name: vision, "
    text += "cluster: {quota: {gpu: {nvidia.com/gpu: {a100: 8, l4: 16}}}}}]}"

    hard = one(objects_of(text), "ResourceQuota")["spec"]["hard"]

    assert hard["requests.nvidia.com/gpu"] == "24"


def test_without_kueue_nothing_of_it_is_asked_for() -> None:
    assert not [o for o in objects_of(FULL) if o["apiVersion"].startswith("kueue")]


def test_a_namespace_is_first_and_says_what_its_pods_must_not_do() -> None:
    directory = parse_tenants(FULL, source="x")

    first = tenant_objects(site_of(directory, "vision"), subjects=[], egress=[])[0]

    assert first["kind"] == "Namespace"
    assert first["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def documented() -> str:
    """The example of a tenant file in the documentation."""
    text = (Path(__file__).parents[3] / "docs" / "kubernetes.md").read_text()
    (example,) = re.findall(r"```yaml\n(cluster:.*?)```", text, re.DOTALL)
    return example


@pytest.mark.parametrize(
    "text", [FULL, with_kueue(FULL), "tenants: [{name: vision}]", documented()]
)
def test_every_field_is_one_that_the_schemas_know(text: str) -> None:
    for manifest in objects_of(text):
        check(manifest)


@pytest.mark.parametrize("kind", ["Namespace", "ClusterQueue"])
def test_a_field_that_no_schema_knows_is_found(kind: str) -> None:
    (manifest,) = (o for o in objects_of(with_kueue(FULL)) if o["kind"] == kind)

    with pytest.raises(jsonschema.ValidationError, match="nodeQuota"):
        check({**manifest, "spec": {**manifest.get("spec", {}), "nodeQuota": 1}})


@pytest.mark.parametrize(
    ("url", "peer"),
    [
        ("http://gw.platform.svc:80", Egress(namespace="platform", ports=(Port(number=8787),))),
        ("https://gw.p.svc.cluster.local", Egress(namespace="p", ports=(Port(number=8787),))),
        ("http://10.1.2.3:9000", Egress(cidr="10.1.2.3/32", ports=(Port(number=9000),))),
        ("https://10.1.2.3", Egress(cidr="10.1.2.3/32", ports=(Port(number=443),))),
        ("http://[fd00::1]:9000", Egress(cidr="fd00::1/128", ports=(Port(number=9000),))),
        ("https://gateway.example.org", None),
        ("http://127.0.0.1:8787", None),
        ("http://localhost:8787", None),
    ],
)
def test_an_address_leads_to_a_peer_or_to_nobody(url: str, peer: Egress | None) -> None:
    assert peer_of(url, pod_ports=(8787,)) == peer


# Any legal file

SLUGS = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", fullmatch=True)
CORES = st.one_of(st.integers(1, 10_000), st.integers(1, 9_999_999).map(lambda n: f"{n}m"))
SIZES = st.one_of(
    st.integers(1, 2**60), st.builds("{}{}".format, st.integers(1, 999), st.sampled_from(["k", "Mi", "Gi", "Ti"]))
)  # fmt: skip
DEVICES = st.dictionaries(
    st.sampled_from(["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb", "habana.ai/gaudi"]),
    st.integers(0, 10**9),
)


@st.composite
def tenant_files(draw: st.DrawFn) -> dict[str, Any]:
    is_queued = draw(st.booleans())
    quota: dict[str, Any] = {"gpu": draw(DEVICES)}
    for key, values in (("cpu", CORES), ("memory", SIZES)):
        if is_queued or draw(st.booleans()):
            quota[key] = draw(values)
    for key, values in (("pods", st.integers(0, 10**9)), ("storage", SIZES)):
        if draw(st.booleans()):
            quota[key] = draw(values)
    most = {k: draw(v) for k, v in (("cpu", CORES), ("memory", SIZES)) if draw(st.booleans())}
    cluster: dict[str, Any] = {
        "admission": "kueue" if is_queued else "none",
        "quota": quota,
        "limits": {"max": most},
        "egress": draw(st.lists(st.one_of(
            st.builds(lambda a, b, p: {"cidr": f"10.{a}.{b}.0/24", "ports": p},
                      st.integers(0, 255), st.integers(0, 255), st.lists(st.integers(1, 65535), max_size=3)),
            st.builds(lambda n: {"namespace": n}, SLUGS)), max_size=3)),
        "pod_to_pod": draw(st.booleans()),
    }  # fmt: skip
    if is_queued and draw(st.booleans()):
        cluster["cohort"] = draw(SLUGS)
    return {"name": draw(SLUGS), "cluster": cluster}


_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_QUANTITY = re.compile(r"([0-9]+)(m|[kMGTPE]|[KMGTPE]i)?")
_UNITS = {
    "m": Decimal("0.001"), None: Decimal(1),
    **{s: Decimal(1000) ** i for i, s in enumerate("kMGTPE", 1)},
    **{f"{s}i": Decimal(1024) ** i for i, s in enumerate("KMGTPE", 1)},
}  # fmt: skip


def amount(text: str) -> Decimal:
    match = _QUANTITY.fullmatch(text)
    assert match, text
    return Decimal(match[1]) * _UNITS[match[2]]


@settings(deadline=None, max_examples=60)
@given(tenant_files())
def test_any_legal_file_renders_legal_names_and_quantities(tenant: dict[str, Any]) -> None:
    import yaml

    text = yaml.safe_dump({"tenants": [tenant]})
    namespace = ClusterSettings().namespace_of(tenant["name"])

    objects = objects_of(text, tenant["name"], namespace=namespace)

    assert objects == objects_of(text, tenant["name"], namespace=namespace), "always the same"
    for manifest in objects:
        meta = manifest["metadata"]
        assert _LABEL.fullmatch(meta["name"])
        assert _LABEL.fullmatch(meta.get("namespace", "x"))
        assert all(len(value) <= 63 for value in meta["labels"].values())
    keys = [(o["kind"], o["metadata"].get("namespace"), o["metadata"]["name"]) for o in objects]
    assert len(keys) == len(set(keys))
    for value in one(objects, "ResourceQuota")["spec"]["hard"].values():
        amount(value)
    (limits,) = one(objects, "LimitRange")["spec"]["limits"]
    for resource, asked in limits["defaultRequest"].items():
        default = limits["default"].get(resource, asked)
        most = limits.get("max", {}).get(resource, default)
        assert amount(asked) <= amount(default) <= amount(most), "or the API server refuses it"


@given(st.integers(0, 2**60))
def test_a_size_is_exact_and_as_short_as_the_api_server_writes_it(octets: int) -> None:
    text = size(octets)

    assert amount(text) == octets
    match = _QUANTITY.fullmatch(text)
    assert match
    assert octets == 0 or match[2] == "Ei" or int(match[1]) % (1024 if "i" in text else 1000)


@given(st.integers(1, 10**7))
def test_cores_are_exact_to_a_thousandth(thousandths: int) -> None:
    assert amount(cores(thousandths / 1000)) == Decimal(thousandths) / 1000


def test_counts_are_as_the_api_server_writes_them() -> None:
    assert [count(n) for n in (0, 7, 1000, 1500, 2_000_000)] == ["0", "7", "1k", "1500", "2M"]


def test_a_subject_of_a_user_has_no_namespace() -> None:
    site = site_of(TenantDirectory(), "default")

    binding = one(
        tenant_objects(site, subjects=[Subject(kind="User", name="ana")], egress=[]), "RoleBinding"
    )

    assert binding["subjects"] == [
        {"kind": "User", "name": "ana", "apiGroup": "rbac.authorization.k8s.io"}
    ]
