"""A command in a process of its own: connects, says what it found, leaves when its input ends."""

import json
import sys

from orchestration.services import connect
from orchestration.settings import Settings
from orchestration.supervisor.status import SupervisorStatus

if __name__ == "__main__":
    settings = Settings.from_environment()
    phases: list[str] = []
    with connect(settings, phases.append, supervisor_command=sys.argv[1:]) as services:
        status = SupervisorStatus.read(settings.home.status_file)
        assert status is not None
        found = {
            "supervisor": status.mark.pid,
            "gateway_url": services.gateway_url,
            "database_url": services.database_url,
            "phases": phases,
        }
        print(json.dumps(found), flush=True)
        sys.stdin.read()
