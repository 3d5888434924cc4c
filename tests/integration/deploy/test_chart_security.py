"""What the chart's pods may do, and who reaches them."""

import re
from pathlib import Path

import pytest

from tests.integration.deploy.manifests import (
    FULL,
    ROOT,
    Manifest,
    container,
    instance,
    of_kind,
    one,
    pods,
    render,
)

#: Of the pods that talk to the API server.
WITH_ACCOUNT = {"sweepworks-code", "sweepworks-daemon", "sweepworks-webserver"}
_SECRET = re.compile(r"(?i)password|secret_access|signing_key|sweepworks_token|postgresql://")


@pytest.fixture(params=["plain", "full"])
def manifests(request: pytest.FixtureRequest) -> list[Manifest]:
    return request.getfixturevalue(request.param)


def test_pods_are_restricted(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        context = pod["securityContext"]
        assert context["runAsNonRoot"], name
        assert context["runAsUser"] == 1000
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all({"emptyDir", "configMap"} & set(volume) for volume in pod["volumes"])
        for one_container in pod["containers"]:
            assert one_container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_pods_have_bounds(manifests: list[Manifest]) -> None:
    for name, pod in pods(manifests):
        for one_container in pod["containers"]:
            asked = one_container["resources"]
            assert {"cpu", "memory"} <= set(asked["requests"]), name
            assert "memory" in asked["limits"], name


def test_images_are_of_one_version(manifests: list[Manifest], full: list[Manifest]) -> None:
    images = {container["image"] for _, pod in pods(manifests) for container in pod["containers"]}

    digest = FULL["image"]["digest"]
    assert images == (
        {f"registry.example.org/ml/sweepworks@{digest}"}
        if manifests is full
        else {"sweepworks:0.1.0"}
    )


def test_only_who_talks_to_the_api_server_has_a_token_for_it(manifests: list[Manifest]) -> None:
    with_token = {name for name, pod in pods(manifests) if pod["automountServiceAccountToken"]}

    assert with_token == WITH_ACCOUNT
    for account in of_kind(manifests, "ServiceAccount").values():
        assert account["automountServiceAccountToken"] is False


def test_there_is_no_secret_but_by_name(manifests: list[Manifest]) -> None:
    assert not of_kind(manifests, "Secret")
    for name, config in of_kind(manifests, "ConfigMap").items():
        assert not _SECRET.search("\n".join(config["data"].values())), name
    for _, pod in pods(manifests):
        for one_container in pod["containers"]:
            assert "env" not in one_container


def test_rights_in_namespaces_of_trials_are_those_of_the_manual(
    plain: list[Manifest], full: list[Manifest]
) -> None:
    least = rights(one(plain, "ClusterRole", "platform-sweepworks-trials"))
    most = rights(one(full, "ClusterRole", "platform-sweepworks-trials"))

    always, sometimes = rights_of_the_manual()
    assert least == always
    assert {name: verbs for name, verbs in most.items() if name not in least} == {
        "services": {"create"},
        "workloads": {"list"},
    }
    assert sometimes.items() <= most.items()


def test_controllers_have_them_in_the_namespaces_that_are_named(full: list[Manifest]) -> None:
    bindings = [
        binding
        for binding in full
        if binding["kind"] == "RoleBinding" and binding["roleRef"]["kind"] == "ClusterRole"
    ]

    assert {binding["metadata"]["namespace"] for binding in bindings} == {
        "sweepworks-default",
        "sweepworks-vision",
    }
    for binding in bindings:
        (subject,) = binding["subjects"]
        assert (subject["namespace"], subject["name"]) == ("platform", "sweepworks-controllers")


def test_all_that_is_granted_in_the_whole_cluster_is_to_read_nodes(full: list[Manifest]) -> None:
    (binding,) = of_kind(full, "ClusterRoleBinding").values()
    (subject,) = binding["subjects"]

    assert (subject["namespace"], subject["name"]) == ("platform", "sweepworks-controllers")
    assert rights(one(full, "ClusterRole", binding["roleRef"]["name"])) == {
        "nodes": {"get", "list"}
    }


def test_who_does_not_want_that_grants_nothing_there(tmp_path: Path) -> None:
    assert not of_kind(render(tmp_path, {"trials": {"nodes": False}}), "ClusterRoleBinding")


def test_no_right_is_for_everything(full: list[Manifest]) -> None:
    for role in (*of_kind(full, "Role").values(), *of_kind(full, "ClusterRole").values()):
        for rule in role["rules"]:
            assert "*" not in (*rule["apiGroups"], *rule["resources"], *rule["verbs"])
            assert "secrets" not in rule["resources"]


def test_every_account_that_is_bound_is_one_that_is_made(full: list[Manifest]) -> None:
    accounts = set(of_kind(full, "ServiceAccount"))

    used = {pod["serviceAccountName"] for _, pod in pods(full) if "serviceAccountName" in pod}
    used.add(instance(full)["run_launcher"]["config"]["service_account_name"])
    bound = {
        subject["name"]
        for binding in full
        if binding["kind"] == "RoleBinding"
        for subject in binding["subjects"]
    }
    assert used == accounts
    assert bound <= accounts


def test_dagsters_ui_is_only_served_behind_tokens(full: list[Manifest]) -> None:
    command = container(full, "sweepworks-webserver")["command"]

    assert command[:2] == ["sweepworks", "webserver"]
    assert {"--tenant=default", "--tenant=platform", "--path-prefix=/dagster"} <= set(command)
    for _, pod in pods(full):
        for one_container in pod["containers"]:
            assert "dagster-webserver" not in one_container["command"]


def test_the_code_server_is_reached_by_daemon_and_webserver_alone(full: list[Manifest]) -> None:
    policy = one(full, "NetworkPolicy", "sweepworks-code")["spec"]

    assert selected(full, policy["podSelector"]["matchLabels"]) == {"sweepworks-code"}
    (rule,) = policy["ingress"]
    peers = set[str]()
    for peer in rule["from"]:
        assert set(peer) == {"podSelector"}  # of this namespace
        peers |= selected(full, peer["podSelector"]["matchLabels"])
    assert peers == {"sweepworks-daemon", "sweepworks-webserver"}


def test_what_no_policy_opens_is_closed_for_pods_of_runs_too(full: list[Manifest]) -> None:
    policies = of_kind(full, "NetworkPolicy")
    nobody = policies["sweepworks-nobody"]["spec"]

    assert nobody["policyTypes"] == ["Ingress"]
    assert "ingress" not in nobody
    selector = nobody["podSelector"]["matchLabels"]
    assert selected(full, selector) == {name for name, _ in pods(full)}
    labels = instance(full)["run_launcher"]["config"]["labels"]
    assert selector.items() <= labels.items()
    # And no policy that opens something selects them.
    for policy in policies.values():
        if "ingress" in policy["spec"]:
            assert not policy["spec"]["podSelector"]["matchLabels"].items() <= labels.items()


def test_services_lead_to_their_pods(full: list[Manifest]) -> None:
    for name, service in of_kind(full, "Service").items():
        assert selected(full, service["spec"]["selector"]) == {name}
        ports = {one["name"]: one["containerPort"] for one in container(full, name)["ports"]}
        for port in service["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def selected(manifests: list[Manifest], labels: dict[str, str]) -> set[str]:
    """Names of what makes pods that have these labels."""
    return {
        manifest["metadata"]["name"]
        for manifest in manifests
        if manifest["kind"] in {"Deployment", "Job"}
        and labels.items() <= manifest["spec"]["template"]["metadata"]["labels"].items()
    }


def rights(role: Manifest) -> dict[str, set[str]]:
    """Verbs by resource."""
    return {
        resource: set(rule["verbs"]) for rule in role["rules"] for resource in rule["resources"]
    }


def rights_of_the_manual() -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """What docs/kubernetes.md says that credentials need: always, and for some things alone."""
    text = (ROOT / "docs" / "kubernetes.md").read_text(encoding="utf-8")
    (paragraph,) = re.findall(
        r"\*\*What credentials need\*\*, in the namespaces of trials(.*)", text
    )
    always: dict[str, set[str]] = {}
    sometimes: dict[str, set[str]] = {}
    for sentence in re.findall(r"[^.:;][^.:;]*(?:\.\w[^.:;]*)*: [a-z, ]+", paragraph):
        subject, _, verbs = sentence.strip().rpartition(": ")
        resource = subject.rpartition(", ")[2].partition(" of ")[0].strip().lower()
        found = sometimes if ", " in subject else always
        found[resource] = {verb.strip() for verb in verbs.split(",")}
    return always, sometimes


def test_the_manual_is_read_as_it_is_meant() -> None:
    always, _ = rights_of_the_manual()

    assert set(always) == {"jobs", "pods", "pods/log", "events"}
    assert "create" in always["jobs"]
    assert always["pods/log"] == {"get"}
