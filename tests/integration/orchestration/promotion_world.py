"""A candidate, a holdout, a policy, and evaluations whose runs are rows: no process is started."""

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from governance.promotion.evaluations import Evaluation, EvaluationRecord
from governance.promotion.file import PROMOTION, parse_promotion
from governance.promotion.policy import PromotionPolicy
from orchestration.promotion.evaluations import PlatformEvaluations
from storage.annotations.tags import TagStore
from storage.artifacts.catalog import ArtifactCatalog
from storage.artifacts.folder import ArtifactFolder
from storage.database import Pool, transaction
from storage.datasets.catalog import DatasetCatalog
from storage.datasets.suite_folder import SuiteFolder
from storage.lineage.graph import LineageStore
from storage.lineage.reproductions import Reproductions
from storage.policy_store import PolicyStore
from storage.promotion.candidate_facts import CandidateFacts
from storage.promotion.evaluations import EvaluationStore
from storage.promotion.registry import RegistryStore
from storage.runs.catalog import RunCatalog
from storage.runs.reruns import RerunStore
from storage.sweeps.catalog import SweepCatalog
from storage.sweeps.waits import SweepWaits
from sweeps.ids import RunId, SweepId
from sweeps.policies import AppliedPolicy
from sweeps.tags import PRODUCTION_CANDIDATE, Subject, SubjectKind, Tag
from tests.factories import a_spec
from tests.integration.storage.lineage_world import CODE, TENANT, LineageWorld
from tests.unit.governance.promotion.worlds import RULE, THRESHOLD

SEEDS = (1, 2, 3)


