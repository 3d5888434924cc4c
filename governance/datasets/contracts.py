"""Data contracts: what is expected of a dataset, and what a failure keeps from happening. Pure.

A suite is a file of great-expectations' own form. Its `severity` says what a failed expectation
means: ``critical`` (the default, there and here) keeps sweeps from starting on the version,
``warning`` and ``info`` are told.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from sweeps.datasets import Look
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import OneOf, Text
from sweeps.sweep_files.reading import Reader, as_mapping, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml


class Severity(StrEnum):
    """What a failed expectation means."""

    CRITICAL = "critical"  #: no sweep may start on the version
    WARNING = "warning"
    INFO = "info"


class Admission(StrEnum):
    """Whether a sweep may start on a version."""

    ADMITTED = "admitted"
    UNCHECKED = "unchecked"  #: something could block, and nobody has looked since it was written
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """One thing that is expected."""

    type: str  #: great-expectations' name of it
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    severity: Severity = Severity.CRITICAL

    @property
    def is_blocking(self) -> bool:
        """Whether its failure keeps sweeps from starting."""
        return self.severity is Severity.CRITICAL

    def __str__(self) -> str:
        columns = [
            str(v) for k, v in self.kwargs.items() if k in {"column", "column_A", "column_B"}
        ]
        return f"{self.type}({', '.join(columns)})" if columns else self.type


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Everything that is expected of a dataset."""

    name: str
    digest: str  #: sha256 of its text, hexadecimal
    expectations: tuple[Expectation, ...]

    @property
    def is_blocking(self) -> bool:
        """Whether anything in it is."""
        return any(expectation.is_blocking for expectation in self.expectations)


def admission(suite: Suite | None, look: Look | None) -> Admission:
    """Whether a sweep may start on a version that `look` was the last one at."""
    must_look = suite is not None and suite.is_blocking
    if look is None:
        return Admission.UNCHECKED if must_look else Admission.ADMITTED
    if must_look and suite is not None and look.suite_digest != suite.digest:
        return Admission.UNCHECKED
    return Admission.FAILED if look.blocking else Admission.ADMITTED


@dataclass(frozen=True, slots=True)
class _Anything:
    """A mapping that is somebody else's business: great-expectations', or the author's."""

    def read(self, reader: Reader, path: Path, value: object) -> Mapping[str, object] | None:
        given = as_mapping(value)
        if given is None:
            reader.problem(path, f"{shown(value)} is no mapping", "write for example {column: age}")
        return given

    def schema(self) -> dict[str, Any]:
        return {"type": "object", "examples": [{"column": "age"}]}


_TEXT = Text("Ages are those of adults.")
_EXPECTATION = Section(
    doc="One expectation.",
    fields={
        "type": Field(
            kind=Text("expect_column_values_to_not_be_null", 200, "expect_[a-z0-9_]+"),
            doc="great-expectations' name of it.",
        ),
        "kwargs": Field(kind=_Anything(), doc="What it is given.", default={}),
        "severity": Field(
            kind=OneOf(tuple(Severity)), doc="What its failure means.", default="critical"
        ),
        "description": Field(kind=_TEXT, doc="For people.", default=None),
        "notes": Field(kind=_TEXT, doc="For people.", default=None),
        "meta": Field(kind=_Anything(), doc="Whatever else is to be kept.", default=None),
        "id": Field(kind=_TEXT, doc="great-expectations' own.", default=None),
    },
)
_SUITE = Section(
    doc="What is expected of a dataset.",
    fields={
        "name": Field(kind=Text("digits", 200, is_one_line=True), doc="Its name.", default=None),
        "expectations": Field(
            kind=Several(_EXPECTATION, [{"type": "expect_column_to_exist"}], most=1000),
            doc="What is expected.",
            example="[{type: expect_column_to_exist, kwargs: {column: label}}]",
        ),
        "notes": Field(kind=_TEXT, doc="For people.", default=None),
        "meta": Field(kind=_Anything(), doc="Whatever else is to be kept.", default=None),
        "id": Field(kind=_TEXT, doc="great-expectations' own.", default=None),
    },
)


def parse_suite(text: str, *, name: str, source: str) -> Suite:
    """The suite of a dataset from the text of its file, YAML or JSON.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="suite")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _SUITE.read(reader, (), document.value)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    return Suite(
        name=read["name"] or name,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        expectations=tuple(
            Expectation(
                type=expectation["type"],
                kwargs=expectation["kwargs"],
                severity=Severity(expectation["severity"]),
            )
            for expectation in read["expectations"]
        ),
    )
