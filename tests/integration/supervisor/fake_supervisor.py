"""The real supervisor with small programs in place of the services it runs."""

import os
import sys
from pathlib import Path

import psycopg

from orchestration.supervisor.children import ServicePlan
from orchestration.supervisor.main import main
from sweeps.errors import StorageError

SERVICE = str(Path(__file__).with_name("fake_service.py"))


def migrate(url: str) -> None:
    if os.environ.get("FAKE_MIGRATION") == "fail":
        raise StorageError("revision 0007 failed: relation 'runs' does not exist")
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (text text)")


def serve(port: int, *more: str) -> list[str]:
    return [sys.executable, SERVICE, "--port", str(port), *more]


if __name__ == "__main__":
    plan = ServicePlan(
        migrate=migrate,
        postgres_settings={"fsync": "off"},  # we kill processes, not the machine
        gateway=lambda port: serve(port, "--hold"),
        code_server=serve,
        webserver=lambda port, _: serve(port),
        daemon=lambda _: [sys.executable, SERVICE],
    )
    sys.exit(main(sys.argv[1:], plan=plan))
