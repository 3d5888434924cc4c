"""Storage pools in the Jobs of trials."""

from typing import Any

import pytest

from compute.kubernetes.storage_pools import bound_labels, near
from compute.kubernetes.trial_job import PodDefaults, trial_job
from governance.cluster.policies import PodPolicy
from governance.cluster.pools import Nearness, StoragePool, pools_near
from governance.name_patterns import NamePattern
from sweeps.errors import LaunchRejected
from sweeps.ids import AttemptId, RunId, SweepId
from sweeps.specs import PodOptions, Resources, VolumeMount
from sweeps.trials import LaunchRequest
from tests.kubernetes_schemas import check

WEST = StoragePool(
    name="ssd-west",
    nodes={"zone": "west-1a", "disk": "ssd"},
    datasets=(NamePattern("image-.*"),),
    volume=VolumeMount(claim="images-ro", path="/data/images", is_read_only=True),
)
EAST = StoragePool(name="ssd-east", nodes={"zone": "east-1a"}, datasets=(NamePattern("laion"),))
POOLS = (WEST, EAST)
IN_WEST = [
    {"key": "zone", "operator": "In", "values": ["west-1a"]},
    {"key": "disk", "operator": "In", "values": ["ssd"]},
]
IN_EAST = [{"key": "zone", "operator": "In", "values": ["east-1a"]}]


def a_job(
    *datasets: str, policy: PodPolicy | None = None, queue: str = "", **options: Any
) -> dict[str, Any]:
    request = LaunchRequest(
        attempt_id=AttemptId("s-00001-a1"),
        run_id=RunId("s-00001"),
        sweep_id=SweepId("s"),
        command=("python", "train.py"),
        environment={"A": "1"},
        resources=Resources(),
        source_dir="",
        datasets=datasets,
        pods=PodOptions(**options),
    )
    defaults = PodDefaults(image="x", queue=queue)
    return trial_job(
        request, defaults=defaults, installation="here", policy=policy or PodPolicy(pools=POOLS)
    )


def affinity(job: Any, *datasets: str, **placed: Nearness) -> Any:
    decided = {name.replace("_", "-"): word for name, word in placed.items()}
    found = near(job, pools_near(datasets, POOLS), decided)
    check(dict(found))
    return found["spec"]["template"]["spec"]["affinity"]


def over(**pod_spec: Any) -> dict[str, Any]:
    return {"overrides": {"pod_spec_config": pod_spec}}


def test_the_volume_of_a_pool_is_mounted_read_only_and_its_place_is_told() -> None:
    job = a_job("image-net", "laion", "image-web")

    check(job)
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    claim = {"claimName": "images-ro", "readOnly": True}
    assert pod["volumes"][-1] == {"name": "pool-ssd-west", "persistentVolumeClaim": claim}
    assert container["volumeMounts"][-1] == {
        "name": "pool-ssd-west", "mountPath": "/data/images", "readOnly": True,
    }  # fmt: skip
    assert {one["name"]: one["value"] for one in container["env"] if "NEAR" in one["name"]} == {
        "SWEEPWORKS_NEAR_IMAGE_NET": "/data/images",
        "SWEEPWORKS_NEAR_IMAGE_WEB": "/data/images",
    }


def test_what_uses_no_data_of_a_pool_has_nothing_of_it() -> None:
    assert a_job("digits") == a_job()
    assert a_job("image-net", policy=PodPolicy()) == a_job()


def test_a_claim_that_its_sweep_mounts_itself_is_mounted_once() -> None:
    job = a_job(
        "image-net",
        volumes=(VolumeMount(claim="images-ro", path="/data/images", is_read_only=True),),
    )

    (container,) = job["spec"]["template"]["spec"]["containers"]
    paths = [mount["mountPath"] for mount in container["volumeMounts"]]
    assert paths.count("/data/images") == 1


MOUNTED: list[dict[str, Any]] = [
    {"volumes": (VolumeMount(claim="mine", path="/data/images/"),)},
    {"volumes": (VolumeMount(claim="images-ro", path="/data/images"),)},
    {
        "overrides": {
            "container_config": {
                "volume_mounts": [{"name": "sweepworks", "mount_path": "/data/images"}]
            }
        }
    },
]


@pytest.mark.parametrize("options", MOUNTED)
def test_nothing_else_is_mounted_in_the_place_of_a_pool(options: dict[str, Any]) -> None:
    with pytest.raises(LaunchRejected, match="nothing at /data/images"):
        a_job("image-net", **options)


