"""What sweeps that have ended have shown, a page each.

Automation: the sensor `ended_sweeps` asks for the page of each sweep that has ended, and again when
its tags, notes, links, cost or takeaway have changed; `sweepworks graveyard show` writes it, too.
"""

import dagster as dg

from assets.boundary import dagster_errors
from assets.partitions import SWEEPS
from sweeps.graveyard.entry import Graveyard
from sweeps.graveyard.writing import write_entry
from sweeps.ids import SweepId


@dg.asset(
    partitions_def=SWEEPS,
    group_name="sweeps",
    kinds={"postgres", "markdown"},
    retry_policy=dg.RetryPolicy(max_retries=2, delay=10),
    description="The page of a sweep that has ended: why, what worked, what did not, what next.",
)
def graveyard_entries(
    context: dg.AssetExecutionContext, graveyard: dg.ResourceParam[Graveyard]
) -> dg.MaterializeResult:
    """Write the page from the record, and keep it if it says something new."""
    with dagster_errors():
        facts = graveyard.facts(SweepId(context.partition_key))
        entry = write_entry(facts)
        version = graveyard.keep(entry, facts)
    return dg.MaterializeResult(
        metadata={
            "version": dg.MetadataValue.int(version),
            "takeaway": dg.MetadataValue.text(
                facts.takeaway.text if facts.takeaway else entry.proposal
            ),
            "is_confirmed": dg.MetadataValue.bool(facts.takeaway is not None),
            "importance": dg.MetadataValue.json(dict(entry.importance)),
            "next": dg.MetadataValue.md("\n".join(f"1. {line}" for line in entry.advice) or "–"),  # noqa: RUF001 - a dash
            "page": dg.MetadataValue.md(entry.markdown),
        }
    )
