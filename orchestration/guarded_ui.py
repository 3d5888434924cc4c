"""Dagster's UI for a server: `dagster-webserver`, which asks nobody who they are, behind a guard."""

import contextlib
import signal
import sys
from collections.abc import AsyncGenerator, Collection
from pathlib import Path

import dagster as dg
import uvicorn
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster_webserver.app import create_app_from_workspace_process_context
from dagster_webserver.version import __version__
from starlette.types import ASGIApp

from gateway.door import Door
from gateway.guard import Guard
from orchestration.settings import Settings
from storage.database import open_pool
from storage.token_store import TokenStore
from sweeps.clock import SystemClock
from sweeps.ids import TenantId

_GRACE_SECONDS = 10  # for requests that are being answered
_STATEMENT_MILLISECONDS = 15_000  # as Dagster's own command has it
_POOL_RECYCLE_SECONDS = 3_600
_POOL_OVERFLOW = 20
_POLL_MILLISECONDS = 2_000


def serve_ui(
    settings: Settings,
    *,
    host: str,
    port: int,
    workspace: Path,
    path_prefix: str,
    tenants: Collection[TenantId],
) -> None:
    """Serve until the process is asked to end.

    Args:
        settings: With the URL of our database, where the tokens are.
        workspace: Says where the code server listens.
        path_prefix: ``/dagster``, or nothing.
        tenants: Whose tokens open it.

    Raises:
        StorageUnavailable: Our database is not to be had.
    """
    assert settings.database_url is not None  # whoever calls has looked
    with (
        open_pool(settings.database_url, max_size=4) as pool,
        dg.DagsterInstance.get() as instance,
    ):
        instance.optimize_for_webserver(
            _STATEMENT_MILLISECONDS, _POOL_RECYCLE_SECONDS, _POOL_OVERFLOW
        )
        door = Door(
            tokens=TokenStore(pool),
            clock=SystemClock(),
            key=settings.signing_key(),
            public_url=settings.public_url,
        )
        with WorkspaceProcessContext(
            instance,
            version=__version__,
            workspace_load_target=WorkspaceFileTarget([str(workspace)]),
        ) as context:
            ui: ASGIApp = create_app_from_workspace_process_context(
                context, path_prefix, _POLL_MILLISECONDS, lifespan=_lifespan
            )
            # uvicorn raises the signal again when it has shut down: that is an end in order.
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            uvicorn.run(
                Guard(ui, door, tenants=tenants),
                host=host,
                port=port,
                log_level="warning",
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )


@contextlib.asynccontextmanager
async def _lifespan(_: object) -> AsyncGenerator[None, None]:
    yield
