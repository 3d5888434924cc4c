"""What is known of the code when a sweep is submitted, and when it is refused for that."""

from pathlib import Path

import pytest

from orchestration.launch_notes import launch_notes
from orchestration.settings import Settings
from orchestration.submission import DirtyWorkTree, submission
from sweeps.errors import InvalidSweepFile, LaunchRejected
from sweeps.sweep_files import parse_text
from sweeps.waits import AwaitedEnd
from tests.fake_registry import fake_registry
from tests.unit.sdk.test_code_state import commit, git
from tests.unit.sweeps.sweep_texts import GOOD

STRICT = f"{GOOD}provenance: {{require_clean: true}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in no repository, that is also where the home would be."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.yaml").write_text(GOOD)
    return tmp_path


def test_the_state_of_the_code_is_noted_in_any_case(folder: Path) -> None:
    nowhere = submission(file=folder / "sweep.yaml").code
    git(folder, "init", "-q", "-b", "trunk")
    at = commit(folder)
    clean = submission(file=folder / "sweep.yaml").code
    (folder / "new.py").touch()
    dirty = submission(file=folder / "sweep.yaml").code

    assert (nowhere["commit"], nowhere["is_dirty"]) == (None, None)
    assert clean == {"commit": at, "branch": "trunk", "is_dirty": False, "differing": []}
    assert (dirty["is_dirty"], dirty["differing"]) == (True, ["new.py"])


