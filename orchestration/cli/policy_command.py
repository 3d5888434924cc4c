"""`sweepworks policy`: what the installation decided, from files that are reviewed."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from orchestration.cli.asking import confirm
from orchestration.cli.output import json_option, print_json, print_table
from orchestration.cli.session import session
from orchestration.people import person
from orchestration.policy_files import compare
from retention.policy_file import RETENTION
from storage.policy_catalog import KINDS
from sweeps.policies import (
    DEFAULT_VERSION,
    AppliedPolicy,
    ChangeKind,
    InvalidPolicies,
    PolicyChange,
    check_comment,
    require_kind,
)
from sweeps.sweep_files.yaml_documents import read_yaml

_paths = click.argument("paths", nargs=-1, type=click.Path(path_type=Path, exists=True))


@click.group("policy")
def command() -> None:
    """Quotas, prices, budgets, retention, naming, promotion and features, as files say.

    PATHS are files or folders; without any, governance/policies and retention/policies in the
    working folder. A file is named after its kind, such as quotas.yaml.
    """


@command.command("diff")
@_paths
@click.option("--check", is_flag=True, help="Exit with 1 when anything differs.")
@json_option
def diff_command(paths: tuple[Path, ...], check: bool, as_json: bool) -> None:
    """Show what applying PATHS would change, and change nothing."""
    with session(quiet=as_json) as platform:
        changes = _compare(paths, platform.policies, as_json=as_json)
    if as_json:
        print_json({"valid": True, "changes": [_change_document(change) for change in changes]})
    else:
        _print_changes(changes)
    if check and any(change.change is not ChangeKind.SAME for change in changes):
        raise click.exceptions.Exit(1)


@command.command("apply")
@_paths
@click.option("--comment", "-m", default="", help="Why; kept with the version.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def apply_command(paths: tuple[Path, ...], comment: str, yes: bool, as_json: bool) -> None:
    """Make PATHS hold, all of them or none; shows what changes, and asks."""
    if as_json and not yes:
        raise click.UsageError("--json does not ask: add --yes")
    check_comment(comment)  # before anybody is asked
    with session(quiet=as_json) as platform:
        changes = _compare(paths, platform.policies, as_json=as_json)
        pending = [change for change in changes if change.change is not ChangeKind.SAME]
        if not as_json:
            _print_changes(changes)
        if pending and not yes:
            names = ", ".join(change.kind.name for change in pending)
            confirm(f"apply {names}?")
        versions = platform.policies.apply(pending, by=person(), comment=comment)
        warning = platform.retention.warning() if RETENTION.name in versions else None
    if warning is not None:
        click.echo(f"warning: {warning}", err=True)
    if as_json:
        documents = [_change_document(change) for change in changes]
        print_json({"valid": True, "changes": documents, "applied": versions})
        return
    for name, version in versions.items():
        click.echo(f"applied  {name}, version {version}")


@command.command("show")
@click.argument("kind", required=False)
@click.option("--version", type=click.IntRange(0, 2**31 - 1), help="0: the default that ships.")
@click.option("--text", "only_text", is_flag=True, help="The file alone, to save and edit.")
@json_option
def show_command(kind: str | None, version: int | None, only_text: bool, as_json: bool) -> None:
    """What holds: all kinds, or the file of KIND."""
    with session(quiet=as_json or only_text) as platform:
        if kind is None:
            rows = {name: platform.policies.current(one) for name, one in KINDS.items()}
            _print_kinds(rows, as_json=as_json)
            return
        known = require_kind(kind, kinds=KINDS)
        store = platform.policies
        policy = store.current(known) if version is None else store.at(known, version)
    if as_json:
        print_json({"kind": kind, **_policy_document(policy)})
    elif only_text:
        click.echo(policy.text, nl=False)
    else:
        click.echo(f"# {kind}: {_origin(policy)}")
        for sentence in policy.left_out:
            click.echo(f"# not gone by any more: {sentence}")
        click.echo(policy.text, nl=False)


@command.command("history")
@click.argument("kind")
@json_option
def history_command(kind: str, as_json: bool) -> None:
    """Who applied which version of KIND when, and why."""
    known = require_kind(kind, kinds=KINDS)
    with session(quiet=as_json) as platform:
        versions = platform.policies.history(known)
    if as_json:
        print_json({"kind": kind, "versions": versions})
    elif not versions:
        click.echo(f"{kind}: nobody has applied any; the default holds")
    else:
        print_table(
            ["version", "applied", "by", "comment"],
            [(row.version, row.applied_at, row.applied_by, row.comment) for row in versions],
        )


def _compare(paths: Sequence[Path], store: Any, *, as_json: bool) -> list[PolicyChange]:
    try:
        return compare(paths, store=store, kinds=KINDS)
    except InvalidPolicies as exc:
        if as_json:
            print_json({"valid": False, "problems": exc.problems, "messages": exc.messages})
        else:
            click.echo(str(exc), err=True)
            click.echo("nothing is applied", err=True)
        raise click.exceptions.Exit(1) from exc


def _print_changes(changes: Sequence[PolicyChange]) -> None:
    for change in changes:
        click.echo(f"{change.change:<9}{change.kind.name}: {_origin(change.before)}")
        lines = change.diff()
        for line in lines:
            click.echo(f"    {line}")
        if not lines and change.change is ChangeKind.NEW:
            click.echo("    as the default says now: your own, whatever later defaults say")
        for sentence in change.effects(at=dt.datetime.now(dt.UTC)):
            click.echo(f"    {sentence}")


def _print_kinds(policies: dict[str, AppliedPolicy[Any]], *, as_json: bool) -> None:
    if as_json:
        documents = [{"kind": name, **_policy_document(one)} for name, one in policies.items()]
        print_json({"policies": documents})
        return
    print_table(
        ["kind", "version", "applied", "by", "comment"],
        [
            (name, one.version or "default", one.applied_at, one.applied_by or "-", one.comment)
            for name, one in policies.items()
        ],
    )


def _origin(policy: AppliedPolicy[Any]) -> str:
    if policy.version == DEFAULT_VERSION:
        return "the default holds"
    assert policy.applied_at is not None  # every version has it
    when = policy.applied_at.astimezone().strftime("%Y-%m-%d %H:%M")
    why = f": {policy.comment}" if policy.comment else ""
    return f"version {policy.version} of {policy.applied_by}, {when}{why}"


def _policy_document(policy: AppliedPolicy[Any]) -> dict[str, Any]:
    return {
        "version": policy.version,
        "applied_at": policy.applied_at,
        "applied_by": policy.applied_by or None,
        "comment": policy.comment,
        "left_out": policy.left_out,
        "document": read_yaml(policy.text, source="policy").value,
        "text": policy.text,
    }


def _change_document(change: PolicyChange) -> dict[str, Any]:
    return {
        "kind": change.kind.name,
        "source": change.source,
        "change": change.change.value,
        "version": change.before.version,
        "diff": change.diff(),
        "effects": change.effects(at=dt.datetime.now(dt.UTC)),
    }
