"""What sweeps that have ended have shown, a page each.

Automation: the sensor `ended_sweeps` asks for the pages that are due: of each sweep that has ended,
and again when its tags, notes, links or takeaway have changed, or a day of its costs is over;
`sweepworks graveyard show` writes them, too.
"""

import dagster as dg

from assets.boundary import dagster_errors
from sweeps.errors import TransientError
from sweeps.graveyard.entry import Graveyard
from sweeps.graveyard.writing import write_entry

MOST_PAGES = 100  #: in one Dagster run


@dg.asset(
    group_name="sweeps",
    kinds={"postgres", "markdown"},
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10),
    description="Pages of sweeps that have ended: why, what worked, what did not, what next.",
)
def graveyard_entries(
    context: dg.AssetExecutionContext, graveyard: dg.ResourceParam[Graveyard]
) -> dg.MaterializeResult:
    """Write the pages that are due from the record, and keep those that say something new.

    It has no partitions: a sweep whose partition was removed long ago gets its page without one.
    A page that cannot be written is set aside for an hour, and holds up no other.
    """
    written: list[str] = []
    failed: list[str] = []
    with dagster_errors():
        for sweep_id in graveyard.due(limit=MOST_PAGES):
            try:
                facts = graveyard.facts(sweep_id)
                version = graveyard.keep(write_entry(facts), facts)
            except TransientError:
                raise
            except Exception as exc:
                context.log.exception(f"{sweep_id}: its page could not be written")
                graveyard.set_aside(sweep_id, f"{type(exc).__name__}: {exc}")
                failed.append(sweep_id)
            else:
                written.append(f"| {sweep_id} | {version} |")
    table = "\n".join(["| sweep | version |", "|---|---|", *written])
    return dg.MaterializeResult(
        metadata={
            "written": dg.MetadataValue.int(len(written)),
            "failed": dg.MetadataValue.int(len(failed)),
            "failed_sweeps": dg.MetadataValue.json(failed),
            "pages": dg.MetadataValue.md(table),
        }
    )
