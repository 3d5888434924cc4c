"""`sweepworks token`: who else may read, submit and look at pages."""

import datetime as dt

import click

from governance.access import Sees
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from storage.token_store import TokenStore
from sweeps.errors import PermanentError
from sweeps.ids import TenantId

_tenant_option = click.option(
    "--tenant", default="default", show_default=True, help="Whose tokens."
)


@click.group("token")
def command() -> None:
    """API tokens of this installation, each for one tenant."""


@command.command("create")
@click.argument("name")
@_tenant_option
@click.option("--days", type=click.FloatRange(0, 36_500, min_open=True),
              help="Until it expires; without it never.")  # fmt: skip
@click.option("--sees", type=click.Choice([str(one) for one in Sees]), default=str(Sees.TENANT),
              show_default=True, help="Whose reports it opens: its tenant's, also the portfolio of all "
              "tenants, which names nobody, or everybody's, and entries of `tenants` with them.")  # fmt: skip
def create(name: str, tenant: str, days: float | None, sees: str) -> None:
    """Make a token for NAME, a person or a program, and print it: this once."""
    # Unknown tenants are refused where there is a tenant file.
    from orchestration.submission import tenants

    tenants().require(tenant)
    expires_at = None if days is None else dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    with session() as platform:
        store = TokenStore(platform.pool)
        token = store.create(
            tenant_id=TenantId(tenant), name=name, expires_at=expires_at, sees=Sees(sees)
        )
        click.echo(token)


@command.command("list")
@_tenant_option
@json_option
def list_(tenant: str, as_json: bool) -> None:
    """Tokens of a tenant, oldest first, without what they are."""
    with session(quiet=as_json) as platform:
        rows = TokenStore(platform.pool).list(tenant_id=TenantId(tenant))
    if as_json:
        print_json(rows)
        return
    cells = [[row.name, row.sees, row.created_at, row.expires_at, row.revoked_at] for row in rows]
    print_table(["name", "sees", "created", "expires", "revoked"], cells)


@command.command("revoke")
@click.argument("name")
@_tenant_option
def revoke(name: str, tenant: str) -> None:
    """Close all tokens of NAME; sessions that were opened with them end, too."""
    with session() as platform:
        n_closed = TokenStore(platform.pool).revoke(tenant_id=TenantId(tenant), name=name)
    if not n_closed:
        raise PermanentError(f"tenant {tenant!r} has no open token of {name!r}")
    click.echo(f"{n_closed} revoked")
