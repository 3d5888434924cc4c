"""The file of features, read and checked: `governance/policies/features.yaml`."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.features.catalogue import FLAGS, Feature
from governance.features.policy import FeaturePolicy, FeatureRule
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Path, check_storable
from sweeps.sweep_files.kinds import SLUG, Boolean, Text
from sweeps.sweep_files.reading import Reader, as_mapping, nearest, shown
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml

_EXAMPLE = "bohb: {on: false}"
_RULE = Section(
    doc="For whom a feature is on.",
    fields={
        "on": Field(
            kind=Boolean(),
            doc="On, or off, for those named below; else for everybody.",
            example="true",
        ),
        "tenants": Field(
            kind=Several(Text("vision", 63, SLUG), ["vision"], most=10_000),
            doc="Tenants that it is about; for others it is the other way round.",
            default=[],
        ),
        "experiments": Field(
            kind=Several(Text("digits-*", 200, is_one_line=True), ["digits-*"], most=10_000),
            doc="Patterns of experiments that it is about, likewise.",
            default=[],
        ),
    },
)


@dataclass(frozen=True, slots=True)
class _Rules:
    """Rules by the name of their feature."""

    def read(
        self, reader: Reader, path: Path, value: object
    ) -> dict[Feature, Mapping[str, Any]] | None:
        given = as_mapping(value)
        if given is None:
            reader.problem(path, f"{shown(value)} is no mapping", f"write for example {_EXAMPLE}")
            return None
        names, rules = [str(one) for one in Feature], dict[Feature, Mapping[str, Any]]()
        for name, item in given.items():
            if name not in names:
                message = f"there is no feature {shown(name)}"
                reader.leave_out((*path, name), message, nearest(name, names))
                continue
            rule = _RULE.read(reader, (*path, name), item)
            if rule is not None:
                rules[Feature(name)] = rule
        return rules

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "properties": {
                str(name): {**_RULE.schema(), "description": flag.says}
                for name, flag in FLAGS.items()
            },
            "additionalProperties": False,
        }


_FILE = Section(
    doc="Which features are on, and for whom.",
    fields={"features": Field(kind=_Rules(), doc="Rules by feature.", default={})},
)


def parse_features(text: str, *, source: str) -> FeaturePolicy:
    """The rules that a file says.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    return _read(text, source=source, is_applied=False)[0]


def reread_features(text: str, *, source: str) -> tuple[FeaturePolicy, tuple[str, ...]]:
    """The rules of a version that was applied, without features that there are no more.

    Raises:
        InvalidSweepFile: Something else of it cannot be read.
    """
    return _read(text, source=source, is_applied=True)


def _read(text: str, *, source: str, is_applied: bool) -> tuple[FeaturePolicy, tuple[str, ...]]:
    document = read_yaml(text, source=source, what="file of the policy features")
    check_storable(document, source=source)
    reader = Reader(document, is_applied=is_applied)
    read = _FILE.read(reader, (), {} if document.value is None else document.value)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    rules = {
        feature: FeatureRule(
            is_on=rule["on"], tenants=rule["tenants"], experiments=rule["experiments"]
        )
        for feature, rule in read["features"].items()
    }
    return FeaturePolicy(rules=rules), tuple(reader.left_out)


FEATURES: PolicyKind[FeaturePolicy] = PolicyKind(
    "features", "governance.policies", parse_features, least="features: {}", reread=reread_features
)
