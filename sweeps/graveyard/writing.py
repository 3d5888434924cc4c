"""The page of a sweep that has ended: why it was tried, what worked, what did not, what it says.

Written from the record alone, so that it can be written again at any time; only the takeaway is a
person's, once one has confirmed it.
"""

from collections.abc import Sequence

from sweeps.graveyard import sections
from sweeps.graveyard.advice import Advice, AdviceKind, advice
from sweeps.graveyard.entry import LONGEST_TAKEAWAY, Entry, EntryFacts
from sweeps.graveyard.importance import Importance, importance
from sweeps.graveyard.results import Failure, bad_regions, failures, losses, ranked
from sweeps.states import SweepState
from sweeps.trials import SweepSnapshot, Trial


def write_entry(facts: EntryFacts) -> Entry:
    """The page of a sweep."""
    snapshot = facts.snapshot
    found = importance(snapshot.sweep.spec.space, losses(snapshot))
    failed = failures(snapshot.trials)
    proposals = advice(snapshot, found, failed)
    order = ranked(snapshot)
    proposal = propose(snapshot, order, found, failed, proposals)
    spec = snapshot.sweep.spec
    page = [
        f"# {sections.title(snapshot)}",
        "",
        *sections.head(snapshot),
        *sections.takeaway(facts.takeaway, proposal),
        *sections.why(spec),
        *sections.what_worked(snapshot, order, facts.tags_of_runs),
        *sections.what_did_not(snapshot, failed, bad_regions(snapshot)),
        *sections.parameters(spec, found),
        *sections.next_steps(proposals),
        *sections.cost(facts.cost, snapshot),
        *sections.links(facts, order),
        *sections.said(facts.said),
    ]
    return Entry(
        sweep_id=snapshot.sweep.sweep_id,
        title=f"{spec.experiment}: {spec.purpose.splitlines()[0][:200]}",
        markdown="\n".join(page).rstrip() + "\n",
        proposal=proposal,
        importance=found.shares,
        advice=tuple(one.sentence for one in proposals),
    )


def propose(
    snapshot: SweepSnapshot,
    order: Sequence[Trial],
    found: Importance,
    failed: Sequence[Failure],
    proposals: Sequence[Advice],
) -> str:
    """A takeaway for a person to confirm or to write anew."""
    objective = snapshot.sweep.spec.objective
    n = len(snapshot.trials)
    if not order:
        why = f"; {len(failed[0].numbers)} failed: {failed[0].cause}" if failed else ""
        return f"Nothing can be concluded: none of {n} trials has a result{why}."[:LONGEST_TAKEAWAY]
    best = order[0]
    at = ", ".join(
        f"{name} = {value:.4g}" if isinstance(value, float) else f"{name} = {value}"
        for name, value in best.configuration.items()
    )
    sentences = [f"The best {objective.metric} of {n} trials is {best.objective:.5g}, at {at}"]
    steps = [one for one in proposals if one.kind not in {AdviceKind.STOP, AdviceKind.GO_ON}][:1]
    # A refinement says itself what matters most.
    if found.shares and not any(one.kind is AdviceKind.REFINE for one in steps):
        name, share = next(iter(found.shares.items()))
        sentences.append(f"{name} matters most ({share:.0%})")
    sentences += [one.sentence for one in steps]
    if snapshot.sweep.state is not SweepState.COMPLETED:
        sentences.append(f"the sweep is {snapshot.sweep.state}, so that this is not all of it")
    return (". ".join(s[0].upper() + s[1:] for s in sentences) + ".")[:LONGEST_TAKEAWAY]
