"""The platform as the chart installs it: controllers are Jobs of the cluster, as trials are."""

import copy
import json
import shutil
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.e2e.conftest import SWEEP, TRAIN, wait_for
from tests.e2e.deployed import Machine, free_ports, machine
from tests.fake_cluster.server import FakeCluster, fake_cluster
from tests.integration.deploy.manifests import Manifest, container, instance, one, render
from tests.integration.deploy.test_run_jobs import kubeconfig
from tests.plugins.postgres import Database

pytestmark = [pytest.mark.timeout(600), pytest.mark.slow]

PLATFORM, TRIALS = "platform", "sweepworks-default"
_DAGSTER_HOME = "/opt/dagster/dagster_home"


class Kubelet:
    """Of pods of Dagster runs: what their references say becomes what the fake cluster executes."""

    def __init__(self, cluster: FakeCluster, here: Machine, sources: dict[str, dict[str, str]]):
        self._here, self._sources = here, sources
        self._new_pod = cluster.controllers._new_pod
        cluster.controllers._new_pod = self.new_pod

    def new_pod(self, key: Any, job: Manifest, index: int) -> None:
        # What an earlier pod has written is in a folder of its own there.
        shutil.rmtree(Path(self._here.here(_DAGSTER_HOME)) / "storage", ignore_errors=True)
        self._new_pod(key, self._resolved(job) if key[1] == PLATFORM else job, index)

    def _resolved(self, job: Manifest) -> Manifest:
        job = copy.deepcopy(job)
        (worker,) = job["spec"]["template"]["spec"]["containers"]
        names = [next(iter(source.values()))["name"] for source in worker["envFrom"]]
        own = {one["name"]: one["value"] for one in worker["env"]}
        variables = self._here.environment(*(self._sources[name] for name in names), own)
        worker["command"] = [self._here.here(word) for word in worker.pop("args")]
        worker["env"] = [{"name": name, "value": value} for name, value in variables.items()]
        return job


class Platform:
    """The chart's services, and a cluster for their Jobs."""

    def __init__(
        self, here: Machine, cluster: FakeCluster, manifests: list[Manifest], secret: dict[str, str]
    ) -> None:
        self.here, self.cluster = here, cluster
        self.ui = ""
        self._manifests = manifests
        environment = one(manifests, "ConfigMap", "sweepworks-environment")["data"]
        self.variables = here.environment(environment, secret, {"SWEEPWORKS_K8S_URL": cluster.url})
        self._kubelet = Kubelet(
            cluster,
            here,
            {
                "sweepworks-environment": {**environment, "SWEEPWORKS_K8S_URL": cluster.url},
                "sweepworks-database": secret,
                "sweepworks-tokens": {},
            },
        )

    def start(self, name: str) -> None:
        self.here.start(
            name, container(self._manifests, f"sweepworks-{name}")["command"], self.variables
        )

    def sweepworks(self, *arguments: str) -> Any:
        """What `kubectl exec deploy/sweepworks-code -- sweepworks …` gives."""
        return json.loads(self.here.run(["sweepworks", *arguments, "--json"], self.variables))

    def submit(self, name: str, **numbers: float) -> str:
        folder = self.here.folder / name
        folder.mkdir()
        script = folder / "train.py"
        script.write_text(TRAIN.format(seconds=numbers.pop("seconds")))
        text = SWEEP.format(name=name, strategy="random", **numbers)
        text = text.replace("[python, train.py]", f"[{sys.executable}, {script}]")
        (folder / "sweep.yaml").write_text(text)
        return self.sweepworks("submit", str(folder / "sweep.yaml"))["sweep"]

    def controllers(self, prefix: str = "dagster-run-") -> list[Manifest]:
        """Jobs of Dagster runs of sweeps; schedules have Dagster runs, too."""
        return [
            job
            for job in self.cluster.jobs(PLATFORM)
            if job["metadata"]["name"].startswith(prefix)
            and job["metadata"]["labels"]["dagster/job"] == "run_sweep"
        ]

    def pod_of(self, job: Manifest) -> tuple[str, str, str] | None:
        """Of the Job, when it runs."""
        for key in list(self.cluster.controllers.processes):
            if key[1] == PLATFORM and key[2].startswith(job["metadata"]["name"]):
                return key
        return None

    def logs(self) -> str:
        names = list(self.here.processes)
        return "\n".join(f"== {n}\n{self.here.log(n).read_text()[-4000:]}" for n in names)


