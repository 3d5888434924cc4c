"""A sweep file as a whole: sections put together, and checked against each other."""

from collections.abc import Mapping
from typing import Any

from sweeps.ids import SweepId
from sweeps.objectives import Direction, Objective
from sweeps.specs import Limits, ProvenanceSpec, SweepSpec, TrialSpec
from sweeps.sweep_files.commands import check_placeholders
from sweeps.sweep_files.documents import Document, check_storable
from sweeps.sweep_files.fields import SWEEP
from sweeps.sweep_files.metrics_section import check_objective
from sweeps.sweep_files.pod_section import pod_options
from sweeps.sweep_files.reading import Reader, as_mapping
from sweeps.sweep_files.resources_section import resources_of
from sweeps.sweep_files.sizes import check_size
from sweeps.sweep_files.space_section import parameter_names
from sweeps.sweep_files.whole_configurations import checked_configurations, with_constraints
from sweeps.sweep_files.yaml_documents import read_yaml


def parse_text(
    text: str, *, source: str, defaults: Mapping[str, object] | None = None
) -> SweepSpec:
    """A sweep from the text of its file.

    Args:
        text: YAML, of which JSON is a part.
        source: Name of the file, for messages.
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


def key_lines(text: str, *, source: str) -> dict[str, int]:
    """Lines of a file's keys, from 1: for what is wrong with a sweep that its file alone is not.

    Raises:
        InvalidSweepFile: It is no YAML.
    """
    lines = read_yaml(text, source=source).lines
    return {str(path[0]): line for path, line in lines.items() if len(path) == 1}


def json_schema() -> dict[str, Any]:
    """The format as JSON Schema (draft 2020-12), made from what the parser itself reads."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sweepworks sweep file",
        **SWEEP.schema(),
    }


def _parse(document: Document, *, source: str, defaults: Mapping[str, object]) -> SweepSpec:
    check_storable(document, source=source)
    reader = Reader(document)
    read = SWEEP.read(reader, (), _with_defaults(document.value, defaults))
    if read is not None:
        names = parameter_names((as_mapping(document.value) or {}).get("space"))
        _check_together(reader, read, names)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
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


def _check_together(reader: Reader, read: dict[str, Any], names: list[str]) -> None:
    """Rules that need two sections; a section that is wrong itself is left alone."""
    trial, limits, strategy = read["trial"], read["limits"], read["strategy"]
    _check_space(reader, read, names)
    for index, tag in enumerate(read["tags"] or ()):
        if tag.name in {other.name for other in read["tags"][:index]}:
            reader.problem(("tags", index), f"{tag.name!r} appears twice", "keep one of them")
    if trial is not None and trial["command"] is not None and names:
        check_placeholders(reader, trial["command"], names)
    resources = None if trial is None else trial["resources"]
    if resources is not None and resources["gpu_type"] is not None and resources["gpu"] == 0:
        path = ("trial", "resources", "gpu_type")
        reader.problem(path, "it is of no GPU: gpu is 0", "add for example gpu: 1, or remove it")
    if trial is not None and trial["metrics"] is not None and read["objective"] is not None:
        check_objective(reader, trial["metrics"], read["objective"]["metric"])
    if strategy is None:
        return
    size = check_size(reader, strategy, read["space"])
    if limits is None or limits["max_trials"] is not None:
        return
    limits["max_trials"] = size
    path = ("limits", "max_trials")
    if strategy.searcher.name != "grid" and not reader.is_noted(path):
        reader.problem(path, "'max_trials' is missing", "add for example max_trials: 20")


def _check_space(reader: Reader, read: dict[str, Any], names: list[str]) -> None:
    """Constraints and initial configurations, which mean nothing without the space."""
    space = with_constraints(reader, read["constraints"] or (), read["space"], names)
    if read["space"] is not None and read["initial_configurations"] is not None:
        given = read["initial_configurations"]
        # Without the constraints that are wrong, so that the rest is told at once.
        read["initial_configurations"] = checked_configurations(
            reader, given, space or read["space"]
        )
    read["space"] = space


def _spec(read: Mapping[str, Any]) -> SweepSpec:
    objective, trial = read["objective"], read["trial"]
    return SweepSpec(
        experiment=read["experiment"],
        tenant=read["tenant"],
        owner=read["owner"],
        purpose=read["purpose"],
        expected_outcome=read["expected_outcome"],
        objective=Objective(
            metric=objective["metric"], direction=Direction(objective["direction"])
        ),
        space=read["space"],
        strategy=read["strategy"],
        limits=Limits(**read["limits"]),
        trial=TrialSpec(
            command=trial["command"],
            resources=resources_of(trial["resources"]),
            environment=trial["environment"],
            metrics=trial["metrics"],
            data=trial["data"],
            image=trial["image"],
            pods=pod_options(trial["kubernetes"]),
        ),
        seed=read["seed"],
        initial_configurations=read["initial_configurations"],
        warm_start=tuple(SweepId(name) for name in read["warm_start"]),
        after=read["after"],
        provenance=ProvenanceSpec(**read["provenance"]),
        tags=read["tags"],
        links=read["links"],
        priority=read["priority"],
        retention=read["retention"],
    )
