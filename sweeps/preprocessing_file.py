"""The file that says how a version of a dataset was made: steps in their order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import Text
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

Step = tuple[str, Mapping[str, Any]]  #: what was done, and with which options
_EXAMPLE = {"name": "normalise", "options": {"by": "mean"}}


@dataclass(frozen=True, slots=True)
class Options:
    """A mapping of whatever a step was given."""

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, object] | None:
        """The mapping as it is written."""
        given = as_mapping(value)
        if given is None:
            reader.problem(path, f"{shown(value)} is no mapping", "write for example {by: mean}")
        return given

    def schema(self) -> dict[str, Any]:
        """Its JSON Schema."""
        return {"type": "object", "examples": [{"by": "mean"}]}


_STEP = Section(
    doc="One step.",
    fields={
        "name": Field(kind=Text("normalise", 500, is_one_line=True), doc="What was done."),
        "options": Field(kind=Options(), doc="With which options.", default={}),
    },
)
_FILE = Section(
    doc="Steps, in their order.",
    fields={
        "steps": Field(
            kind=Several(_STEP, [_EXAMPLE]), doc="What was done.", example=f"[{_EXAMPLE}]"
        )
    },
)


def parse_steps(text: str, *, source: str) -> tuple[Step, ...]:
    """The steps of a file: ``steps: [{name, options}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="preprocessing file")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), document.value)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    return tuple((step["name"], step["options"]) for step in read["steps"])
