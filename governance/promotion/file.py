"""The promotion policy as a file, and all that is wrong with one at once. Pure."""

from collections.abc import Mapping

from governance.promotion.policy import PromotionPolicy, PromotionRule
from governance.promotion.sections.checks import checked
from governance.promotion.sections.rule import FILE, RULE
from sweeps.policies import PolicyKind
from sweeps.sweep_files.documents import Document, check_storable
from sweeps.sweep_files.reading import Reader, as_list, as_mapping
from sweeps.sweep_files.yaml_documents import read_yaml


def parse_promotion(text: str, *, source: str) -> PromotionPolicy:
    """The policy in a file: ``rules: [{experiment, model, artifact, evaluation, gates, …}, …]``.

    Raises:
        InvalidSweepFile: Everything that is wrong, each with its line.
    """
    document = read_yaml(text, source=source, what="file of the policy promotion")
    if document.value is None:  # a file of comments
        return PromotionPolicy()
    check_storable(document, source=source)
    reader = Reader(document)
    file = FILE.read(reader, (), document.value) or {}
    written = as_list((as_mapping(document.value) or {}).get("rules")) or []
    read = file.get("rules") or ()
    rules = [
        checked(reader, ("rules", index), rule, as_mapping(entry) or {})
        for index, (rule, entry) in enumerate(zip(read, written, strict=False))
    ]
    reader.raise_problems(source)
    return PromotionPolicy(rules=tuple(rule for rule in rules if rule is not None))


def parse_rule(document: Mapping[str, object], *, source: str) -> PromotionRule:
    """One rule from what was kept of it: `PromotionRule.document`.

    Raises:
        InvalidSweepFile: A later version would not have it any more.
    """
    reader = Reader(Document(value=document))
    read = RULE.read(reader, (), document)
    rule = None if read is None else checked(reader, (), read, document)
    reader.raise_problems(source)
    assert rule is not None  # or there was a problem
    return rule


PROMOTION: PolicyKind[PromotionPolicy] = PolicyKind(
    "promotion", "governance.policies", parse_promotion, least="rules: []"
)
