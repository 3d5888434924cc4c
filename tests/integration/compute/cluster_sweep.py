"""A sweep whose trials run in a cluster: rows in PostgreSQL, and a controller that a test moves on."""

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from assets.sweep import BUSY_SECONDS, IDLE_SECONDS
from benchmarks.controller import NoCredentials
from compute.kubernetes import names
from compute.kubernetes.hindrance import Patience
from compute.kubernetes.launch_rate import LaunchRate
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.objects import label, name_of
from storage.database import Pool
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.trials import PostgresTrialStore
from sweeps import ids
from sweeps.controller import SweepController
from sweeps.datasets import PinnedDataset
from sweeps.errors import TransientError
from sweeps.specs import TrialSpec
from sweeps.states import AttemptState, SweepRequest
from sweeps.trials import Attempt, SweepSnapshot
from tests.cluster_under_test import SMALL, ClusterUnderTest
from tests.factories import a_spec
from tests.integration.compute.controller_process import reporting

_PATIENCE = Patience(image_pull=dt.timedelta(seconds=0))


class ClusterSweep:
    """One sweep; its pods report through nobody but this."""

    def __init__(
        self,
        cluster: ClusterUnderTest,
        pool: Pool,
        *,
        trials: int = 3,
        parallel: int = 2,
        experiment: str = "faults",
        code: str = "import time; time.sleep(0.4)",
        trial: dict[str, Any] | None = None,
        datasets: Sequence[PinnedDataset] = (),
        **launcher: Any,
    ) -> None:
        self.cluster = cluster
        self.pool = pool
        self.sweep_id = ids.sweep_id(experiment, entropy=os.urandom(5))
        self.outages: list[str] = []
        self._skipped = dt.timedelta(0)
        fields: dict[str, Any] = {
            "command": (cluster.python, "-S", "-c", code),
            "resources": SMALL,
            **(trial or {}),
        }
        spec = a_spec(
            experiment=experiment,
            trial=TrialSpec(**fields),
            max_trials=trials,
            max_parallel=parallel,
        )
        self.catalog = SweepCatalog(pool)
        self.catalog.submit(
            self.sweep_id, spec, source_dir="", created_by="tester", datasets=datasets
        )
        options = {"patience": _PATIENCE, "rate": LaunchRate(1000), **launcher}
        self.controller = self.new_controller(cluster.launcher(**options))

    def now(self) -> dt.datetime:
        """The controller's clock."""
        return dt.datetime.now(dt.UTC) + self._skipped

    def skip(self, seconds: float) -> None:
        """Let time pass for the controller, which may rest."""
        self._skipped += dt.timedelta(seconds=seconds)

    def new_controller(self, launcher: KubernetesLauncher | None = None) -> SweepController:
        """As another process has it, that knows nothing yet."""
        self.controller = SweepController(
            self.sweep_id,
            store=PostgresTrialStore(self.pool),
            launcher=reporting(launcher or self.cluster.launcher(), self.pool, self.sweep_id),
            credentials=NoCredentials(),
            clock=self,
            name="test",
        )
        return self.controller

    def run(self, until: Callable[[], object] | None = None) -> None:
        """Until the sweep has ended, or something else is so; a test fails when that takes long."""
        give_up_at = time.monotonic() + self.cluster.seconds
        while not (until is not None and until()):
            assert time.monotonic() < give_up_at, f"it hangs: {self.states()}, {self.outages[-3:]}"
            if self._tick():
                assert until is None or until(), "the sweep ended before that"
                return

    def run_for(self, seconds: float) -> None:
        """That long, whatever happens."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._tick()

    def _tick(self) -> bool:
        """As `run_trials` does it; whether the sweep has ended."""
        try:
            tick = self.controller.tick()
        except TransientError as exc:
            self.outages.append(str(exc))
            time.sleep(exc.retry_after_seconds)
            return False
        if not tick.state.is_terminal:
            time.sleep(BUSY_SECONDS if tick.progressed else IDLE_SECONDS)
        return tick.state.is_terminal

    def run_elsewhere(self, *, dsn: str, killed_at: str) -> None:
        """In a process of its own, until it kills itself at that point."""
        address = self.cluster.address
        about = {
            "dsn": dsn,
            "sweep": self.sweep_id,
            "url": address.url,
            "token_file": str(address.token_file),
            "namespace": self.cluster.namespace,
            "installation": self.cluster.installation,
            "image": self.cluster.image,
            "killed_at": killed_at,
        }
        module = "tests.integration.compute.controller_process"
        done = subprocess.run(
            [sys.executable, "-m", module, json.dumps(about)],
            timeout=self.cluster.seconds,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == -9, done.stderr

    def cancel(self) -> None:
        """As a person does it."""
        self.catalog.request(self.sweep_id, SweepRequest.CANCEL)

    # What there is

    def snapshot(self) -> SweepSnapshot:
        return PostgresTrialStore(self.pool).load(self.sweep_id)

    def states(self) -> dict[str, int]:
        return dict(Counter(str(trial.state) for trial in self.snapshot().trials))

    def attempts(self, number: int = 1) -> list[Attempt]:
        run_id = ids.run_id(self.sweep_id, number)
        return [one for one in self.snapshot().attempts if one.run_id == run_id]

    def reasons(self, number: int = 1) -> list[str]:
        """How the attempts of a trial have ended."""
        return [str(one.exit.reason) for one in self.attempts(number) if one.exit is not None]

    def n_running(self) -> int:
        return sum(one.state is AttemptState.RUNNING for one in self.snapshot().attempts)

    def check(self) -> None:
        """No orphan, and no attempt twice."""
        rows = {attempt.attempt_id for attempt in self.snapshot().attempts}
        assert {name_of(job) for job in self.cluster.jobs()} <= rows
        twice = {name: n for name, n in self.cluster.proxy.created.items() if n > 1}
        assert not twice
        pods = Counter(label(pod, names.ATTEMPT) for pod in self.cluster.pods())
        assert max(pods.values(), default=0) <= 1
        self.cluster.until(lambda: not self.cluster.active())
