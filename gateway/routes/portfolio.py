"""Pages of experiments and sweeps: all of them, and one with what is said about it."""

from fastapi import APIRouter
from fastapi.responses import Response

from gateway.authentication import GivenOwner, GivenSweep
from gateway.html import page
from gateway.said import said_about
from gateway.services import GivenServices
from gateway.spent import cost_words
from sweeps.comparison import ranking
from sweeps.states import RunState
from sweeps.tags import Subject, SubjectKind

_MOST_SWEEPS = 200
_MOST_TRIALS = 100

router = APIRouter(include_in_schema=False)


@router.get("/experiments")
def list_experiments(owner: GivenOwner, services: GivenServices) -> Response:
    """The portfolio: what is being asked, by whom, and how far it is."""
    rows = services.portfolio.experiments(tenant_id=owner.tenant_id)
    return page("experiments.html", owner=owner, experiments=rows)


@router.get("/experiments/{name:path}")
def show_experiment(name: str, owner: GivenOwner, services: GivenServices) -> Response:
    """One experiment with its sweeps."""
    experiment = services.portfolio.experiment(name, tenant_id=owner.tenant_id)
    sweeps = services.sweeps.list(tenant_id=owner.tenant_id, experiment=name, limit=_MOST_SWEEPS)
    subject = Subject(SubjectKind.EXPERIMENT, name)
    return page(
        "experiment.html",
        owner=owner,
        experiment=experiment,
        sweeps=sweeps,
        said=said_about(subject, owner.tenant_id, services),
    )


@router.get("/sweeps/{sweep}")
def show_sweep(sweep: GivenSweep, owner: GivenOwner, services: GivenServices) -> Response:
    """One sweep with its trials, the best first."""
    row = services.sweeps.row(sweep, tenant_id=owner.tenant_id)
    spec = services.sweeps.get(sweep, tenant_id=owner.tenant_id).spec
    trials = services.runs.trials(sweep, tenant_id=owner.tenant_id)
    ranked = ranking(
        trials,
        lambda trial: None if trial.state is RunState.FAILED else trial.objective,
        spec.objective.direction,
    )
    return page(
        "sweep.html",
        owner=owner,
        row=row,
        spec=spec,
        waits=services.waits.of(sweep),
        escalations=services.escalations.list(tenant=owner.tenant_id, subject=sweep),
        trials=ranked[:_MOST_TRIALS],
        n_trials=len(trials),
        parameters=list(spec.space.parameters),
        cost=cost_words(services, owner, sweep_id=sweep),
        said=said_about(Subject(SubjectKind.SWEEP, sweep), owner.tenant_id, services),
    )
