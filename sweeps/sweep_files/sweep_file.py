"""A sweep file as a whole: sections put together, and checked against each other."""

import re
from collections.abc import Mapping
from typing import Any

from sweeps.errors import InvalidSweepFile
from sweeps.objectives import Direction, Objective
from sweeps.searchers.grid_search import grid_size
from sweeps.spaces import Constant, SearchSpace
from sweeps.specs import (
    SPEC_VERSION,
    Limits,
    Resources,
    StrategySpec,
    SweepSpec,
    TrialSpec,
)
from sweeps.sweep_files import kinds
from sweeps.sweep_files.reading import Reader, as_mapping
from sweeps.sweep_files.sections import LIMITS, OBJECTIVE, STRATEGY, TRIAL, Field, Section
from sweeps.sweep_files.space_section import read_space, space_schema
from sweeps.sweep_files.yaml_documents import Document, Path, read_yaml

MAX_GRID = 10_000  #: configurations a grid may have; beyond, another strategy finds more for less
_NO_RESOURCES: Mapping[str, Any] = {"cpu": 1.0, "memory": 0, "gpu": 0}
_GIVEN = {"seed", "trial", "run"}  # placeholders of a command that are no parameters
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


class _Space:
    """The space as a kind of value; its own rules are in `space_section`."""

    def read(self, reader: Reader, path: Path, value: object) -> SearchSpace | None:
        return read_space(reader, path, value)

    def schema(self) -> dict[str, Any]:
        return space_schema()


class _Strategy:
    """A strategy, or only its name."""

    def read(self, reader: Reader, path: Path, value: object) -> dict[str, Any]:
        given = {"name": value} if isinstance(value, str) else value
        return STRATEGY.read(reader, path, given)

    def schema(self) -> dict[str, Any]:
        names = STRATEGY.fields["name"].kind.schema()
        return {"anyOf": [names, STRATEGY.schema()]}


SWEEP = Section(
    doc="A sweep: one search for a good configuration.",
    fields={
        "version": Field(
            kind=kinds.Integer(SPEC_VERSION, SPEC_VERSION),
            doc="Version of this format.",
            default=SPEC_VERSION,
        ),
        "experiment": Field(
            kind=kinds.Text("digits-mlp", 100), doc="Name of the question; groups sweeps."
        ),
        "tenant": Field(
            kind=kinds.Text("default", 63, r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?"),
            doc="Whom it belongs to.",
            default="default",
        ),
        "owner": Field(kind=kinds.Text("ana", 100), doc="Who answers for it."),
        "purpose": Field(
            kind=kinds.Text("Which network reaches 97 % on digits for the least compute?"),
            doc="What you will know afterwards.",
        ),
        "expected_outcome": Field(
            kind=kinds.Text("About 64 hidden units are enough; relu wins."),
            doc="What you expect, written down before.",
            default=None,
        ),
        "objective": Field(kind=OBJECTIVE, doc=OBJECTIVE.doc),
        "space": Field(kind=_Space(), doc="What to vary."),
        "strategy": Field(kind=_Strategy(), doc=STRATEGY.doc, default={"name": "bayes"}),
        "limits": Field(kind=LIMITS, doc=LIMITS.doc, default={}),
        "trial": Field(kind=TRIAL, doc=TRIAL.doc),
        "seed": Field(
            kind=kinds.Integer(0, 2**32 - 1), doc="Every trial's seed derives from it.", default=0
        ),
    },
    later=("priority", "data", "constraints", "provenance"),
)


def parse_text(
    text: str, *, source: str, defaults: Mapping[str, object] | None = None
) -> SweepSpec:
    """A sweep from the text of its file.

    Args:
        defaults: A tenant's defaults: sections with keys, used where the file is silent.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    return _parse(read_yaml(text, source=source), source=source, defaults=defaults or {})


def parse_document(
    document: Mapping[str, object],
    *,
    source: str = "sweep",
    defaults: Mapping[str, object] | None = None,
) -> SweepSpec:
    """A sweep from plain values: the stored form, or the launchpad's.

    Raises:
        InvalidSweepFile: Everything that is wrong.
    """
    return _parse(Document(value=document), source=source, defaults=defaults or {})


def json_schema() -> dict[str, Any]:
    """The format as JSON Schema (draft 2020-12), made from what the parser itself reads."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sweepworks sweep file",
        **SWEEP.schema(),
    }


