"""The tenant file brought into a cluster: shown first, applied by the server, never forced on others."""

from collections.abc import Generator

import pytest

from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.tenants.applying import Applied, apply
from compute.kubernetes.tenants.live_objects import LiveObjects, title_of
from compute.kubernetes.tenants.planning import Change, ChangeKind, Group, leftovers, plan
from compute.kubernetes.tenants.rendering import shared_objects, tenant_objects
from compute.kubernetes.tenants.site import Site
from governance.cluster.policies import Admission, Subject
from governance.tenants import parse_tenants
from sweeps.errors import LauncherUnavailable
from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.fake_cluster.store import Object

FILE = """\
tenants:
  - name: vision
    cluster:
      admission: kueue
      cohort: research
      quota: {cpu: 64, memory: 512Gi, gpu: {nvidia.com/gpu: 8}, storage: 1000Gi}
      limits: {max: {cpu: 16, memory: 64Gi}}
      egress: [{cidr: 10.20.0.0/16, ports: [443]}]
  - name: speech
    cluster: {quota: {cpu: 1.5, pods: 20}}
"""
NAMESPACE = "sweepworks-speech"


@pytest.fixture
def cluster() -> Generator[FakeCluster, None, None]:
    with fake_cluster() as cluster:
        yield cluster


def live(cluster: FakeCluster) -> LiveObjects:
    return LiveObjects(connect(ClusterAddress(url=cluster.url)))


def rendered(
    text: str = FILE, *, installation: str = "here"
) -> dict[str | None, list[dict[str, object]]]:
    directory = parse_tenants(text, source="tenants.yaml")
    sites = [
        Site(
            tenant=tenant.name,
            namespace=f"sweepworks-{tenant.name}",
            installation=installation,
            policy=tenant.cluster,
            queue="sweepworks" if tenant.cluster.admission is Admission.KUEUE else "",
        )
        for tenant in directory.all()
    ]
    subjects = [Subject(kind="User", name="platform")]
    return {
        None: shared_objects(installation, sites, {}, subjects=subjects),
        **{site.tenant: tenant_objects(site, subjects=subjects, egress=[]) for site in sites},
    }


def planned(cluster: FakeCluster, text: str = FILE, *, installation: str = "here") -> list[Group]:
    return [
        plan(live(cluster), objects, tenant=tenant)
        for tenant, objects in rendered(text, installation=installation).items()
    ]


def applied(cluster: FakeCluster, text: str = FILE) -> list[Applied]:
    return list(apply(live(cluster), planned(cluster, text)))


def changes(groups: list[Group], *kinds: ChangeKind) -> dict[str, Change]:
    return {
        title_of(change.obj): change
        for group in groups
        for change in group.changes
        if change.kind in kinds
    }


def different(groups: list[Group]) -> dict[str, Change]:
    return changes(groups, ChangeKind.CREATE, ChangeKind.UPDATE, ChangeKind.REFUSED)


def quota(cluster: FakeCluster, namespace: str = NAMESPACE) -> dict[str, str]:
    found = cluster.applied.get("resourcequotas", "sweepworks", namespace)
    assert found is not None
    return found["spec"]["hard"]


def test_an_empty_cluster_gets_everything(cluster: FakeCluster) -> None:
    done = applied(cluster)

    assert done
    assert all(one.is_done for one in done)
    assert cluster.namespaces == {"sweepworks-vision", "sweepworks-speech"}
    assert quota(cluster)["requests.cpu"] == "1500m"
    queue = cluster.applied.get("clusterqueues", "sweepworks-vision")
    assert queue is not None
    assert queue["spec"]["cohort"] == "research"


def test_a_plan_changes_nothing(cluster: FakeCluster) -> None:
    before = cluster.store.version

    groups = planned(cluster)

    assert len(different(groups)) == sum(len(group.changes) for group in groups)
    assert cluster.store.version == before
    assert cluster.namespaces == set()


def test_twice_is_no_change(cluster: FakeCluster) -> None:
    applied(cluster)
    before = cluster.store.version

    groups = planned(cluster)
    again = list(apply(live(cluster), groups))

    assert different(groups) == {}
    assert again == []
    assert cluster.store.version == before


def test_what_somebody_changed_is_shown_and_mended(cluster: FakeCluster) -> None:
    applied(cluster)

    def relax(obj: Object) -> None:
        obj["spec"]["hard"]["requests.cpu"] = "900"
        del obj["spec"]["hard"]["pods"]

    cluster.applied.edit("resourcequotas", "sweepworks", NAMESPACE, relax)

    groups = planned(cluster)
    (change,) = different(groups).values()
    assert change.kind is ChangeKind.UPDATE
    assert change.before is not None
    assert change.after is not None
    assert change.before["spec"]["hard"]["requests.cpu"] == "900"
    assert change.after["spec"]["hard"] == {**change.before["spec"]["hard"],
                                            "requests.cpu": "1500m", "pods": "20"}  # fmt: skip
    (done,) = apply(live(cluster), groups)
    assert done.is_done
    assert quota(cluster)["requests.cpu"] == "1500m"
    assert different(planned(cluster)) == {}


