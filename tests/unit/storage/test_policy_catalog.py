"""Every kind of policy: what no file of any may be."""

import importlib.resources

import pytest

from storage.policy_catalog import KINDS
from sweeps.policies import InvalidPolicies, check_files
from sweeps.sweep_files.documents import MAX_VALUES

_FIRST_KEYS = {  # of a file that was cut off after it
    "budgets": "budgets:",
    "features": "features:",
    "naming": "default:",
    "orchestration": "ticks:",
    "prices": "gpu:",
    "promotion": "rules:",
    "quotas": "tenants:",
    "retention": "classes:",
}


def _messages(name: str, text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidPolicies) as caught:
        check_files({f"{name}.yaml": text}, kinds=KINDS)
    return caught.value.messages


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("text", ["", "\n", "# who may spend what\n", "---\n", "{}", "null"])
def test_a_file_that_says_nothing_is_refused(name: str, text: str) -> None:
    (message,) = _messages(name, text)

    assert f"it says nothing: applied, it would undo what {name} says now" in message
    assert f"`{KINDS[name].least}`" in message


@pytest.mark.parametrize(("name", "text"), _FIRST_KEYS.items())
def test_a_file_that_was_cut_off_after_its_first_key_is_refused(name: str, text: str) -> None:
    assert "it says nothing" in _messages(name, text)[0]


@pytest.mark.parametrize("name", KINDS)
def test_nothing_is_said_as_the_refusal_says(name: str) -> None:
    assert check_files({f"{name}.yaml": KINDS[name].least}, kinds=KINDS)


@pytest.mark.parametrize("name", KINDS)
def test_the_file_that_ships_can_be_applied(name: str) -> None:
    kind = KINDS[name]
    text = (importlib.resources.files(kind.package) / kind.file_name).read_text(encoding="utf-8")

    assert check_files({kind.file_name: text}, kinds=KINDS)


@pytest.mark.parametrize("name", ["budgets", "prices", "promotion", "quotas"])
def test_a_version_that_was_applied_when_it_could_be_still_holds(name: str) -> None:
    parse = KINDS[name].parse

    assert parse("# nothing\n", source=name) == parse("{}", source=name)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize(
    "text", ["[" + "x, " * (MAX_VALUES + 1) + "]", "[" * 50, "#" * 2**20 + "\n"]
)
def test_a_file_that_no_person_wrote_is_called_what_it_is(name: str, text: str) -> None:
    (message,) = _messages(name, text)

    assert f"a file of the policy {name} is a page or two" in message