def test_a_tenant_that_allows_no_claims_has_none_of_a_pool() -> None:
    with pytest.raises(LaunchRejected, match=r"volumes.pool-ssd-west.persistentVolumeClaim"):
        a_job("image-net", policy=PodPolicy(pools=POOLS, volumes=()))


def test_nodes_near_a_pool_are_preferred() -> None:
    assert affinity(a_job("image-net"), "image-net", ssd_west=Nearness.PREFERRED) == {
        "nodeAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "preference": {"matchExpressions": IN_WEST}}
            ]
        }
    }


def test_nodes_near_a_pool_are_required() -> None:
    assert affinity(a_job("image-net"), "image-net", ssd_west=Nearness.REQUIRED) == {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": IN_WEST}]
            }
        }
    }


def test_two_pools_are_required_of_one_node() -> None:
    words = {"ssd_west": Nearness.REQUIRED, "ssd_east": Nearness.REQUIRED}

    found = affinity(a_job("laion", "image-net"), "laion", "image-net", **words)

    (term,) = found["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][
        "nodeSelectorTerms"
    ]
    assert term == {"matchExpressions": [*IN_EAST, *IN_WEST]}


OF_THE_SWEEP = {
    "pod_anti_affinity": {
        "required_during_scheduling_ignored_during_execution": [
            {
                "topology_key": "kubernetes.io/hostname",
                "label_selector": {"match_labels": {"a": "b"}},
            }
        ]
    },
    "node_affinity": {
        "required_during_scheduling_ignored_during_execution": {
            "node_selector_terms": [
                {"match_expressions": [{"key": "gpu", "operator": "Exists"}]},
                {"match_fields": [{"key": "metadata.name", "operator": "In", "values": ["n1"]}]},
            ]
        },
        "preferred_during_scheduling_ignored_during_execution": [
            {
                "weight": 5,
                "preference": {"match_expressions": [{"key": "fast", "operator": "Exists"}]},
            }
        ],
    },
}


def test_what_a_sweep_asks_of_its_nodes_is_asked_as_well() -> None:
    job = a_job("image-net", "laion", **over(affinity=OF_THE_SWEEP))
    words = {"ssd_west": Nearness.REQUIRED, "ssd_east": Nearness.PREFERRED}

    found = affinity(job, "image-net", "laion", **words)

    nodes = found["nodeAffinity"]
    first, second = nodes["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert first["matchExpressions"] == [{"key": "gpu", "operator": "Exists"}, *IN_WEST]
    assert second["matchExpressions"] == IN_WEST
    assert second["matchFields"][0]["values"] == ["n1"]
    own, pools = nodes["preferredDuringSchedulingIgnoredDuringExecution"]
    assert (own["weight"], pools["preference"]) == (5, {"matchExpressions": IN_EAST})
    assert (
        found["podAntiAffinity"] == job["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
    )


def test_a_pool_is_near_where_the_tenant_lets_no_sweep_choose_nodes() -> None:
    policy = PodPolicy(pools=POOLS, node_selectors={})

    job = a_job("image-net", policy=policy)

    assert affinity(job, "image-net", ssd_west=Nearness.REQUIRED)
    with pytest.raises(LaunchRejected, match="affinity"):
        a_job("image-net", policy=policy, **over(affinity=OF_THE_SWEEP))


def test_jobs_of_a_queue_and_of_several_nodes_have_it_in_all_their_pods() -> None:
    job = a_job("image-net", queue="team", nodes=4)

    found = near(job, pools_near(["image-net"], POOLS), {"ssd-west": Nearness.REQUIRED})

    check(dict(found))
    annotations = {**job["metadata"]["annotations"], "sweepworks.io/only-near": "ssd-west"}
    assert found["metadata"] == {**job["metadata"], "annotations": annotations}
    kept = {name: value for name, value in found["spec"].items() if name != "template"}
    assert kept == {name: value for name, value in job["spec"].items() if name != "template"}
    assert (kept["suspend"], kept["completions"]) == (True, 4)


def test_what_its_nodes_have_in_any_case_is_known() -> None:
    job = a_job("image-net", node_selector={"zone": "b"}, **over(node_selector={"gpu": "l4"}))

    assert bound_labels(job) == {"zone": "b", "gpu": "l4"}
