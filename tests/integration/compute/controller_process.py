"""A controller that kills itself at a point that has a name, such as ``before launch``."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, cast

from benchmarks.controller import Gateway, NoCredentials
from benchmarks.timed_ports import TimedLauncher, Times
from compute.kubernetes.api import ClusterApi
from compute.kubernetes.connection import ClusterAddress, connect
from compute.kubernetes.launcher import KubernetesLauncher
from compute.kubernetes.trial_job import PodDefaults
from storage.database import Pool, open_pool
from storage.sweeps.trials import PostgresTrialStore
from sweeps.clock import SystemClock
from sweeps.controller import SweepController
from sweeps.ids import SweepId
from sweeps.ports import TrialLauncher
from tests.simulation import Meddled


def reporting(launcher: TrialLauncher, pool: Pool, sweep_id: SweepId) -> TimedLauncher:
    """A launcher whose pods have reported as soon as they are seen to run."""
    return TimedLauncher(launcher, Gateway(pool, sweep_id), Times())


def main(about: dict[str, Any]) -> None:
    def die_there(call: str) -> None:
        if call == about["killed_at"]:
            os.kill(os.getpid(), signal.SIGKILL)

    sweep_id = SweepId(about["sweep"])
    address = ClusterAddress(url=about["url"], token_file=Path(about["token_file"]))
    launcher = KubernetesLauncher(
        ClusterApi(connect(address)),
        namespace_of=lambda _: about["namespace"],
        installation=about["installation"],
        defaults=PodDefaults(image=about["image"], grace_seconds=1),
    )
    with open_pool(about["dsn"]) as pool:
        meddled = Meddled(reporting(launcher, pool, sweep_id), die_there)
        controller = SweepController(
            sweep_id,
            store=PostgresTrialStore(pool),
            launcher=cast("TrialLauncher", meddled),
            credentials=NoCredentials(),
            clock=SystemClock(),
            name=f"process {os.getpid()}",
        )
        while not controller.tick().state.is_terminal:
            time.sleep(0.05)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
