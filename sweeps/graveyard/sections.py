"""Sections of a page, as lines of Markdown; each begins with its heading and ends with a blank."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from sweeps.graveyard.advice import Advice
from sweeps.graveyard.entry import Cost, EntryFacts, Takeaway
from sweeps.graveyard.importance import Importance
from sweeps.graveyard.prose import cell, link, plain, table
from sweeps.graveyard.results import Failure, Region
from sweeps.money import dollars
from sweeps.spaces import Categorical, Constant, Float, Int, Ordinal, Parameter
from sweeps.specs import SweepSpec
from sweeps.tags import Annotations
from sweeps.trials import SweepSnapshot, Trial

_BEST, _CAUSES, _NUMBERS, _RUNS = 5, 10, 12, 3


def title(snapshot: SweepSnapshot) -> str:
    """The first heading's text."""
    return f"{plain(snapshot.sweep.spec.experiment)} · {snapshot.sweep.sweep_id}"


def head(snapshot: SweepSnapshot) -> list[str]:
    """Who, when, how far."""
    sweep, spec = snapshot.sweep, snapshot.sweep.spec
    ended = f", ended {sweep.ended_at:%Y-%m-%d}" if sweep.ended_at else ""
    reason = f": {plain(sweep.reason)}" if sweep.reason else ""
    words = [
        f"**{sweep.state}**{reason}",
        f"owner {plain(spec.owner)}",
        f"submitted by {plain(sweep.created_by)} on {sweep.created_at:%Y-%m-%d}{ended}",
        f"{spec.strategy.name}, {spec.objective.direction} {plain(spec.objective.metric)}",
        f"{len(snapshot.trials)} of {spec.limits.max_trials} trials",
    ]
    return [" · ".join(words), ""]


def takeaway(confirmed: Takeaway | None, proposal: str) -> list[str]:
    """What it has shown."""
    if confirmed is not None:
        by = f"*confirmed by {plain(confirmed.by)} on {confirmed.at:%Y-%m-%d}*"
        return ["## Takeaway", "", plain(confirmed.text), "", by, ""]
    return ["## Takeaway", "", plain(proposal), "", "*proposed; nobody has confirmed it yet*", ""]


def why(spec: SweepSpec) -> list[str]:
    """Why it was tried, and what was expected."""
    expected = (
        plain(spec.expected_outcome) if spec.expected_outcome else "*Nothing was written down.*"
    )
    return ["## Why", "", plain(spec.purpose), "", f"Expected: {expected}", ""]


