"""Dagster's part of `sweepworks up`: code server, webserver and daemon, wanted or not."""

from pathlib import Path

from orchestration.settings import Settings, child_environment
from orchestration.supervisor.child_process import ChildProcess, Launch
from orchestration.supervisor.children import ServicePlan, write_workspace
from orchestration.supervisor.ports import LOOPBACK, PortBook, is_answered
from orchestration.supervisor.probes import answers_ok

# Time for the daemon's threads and for requests that are being answered; usually it takes two.
_STOP_SECONDS = 20.0


class DagsterUi:
    """Three services that come and go together."""

    def __init__(self, settings: Settings, plan: ServicePlan, ports: PortBook) -> None:
        self._settings = settings
        self._plan = plan
        self._ports = ports
        self._environment: dict[str, str] = {}
        self._workspace = Path()
        self._webserver_port: int | None = None
        logs = settings.home.logs
        self._code_server = ChildProcess(
            "Dagster code server", self._launch_code_server, log_file=logs / "code_server.log"
        )
        self._webserver = ChildProcess(
            "Dagster webserver", self._launch_webserver, log_file=logs / "webserver.log"
        )
        self._daemon = ChildProcess(
            "Dagster daemon", self._launch_daemon, log_file=logs / "daemon.log"
        )
        self._is_running = False

    @property
    def children(self) -> tuple[ChildProcess, ...]:
        """In the order in which they stop: what starts runs before what executes them."""
        return (self._daemon, self._webserver, self._code_server)

    @property
    def is_running(self) -> bool:
        """Whether it was started and not stopped since."""
        return self._is_running

    @property
    def url(self) -> str | None:
        """Where the UI is; None until it answers."""
        if self._webserver_port is None or not all(child.is_ready for child in self.children):
            return None
        return f"http://{LOOPBACK}:{self._webserver_port}"

    @property
    def phase(self) -> str:
        """What it waits for."""
        if not self._code_server.is_ready:
            return "starting the Dagster code server"
        return "starting the Dagster webserver and daemon"

    def watch(self, settings: Settings) -> None:
        """Start what is missing and look after the rest.

        Args:
            settings: With the URLs of this moment; they count from the next start of a service.
        """
        self._environment = child_environment(
            {**settings.exported(), "DAGSTER_DISABLE_TELEMETRY": "yes", "PYTHONUNBUFFERED": "1"}
        )
        self._is_running = True
        self._code_server.watch()
        # Webserver and daemon would show an error, and only look again later, without it.
        if self._code_server.is_ready or self._webserver.is_ready:
            self._webserver.watch()
            self._daemon.watch()

    def request_stop(self) -> None:
        """Ask all three, and what runs under them, to end; from now on there is no UI."""
        self._is_running = False
        for child in self.children:
            child.request_stop()

    def finish_stop(self) -> None:
        """Wait for the end after `request_stop`."""
        for child in self.children:
            child.finish_stop(grace_seconds=_STOP_SECONDS)

    def _launch_code_server(self) -> Launch:
        port = self._ports.choose("code_server")
        self._workspace = write_workspace(self._settings.home, code_server_port=port)
        return Launch(
            command=self._plan.code_server(port),
            environment=self._environment,
            is_ready=lambda: is_answered(port),
        )

    def _launch_webserver(self) -> Launch:
        port = self._ports.choose("webserver", preferred=self._settings.webserver_port or None)
        self._webserver_port = port
        return Launch(
            command=self._plan.webserver(port, self._workspace),
            environment=self._environment,
            is_ready=lambda: answers_ok(port, "/server_info"),
        )

    def _launch_daemon(self) -> Launch:
        return Launch(
            command=self._plan.daemon(self._workspace),
            environment=self._environment,
            is_ready=lambda: True,  # it listens nowhere; that it lives is all there is to see
        )
