"""Where tenants' objects are, and what there is to say about them."""

import pytest

from governance.tenants import TenantDirectory, parse_tenants
from orchestration.cluster.tenant_sites import Rendering, render
from orchestration.settings import Settings
from sweeps.errors import PermanentError, UnknownTenant

HERE = {
    "SWEEPWORKS_HOME": "/h",
    "SWEEPWORKS_LAUNCHER": "kubernetes",
    "SWEEPWORKS_GATEWAY_URL": "http://gateway.platform.svc",
}
FILE = """\
cluster: {subjects: [{name: sweepworks, namespace: platform}]}
tenants: [{name: vision, cluster: {namespace: team-vision}}, {name: speech}]
"""


def rendered(text: str = FILE, *, only: str | None = None, **variables: str) -> Rendering:
    settings = Settings.from_environment({**HERE, **variables})
    assert settings.cluster is not None
    return render(settings, settings.cluster, directory(text), only=only)


def directory(text: str) -> TenantDirectory:
    return parse_tenants(text, source="tenants.yaml") if text else TenantDirectory()


def namespaces(rendering: Rendering) -> list[str]:
    return [o["metadata"]["name"] for o in rendering.objects if o["kind"] == "Namespace"]


def test_a_namespace_is_the_tenants_own_or_as_the_platform_is_set() -> None:
    rendering = rendered(SWEEPWORKS_K8S_NAMESPACE="ml-{tenant}")

    assert namespaces(rendering) == ["team-vision", "ml-speech"]
    assert rendering.notes == []


def test_one_tenant_comes_with_what_all_have_in_common() -> None:
    rendering = rendered(only="speech")

    assert list(rendering.tenants) == ["speech"]
    kinds = {o["kind"] for o in rendering.shared}
    assert kinds == {"PriorityClass", "ClusterRole", "ClusterRoleBinding"}


def test_the_tenant_that_needs_no_file_gets_its_objects() -> None:
    assert namespaces(rendered("")) == ["sweepworks-default"]
    assert namespaces(rendered(only="default")) == ["sweepworks-default"]


def test_an_unknown_tenant_is_refused() -> None:
    with pytest.raises(UnknownTenant):
        rendered(only="nlp")


def test_tenants_do_not_share_a_namespace() -> None:
    with pytest.raises(PermanentError, match="'speech' would share namespace 'trials'"):
        rendered("tenants: [{name: vision}, {name: speech}]", SWEEPWORKS_K8S_NAMESPACE="trials")


@pytest.mark.parametrize(
    ("text", "variables", "note"),
    [
        (FILE, {"SWEEPWORKS_GATEWAY_URL": "https://gw.example.org"}, "cannot reach the gateway"),
        (FILE, {"SWEEPWORKS_GATEWAY_URL": ""}, "the gateway: no address is set"),
        (FILE, {"SWEEPWORKS_ARTIFACTS": "s3://b/p"}, "cannot reach the object store"),
        ("tenants: [{name: a}]", {}, "no rights are given"),
        (FILE.replace("{subjects", "{egress: [{cidr: 169.254.0.0/16}], subjects"), {}, "254/32"),
    ],
)
def test_what_will_not_work_is_said(text: str, variables: dict[str, str], note: str) -> None:
    (said,) = rendered(text, **variables).notes

    assert note in said


def test_a_queue_of_the_platform_is_rendered_where_a_quota_says_what_it_counts() -> None:
    text = FILE.replace("{name: speech}", "{name: speech, cluster: {quota: {cpu: 8, memory: 1Gi}}}")
    queue = {"SWEEPWORKS_K8S_ADMISSION": "kueue", "SWEEPWORKS_K8S_QUEUE": "trials"}

    rendering = rendered(text, **queue)

    queues = [o["metadata"] for o in rendering.objects if o["kind"] == "LocalQueue"]
    assert [(one["namespace"], one["name"]) for one in queues] == [("sweepworks-speech", "trials")]
    (note,) = rendering.notes
    assert "queue trials of tenant vision is not rendered" in note


def test_an_object_store_in_the_cluster_is_reached() -> None:
    rendering = rendered(
        SWEEPWORKS_ARTIFACTS="s3://b/p", SWEEPWORKS_S3_ENDPOINT="http://minio.storage.svc:9000"
    )

    (policy,) = (o for o in rendering.tenants["speech"] if o["kind"] == "NetworkPolicy")
    assert rendering.notes == []
    named = [
        rule["to"][0]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for rule in policy["spec"]["egress"]
        if "namespaceSelector" in rule["to"][0]
    ]
    assert named == ["kube-system", "platform", "storage"]
