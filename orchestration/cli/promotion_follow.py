"""Following an evaluation until nothing happens any more without a person."""

import time
from collections.abc import Callable
from typing import Any, Never, TypeVar

import click

from governance.promotion.evaluations import Evaluation, EvaluationRecord, EvaluationState
from orchestration.cli.output import print_json
from orchestration.cli.promotion_lines import EXIT_CODES, document, explain_lines
from orchestration.platform import Platform
from sweeps.errors import StorageUnavailable

_Command = TypeVar("_Command", bound=Callable[..., Any])
_LOOK_SECONDS = 0.5
_CONTROLLER_SECONDS = 2.0  # between looks whether its Dagster run is alive

detach_option = click.option(
    "--detach", is_flag=True, help="Ask for it and return; the daemon does the rest."
)


def timeout_option(default: float | None = None) -> Callable[[_Command], _Command]:
    """How long is followed; without a default, until it is at rest."""
    return click.option("--timeout", type=click.FloatRange(min=1), metavar="SECONDS",
                        default=default, show_default=default is not None,
                        help="Return after that long, with 8 when it still goes on.")  # fmt: skip


def follow_evaluation(
    platform: Platform, evaluation_id: str, *, quiet: bool, within_seconds: float | None = None
) -> EvaluationRecord:
    """Keep it going until it is at rest, or until the time is over."""
    from orchestration.promotion.controllers import EvaluationControllers

    controllers = EvaluationControllers(platform, evaluation_id)
    began, looked_after, last = time.monotonic(), 0.0, ""
    while True:
        # First: whoever takes it between both looks is seen by the second one.
        is_due = bool(platform.evaluations.due(evaluation_id=evaluation_id))
        found = platform.evaluations.get(evaluation_id)
        if not quiet and (text := _progress(platform, found)) != last:
            click.echo(f"{evaluation_id}: {text}", err=True)
            last = text
        is_late = within_seconds is not None and time.monotonic() - began > within_seconds
        if is_late or (found.is_at_rest and not is_due):
            return platform.evaluations.record(evaluation_id)
        if time.monotonic() - looked_after > _CONTROLLER_SECONDS:
            looked_after = time.monotonic()
            try:
                said = controllers.look_after()
            except StorageUnavailable:
                continue  # the next look at the row waits for it
            if said and not quiet:
                click.echo(said, err=True)
        time.sleep(_LOOK_SECONDS)


def _progress(platform: Platform, found: Evaluation) -> str:
    if found.state is EvaluationState.REQUESTED and found.dagster_run_id is None:
        return "requested"
    if found.sweep_id is None or found.state is not EvaluationState.RUNNING:
        return str(found.state)
    row = platform.catalog.row(found.sweep_id)
    return f"{found.state}, {row.completed + row.failed} of {row.max_trials} runs of {row.sweep_id}"


def tell_asked(evaluation: Evaluation, *, as_json: bool, said: str = "") -> None:
    """What was asked for, when nobody waits for what becomes of it."""
    if as_json:
        print_json({"evaluation": evaluation})
    else:
        click.echo(f"{evaluation.evaluation_id} {said or evaluation.state}")


def tell(record: EvaluationRecord, *, as_json: bool) -> Never:
    """What became of it, and exit with the code that says so."""
    if as_json:
        print_json(document(record))
    else:
        for line in explain_lines(record):
            click.echo(line)
    raise click.exceptions.Exit(EXIT_CODES[record.evaluation.state])
