"""`sweepworks data drift`: how two versions differ."""

from pathlib import Path

import click

from governance.datasets.drift import ColumnDrift, DriftLevel, drift
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from sweeps.datasets import DatasetReference
from sweeps.ids import TenantId


@click.command("drift")
@click.argument("before")
@click.argument("after")
@click.option(
    "--fail-at",
    type=click.Choice(["some", "large"]),
    default="large",
    show_default=True,
    help="Exit with 1 from here on.",
)
@click.option("--plot", type=click.Path(path_type=Path), help="Both side by side, as a page.")
@click.option("--tenant", default="default", show_default=True, help="Whose datasets.")
@json_option
def command(
    before: str, after: str, fail_at: str, plot: Path | None, tenant: str, as_json: bool
) -> None:
    """Compare the versions BEFORE and AFTER, NAME@NUMBER each, column by column.

    PSI, the population stability index, is some from 0.1 and large from 0.25; the distance of the
    distribution functions (KS) and the share of rows in other categories likewise. What so few rows
    differ by chance is none. Computed from what was summed up at registration.
    """
    references = [DatasetReference.parse(text) for text in (before, after)]
    with session(quiet=as_json) as platform:
        first, second = (
            platform.datasets.get(reference, tenant_id=TenantId(tenant)) for reference in references
        )
    found = drift(first.profile, second.profile)
    if plot is not None:
        from orchestration.cli.data.drift_page import write_page

        write_page(plot, first, second, found)
    if as_json:
        print_json(
            {
                "before": str(first),
                "after": str(second),
                "level": found.level,
                "columns": found.columns,
            }
        )
    else:
        click.echo(f"{first} -> {second}: {_LEVELS[found.level]}")
        print_table(
            ["column", "drift", "PSI", "KS", "shift", "absent", "why"],
            [_line(column) for column in found.columns],
        )
    if found.level.rank >= DriftLevel(fail_at).rank:
        raise click.exceptions.Exit(1)


_LEVELS = {
    DriftLevel.NONE: "no drift",
    DriftLevel.SOME: "some drift",
    DriftLevel.LARGE: "large drift",
}


def _line(column: ColumnDrift) -> list[object]:
    return [
        column.column,
        column.level,
        column.psi,
        column.ks,
        column.shift,
        f"{column.null_before:.1%} -> {column.null_after:.1%}",
        "; ".join(column.reasons),
    ]
