"""What is wrong with a rule that no section sees alone. Pure."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from governance.promotion.evaluations import Subjects, evaluation_sweep
from governance.promotion.policy import PromotionRule
from governance.promotion.sections.evaluation import EVALUATION
from governance.promotion.sections.reading import plan_of, rule_of
from governance.promotion.sections.rule import RULE
from sweeps.datasets import DatasetReference
from sweeps.errors import InvalidSweepFile
from sweeps.specs import as_document
from sweeps.sweep_files import parse_document
from sweeps.sweep_files.documents import Document, Path
from sweeps.sweep_files.reading import Reader

_ASKED = ("thresholds", "not_worse_than_production", "serving")  # gates that ask for a metric
# In place of what is wrong, so that the rest of it can be looked at together.
_GOOD: Mapping[str, Any] = {
    "experiment": "any",
    "model": "any",
    "artifact": "any",
    "evaluation": {"command": ["evaluate"], "holdout": "holdout@1"},
    "gates": {"thresholds": [{"metric": "any", "at_least": 0}]},
    "deployment": {"image": f"any@sha256:{'0' * 64}", "inference": {}},
}


def checked(
    reader: Reader, path: Path, read: Mapping[str, Any], written: Mapping[str, object]
) -> PromotionRule | None:
    """A rule, after what sections alone cannot see; what is wrong already keeps nothing from it."""
    evaluation: Mapping[str, Any] | None = read["evaluation"]
    gates: Mapping[str, Any] | None = read["gates"]
    if gates is not None:
        _check_metrics(reader, (*path, "gates"), gates)
    if evaluation is not None:
        _check_holdout(reader, (*path, "evaluation"), evaluation)
        _check_sweep(reader, (*path, "evaluation"), evaluation)
    return None if reader.is_noted_within(path) else rule_of(read, written)


def _check_metrics(reader: Reader, path: Path, gates: Mapping[str, Any]) -> None:
    if any(gates[key] or reader.is_noted_within((*path, key)) for key in _ASKED):
        return
    hint = "add for example thresholds: [{metric: accuracy, at_least: 0.95}]"
    reader.problem(path, "no metric is asked for: an evaluation would prove nothing", hint)


def _check_holdout(reader: Reader, path: Path, evaluation: Mapping[str, Any]) -> None:
    """Whether it measures on the holdout alone."""
    holdout: DatasetReference | None = evaluation["holdout"]
    if holdout is None:
        return
    for index, given in enumerate(evaluation["data"] or ()):
        if DatasetReference.parse(given).name == holdout.name and given != str(holdout):
            message = f"{given} is the holdout in another version than {holdout}"
            hint = "leave it out: the holdout is among the data by itself"
            reader.problem((*path, "data", index), message, hint)


def _check_sweep(reader: Reader, path: Path, evaluation: Mapping[str, Any]) -> None:
    """Whether the sweep that will measure candidates is a good one: its command, its data."""
    good = RULE.read(Reader(Document(value=_GOOD)), (), _GOOD)
    assert good is not None
    plan = plan_of(
        {
            key: good["evaluation"][key] if reader.is_noted_within((*path, key)) else value
            for key, value in evaluation.items()
        }
    )
    spec = evaluation_sweep(
        dataclasses.replace(rule_of(good, _GOOD), evaluation=plan),
        tenant="default",
        experiment="any",
        owner="any",
        subjects=Subjects(candidate="candidate/file", production="production/file"),
        image=None,
    )
    try:
        parse_document(as_document(spec), source="evaluation")
    except InvalidSweepFile as exc:
        for problem in exc.problems:
            at = problem.path.removeprefix("trial.").partition("[")[0].partition(".")[0]
            if at in EVALUATION.fields and not reader.is_noted_within((*path, at)):
                reader.problem((*path, at), problem.message, problem.hint)
