"""How a launcher starts a shim."""

import marshal
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from compute import shim
from compute.shim_request import ShimRequest
from sweeps.errors import LauncherUnavailable

_PACKAGES = str(Path(shim.__file__).parent.parent)
# The launcher's own interpreter, quick: no site-packages, nothing from the environment. Packages
# come last, so nothing beside `compute` can take the place of the standard library.
_COMMAND = (
    sys.executable, "-I", "-S", "-X", "utf8", "-c",
    "import sys; sys.path.append(sys.argv[1]); from compute.shim import main; main()", _PACKAGES,
)  # fmt: skip
_START_SECONDS = 30.0  # for a shim to say that it has begun, on a machine that swaps


def start_shim(request: ShimRequest, *, environment: Mapping[str, str]) -> None:
    """Start a shim and wait until it has claimed the attempt.

    Args:
        request: What it shall do. It inherits the locks and holds them for its life.
        environment: Of the shim itself, which anyone of this user can read: no secrets.

    Raises:
        LauncherUnavailable: It did not come up.
        OSError: It could not write to the attempt's folder.
    """
    try:
        answer = subprocess.run(
            [*_COMMAND, request["folder"]],  # unused; for whoever looks at the list of processes
            input=marshal.dumps(dict(request)),
            capture_output=True,
            env=environment,
            pass_fds=(request["lock"], *request["leases"]),
            timeout=_START_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise LauncherUnavailable(
            "a shim did not start in time: the machine is overloaded"
        ) from exc
    if answer.stdout == shim.STARTED:
        return
    if answer.stdout.isdigit():
        number = int(answer.stdout)
        raise OSError(number, os.strerror(number), request["folder"])
    said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    raise LauncherUnavailable(f"a shim did not start: {said[-1] if said else 'no reason given'}")
