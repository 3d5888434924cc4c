"""What the platform has flags for: a closed list, each entry with one gate in the code. Pure.

Whoever adds a flag adds a member here, its line in `FLAGS`, and one gate that asks for it; whoever
removes it removes all three. Files that were applied before and name it are read without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Feature(StrEnum):
    """What can be switched on and off, by its name in the file."""

    BOHB = "bohb"
    EVALUATION_BY_TAG = "evaluation_by_tag"
    GRAVEYARD_HINTS = "graveyard_hints"
    LAUNCHPAD_RERUNS = "launchpad_reruns"
    OPTUNA = "optuna"
    POD_OVERRIDES = "pod_overrides"
    SUGGESTIONS_AHEAD = "suggestions_ahead"


class Stage(StrEnum):
    """How much can be relied on."""

    EXPERIMENTAL = "experimental"  #: may change, or go
    STABLE = "stable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What there is to know of a feature before one switches it."""

    stage: Stage
    is_on: bool  #: where the policy says nothing of it
    says: str  #: what it is, in a sentence
    instead: str  #: the nearest that can be done without it


FLAGS: Mapping[Feature, Flag] = {
    Feature.BOHB: Flag(
        stage=Stage.EXPERIMENTAL,
        is_on=True,
        says="The strategy `bohb`: Hyperband whose configurations Bayesian search proposes.",
        instead="write `hyperband`, with the searcher `random`",
    ),
    Feature.EVALUATION_BY_TAG: Flag(
        stage=Stage.STABLE,
        is_on=True,
        says="The tag `production_candidate` starts the evaluation of a run.",
        instead="ask for it with `sweepworks promote`",
    ),
    Feature.GRAVEYARD_HINTS: Flag(
        stage=Stage.EXPERIMENTAL,
        is_on=True,
        says="Whoever submits a sweep is told which earlier ones it resembles.",
        instead="look for them with `sweepworks graveyard search`",
    ),
    Feature.LAUNCHPAD_RERUNS: Flag(
        stage=Stage.EXPERIMENTAL,
        is_on=True,
        says="A run is made again from Dagster's launchpad, by the job `rerun_run`.",
        instead="make it again with `sweepworks rerun`",
    ),
    Feature.OPTUNA: Flag(
        stage=Stage.STABLE,
        is_on=True,
        says="The searcher `optuna`, with the samplers of that library.",
        instead="write `bayes`, or `random`",
    ),
    Feature.POD_OVERRIDES: Flag(
        stage=Stage.STABLE,
        is_on=True,
        says="Sections of `trial.kubernetes` that are laid over the manifest, such as `pod_spec_config`.",
        instead="use the keys of trial.kubernetes that say what they are for, such as `node_selector`",
    ),
    Feature.SUGGESTIONS_AHEAD: Flag(
        stage=Stage.STABLE,
        is_on=True,
        says="Suggestions of `bayes` and `optuna` are made ahead of demand, in the background.",
        instead="slots wait for each suggestion",
    ),
}
