"""`sweepworks tenants`: printed, shown as a diff, asked about, applied."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from orchestration.cli.tenants_command import command
from tests.fake_cluster.server import FakeCluster, fake_cluster

FILE = """\
cluster: {subjects: [{kind: User, name: platform}]}
tenants: [{name: vision, cluster: {quota: {pods: 20}}}]
"""
NAMESPACE = "sweepworks-vision"


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[FakeCluster, None, None]:
    (tmp_path / "tenants.yaml").write_text(FILE)
    with fake_cluster() as cluster:
        for name, value in {
            "SWEEPWORKS_HOME": str(tmp_path / "home"),
            "SWEEPWORKS_TENANTS": str(tmp_path / "tenants.yaml"),
            "SWEEPWORKS_LAUNCHER": "kubernetes",
            "SWEEPWORKS_GATEWAY_URL": "http://gateway.platform.svc",
            "SWEEPWORKS_K8S_URL": cluster.url,
        }.items():
            monkeypatch.setenv(name, value)
        yield cluster


def tenants(*arguments: str, answer: str = "") -> Result:
    return CliRunner().invoke(command, arguments, input=answer)


@pytest.mark.usefixtures("cluster")
def test_objects_are_printed_as_documents_and_as_a_list(cluster: FakeCluster) -> None:
    printed = tenants("render")
    as_json = tenants("render", "--json")

    documents = list(yaml.safe_load_all(printed.stdout))
    assert (printed.exit_code, as_json.exit_code) == (0, 0)
    assert json.loads(as_json.stdout) == {"apiVersion": "v1", "kind": "List", "items": documents}
    assert {"Namespace", "ResourceQuota", "NetworkPolicy"} <= {one["kind"] for one in documents}
    assert cluster.requests == []


def test_what_changes_is_shown_and_nothing_is_done_without_a_yes(cluster: FakeCluster) -> None:
    refused = tenants("apply", answer="n\n")
    silent = tenants("apply")

    assert f"create  Namespace {NAMESPACE}" in refused.stdout
    assert "+  name: sweepworks-vision" in refused.stdout
    assert "apply 13 objects?" in refused.stdout
    assert (refused.exit_code, silent.exit_code) == (1, 2)  # there is nobody to answer
    assert cluster.namespaces == set()


def test_a_yes_is_enough(cluster: FakeCluster) -> None:
    first = tenants("apply", answer="y\n")
    second = tenants("apply", "--yes")

    assert first.exit_code == 0
    assert f"applied ResourceQuota {NAMESPACE}/sweepworks" in first.stdout
    assert second.stdout == "same    13 objects\n"


def test_a_dry_run_shows_the_lines_that_would_change(cluster: FakeCluster) -> None:
    tenants("apply", "--yes")
    cluster.applied.edit(
        "resourcequotas", "sweepworks", NAMESPACE, lambda obj: obj["spec"]["hard"].update(pods="99")
    )

    shown = tenants("apply", "--dry-run")
    told = json.loads(tenants("apply", "--dry-run", "--json").stdout)

    assert shown.exit_code == 0
    assert f"change  ResourceQuota {NAMESPACE}/sweepworks" in shown.stdout
    assert "-    pods: '99'" in shown.stdout
    assert "+    pods: '20'" in shown.stdout
    (change,) = (one for one in told["changes"] if one["change"] != "same")
    assert change["change"] == "change"
    assert "+    pods: '20'" in change["diff"]
    found = cluster.applied.get("resourcequotas", "sweepworks", NAMESPACE)
    assert found is not None
    assert found["spec"]["hard"]["pods"] == "99"


def test_a_diff_is_what_a_dry_run_shows(cluster: FakeCluster) -> None:
    before = tenants("diff"), tenants("apply", "--dry-run")
    as_json = tenants("diff", "--json"), tenants("apply", "--dry-run", "--json")

    assert f"create  Namespace {NAMESPACE}" in before[0].stdout
    assert before[0].stdout == before[1].stdout
    assert json.loads(as_json[0].stdout) == json.loads(as_json[1].stdout)
    assert [one.exit_code for one in (*before, *as_json)] == [0, 0, 0, 0]
    assert cluster.namespaces == set()


@pytest.mark.usefixtures("cluster")
def test_a_check_fails_until_the_cluster_is_as_the_file_says() -> None:
    missing = tenants("diff", "--check"), tenants("diff", "--check", "--json")
    tenants("apply", "--yes")
    there = tenants("diff", "--check")

    assert [one.exit_code for one in missing] == [1, 1]
    assert json.loads(missing[1].stdout)["dry_run"] is True
    assert (there.exit_code, there.stdout) == (0, "same    13 objects\n")


def test_a_check_fails_when_somebody_has_changed_an_object(cluster: FakeCluster) -> None:
    tenants("apply", "--yes")
    cluster.applied.edit(
        "resourcequotas", "sweepworks", NAMESPACE, lambda obj: obj["spec"]["hard"].update(pods="99")
    )

    assert tenants("diff", "--check").exit_code == 1
    assert tenants("diff").exit_code == 0


@pytest.mark.usefixtures("cluster")
def test_a_check_fails_while_something_is_left_that_nobody_asks_for(tmp_path: Path) -> None:
    tenants("apply", "--yes")
    (tmp_path / "tenants.yaml").write_text(FILE.replace("vision", "speech"))
    tenants("apply", "--yes")

    left = tenants("diff", "--check")
    only_one = tenants("diff", "--check", "--tenant", "speech")

    assert (left.exit_code, only_one.exit_code) == (1, 0)
    assert f"left    Namespace {NAMESPACE}" in left.stdout


def test_a_diff_with_a_refusal_fails_in_any_case(cluster: FakeCluster) -> None:
    cluster.namespaces.add(NAMESPACE)

    shown = tenants("diff")

    assert f"REFUSED Namespace {NAMESPACE}: it is there and not ours" in shown.stdout
    assert shown.exit_code == 1


def test_json_does_not_ask(cluster: FakeCluster) -> None:
    assert tenants("apply", "--json").exit_code == 2
    done = tenants("apply", "--json", "--yes")

    assert done.exit_code == 0
    assert all(one["done"] for one in json.loads(done.stdout)["applied"])


def test_a_refusal_has_a_mend_and_an_exit_code(cluster: FakeCluster) -> None:
    cluster.namespaces.add(NAMESPACE)

    refused = tenants("apply", "--yes")

    assert refused.exit_code == 1
    assert f"REFUSED Namespace {NAMESPACE}: it is there and not ours" in refused.stdout
    assert (
        f"mend it: if it is to be ours: kubectl label --overwrite namespace {NAMESPACE}"
        in refused.stdout
    )
    assert "nothing of tenant vision is applied" in refused.stdout


def test_an_outage_says_how_far_it_came(cluster: FakeCluster) -> None:
    cluster.fail(status=500, verb="patch")

    broken = tenants("apply", "--yes")

    assert broken.exit_code == 1
    assert "0 of 13 are applied; the same command goes on" in broken.stderr
    assert tenants("apply", "--yes").exit_code == 0


def test_what_is_left_of_a_tenant_comes_with_the_command_that_removes_it(
    cluster: FakeCluster, tmp_path: Path
) -> None:
    tenants("apply", "--yes")
    (tmp_path / "tenants.yaml").write_text(FILE.replace("vision", "speech"))

    shown = tenants("apply", "--yes")

    assert f"kubectl delete resourcequota sweepworks -n {NAMESPACE}" in shown.stdout
    assert shown.exit_code == 0
    assert cluster.applied.get("resourcequotas", "sweepworks", NAMESPACE) is not None
