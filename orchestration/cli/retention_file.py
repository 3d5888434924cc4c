"""A plan of retention as a file: what `plan --out` writes, and `apply` reads when a person has seen it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from storage.retention.choice import ItemKey

_TOO_MANY = 2**63  # no plan has such a number


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFile:
    """A plan as far as it is in a file."""

    installation: str  #: that made it
    plan_id: int
    items: frozenset[ItemKey]  #: those that nobody has taken out


def check_writable(
    _context: click.Context, _option: click.Parameter, path: Path | None
) -> Path | None:
    """The path of an option, if a file can be written there: known before anything is done.

    Raises:
        BadParameter: Its folder is not there, or is not ours to write to.
    """
    if path is None or path.exists():
        return path  # whether it is a file, and may be written, the option's type has asked
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK | os.X_OK):
        raise click.BadParameter(f"{path} cannot be written: look at its folder")
    return path


def read_plan_file(path: Path) -> PlanFile:
    """What is in a file.

    Raises:
        UsageError: There is no such file, or it is none that `plan --out` wrote.
    """
    if not path.is_file():
        raise click.UsageError(f"{path} is neither the number of a plan nor a file")
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        found = PlanFile(
            installation=str(document["installation"]),
            plan_id=int(document["plan"]["plan_id"]),
            items=frozenset(
                (str(item["kind"]), str(item["run_id"]), str(item["name"]))
                for item in document["items"]
            ),
        )
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise click.UsageError(f"{path} is no plan that `retention plan --out` wrote") from exc
    if not 0 < found.plan_id < _TOO_MANY:
        raise click.UsageError(f"{path} is no plan that `retention plan --out` wrote")
    return found
