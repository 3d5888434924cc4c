"""Changes of a cluster's objects, for people and for programs."""

import difflib
from typing import Any

import click
import yaml

from compute.kubernetes.objects import KubeObject
from compute.kubernetes.tenants.live_objects import title_of
from compute.kubernetes.tenants.planning import Change, ChangeKind

_CONTEXT = 2


class _Plain(yaml.SafeDumper):
    """Without anchors, which not every reader of manifests knows."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  PyYAML's signature
        return True


def as_yaml(*objects: KubeObject) -> str:
    """Documents, with their keys in the order in which they are."""
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False)


def diff_of(change: Change) -> list[str]:
    """Lines that go and come, with those around them."""
    before = [] if change.before is None else _sorted(change.before)
    after = [] if change.after is None else _sorted(change.after)
    lines = difflib.unified_diff(before, after, n=_CONTEXT, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++"))]


def print_change(change: Change) -> None:
    """One change, as it would be made."""
    if change.kind is ChangeKind.REFUSED:
        print_refusal(change.obj, change.why, change.mend)
        return
    click.echo(f"{change.kind:<8}{title_of(change.obj)}")
    lines = diff_of(change)
    for line in lines:
        if not line.startswith("@@") or change.before is not None:
            click.echo(f"    {line}")
    if not lines:
        click.echo("    nothing but who manages it")


def print_refusal(obj: KubeObject, why: str, mend: str) -> None:
    """Something that is not done."""
    click.echo(f"{'REFUSED':<8}{title_of(obj)}: {why}")
    if mend:
        click.echo(f"        mend it: {mend}")


def removal_of(obj: KubeObject) -> str:
    """The command with which a person removes it."""
    meta = obj["metadata"]
    where = f" -n {meta['namespace']}" if meta.get("namespace") else ""
    return f"kubectl delete {obj['kind'].lower()} {meta['name']}{where}"


def change_document(change: Change) -> dict[str, Any]:
    """One change as JSON has it."""
    meta = change.obj["metadata"]
    return {
        "object": title_of(change.obj),
        "kind": change.obj["kind"],
        "namespace": meta.get("namespace"),
        "name": meta["name"],
        "change": change.kind.value,
        "diff": diff_of(change),
        "why": change.why,
        "mend": change.mend,
    }


def _sorted(obj: KubeObject) -> list[str]:
    """The server sorts keys as it likes."""
    return yaml.dump(obj, Dumper=_Plain, sort_keys=True).splitlines()