def test_what_others_added_stays(cluster: FakeCluster) -> None:
    applied(cluster)

    def annotate(obj: Object) -> None:
        obj["metadata"]["annotations"] = {"team.example.org/owner": "ana"}

    cluster.applied.edit("namespaces", NAMESPACE, "", annotate)

    assert different(planned(cluster)) == {}
    applied(cluster, FILE.replace("speech\n", "speech\n    members: [ana]\n"))
    namespace = cluster.applied.get("namespaces", NAMESPACE)
    assert namespace is not None
    assert namespace["metadata"]["annotations"] == {"team.example.org/owner": "ana"}


def test_a_key_that_went_away_is_taken_away(cluster: FakeCluster) -> None:
    applied(cluster)

    done = applied(cluster, FILE.replace(", pods: 20", ""))

    assert [title_of(one.change.obj) for one in done] == [f"ResourceQuota {NAMESPACE}/sweepworks"]
    assert "pods" not in quota(cluster)


def test_what_kubectl_has_applied_is_taken_under_management(cluster: FakeCluster) -> None:
    applied(cluster)
    for key in list(cluster.store.objects):
        cluster.store.update(
            key, lambda obj: obj["metadata"]["managedFields"][0].update(manager="kubectl")
        )

    groups = planned(cluster)

    taken = different(groups)
    assert len(taken) == sum(len(group.changes) for group in groups)
    assert all(one.before == one.after for one in taken.values())
    assert all(one.is_done for one in apply(live(cluster), groups))
    assert different(planned(cluster)) == {}


def test_a_namespace_of_somebody_else_is_left_alone_with_all_in_it(cluster: FakeCluster) -> None:
    cluster.namespaces.add(NAMESPACE)

    groups = planned(cluster)
    done = list(apply(live(cluster), groups))

    (refusal,) = changes(groups, ChangeKind.REFUSED).values()
    assert "not ours" in refusal.why
    assert refusal.mend.startswith("if it is to be ours: kubectl label --overwrite namespace")
    assert all(one.is_done for one in done)
    assert cluster.applied.get("resourcequotas", "sweepworks", NAMESPACE) is None
    assert cluster.applied.get("resourcequotas", "sweepworks", "sweepworks-vision") is not None


def test_one_that_was_labelled_by_hand_is_ours(cluster: FakeCluster) -> None:
    cluster.namespaces.add(NAMESPACE)
    (refusal,) = changes(planned(cluster), ChangeKind.REFUSED).values()
    labels = dict(pair.split("=", 1) for pair in refusal.mend.split() if "=" in pair)
    found = cluster.applied._found(("namespaces", "", NAMESPACE))
    assert found is not None
    cluster.store.create("namespaces", "", found)
    cluster.applied.edit(
        "namespaces", NAMESPACE, "", lambda obj: obj["metadata"].update(labels=labels)
    )

    assert all(one.is_done for one in applied(cluster))
    assert different(planned(cluster)) == {}


def test_another_tenants_namespace_is_refused(cluster: FakeCluster) -> None:
    applied(cluster)

    groups = planned(cluster, "tenants: [{name: speech}]")
    (namespace,) = (
        o for o in rendered("tenants: [{name: nlp}]")["nlp"] if o["kind"] == "Namespace"
    )
    moved = {**namespace, "metadata": {**namespace["metadata"], "name": NAMESPACE}}  # pyright: ignore[reportGeneralTypeIssues]
    (change,) = plan(live(cluster), [moved], tenant="nlp").changes

    assert changes(groups, ChangeKind.REFUSED) == {}
    assert change.kind is ChangeKind.REFUSED
    assert "sweepworks.io/tenant=speech" in change.why


def test_classes_of_another_installation_serve_both(cluster: FakeCluster) -> None:
    applied(cluster)

    shared = planned(cluster, installation="there")[0]

    own = [one for one in shared.changes if one.obj["kind"].startswith("ClusterRole")]
    assert {change.kind for change in own} == {ChangeKind.CREATE}
    assert {one.kind for one in shared.changes if one not in own} == {ChangeKind.SAME}
    cluster.applied.edit("priorityclasses", "sweepworks-low", "", lambda obj: obj.update(value=7))
    shared = planned(cluster, installation="there")[0]
    (refusal,) = (one for one in shared.changes if one.kind is ChangeKind.REFUSED)
    assert "sweepworks.io/installation=here" in refusal.why


def test_what_cannot_be_changed_is_told_in_the_servers_words(cluster: FakeCluster) -> None:
    applied(cluster)
    cluster.applied.edit("priorityclasses", "sweepworks-low", "", lambda obj: obj.update(value=7))

    (refusal,) = changes(planned(cluster), ChangeKind.REFUSED).values()

    assert "may not be changed in an update" in refusal.why


