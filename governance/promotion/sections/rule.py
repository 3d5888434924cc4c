"""A rule of the policy. Pure."""

from governance.promotion.sections.evaluation import EVALUATION
from governance.promotion.sections.gates import GATES
from governance.promotion.sections.kinds import Anything
from governance.promotion.sections.names import ALIAS, ALIAS_EXAMPLE, MODEL_EXAMPLE, MODEL_NAME
from sweeps.sweep_files.kinds import Text
from sweeps.sweep_files.sections import Field, Section

_PATTERN = Text("digits-*", 200, is_one_line=True)
_INFERENCE = "{batch_size: 32, dtype: float16}"
_ROLLOUT = "{strategy: canary, steps: [5, 25, 100], flag: new-digits}"
_DEPLOYMENT = Section(
    doc="What it takes to serve the model; it is written down with each version.",
    fields={
        "image": Field(
            kind=Text(
                "registry.example.org/team/serve@sha256:" + "0" * 64, 500,
                pattern=r"[a-z0-9][a-zA-Z0-9._:/-]*@sha256:[0-9a-f]{64}",
            ),
            doc="Container image that serves it, with its digest: a tag means another one tomorrow.",
        ),
        "inference": Field(
            kind=Anything(_INFERENCE), doc="How it is served: whatever the serving side reads.",
            example=_INFERENCE,
        ),
        "rollout": Field(
            kind=Anything(_ROLLOUT),
            doc="Hints for who brings it out: steps, a feature flag, what it is tested against.",
            default={},
        ),
    },
)  # fmt: skip
RULE = Section(
    doc="What is asked of the candidates of some experiments.",
    fields={
        "tenant": Field(kind=_PATTERN, doc="Whose; * is anybody's.", default="*"),
        "experiment": Field(kind=_PATTERN, doc="Of which experiments; * and ? stand for others."),
        "model": Field(
            kind=Text(MODEL_EXAMPLE, 100, pattern=MODEL_NAME), doc="Name that its versions get."
        ),
        "artifact": Field(
            kind=Text("model.pt", 256, is_one_line=True), doc="The candidate's artifact that is it."
        ),
        "alias": Field(
            kind=Text(ALIAS_EXAMPLE, 40, pattern=ALIAS),
            doc="What moves to a version that has passed.",
            default="production",
        ),
        "evaluation": Field(
            kind=EVALUATION,
            doc=EVALUATION.doc,
            example="{command: [python, evaluate.py], holdout: digits-holdout@1}",
        ),
        "gates": Field(
            kind=GATES,
            doc=GATES.doc,
            example="{thresholds: [{metric: accuracy, at_least: 0.95}]}",
        ),
        "deployment": Field(
            kind=_DEPLOYMENT,
            doc=_DEPLOYMENT.doc,
            example="{image: 'registry.example/serve@sha256:…', inference: {batch_size: 32}}",
        ),
    },
)
