"""What a trial's process is given: its command line and its environment. See docs/wire.md."""

import json
import re
from collections.abc import Mapping

from sweeps.ids import AttemptId, SweepId
from sweeps.spaces import Configuration
from sweeps.specs import SweepSpec
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
        command=tuple(substitute(part, known) for part in spec.trial.command),
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
        },
        resources=spec.trial.resources,
        source_dir=source_dir,
        timeout=spec.limits.trial_timeout,
    )


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