def test_dirty_code_is_refused_where_the_file_asks_for_that(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(STRICT)
    with pytest.raises(DirtyWorkTree, match="git init"):
        submission(file=folder / "sweep.yaml")
    git(folder, "init", "-q")
    with pytest.raises(DirtyWorkTree, match="no commit"):
        submission(file=folder / "sweep.yaml")
    commit(folder)
    submission(file=folder / "sweep.yaml")
    (folder / "sweep.yaml").write_text(f"# edited\n{STRICT}")

    with pytest.raises(DirtyWorkTree, match=r"sweep\.yaml differs.*require_clean"):
        submission(file=folder / "sweep.yaml")


def test_what_is_named_beside_the_file_is_waited_for_as_well(folder: Path) -> None:
    first, second = "digits-4f2kq7ab", "digits-9x7mw2cd"
    (folder / "sweep.yaml").write_text(f"{GOOD}after: [{{sweep: {first}, ended: any}}]\n")

    spec = submission(file=folder / "sweep.yaml", after=[first, second, second]).spec

    assert [(awaited.sweep_id, awaited.ended) for awaited in spec.after] == [
        (first, AwaitedEnd.ANY),
        (second, AwaitedEnd.SUCCEEDED),
    ]


def test_a_name_that_is_no_sweeps_is_refused_beside_the_file_too(folder: Path) -> None:
    with pytest.raises(InvalidSweepFile) as caught:
        submission(file=folder / "sweep.yaml", after=["digits-4f2kq7ab", "No/Sweep"])

    (problem,) = caught.value.problems
    assert problem.path == "after[1]"


IN_CLUSTER = {"SWEEPWORKS_LAUNCHER": "kubernetes", "SWEEPWORKS_K8S_URL": "http://127.0.0.1:1"}


@pytest.fixture
def in_cluster(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Trials run in a cluster, whose image has to be named by its digest."""
    for name, value in {**IN_CLUSTER, "SWEEPWORKS_K8S_IMAGE_POLICY": "require-digest"}.items():
        monkeypatch.setenv(name, value)
    return folder


def with_trial(text: str) -> str:
    """The good file, its trial with more said of it."""
    return GOOD.replace("trial:\n", f"trial:\n  {text}\n", 1)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("image: trainer:1", "'trainer:1' is named by a tag"),
        ("kubernetes: {}", "no image is given; write `image:`"),
        (
            f"image: a@sha256:{'0' * 64}\n  kubernetes: {{pod_spec_config: {{host_pid: true}}}}",
            "a sweep may not set hostPID of its pods",
        ),
        (
            f"image: a@sha256:{'0' * 64}\n  kubernetes: {{container_config: {{image: b}}}}",
            "'b' is named by a tag",
        ),
    ],
)
def test_what_a_cluster_would_refuse_is_told_before(in_cluster: Path, text: str, said: str) -> None:
    (in_cluster / "sweep.yaml").write_text(with_trial(text))

    with pytest.raises(InvalidSweepFile, match=said):
        submission(file=in_cluster / "sweep.yaml")


def test_what_the_tenant_does_not_allow_is_told_before(
    in_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_TENANTS", str(in_cluster / "tenants.yaml"))
    tenants = "tenants: [{name: TENANT, cluster: {priority_classes: [sweepworks-low]}}]"
    text = with_trial(f"image: a@sha256:{'0' * 64}\n  kubernetes: {{priority_class: other}}")
    (in_cluster / "sweep.yaml").write_text(text)
    tenant = parse_text(text, source="x").tenant
    (in_cluster / "tenants.yaml").write_text(tenants.replace("TENANT", tenant))

    with pytest.raises(InvalidSweepFile, match=r"priorityClassName: other \(the tenant allows"):
        submission(file=in_cluster / "sweep.yaml")
    (in_cluster / "tenants.yaml").write_text(f"tenants: [{{name: {tenant}}}]")
    submission(file=in_cluster / "sweep.yaml")


def test_a_wrong_field_of_pods_is_told_wherever_trials_run(folder: Path) -> None:
    (folder / "sweep.yaml").write_text(with_trial("kubernetes: {job_metadata: {lables: {a: b}}}"))

    with pytest.raises(InvalidSweepFile, match="did you mean labels"):
        submission(file=folder / "sweep.yaml")


def test_a_tag_is_looked_up_once_at_submission(
    in_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWEEPWORKS_K8S_IMAGE_POLICY", "resolve")
    with fake_registry() as registry:
        digest = registry.push("trainer", "1", "one")
        image = f"{registry.host}/trainer:1"
        (in_cluster / "sweep.yaml").write_text(with_trial(f"image: {image}"))
        named = submission(file=in_cluster / "sweep.yaml")
        monkeypatch.setenv("SWEEPWORKS_K8S_IMAGE", image)
        (in_cluster / "sweep.yaml").write_text(GOOD)
        default = submission(file=in_cluster / "sweep.yaml")

        (in_cluster / "sweep.yaml").write_text(with_trial(f"image: {registry.host}/trainer:2"))
        with pytest.raises(LaunchRejected, match="there is no image"):
            submission(file=in_cluster / "sweep.yaml")

    assert named.image == default.image == f"{registry.host}/trainer@{digest}"
    assert named.spec.trial.image == image


POOLS = """\
cluster:
  pools: {ssd-west: {nodes: {zone: west}, datasets: [digits], peak: {hours: "08:00-18:00"}}}
tenants: [{name: TENANT, cluster: {pools: [ssd-west]}}]
"""


def test_where_the_data_are_is_noted_in_a_cluster_alone(
    in_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = parse_text(with_trial("data: [digits@3]"), source="x")
    file = in_cluster / "tenants.yaml"
    file.write_text(POOLS.replace("TENANT", spec.tenant))
    monkeypatch.setenv("SWEEPWORKS_TENANTS", str(file))

    there = launch_notes(spec, Settings.from_environment())
    without = launch_notes(parse_text(GOOD, source="x"), Settings.from_environment())
    monkeypatch.setenv("SWEEPWORKS_LAUNCHER", "local")
    here = launch_notes(spec, Settings.from_environment())

    (note,) = there
    assert note.startswith("digits is in storage pool ssd-west: ")
    assert without == []
    assert not [one for one in here if "pool" in one]


def test_what_a_sweep_mounts_in_the_place_of_a_pool_is_told_before(
    in_cluster: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = with_trial(
        f"data: [digits]\n  image: a@sha256:{'0' * 64}\n  kubernetes: {{volumes: ['mine:/data']}}"
    )
    (in_cluster / "sweep.yaml").write_text(text)
    tenants = POOLS.replace("datasets:", "volume: 'digits-ro:/data', datasets:")
    file = in_cluster / "tenants.yaml"
    file.write_text(tenants.replace("TENANT", parse_text(text, source="x").tenant))
    monkeypatch.setenv("SWEEPWORKS_TENANTS", str(file))

    with pytest.raises(InvalidSweepFile, match="may mount nothing at /data"):
        submission(file=in_cluster / "sweep.yaml")
