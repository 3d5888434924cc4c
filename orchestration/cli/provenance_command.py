"""`sweepworks provenance`: what a run was made of."""

from collections.abc import Iterator, Mapping
from typing import Any

import click

from orchestration.cli.origin_lines import origin_lines
from orchestration.cli.output import json_option, print_json
from orchestration.cli.session import session
from sweeps.errors import RunNotFound
from sweeps.ids import RunId, TenantId, is_name
from sweeps.runs import Provenance

_SHORT = 12  # digits of a digest that a person reads


@click.command("provenance")
@click.argument("run")
@click.option("--tenant", default="default", show_default=True, help="Whose run.")
@json_option
def command(run: str, tenant: str, as_json: bool) -> None:
    """RUN is a trial's or a scratch run's name. --json has every package and variable."""
    if not is_name(run):
        raise RunNotFound(run[:80])
    with session(quiet=as_json) as platform:
        record = platform.runs.get(RunId(run), tenant_id=TenantId(tenant))
    if as_json:
        print_json({"run": record.run.run_id, "seed": record.run.seed, **record.provenance})
        return
    click.echo(f"{record.run.run_id}  {record.run.state}, by {record.run.created_by}")
    for name, value in [*origin_lines(record.provenance), *_lines(record.provenance)]:
        click.echo(f"  {name:10} {value}")
    if "code" not in record.provenance:
        click.echo("  nothing is recorded of its code: it can not be rebuilt")


def _lines(provenance: Provenance) -> Iterator[tuple[str, str]]:
    if code := provenance.get("code"):
        yield from _code(code)
    if software := provenance.get("software"):
        packages: Mapping[str, str] = software.get("packages") or {}
        yield "python", f"{software.get('python')}, {len(packages)} packages"
        frameworks: Mapping[str, str] = software.get("frameworks") or {}
        if frameworks:
            yield "with", ", ".join(f"{name} {version}" for name, version in frameworks.items())
        lockfile = software.get("lockfile")
        if lockfile:
            yield "lockfile", f"{lockfile['name']} {lockfile['sha256'][:_SHORT]}"
        yield "image", software.get("image") or "none"
    if hardware := provenance.get("hardware"):
        yield "node", f"{hardware.get('node')}, {hardware.get('cores')} cores {hardware.get('cpu')}"
        gpus = [gpu.get("model") or "?" for gpu in hardware.get("gpus") or []]
        yield "gpus", ", ".join(f"{gpus.count(m)} x {m}" for m in dict.fromkeys(gpus)) or "none"
    if seeds := provenance.get("seeds"):
        seeded = [name for name in ("python", "numpy", "torch", "tensorflow") if name in seeds]
        yield "seeds", f"{seeds.get('seed')}, set for {', '.join(seeded)}"


def _code(code: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    commit = code.get("commit")
    where = f" on {code['branch']}" if code.get("branch") else ""
    state = ", with changes" if code.get("is_dirty") else ""
    yield "commit", f"{commit}{where}{state}" if commit else "none: it is in no repository"
    if code.get("remote"):
        yield "remote", code["remote"]
    script = code.get("script")
    if script:
        yield "script", " ".join([script["path"], *code.get("arguments", [])])
    for name in ("patch", "files"):
        if code.get(name):
            yield name, code[name]
    for sentence in code.get("left_out", []):
        yield "left out", sentence
