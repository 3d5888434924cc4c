"""What a trial's process is given: its command line and its environment. See docs/wire.md."""

import json
import re
from collections.abc import Collection, Mapping, Sequence

from sweeps.datasets import PinnedDataset, variable_of
from sweeps.ids import AttemptId, SweepId
from sweeps.spaces import Configuration
from sweeps.specs import MetricsSpec, SweepSpec
from sweeps.trials import LaunchRequest, Trial

_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_.-]*)\}")


def launch_request(
    *,
    sweep_id: SweepId,
    spec: SweepSpec,
    source_dir: str,
    trial: Trial,
    attempt_id: AttemptId,
    rungs: tuple[int, ...],
    credentials: Mapping[str, str],
    max_resource: int | None = None,
    datasets: Sequence[PinnedDataset] = (),
) -> LaunchRequest:
    """Everything a launcher needs for one attempt of `trial`."""
    known = {
        **{name: _text(value) for name, value in trial.configuration.items()},
        "seed": str(trial.seed),
        "trial": str(trial.number),
        "run": trial.run_id,
    }
    return LaunchRequest(
        attempt_id=attempt_id,
        run_id=trial.run_id,
        sweep_id=sweep_id,
        command=filled_in(
            spec.trial.command, known, absent=set(spec.space.parameters) - set(known)
        ),
        environment={
            **spec.trial.environment,
            **parameter_variables(trial.configuration),
            **credentials,
            "SWEEPWORKS_RUN_ID": trial.run_id,
            "SWEEPWORKS_ATTEMPT_ID": attempt_id,
            "SWEEPWORKS_SWEEP_ID": sweep_id,
            "SWEEPWORKS_EXPERIMENT": spec.experiment,
            "SWEEPWORKS_TRIAL_NUMBER": str(trial.number),
            "SWEEPWORKS_SEED": str(trial.seed),
            "SWEEPWORKS_PARAMS": json.dumps(dict(trial.configuration)),
            "SWEEPWORKS_OBJECTIVE": spec.objective.metric,
            "SWEEPWORKS_RUNGS": ",".join(str(rung) for rung in rungs),
            **({"SWEEPWORKS_MAX_RESOURCE": str(max_resource)} if max_resource else {}),
            **({"SWEEPWORKS_REQUIRE_CLEAN": "1"} if spec.provenance.require_clean else {}),
            **_metrics(spec.trial.metrics),
            **data_variables(datasets),
        },
        resources=spec.trial.resources,
        source_dir=source_dir,
        tenant_id=spec.tenant,
        experiment=spec.experiment,
        image=spec.trial.image or "",
        pods=spec.trial.pods,
        timeout=spec.limits.trial_timeout,
        datasets=tuple(dataset.name for dataset in datasets),
    )


def _metrics(metrics: MetricsSpec | None) -> dict[str, str]:
    return {} if metrics is None else {"SWEEPWORKS_METRICS": json.dumps(metrics.as_document())}


def data_variables(datasets: Sequence[PinnedDataset]) -> dict[str, str]:
    """``SWEEPWORKS_DATA_<NAME>`` for every dataset, and all of them in ``SWEEPWORKS_DATASETS``."""
    if not datasets:
        return {}
    places = {variable_of(dataset.name): dataset.location for dataset in datasets}
    return {**places, "SWEEPWORKS_DATASETS": " ".join(str(dataset) for dataset in datasets)}


def filled_in(
    words: Sequence[str], known: Mapping[str, str], *, absent: Collection[str]
) -> tuple[str, ...]:
    """The words of a command with ``{name}`` replaced, without those about `absent` parameters.

    A word that names an absent parameter is left out. If it is nothing but that name, the option
    before it, which would wait for a value, is left out too: ``--momentum {momentum}``.
    """
    filled: list[str] = []
    for index, word in enumerate(words):
        if any(match[1] in absent for match in _PLACEHOLDER.finditer(word)):
            before = words[index - 1] if index > 1 else ""
            is_alone = _PLACEHOLDER.fullmatch(word) is not None
            if is_alone and before.startswith("-") and not set(before) & set("={"):
                filled.pop()
        else:
            filled.append(substitute(word, known))
    return tuple(filled)


def substitute(text: str, known: Mapping[str, str]) -> str:
    """`text` with ``{name}`` replaced; ``{{`` and ``}}`` are braces, unknown names stay."""

    def replacement(match: re.Match[str]) -> str:
        if match[0] in {"{{", "}}"}:
            return match[0][0]
        return known.get(match[1], match[0])

    return _PLACEHOLDER.sub(replacement, text)


def parameter_variables(configuration: Configuration) -> dict[str, str]:
    """``SWEEPWORKS_PARAM_<NAME>`` for every parameter."""
    return {
        f"SWEEPWORKS_PARAM_{re.sub(r'[^A-Z0-9]', '_', name.upper())}": _text(value)
        for name, value in configuration.items()
    }


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)  # repr of a float, so that nothing is lost