def what_worked(
    snapshot: SweepSnapshot, order: Sequence[Trial], tags: Mapping[str, Sequence[str]]
) -> list[str]:
    """The best configurations."""
    lines = ["## What worked", ""]
    if not order:
        return [*lines, "Nothing: no trial has a result.", ""]
    names = list(snapshot.sweep.spec.space.parameters)
    rows: list[list[object]] = [
        [
            trial.number,
            trial.objective,
            trial.resource_level,
            *(trial.configuration.get(name) for name in names),
            ", ".join(tags.get(trial.run_id, ())),
        ]
        for trial in order[:_BEST]
    ]
    columns = ["trial", snapshot.sweep.spec.objective.metric, "level", *names, "tags"]
    lines += [*table(columns, rows), ""]
    values = [trial.objective for trial in order if trial.objective is not None]
    middle, worst = values[len(values) // 2], values[-1]
    return [
        *lines,
        f"Of {len(values)} results the middle one is {middle:.5g}, the worst {worst:.5g}.",
        "",
    ]


def what_did_not(
    snapshot: SweepSnapshot, failed: Sequence[Failure], regions: Sequence[Region]
) -> list[str]:
    """Failures by cause, and parts of the space that were bad."""
    lines = ["## What did not", ""]
    for failure in failed[:_CAUSES]:
        numbers = ", ".join(map(str, failure.numbers[:_NUMBERS]))
        more = ", …" if len(failure.numbers) > _NUMBERS else ""
        n = len(failure.numbers)
        lines.append(f"- {n} of {len(snapshot.trials)} trials failed: {plain(failure.cause)} "
                     f"(trial {numbers}{more})")  # fmt: skip
    if len(failed) > _CAUSES:
        lines.append(f"- … and {len(failed) - _CAUSES} more causes")
    lines += [f"- {plain(region.sentence())}" for region in regions]
    if len(lines) == 2:
        lines.append("No trial failed, and no part of the space stands out as bad.")
    return [*lines, ""]


def parameters(spec: SweepSpec, found: Importance) -> list[str]:
    """The space, and what each parameter is worth."""
    rows: list[list[object]] = [
        [name, _range(parameter), f"{found.shares[name]:.0%}" if name in found.shares else "–"]  # noqa: RUF001 - a dash
        for name, parameter in spec.space.parameters.items()
    ]
    lines = ["## Parameters", "", *table(["parameter", "searched", "importance"], rows), ""]
    if found.doubt:
        lines += [f"Of their importance nothing can be said: {plain(found.doubt)}.", ""]
    else:
        how = "Importance is how much worse a forest guesses without the parameter"
        score = f"it explains {found.score or 0:.0%} of their differences"
        lines += [f"{how}, from {found.n_trials} results; {score}.", ""]
    if spec.space.constraints:
        held = "; ".join(plain(constraint.text) for constraint in spec.space.constraints)
        lines += [f"Constraints: {held}.", ""]
    return lines


def next_steps(proposals: Sequence[Advice]) -> list[str]:
    """What to do next, the most pressing first."""
    if not proposals:
        return []
    return ["## Next", "", *(f"1. {plain(one.sentence)}" for one in proposals), ""]


def cost(spent: Cost | None, snapshot: SweepSnapshot) -> list[str]:
    """What it took."""
    busy = sum(snapshot.busy_seconds().values()) / 3600
    took = f"{busy:.2f} hours of trials, {len(snapshot.attempts)} executions"
    if spent is None:
        return ["## Cost", "", f"{took}. The ledger has nothing of it yet.", ""]
    words = [took, f"{spent.gpu_hours:.2f} GPU-hours", f"{spent.core_hours:.2f} core-hours"]
    if spent.amount_usd is not None:
        waste = f", of which {dollars(Decimal(spent.waste_usd))} wasted" if spent.waste_usd else ""
        words.append(f"{dollars(Decimal(spent.amount_usd))}{waste}, without its files")
    return ["## Cost", "", ", ".join(words) + ".", ""]


def links(facts: EntryFacts, order: Sequence[Trial]) -> list[str]:
    """Where to look further."""
    sweep = facts.snapshot.sweep
    lines = ["## Links", "", f"- {link('the sweep and its trials', f'/sweeps/{sweep.sweep_id}')}"]
    best = [trial.run_id for trial in order[:_RUNS]]
    if best:
        compared = f"/compare?runs={','.join(best)}"
        lines.append(f"- {link('metrics of the best', compared)}")
        lines.append(f"- {link('lineage of the best', f'/lineage/run:{best[0]}')}")
        lines.append(f"- logs: `sweepworks logs {best[0]}`; again: `sweepworks rerun {best[0]}`")
    lines += [
        f"- data {link(str(dataset), f'/lineage/dataset:{dataset}')}"
        for dataset in facts.snapshot.datasets
    ]
    if facts.commit:
        lines.append(f"- commit {plain(facts.commit)}")
    if facts.image:
        lines.append(f"- image {plain(facts.image)}")
    lines += [
        f"- it began from {link(earlier, f'/sweeps/{earlier}')}"
        for earlier in sweep.spec.warm_start
    ]
    for target, url in facts.links.items():
        lines.append(f"- {link(target, url) if url else plain(target)}")
    return [*lines, ""]


def said(annotations: Annotations) -> list[str]:
    """Tags and notes of people."""
    lines: list[str] = []
    if annotations.tags:
        words = [f"{tag.name}={tag.value}" if tag.value else tag.name for tag in annotations.tags]
        lines += ["## Tags", "", plain(", ".join(words)), ""]
    if annotations.notes:
        lines += ["## Notes", ""]
        for note in annotations.notes:
            by = f"{plain(note.author)}, {note.written_at:%Y-%m-%d}"
            lines += [f"> {plain(note.text)}", ">", f"> *{by}*", ""]
    return lines


def _range(parameter: Parameter) -> str:
    match parameter:
        case Float() | Int():
            log = ", log" if parameter.log else ""
            step = f", step {cell(parameter.step)}" if parameter.step not in {None, 1} else ""
            return f"{cell(parameter.low)} to {cell(parameter.high)}{log}{step}"
        case Categorical() | Ordinal():
            return ", ".join(map(str, parameter.choices))
        case Constant():
            return str(parameter.value)
