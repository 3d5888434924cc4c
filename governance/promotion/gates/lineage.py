"""Whether it is recorded what a candidate came out of. Pure."""

from governance.lineage.rules import of_model
from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion


def lineage(facts: Facts) -> list[Criterion]:
    """Its code, and the data that it came out of."""
    findings = of_model(facts.model)
    return [
        Criterion(
            subject=facts.model.model,
            asked="its code and its data are recorded",
            value="; ".join(one.problem for one in findings) or "complete",
            bound="complete",
            has_passed=not findings,
            evidence={
                "runs": facts.model.runs,
                "datasets": facts.model.datasets,
                "mend": [one.mend for one in findings],
            },
        )
    ]