def warnings(spec: SweepSpec) -> tuple[str, ...]:
    """What is allowed and probably not meant."""
    notes: list[str] = []
    size = _size(spec.strategy, spec.space)
    if spec.strategy.name == "grid" and size is not None and size > spec.limits.max_trials:
        notes.append(
            f"the grid has {size} configurations; max_trials {spec.limits.max_trials} cuts it"
        )
    if spec.strategy.name != "grid" and size is not None and size < spec.limits.max_trials:
        notes.append(
            f"the space has only {size} configurations; max_trials is {spec.limits.max_trials}"
        )
    if all(isinstance(parameter, Constant) for parameter in spec.space.parameters.values()):
        notes.append("nothing varies: every parameter is a constant")
    return tuple(notes)


def _parse(document: Document, *, source: str, defaults: Mapping[str, object]) -> SweepSpec:
    reader = Reader(document)
    # The stored form writes absent values as null; a file may leave a key empty.
    read = SWEEP.read(reader, (), _with_defaults(document.value, defaults))
    # Defaults of whole sections are what their own keys default to.
    for key, section in (("strategy", STRATEGY), ("limits", LIMITS)):
        if read[key] in ({}, {"name": "bayes"}):
            read[key] = section.read(reader, (key,), read[key])
    _check_command(reader, read)
    _check_size(reader, read)
    if reader.problems:
        ordered = sorted(reader.problems, key=lambda problem: problem.line or 0)
        raise InvalidSweepFile(source, ordered)
    return _spec(read)


def _with_defaults(value: object, defaults: Mapping[str, object]) -> object:
    """`value` with a tenant's sections filled in, key by key, where it is silent."""
    merged = as_mapping(value)
    if merged is None:
        return value
    for section, keys in defaults.items():
        own = as_mapping(merged.get(section) or {})
        if own is not None:
            given = {key: item for key, item in own.items() if item is not None}
            merged[section] = {**(as_mapping(keys) or {}), **given}
    return merged


def _check_command(reader: Reader, read: Mapping[str, Any]) -> None:
    trial, space = read["trial"], read["space"]
    if not trial or not trial.get("command") or space is None:
        return
    known = [*space.parameters, *sorted(_GIVEN)]
    for index, word in enumerate(trial["command"]):
        for match in _PLACEHOLDER.finditer(word):
            name = match[1]
            if name is not None and name not in known:
                reader.problem(
                    ("trial", "command", index),
                    f"{{{name}}} names no parameter",
                    f"known: {', '.join(known)}; write {{{{{name}}}}} for braces",
                )


def _check_size(reader: Reader, read: dict[str, Any]) -> None:
    """A grid that explodes is refused with its count; without one, `max_trials` must be given."""
    limits, strategy, space = read["limits"], read["strategy"], read["space"]
    if not limits or not strategy or space is None or strategy["name"] is None:
        return
    name, points = strategy["name"], strategy["points_per_parameter"]
    if name != "grid":
        if limits["max_trials"] is None and not _noted(reader, "limits.max_trials"):
            reader.problem(
                ("limits", "max_trials"), "'max_trials' is missing", "add max_trials: 20"
            )
        return
    if points is None:
        return
    size = grid_size(space, points_per_parameter=points)
    if size > MAX_GRID:
        widest = max(
            space.parameters,
            key=lambda key: grid_size(
                SearchSpace(parameters={key: space.parameters[key]}), points_per_parameter=points
            ),
        )
        reader.problem(
            ("space", widest),
            f"the grid has {size} configurations, more than {MAX_GRID}",
            f"give {widest!r} fewer values, lower points_per_parameter, or write strategy: random",
        )
    elif limits["max_trials"] is None:
        limits["max_trials"] = size


def _noted(reader: Reader, path: str) -> bool:
    return any(problem.path == path for problem in reader.problems)


def _size(strategy: StrategySpec, space: SearchSpace) -> int | None:
    if strategy.name == "grid":
        return grid_size(space, points_per_parameter=strategy.points_per_parameter)
    return space.size()


def _spec(read: Mapping[str, Any]) -> SweepSpec:
    resources: Mapping[str, Any] = read["trial"]["resources"] or _NO_RESOURCES
    return SweepSpec(
        experiment=read["experiment"],
        tenant=read["tenant"],
        owner=read["owner"],
        purpose=read["purpose"],
        expected_outcome=read["expected_outcome"],
        objective=Objective(
            metric=read["objective"]["metric"],
            direction=Direction(read["objective"]["direction"]),
        ),
        space=read["space"],
        strategy=StrategySpec(**read["strategy"]),
        limits=Limits(**read["limits"]),
        trial=TrialSpec(
            command=read["trial"]["command"],
            resources=Resources(
                cpu=resources["cpu"], memory_bytes=resources["memory"], gpu=resources["gpu"]
            ),
            environment=read["trial"]["environment"] or {},
        ),
        seed=read["seed"],
    )
