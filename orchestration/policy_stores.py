"""Adapters for the policies and what they decide: quotas, cost, budgets, retention, promotion, reports."""

import functools
from typing import TYPE_CHECKING

from orchestration.record_stores import RecordStores

if TYPE_CHECKING:
    from storage.budgets.gate import PostgresBudgetGate
    from storage.budgets.predictions import PostgresPredictor
    from storage.budgets.reports import PostgresBudgetReports
    from storage.budgets.store import BudgetStore
    from storage.budgets.watch import PostgresBudgetWatch
    from storage.cost.ledger import CostLedger
    from storage.cost.reader import CostReader
    from storage.features import AppliedFeatures
    from storage.policy_store import PolicyStore
    from storage.promotion.candidate_facts import CandidateFacts
    from storage.promotion.evaluations import EvaluationStore
    from storage.promotion.registry import RegistryStore
    from storage.queue.escalations import PostgresEscalations
    from storage.queue.view import QueueView
    from storage.reports.facts import PostgresReportFacts
    from storage.reports.shelf import PostgresReportShelf
    from storage.retention.holds import HoldStore
    from storage.retention.keeper import PostgresRetentionKeeper


class PolicyStores(RecordStores):
    """Each is made when it is first used."""

    @functools.cached_property
    def policies(self) -> "PolicyStore":
        """What the installation decided."""
        from storage.policy_store import PolicyStore

        return PolicyStore(self.pool)

    @functools.cached_property
    def features(self) -> "AppliedFeatures":
        """What is switched on."""
        from storage.features import AppliedFeatures

        return AppliedFeatures(self.policies)

    @functools.cached_property
    def retention(self) -> "PostgresRetentionKeeper":
        """Plans of what is to go, and who carries them out."""
        from storage.retention.keeper import PostgresRetentionKeeper

        return PostgresRetentionKeeper(self.pool, self.artifact_store)

    @functools.cached_property
    def holds(self) -> "HoldStore":
        """Orders to keep something."""
        from storage.retention.holds import HoldStore

        return HoldStore(self.pool)

    @functools.cached_property
    def costs(self) -> "CostLedger":
        """What everything costs."""
        from storage.cost.ledger import CostLedger

        return CostLedger(self.pool, self.policies)

    @functools.cached_property
    def cost_reader(self) -> "CostReader":
        """The same as people ask for it."""
        from storage.cost.reader import CostReader

        return CostReader(self.pool, self.policies)

    @functools.cached_property
    def budgets(self) -> "BudgetStore":
        """Where budgets stand."""
        from storage.budgets.store import BudgetStore

        return BudgetStore(self.pool, self.policies)

    @functools.cached_property
    def predictor(self) -> "PostgresPredictor":
        """What attempts will take and cost."""
        from storage.budgets.predictions import PostgresPredictor

        return PostgresPredictor(self.pool, book=self.budgets.book)

    @functools.cached_property
    def budget_watch(self) -> "PostgresBudgetWatch":
        """What budgets mean for sweeps that run."""
        from storage.budgets.watch import PostgresBudgetWatch

        return PostgresBudgetWatch(self.pool, self.budgets, self.predictor, self.budget_reports)

    @functools.cached_property
    def budget_gate(self) -> "PostgresBudgetGate":
        """Whether sweeps can ever be paid for."""
        from storage.budgets.gate import PostgresBudgetGate

        return PostgresBudgetGate(self.budgets, self.predictor)

    @functools.cached_property
    def budget_reports(self) -> "PostgresBudgetReports":
        """All budgets, and warnings about them."""
        from storage.budgets.reports import PostgresBudgetReports

        return PostgresBudgetReports(self.pool, self.budgets)

    @functools.cached_property
    def report_facts(self) -> "PostgresReportFacts":
        """What reports are put together from."""
        from storage.reports.facts import PostgresReportFacts

        return PostgresReportFacts(self.pool)

    @functools.cached_property
    def report_shelf(self) -> "PostgresReportShelf":
        """Reports that were made."""
        from storage.reports.shelf import PostgresReportShelf

        return PostgresReportShelf(self.pool, self.artifact_store)

    @functools.cached_property
    def evaluations(self) -> "EvaluationStore":
        """Evaluations of candidates."""
        from storage.promotion.evaluations import EvaluationStore

        return EvaluationStore(self.pool)

    @functools.cached_property
    def registry(self) -> "RegistryStore":
        """Models, their versions and aliases."""
        from storage.promotion.registry import RegistryStore

        return RegistryStore(self.pool)

    @functools.cached_property
    def candidates(self) -> "CandidateFacts":
        """What is known of runs that may become models."""
        from storage.promotion.candidate_facts import CandidateFacts

        return CandidateFacts(self.pool)

    @functools.cached_property
    def queue(self) -> "QueueView":
        """Who waits to be admitted, and what everybody holds."""
        from storage.queue.view import QueueView

        return QueueView(self.pool, self.policies)

    @functools.cached_property
    def escalations(self) -> "PostgresEscalations":
        """Violations of quotas, and who was told of them."""
        from storage.queue.escalations import PostgresEscalations
        from storage.tenant_file import TenantFile

        tenants = TenantFile(self.settings.tenants_file)
        return PostgresEscalations(self.pool, self.policies, tenants.read)