@pytest.fixture
def platform(
    empty_databases: tuple[Database, Database], tmp_path: Path
) -> Generator[Platform, None, None]:
    ours, dagsters = empty_databases
    manifests = render(
        tmp_path, {"trials": {"image": "registry.example.org/trainer:1", "namespaces": [TRIALS]}}
    )
    secret = {
        "SWEEPWORKS_DATABASE_URL": ours.url,
        "SWEEPWORKS_DAGSTER_DATABASE_URL": dagsters.url,
        "SWEEPWORKS_SIGNING_KEY": "ab" * 32,
        "SWEEPWORKS_TOKEN": "swt_of-the-secret",
    }
    gateway, code, ui = (str(port) for port in free_ports(3))
    home = tmp_path / "dagster_home"
    home.mkdir()
    words = {"0.0.0.0": "127.0.0.1", "8787": gateway, "sweepworks-code": "127.0.0.1"}
    parts = {
        "--host=0.0.0.0": "--host=127.0.0.1",
        "--port=4000": f"--port={code}",
        "--port=3000": f"--port={ui}",
        "http://sweepworks-gateway.platform.svc:8787": f"http://127.0.0.1:{gateway}",
        _DAGSTER_HOME: str(home),
        "/var/lib/sweepworks": str(tmp_path / "home"),
        "/etc/sweepworks/tenants.yaml": str(tmp_path / "tenants.yaml"),
        "s3://sweepworks/artifacts": str(tmp_path / "artifacts"),
    }
    with (
        fake_cluster(PLATFORM, TRIALS) as cluster,
        machine(tmp_path, words=words, parts=parts) as here,
    ):
        config = instance(manifests)
        config["run_launcher"]["config"] |= {
            "load_incluster_config": False,
            "kubeconfig_file": str(kubeconfig(tmp_path, cluster.url)),
        }
        (home / "dagster.yaml").write_text(yaml.safe_dump(config))
        workspace = one(manifests, "ConfigMap", "sweepworks-instance")["data"]["workspace.yaml"]
        workspace = workspace.replace("sweepworks-code", "127.0.0.1").replace("4000", code)
        (home / "workspace.yaml").write_text(workspace)
        (tmp_path / "tenants.yaml").write_text("tenants: []\n")
        platform = Platform(here, cluster, manifests, secret)
        platform.ui = f"http://127.0.0.1:{ui}"
        migrations = one(manifests, "Job", "sweepworks-migrations")
        (hook,) = migrations["spec"]["template"]["spec"]["containers"]
        here.run(hook["command"], here.environment(secret))
        for name in ("gateway", "code", "daemon"):
            platform.start(name)
        yield platform


def test_a_controller_whose_node_is_drained_goes_on_in_another_pod(platform: Platform) -> None:
    sweep = platform.submit("drained", trials=8, epochs=4, seconds=0.5)
    (first,) = wait_for(platform.controllers)
    wait_for(lambda: len(platform.cluster.jobs(TRIALS)) >= 3)

    key = platform.pod_of(first)
    assert key is not None
    platform.cluster.controllers.evict(key)
    second = wait_for(lambda: platform.controllers(f"{first['metadata']['name']}-1"))

    wait_for(lambda: platform.sweepworks("show", sweep)["state"] == "completed", seconds=240)
    report = platform.sweepworks("show", sweep)
    assert report["trials_by_state"] == {"completed": 8}
    # One Job each, made by the first or by the second.
    assert len(platform.cluster.jobs(TRIALS)) == 8
    assert len(second) == 1
    assert len(platform.controllers()) == 2


def test_a_sweep_that_is_terminated_in_the_ui_ends_its_trials(platform: Platform) -> None:
    sweep = platform.submit("terminated", trials=8, epochs=400, seconds=0.5)
    (job,) = wait_for(platform.controllers)
    wait_for(lambda: len(platform.cluster.jobs(TRIALS)) >= 2)

    # As the webserver does it.
    program = (
        "import sys, dagster as dg\n"
        "with dg.DagsterInstance.get() as instance:\n"
        "    print(instance.run_launcher.terminate(sys.argv[1]))"
    )
    run_id = job["metadata"]["name"].removeprefix("dagster-run-")
    said = platform.here.run([sys.executable, "-c", program, run_id], platform.variables)
    assert said == "True\n"

    wait_for(lambda: platform.sweepworks("show", sweep)["state"] == "cancelled", seconds=120)
    wait_for(
        lambda: not [key for key in platform.cluster.controllers.processes if key[1] == TRIALS],
        seconds=60,
    )
    time.sleep(15)  # longer than the daemon waits between looks
    assert len(platform.controllers()) <= 1


def test_dagsters_ui_is_under_its_path_for_who_has_a_token(platform: Platform) -> None:
    platform.start("webserver")
    with httpx.Client(base_url=platform.ui, trust_env=False, timeout=60) as browser:
        wait_for(lambda: _lives(browser))

        page = {"Accept": "text/html"}
        sent = browser.get("/dagster/locations", headers=page)
        form = {"token": "swt_of-the-secret", "next": "/dagster/locations"}
        signed_in = browser.post("/login", data=form, headers={"Origin": platform.ui})
        shown = browser.get(signed_in.headers["location"], headers=page)
        query = {"query": "{ version }"}
        asked = browser.post("/dagster/graphql", json=query, headers={"Origin": platform.ui})

    assert sent.headers["location"] == "/login?next=%2Fdagster%2Flocations"
    assert shown.status_code == 200
    assert '"assetPrefix":"/dagster"' in shown.text  # where it loads its scripts from
    assert asked.json()["data"]["version"]
    assert platform.here.stop()["webserver"] == 0


def _lives(browser: httpx.Client) -> bool:
    try:
        return browser.get("/livez").status_code == 200
    except httpx.HTTPError:
        return False