class PromotionWorld(LineageWorld):
    """The stores of a platform, and what people and launchers do to them."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        super().__init__(pool, ArtifactFolder(folder))
        self.policy = a_policy()
        self.evaluations = EvaluationStore(pool)
        self.registry = RegistryStore(pool)
        self.tags = TagStore(pool)
        self.catalog = SweepCatalog(pool)
        self.dataset("train", 1)
        self.dataset("holdout", 1)
        datasets = DatasetCatalog(pool)
        others = PolicyStore(pool)
        pinning = SimpleNamespace(pin=self._pin)
        platform: Any = SimpleNamespace(
            evaluations=self.evaluations,
            registry=self.registry,
            candidates=CandidateFacts(pool),
            policies=SimpleNamespace(
                current=lambda kind: self._applied() if kind is PROMOTION else others.current(kind)
            ),
            waits=SweepWaits(pool),
            is_admitted_by_kueue=lambda _: False,
            budget_gate=SimpleNamespace(check=lambda *_: None),
            datasets=datasets,
            data_gate=pinning,
            artifacts=ArtifactCatalog(pool),
            artifact_store=self.store,
            lineage=LineageStore(pool),
            reruns=RerunStore(pool),
            runs=RunCatalog(pool),
            reproductions=Reproductions(pool),
            suites=SuiteFolder(None),
            catalog=self.catalog,
            settings=SimpleNamespace(cluster=None),
            services=SimpleNamespace(gateway_url="http://127.0.0.1:1"),
        )
        self._datasets = datasets
        self.steps = PlatformEvaluations(platform)

    def dataset(
        self, name: str = "digits", number: int = 1, *, parents: tuple[tuple[str, int], ...] = ()
    ) -> None:
        """A version of a dataset that is somewhere, unless it is there."""
        super().dataset(name, number, parents=parents)
        self.rows("ALTER TABLE dataset_versions DISABLE TRIGGER dataset_versions_immutable")
        self.rows(
            'UPDATE dataset_versions SET manifest = \'{"files": [], "source": null}\','
            ' statistics = \'{"columns": [], "sample_limit": 0, "seed": 0, "notes": []}\' WHERE manifest = \'{}\''
        )
        self.rows(
            "INSERT INTO dataset_locations (dataset_id, number, location) SELECT dataset_id, %s,"
            " '/data' FROM datasets WHERE tenant_id = %s AND name = %s"
            " AND NOT EXISTS (SELECT FROM dataset_locations AS known"
            " WHERE known.dataset_id = datasets.dataset_id AND known.number = %s)",
            number, self.tenant, name, number,
        )  # fmt: skip

    def _applied(self) -> AppliedPolicy[PromotionPolicy]:
        return AppliedPolicy(value=self.policy, text="", version=3)

    def _pin(self, data: Any, *, tenant_id: Any) -> Any:
        from sweeps.datasets import DatasetReference

        return tuple(
            self._datasets.pin(DatasetReference.parse(name), tenant_id=tenant_id) for name in data
        )

    def candidate(
        self, name: str = "scratch-aaaaaaaaaaaa", *, content: bytes = b"weights"
    ) -> RunId:
        """A finished run of the experiment with a model; of a person called me."""
        run = self.whole_run(name, dataset=("train", 1))
        self.artifact(run, "model.pkl", content)
        self.end(run)
        return run

    def candidate_of_sweep(self, name: str, folder: Path) -> RunId:
        """One of a sweep whose code is in `folder`."""
        run = self.whole_run(name, dataset=("train", 1))
        self.artifact(run, "model.pkl", name.encode())
        sweep_id = SweepId(f"search-{name[-8:]}")
        self.catalog.submit(
            sweep_id, a_spec(experiment="scratch"), source_dir=str(folder), created_by="me"
        )
        self.rows("UPDATE runs SET sweep_id = %s, number = 1 WHERE run_id = %s", sweep_id, run)
        self.end(run)
        return run

    def tag(self, run: str) -> None:
        self.tags.set(
            Subject(SubjectKind.RUN, run), Tag(PRODUCTION_CANDIDATE), tenant_id=TENANT, by="ana"
        )

    def untag(self, run: str) -> None:
        self.tags.remove(
            Subject(SubjectKind.RUN, run), PRODUCTION_CANDIDATE, tenant_id=TENANT, by="ana"
        )

    def begun(self, run: RunId, *, anew: bool = False) -> Evaluation:
        """An evaluation whose runs are to be made; its run is tagged."""
        self.tag(run)
        if anew:
            found = self.evaluations.request_again(run, tenant_id=TENANT, by="ana", rule=None)
        else:
            found = self.evaluations.request(run, tenant_id=TENANT, by="ana")
        return self.steps.begin(found.evaluation_id)

    def measure(
        self,
        found: Evaluation,
        values: tuple[float, ...] = (0.95, 0.96, 0.97),
        *,
        production: tuple[float, ...] = (),
        crash: str | None = None,
        commit: str | None = None,
        reads: bool = True,
        uses: bool = True,
    ) -> None:
        """Its sweep ends: a run for each value, of the candidate and of what is in production."""
        assert found.sweep_id is not None
        files = [(f"{found.run_id}/{found.artifact}", values)]
        if production:
            assert found.model is not None
            assert found.compared_with is not None
            version = self.registry.version(found.model, found.compared_with, tenant_id=TENANT)
            files.append((f"{version.run_id}/{version.artifact}", production))
        number = 0
        for file, measured in files:
            for seed, value in zip(SEEDS, measured, strict=True):
                number += 1
                self._evaluation_run(found, number, file, seed, value, crash=crash)
                if uses:
                    self.use_file(f"{found.sweep_id}-{number:05d}", file)
                if reads:
                    self.open(f"{found.sweep_id}-{number:05d}", "holdout", 1)
                if commit is not None:
                    self.say(f"{found.sweep_id}-{number:05d}", code={**CODE, "commit": commit})
        self.rows(
            "UPDATE sweeps SET state = 'completed', ended_at = now() WHERE sweep_id = %s",
            found.sweep_id,
        )

    def use_file(self, run: str, file: str) -> None:
        """The run's script asks for an artifact, ``RUN/NAME``."""
        self.rows(
            "INSERT INTO lineage_edges (tenant_id, upstream, downstream) VALUES (%s, %s, %s)",
            self.tenant, f"artifact:{file}", f"run:{run}",
        )  # fmt: skip

    def open(self, run: str, name: str, number: int) -> None:
        """The run's script asks for a version."""
        self.dataset(name, number)
        self.rows(
            "INSERT INTO opened_datasets (run_id, dataset_id, number)"
            " SELECT %s, dataset_id, %s FROM datasets WHERE tenant_id = %s AND name = %s",
            run, number, self.tenant, name,
        )  # fmt: skip

    def _evaluation_run(
        self, found: Evaluation, number: int, file: str, seed: int, value: float, *,
        crash: str | None,
    ) -> None:  # fmt: skip
        run = f"{found.sweep_id}-{number:05d}"
        is_nan = math.isnan(value)
        state = "failed" if crash or is_nan else "completed"
        self.rows(
            "INSERT INTO runs (run_id, tenant_id, experiment_id, sweep_id, number, seed, created_by,"
            " state, reason, started_at, ended_at) SELECT %s, tenant_id, experiment_id, sweep_id, %s,"
            " 1, 'ana', %s::run_state, %s, now(), now() FROM sweeps WHERE sweep_id = %s",
            run, number, state, crash or "", found.sweep_id,
        )  # fmt: skip
        self.rows(
            "INSERT INTO run_datasets (run_id, dataset_id, number)"
            " SELECT %s, dataset_id, number FROM sweep_datasets WHERE sweep_id = %s",
            run, found.sweep_id,
        )  # fmt: skip
        for name, param in (("model", file), ("evaluation_seed", seed)):
            self.rows(
                "INSERT INTO run_params (run_id, name, value) VALUES (%s, %s, %s)",
                run, name, json.dumps(param),
            )  # fmt: skip
        reason = "script_failed" if crash else "completed"
        self.rows(
            "INSERT INTO attempts (attempt_id, run_id, number, state, created_at, started_at,"
            " ended_at, exit_reason) VALUES (%s, %s, 1, 'ended', now(), now(), now(), %s)",
            f"{run}-a1", run, reason,
        )  # fmt: skip
        if not crash:
            shown = "nan" if is_nan else value
            self.rows(
                'INSERT INTO reports (run_id, resource_level, sweep_id, value, "values", reported_at)'
                " VALUES (%s, 1, %s, %s, %s, now())",
                run, found.sweep_id, value, json.dumps({"accuracy": shown}),
            )  # fmt: skip

    def through(self, evaluation_id: str) -> EvaluationRecord:
        """Measured, judged, and promoted if it passes: what a Dagster run does after the runs."""
        self.steps.look(evaluation_id)
        self.steps.measured(evaluation_id)
        self.steps.judge(evaluation_id)
        self.steps.promote(evaluation_id)
        return self.evaluations.record(evaluation_id)

    def promoted(self, name: str, *, content: bytes) -> EvaluationRecord:
        """A candidate that has become a version."""
        found = self.begun(self.candidate(name, content=content))
        theirs = (0.95, 0.96, 0.97) if found.compared_with is not None else ()
        self.measure(found, production=theirs)
        return self.through(found.evaluation_id)

    def prune(self, run: str) -> None:
        """Retention takes the candidate's file away."""
        with transaction(self.pool) as connection:
            connection.execute("SET LOCAL sweepworks.retention = 'on'")
            connection.execute("DELETE FROM artifacts WHERE run_id = %s", [run])

    def alias(self) -> int | None:
        return self.registry.alias("digits", "production", tenant_id=TENANT)


def a_policy(gates: str = THRESHOLD, *, source: str | None = "/there") -> PromotionPolicy:
    text = RULE.replace('"digits*"', "scratch") % (gates, "0" * 64)
    if source is not None:
        text = text.replace("holdout@1,", f"holdout@1, source: {source},")
    return parse_promotion(text, source="promotion.yaml")