def test_what_was_made_after_the_plan_is_not_taken_over(cluster: FakeCluster) -> None:
    groups = planned(cluster)
    cluster.namespaces.add(NAMESPACE)

    done = list(apply(live(cluster), groups))

    (failed,) = (one for one in done if not one.is_done)
    assert title_of(failed.change.obj) == f"Namespace {NAMESPACE}"
    assert "not ours" in failed.why
    assert cluster.applied.get("resourcequotas", "sweepworks", NAMESPACE) is None


@pytest.mark.parametrize("after", [False, True])
def test_an_outage_in_the_middle_is_gone_on_from(cluster: FakeCluster, *, after: bool) -> None:
    going = apply(live(cluster), planned(cluster))
    done = [next(going) for _ in range(9)]
    cluster.fail(status=500, verb="patch", after=after)

    with pytest.raises(LauncherUnavailable):
        next(going)

    rest = applied(cluster)
    assert all(one.is_done for one in rest)
    total = sum(len(group.changes) for group in planned(cluster))
    assert len(done) + len(rest) == total - after
    assert different(planned(cluster)) == {}


def test_what_credentials_may_not_do_is_told_with_a_mend(cluster: FakeCluster) -> None:
    cluster.namespaces.add("other")
    cluster.forbidden.add("patch priorityclasses")

    groups = planned(cluster)

    refusals = changes(groups, ChangeKind.REFUSED)
    assert set(refusals) == {
        f"PriorityClass sweepworks-{name}" for name in ("low", "normal", "high")
    }
    refusal = refusals["PriorityClass sweepworks-low"]
    assert "cannot patch resource" in refusal.why
    assert "administrator's KUBECONFIG" in refusal.mend
    assert all(one.is_done for one in apply(live(cluster), groups)), "tenants do not wait for them"


def test_what_turns_out_to_be_forbidden_is_told_and_the_rest_goes_on(cluster: FakeCluster) -> None:
    groups = planned(cluster)  # of a namespace that is to come, nothing can be tried
    cluster.forbidden.add("patch roles")

    done = list(apply(live(cluster), groups))

    failed = [one for one in done if not one.is_done]
    assert {one.change.obj["kind"] for one in failed} == {"Role"}
    assert all("administrator's KUBECONFIG" in one.mend for one in failed)
    cluster.forbidden.clear()
    assert [one.change.obj["kind"] for one in applied(cluster)] == ["Role", "Role"]


def test_a_cluster_without_kueue_is_told_and_gets_nothing_of_that_tenant(
    cluster: FakeCluster,
) -> None:
    cluster.applied.has_kueue = False

    groups = planned(cluster)
    list(apply(live(cluster), groups))

    refusal = changes(groups, ChangeKind.REFUSED)["ClusterQueue sweepworks-vision"]
    assert "does not serve kueue.x-k8s.io/v1beta1" in refusal.why
    assert "admission: none" in refusal.mend
    assert cluster.namespaces == {NAMESPACE}


def test_a_webhook_that_knows_no_dry_run_does_not_hide_the_change(cluster: FakeCluster) -> None:
    applied(cluster)
    cluster.applied.dry_run_unknown.add("resourcequotas")
    text = FILE.replace("pods: 20", "pods: 30")

    (change,) = different(planned(cluster, text)).values()

    assert change.after is not None
    assert change.after["spec"]["hard"]["pods"] == "30"


def test_what_nobody_asks_for_any_more_is_told_and_kept(cluster: FakeCluster) -> None:
    applied(cluster)
    text = FILE[: FILE.index("  - name: speech")].replace("admission: kueue", "admission: none")
    text = text.replace("      cohort: research\n", "")
    wanted = [obj for objects in rendered(text).values() for obj in objects]

    left, unseen = leftovers(live(cluster), wanted, installation="here", tenant=None)

    titles = {title_of(obj) for obj in left}
    assert f"Namespace {NAMESPACE}" in titles
    assert f"ResourceQuota {NAMESPACE}/sweepworks" in titles
    assert {"ClusterQueue sweepworks-vision", "LocalQueue sweepworks-vision/sweepworks"} <= titles
    assert "ResourceQuota sweepworks-vision/sweepworks" not in titles
    assert unseen == []
    applied(cluster, text)
    assert cluster.applied.get("clusterqueues", "sweepworks-vision") is not None
    assert not [one for one in cluster.requests if one.startswith("delete")]


def test_what_is_left_of_others_is_not_ours_to_tell(cluster: FakeCluster) -> None:
    applied(cluster)

    left, _ = leftovers(live(cluster), [], installation="there", tenant=None)
    of_speech, _ = leftovers(live(cluster), [], installation="here", tenant="speech")

    assert left == []
    assert {obj["metadata"]["labels"]["sweepworks.io/tenant"] for obj in of_speech} == {"speech"}


def test_where_one_may_not_look_that_is_said(cluster: FakeCluster) -> None:
    cluster.forbidden.add("list roles")

    _, unseen = leftovers(live(cluster), [], installation="here", tenant=None)

    (said,) = unseen
    assert said.startswith("Role: ")