_MISTAKES = {  # a file with every sort of mistake, and where each of them is
    "promotion": (
        """\
rules:
  - model: "no good"
    artifact: model.pt
    evaluation:
      command: [python, evaluate.py, "{modle}"]
      holdout: digits
      data: [words, words]
      seeds: [1, 1]
      source: here
      timeout: soon
    gates:
      thresholds:
        - {metric: m, at_least: 1, at_most: 2, confidence: 2}
        - {metric: n, at_most: high}
      serving: [{metric: k}]
      not_worse_than_production: [{metric: m, direction: up, confidence: 0.1}]
      training: {max_cost_usd: -1, max_gpu_hours: -2}
      reproducible: {rerun_within: 1}
      approvals: {count: 3, by: [ana]}
    deployment: {image: "registry.example/serve:latest"}
  - experiment: words
    model: words
    artifact: model.pt
    evaluation: {command: [e], holdout: words@1, data: [words@2], seeds: [1]}
    gates: {thresholds: [{metric: m, at_least: 1}]}
    deployment: {image: x, inference: {}}
  - nothing
  - {experiment: x, model: x, artifact: x, gates: {lineage: true}}
""",
        """\
rules[0].experiment rules[0].model rules[0].evaluation.command rules[0].evaluation.holdout
rules[0].evaluation.data[1] rules[0].evaluation.seeds rules[0].evaluation.source
rules[0].evaluation.timeout rules[0].gates.thresholds[0] rules[0].gates.thresholds[0].confidence
rules[0].gates.thresholds[1].at_most rules[0].gates.serving[0]
rules[0].gates.not_worse_than_production[0].direction
rules[0].gates.not_worse_than_production[0].confidence rules[0].gates.training.max_cost_usd
rules[0].gates.training.max_gpu_hours rules[0].gates.reproducible.rerun_within
rules[0].gates.approvals.count rules[0].deployment.image rules[0].deployment.inference
rules[1].evaluation.data[0] rules[1].evaluation.seeds rules[1].deployment.image
rules[2] rules[3].gates rules[3].evaluation rules[3].deployment""",
    ),
    "budgets": (
        """\
budgets:
  - {name: A, period: year, max_cost_usd: -1, warn_at: [80]}
  - {name: one, period: day, experiment: x}
  - {name: one, period: day, max_gpu_hours: -1, at_limit: warn, finish_running: false}
  - {name: two, period: day, max_cost_usd: 0.0001, finish_running: maybe, at_limit: kill}
""",
        """\
budgets[0].name budgets[0].period budgets[0].max_cost_usd budgets[0].warn_at[0] budgets[1]
budgets[1].experiment budgets[2].name budgets[2].max_gpu_hours budgets[2].finish_running
budgets[3].max_cost_usd budgets[3].finish_running budgets[3].at_limit""",
    ),
    "features": (
        """\
features:
  bohb: {on: perhaps}
  optuna: {tenants: [A], experiments: x}
  warp_drive: {on: true}
  graveyard_hints: on
flags: {}
""",
        """\
features.bohb.on features.optuna.on features.optuna.tenants[0] features.optuna.experiments
features.warp_drive features.graveyard_hints flags""",
    ),
    "naming": (
        """\
default:
  experiment: {pattern: "[", example: x}
  owner: {pattern: "[a-z]+", example: "1"}
  purpose: {min_length: -1}
  tags: [{name: a b}, {name: c d}, {name: team}, {name: team}]
  tiers: [{name: high, when: ">="}]
tenants: [{name: vision}, {name: vision, expected_outcome: 3}]
trackers: [{pattern: "V-[0-9]+", url: "ftp://x"}]
""",
        """\
default.experiment.pattern default.owner.example default.purpose.min_length default.tags[0].name
default.tags[1].name default.tags[3].name default.tiers[0].when tenants[1].name
tenants[1].expected_outcome trackers[0].url""",
    ),
    "orchestration": (
        "{dagster_runs: soon, ticks: -1, partitions: 9000d, at_most: 0, more: 1}",
        "dagster_runs ticks partitions at_most more",
    ),
    "prices": (
        """\
gpu:
  - {usd_per_gpu_hour: -1, type: "?", from: 2026-13-01}
  - {type: a100, usd_per_gpu_hour: 1}
  - {type: a100, usd_per_gpu_hour: 2, from: 2026-02-01, to: 2026-01-01}
  - {type: a100, usd_per_gpu_hour: 3}
storage:
  - {usd_per_gib_month: 1, from: "2026-01-01T12:00:00Z"}
disk: []
""",
        """\
gpu[0].usd_per_gpu_hour gpu[0].type gpu[0].from gpu[2].to gpu[3] storage[0].from disk""",
    ),
    "quotas": (
        """\
classes: {high: {value: x}, low: {value: 1, max_share: 2}}
default_class: none
capacity: {cpu: -1, gpu_types: {a100: 1, "NVIDIA A100": 2}}
reserved: {share: 2, classes: [nobody]}
usage: {half_life: 1s, influence: -1}
backfill: 3
tenants: {vision: {weight: 0, users: {ana: 0}, limits: {gpu: -1}}}
other_tenants: {wait: 1}
""",
        """\
classes.high.value classes.low.max_share default_class capacity.cpu capacity.gpu_types.NVIDIA_A100
reserved.share reserved.classes[0] usage.half_life usage.influence backfill tenants.vision.weight
tenants.vision.users.ana tenants.vision.limits.gpu other_tenants.wait""",
    ),
    "retention": (
        """\
apply: maybe
min_age: soon
default_class: none
classes:
  standard: {metrics: {raw: 1d, minutes: soon, hours: 1h}, logs_after: x}
  Short: {checkpoints: {best_of_trial: -1}}
assignments: [{experiment: x, class: nobody}]
budgets: [{tenant: vision, max_bytes: x}]
""",
        """\
apply min_age default_class classes.standard.metrics.raw classes.standard.metrics.minutes
classes.standard.metrics.hours classes.standard.logs_after classes.Short
classes.Short.checkpoints.best_of_trial assignments[0].class budgets[0].max_bytes""",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_everything_that_is_wrong_with_a_file_is_told_at_once(name: str) -> None:
    text, places = _MISTAKES[name]

    with pytest.raises(InvalidPolicies) as caught:
        check_files({f"{name}.yaml": text}, kinds=KINDS)

    found = sorted(problem.path.replace(" ", "_") for problem in caught.value.problems)
    assert found == sorted(places.split())
