"""The inventory of tenants for people."""

from collections.abc import Iterable, Iterator, Sequence

import click

from governance.budgets.bars import bars
from governance.budgets.report import outlook
from governance.scheduling.report import bytes_words, usage_words
from governance.tenant_inventory import TenantEntry, class_words, cluster_words, kept_words
from orchestration.cli.escalation_lines import escalation_lines
from orchestration.cli.output import print_table

_MOST_SWEEPS = 20


def print_entries(entries: Sequence[TenantEntry]) -> None:
    """A line for each."""
    print_table(
        [
            "tenant",
            "contacts",
            "members",
            "weight",
            "holds",
            "waits",
            "sweeps",
            "stored",
            "in the way",
        ],
        [
            [
                one.name,
                "; ".join(contact.words for contact in one.contacts) or None,
                len(one.members) or "everybody",
                one.use.weight,
                one.use.held.words,
                one.use.queued,
                len(one.sweeps),
                bytes_words(one.use.storage_bytes),
                len(one.escalations),
            ]
            for one in entries
        ],
    )


def print_entry(entry: TenantEntry) -> None:
    """All there is of one."""
    click.echo(entry.name)
    for word, sentences in _lines(entry):
        for index, sentence in enumerate(sentences):
            click.echo(f"  {'' if index else word:10} {sentence}")


def _lines(entry: TenantEntry) -> Iterator[tuple[str, Iterable[str]]]:
    use = entry.use
    if not entry.is_declared:
        yield "note", ["the tenant file does not name it"]
    yield "contacts", [one.words for one in entry.contacts] or ["none"]
    yield "members", [one.words for one in entry.members] or ["everybody"]
    yield "weight", [f"{use.weight:g}, share {use.share:.3g}; used lately {usage_words(use.used)}"]
    yield "holds", [use.held.words]
    yield "waits", [f"{use.queued} to be admitted"]
    yield "stored", [bytes_words(use.storage_bytes)]
    yield "limits", [bound.words for bound in use.limits] or ["none"]
    yield "priority", [class_words(one) for one in entry.classes] or ["none"]
    yield (
        "budget",
        [
            f"{one.budget.name}: {'; '.join(bar.words for bar in bars(one))}; {outlook(one)}"
            for one in entry.budgets
        ]
        or ["none"],
    )
    yield "retention", [kept_words(entry)]
    if entry.cluster is not None:
        yield "cluster", [cluster_words(entry.cluster)]
    sweeps = [
        f"{one.sweep_id}  {one.state}, {one.experiment} of {one.owner}"
        for one in entry.sweeps[:_MOST_SWEEPS]
    ]
    more = len(entry.sweeps) - len(sweeps)
    yield "sweeps", [*sweeps, *([f"and {more} more"] if more else [])] or ["none that goes on"]
    for word, sentence in escalation_lines(entry.escalations):
        yield word, [sentence]
