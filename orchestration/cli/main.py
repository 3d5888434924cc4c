"""The `sweepworks` command."""

import sys

import click

from orchestration.cli.lazy_group import LazyGroup
from sweeps.errors import SweepsError

_COMMANDS = {
    "init": "Write a sweep file and a training script to start from.",
    "validate": "Check a sweep file: every problem, with its line and what to write instead.",
    "simulate": "Compare strategies on known learning curves, before anything is trained.",
    "schema": "Print the JSON Schema of sweep files, for your editor.",
    "run": "Submit a sweep and follow it to its end.",
    "submit": "Submit a sweep and return; the daemon of `sweepworks up` starts it.",
    "attach": "Follow a sweep, and start its controller again if it was lost.",
    "list": "Sweeps, newest first; or runs, by what they are.",
    "show": "One sweep, or one trial: state, best, leaderboard, what went wrong.",
    "best": "The best trials of a sweep and their configurations.",
    "report": "What a period or a sweep cost, what was wasted, what the best costs.",
    "compare": "Runs side by side: parameters, results, curves.",
    "tag": "Give runs, sweeps and experiments tags, or take them away.",
    "note": "Note something about a run, a sweep or an experiment.",
    "link": "Link a run, a sweep or an experiment with tasks and addresses.",
    "graveyard": "What sweeps that have ended have shown: read, search, confirm.",
    "queue": "Trials that wait to be admitted: why, in which place, until when.",
    "quotas": "Limits of tenants, what is used of them, shares; what limits keep from starting.",
    "provenance": "What a run was made of: code, packages, machine, seeds.",
    "artifacts": "Files of runs: list, fetch, store and verify them.",
    "lineage": "What something came out of, and what came out of it.",
    "check": "Whether runs, their files and their lineage are what they have to be.",
    "cluster": "The cluster that trials run in, and what is left there.",
    "tenants": "Who there is: contacts, needs, limits; and their namespaces and rights in the cluster.",
    "cost": "What was spent: by tenant, experiment, sweep, user, GPU, model or day; of one sweep or run.",
    "policy": "Policies: compare files with what holds, apply them, see what held when.",
    "retention": "What is to go, why, and when; and what nobody may touch.",
    "reproducibility": "Which share of runs can be made again, and what is missing of the rest.",
    "data": "Datasets: register versions, look at them, check them, compare them.",
    "rerun": "Make a run again, from the code, packages and data that it had.",
    "reproduce": "Whether reruns of a run came to the same metrics, and why not.",
    "promote": "Evaluate a run, and make it a model in production if it passes every gate.",
    "promotion": "Candidates for production: what became of them, why, and approvals.",
    "models": "Versions of models, what their aliases mean, rollback, and their files.",
    "logs": "What a trial printed.",
    "pause": "Let live trials end, start no new ones.",
    "resume": "Go on with a paused sweep.",
    "cancel": "End a sweep and its trials.",
    "export": "All trials of a sweep as CSV.",
    "sync": "Send what scripts without a gateway have left on disk.",
    "up": "Dagster UI, daemon and gateway, until Ctrl-C.",
    "down": "Stop everything that runs for this home.",
    "gateway": "Serve the gateway alone, for a database of your own.",
    "webserver": "Serve Dagster's UI behind API tokens, for databases of your own.",
    "token": "API tokens: make, list, revoke.",
    "budget": "What is spent, reserved and left of budgets, and when they run out.",
    "migrate": "Bring databases of your own to the schema of this version.",
    "doctor": "Versions, what is reachable, what is wrong and how to mend it.",
}


@click.group(
    cls=LazyGroup,
    sentences=_COMMANDS,
    module="orchestration.cli.{}_command",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start here:  sweepworks init demo && sweepworks run demo/sweep.yaml",
)
@click.version_option(package_name="sweepworks-platform", prog_name="sweepworks")
def cli() -> None:
    """Hyperparameter sweeps on your own machines.

    Everything is kept in the folder .sweepworks (or SWEEPWORKS_HOME); the first command that needs
    a database starts one there. Exit codes: 0 good, 1 it failed, 2 wrong usage.
    """


def main() -> None:
    """Entry point: errors of ours are one sentence, never a traceback."""
    try:
        # Without standalone mode click returns the code of `Exit` instead of raising it.
        code = cli.main(standalone_mode=False)
    except click.ClickException as exc:
        exc.show()
        sys.exit(exc.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        sys.exit(1)
    except SweepsError as exc:
        click.echo(f"error: {exc}", err=True)
        sys.exit(1)
    except UnicodeEncodeError as exc:  # a name in the terminal's own bytes
        click.echo(f"error: {exc.object!r} is no text that anything here could be called", err=True)
        sys.exit(1)
    except BrokenPipeError:  # `sweepworks list | head`
        sys.stderr.close()
        code = 0
    except OSError as exc:  # a file that a person named
        click.echo(f"error: {exc.strerror or exc}: {exc.filename or ''}".rstrip(": "), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)
