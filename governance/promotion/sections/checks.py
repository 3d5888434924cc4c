"""What is wrong with a rule that no section sees alone. Pure."""

from collections.abc import Mapping
from typing import Any

from governance.promotion.evaluations import Subjects, evaluation_sweep
from governance.promotion.policy import PromotionRule, Statistic
from governance.promotion.sections.reading import rule_of
from sweeps.datasets import DatasetReference
from sweeps.errors import InvalidSweepFile
from sweeps.specs import as_document
from sweeps.sweep_files import parse_document
from sweeps.sweep_files.documents import Path
from sweeps.sweep_files.reading import Reader, shown


def checked(
    reader: Reader, path: Path, read: Mapping[str, Any], written: Mapping[str, object]
) -> PromotionRule | None:
    """A rule, after what sections alone cannot see."""
    if reader.is_noted_within(path):
        return None
    evaluation, gates = read["evaluation"], read["gates"]
    seeds = evaluation["seeds"]
    at: Path = (*path, "evaluation", "seeds")
    if not seeds or len(set(seeds)) != len(seeds):
        reader.problem(at, f"{shown(list(seeds))} are not seeds, each once", "write [1, 2, 3]")
    _check_whereabouts(reader, (*path, "evaluation"), evaluation)
    for key in ("thresholds", "serving"):
        for index, bound in enumerate(gates[key]):
            _check_bound(reader, (*path, "gates", key, index), bound, n_seeds=len(seeds))
    for index, compared in enumerate(gates["not_worse_than_production"]):
        _check_statistic(
            reader,
            (*path, "gates", "not_worse_than_production", index),
            compared,
            n_seeds=len(seeds),
        )
    if not (gates["thresholds"] or gates["not_worse_than_production"] or gates["serving"]):
        message = "no metric is asked for: an evaluation would prove nothing"
        hint = "add for example thresholds: [{metric: accuracy, at_least: 0.95}]"
        reader.problem((*path, "gates"), message, hint)
    approvals = gates["approvals"]
    if approvals and approvals["by"] and approvals["count"] > len(set(approvals["by"])):
        message = f"{approvals['count']} approvals are more than the people who may give one"
        reader.problem((*path, "gates", "approvals", "count"), message, "name more people in by")
    training: Mapping[str, float | None] = gates["training"] or {}
    for key in ("max_cost_usd", "max_gpu_hours"):
        most = training.get(key)
        if most is not None and most < 0:
            reader.problem(
                (*path, "gates", "training", key), f"{most} is below nothing", "write 0 or more"
            )
    reproducible: Mapping[str, float | None] = gates["reproducible"] or {}
    within = reproducible.get("rerun_within")
    if within is not None and not 0 <= within < 1:
        reader.problem(
            (*path, "gates", "reproducible", "rerun_within"),
            f"{within} is no share", "write a number from 0 to 1, such as 0.01",
        )  # fmt: skip
    if reader.is_noted_within(path):
        return None
    rule = rule_of(read, written)
    _check_sweep(reader, path, rule)
    return rule


def _check_whereabouts(reader: Reader, path: Path, evaluation: Mapping[str, Any]) -> None:
    """Whether it measures on the holdout alone, with code from one place."""
    holdout: DatasetReference = evaluation["holdout"]
    for index, given in enumerate(evaluation["data"]):
        if DatasetReference.parse(given).name == holdout.name and given != str(holdout):
            message = f"{given} is the holdout in another version than {holdout}"
            hint = "leave it out: the holdout is among the data by itself"
            reader.problem((*path, "data", index), message, hint)
    source = evaluation["source"]
    if source is not None and not source.startswith("/"):
        message = f"{shown(source)} is another folder wherever it is read"
        reader.problem((*path, "source"), message, "write an absolute path")


def _check_sweep(reader: Reader, path: Path, rule: PromotionRule) -> None:
    """Whether the sweep that will measure candidates is a good one: its command, its data."""
    spec = evaluation_sweep(
        rule,
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
            reader.problem((*path, "evaluation", at), problem.message, problem.hint)


def _check_bound(reader: Reader, path: Path, bound: Mapping[str, Any], *, n_seeds: int) -> None:
    if (bound["at_least"] is None) == (bound["at_most"] is None):
        message = f"{bound['metric']!r} needs one bound"
        reader.problem(path, message, "write at_least: or at_most:, and not both")
    _check_statistic(reader, path, bound, n_seeds=n_seeds)


def _check_statistic(reader: Reader, path: Path, read: Mapping[str, Any], *, n_seeds: int) -> None:
    if not 0.5 <= read["confidence"] < 1:
        message = f"{read['confidence']} is no confidence"
        reader.problem((*path, "confidence"), message, "write a number from 0.5 to 1, such as 0.95")
    if read["on"] == Statistic.CONFIDENCE and n_seeds < 2:
        reader.problem((*path, "on"), "one seed has no confidence", "give evaluation.seeds two")
