"""A launcher in a process of its own; see `OtherProcess`."""

import shlex
import sys
from pathlib import Path

from sweeps.errors import SweepsError
from sweeps.ids import SweepId
from sweeps.specs import Resources
from tests.integration.compute.launching import make_launcher, request_for


def main() -> None:
    root, sweep_id, number, devices, gpu, command = sys.argv[1:]
    launcher = make_launcher(Path(root), devices=tuple(d for d in devices.split(",") if d))
    request = request_for(
        int(number),
        *shlex.split(command),
        resources=Resources(cpu=0.1, gpu=int(gpu)),
        sweep_id=SweepId(sweep_id),
    )
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        launcher.launch(request)
    except SweepsError as exc:
        print(type(exc).__name__)
    else:
        print("launched")


if __name__ == "__main__":
    main()
