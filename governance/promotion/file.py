"""The promotion policy as a file, and all that is wrong with one at once. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from governance.promotion.policy import PromotionPolicy, PromotionRule
from governance.promotion.sections.checks import checked
from governance.promotion.sections.rule import RULE
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Document, Path, check_storable
from sweeps.sweep_files.reading import Reader, as_mapping
from sweeps.sweep_files.sections import Field, Section, Several
from sweeps.sweep_files.yaml_documents import read_yaml


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule, looked at as a whole when it is read: what is wrong with one hides no other."""

    def read(self, reader: Reader, path: Path, value: object) -> PromotionRule | None:
        read = RULE.read(reader, path, value)
        return None if read is None else checked(reader, path, read, as_mapping(value) or {})

    def schema(self) -> dict[str, Any]:
        return RULE.schema()


_FILE = Section(
    doc="Which runs become models in production.",
    fields={
        "rules": Field(
            kind=Several(_Rule(), [{"experiment": "digits-*", "model": "digits"}], 1000),
            doc="The first one that fits a candidate counts.",
            default=[],
        ),
    },
)


def parse_promotion(text: str, *, source: str) -> PromotionPolicy:
    """The policy in a file: ``rules: [{experiment, model, artifact, evaluation, gates, …}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy promotion")
    check_storable(document, source=source)
    reader = Reader(document)
    read = _FILE.read(reader, (), {} if document.value is None else document.value)
    reader.raise_problems(source)
    assert read is not None  # or there was a problem
    return PromotionPolicy(rules=read["rules"])


def parse_rule(document: Mapping[str, object], *, source: str) -> PromotionRule:
    """One rule from what was kept of it: `PromotionRule.document`.

    Raises:
        InvalidSweepFile: A later version would not have it any more.
    """
    reader = Reader(Document(value=document))
    rule = _Rule().read(reader, (), document)
    reader.raise_problems(source)
    assert rule is not None  # or there was a problem
    return rule


PROMOTION: PolicyKind[PromotionPolicy] = PolicyKind(
    "promotion", "governance.policies", parse_promotion, least="rules: []"
)
