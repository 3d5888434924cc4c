"""Whether it was measured as asked: its file, on the holdout, by code that is known. Pure."""

from governance.promotion.gates.facts import Facts
from governance.promotion.gates.results import Criterion
from governance.promotion.policy import PromotionRule

_ASKS = "asked for it by run.use_dataset, or over HTTP"
_MOST_TOLD = 3  # files that a run has used instead


def on_holdout(rule: PromotionRule, facts: Facts) -> Criterion:
    """A run whose script asked for another version, or for none, has measured something else."""
    holdout = rule.evaluation.holdout
    used_by = {one.run_id: one.data for one in facts.measured_with}
    wrong: list[str] = []
    for run_id in dict.fromkeys(one.run_id for one in facts.measurements):
        used = [v for v in used_by.get(run_id, ()) if v.partition("@")[0] == holdout.name]
        if used != [str(holdout)]:
            wrong.append(f"{run_id} used {', '.join(used)}" if used else f"{run_id} never {_ASKS}")
    return Criterion(
        subject=str(holdout),
        asked="every run has measured on exactly this version",
        value=wrong[0] if wrong else str(holdout) if facts.measurements else "nothing was measured",
        bound=str(holdout),
        has_passed=bool(facts.measurements) and not wrong,
        evidence={"wrong": wrong},
    )


def of_model(facts: Facts) -> Criterion:
    """A run whose script never took the file that its parameter names has measured something else."""
    known = {one.run_id: one for one in facts.measured_with}
    wrong: list[str] = []
    for run_id in dict.fromkeys(one.run_id for one in facts.measurements):
        one = known.get(run_id)
        if one is None or one.model not in one.files:
            what = "its file" if one is None else one.model
            sentence = f"{run_id} never asked for {what} by run.use_artifact, or over HTTP"
            if one is not None and one.files:
                sentence += f"; it used {', '.join(one.files[:_MOST_TOLD])}"
            wrong.append(sentence)
    has_used = "every run has used its file" if facts.measurements else "nothing was measured"
    return Criterion(
        subject="file that is measured",
        asked="every run has used the file that its parameter `model` names",
        value=wrong[0] if wrong else has_used,
        bound=None,
        has_passed=bool(facts.measurements) and not wrong,
        evidence={"wrong": wrong},
    )


def by_code(rule: PromotionRule, facts: Facts) -> Criterion:
    """Whoever owns the candidate may change its folder; the policy names other code, or a commit does."""
    code, source = facts.code, rule.evaluation.source
    evidence: dict[str, object] = {
        "image": code.image,
        "source": source,
        "commit": code.commit,
        "differing": list(code.differing),
    }
    trouble = None
    if facts.is_in_pods:
        value = code.image or "the image of the installation"
        is_by_digest = code.image is None or "@sha256:" in code.image
        if not is_by_digest and rule.evaluation.image is None:
            trouble = value = f"{code.image} may be another image tomorrow"
    elif source is not None:
        value = f"{source}, as the policy says"
    else:
        trouble = _uncommitted(facts)
        value = trouble or f"commit {code.commit}"
    return Criterion(
        subject="code that measures",
        asked="of one commit as it is, of an image by its digest, or where the policy says",
        value=value,
        bound=None,
        has_passed=trouble is None,
        evidence=evidence,
    )


def _uncommitted(facts: Facts) -> str | None:
    """Why nobody can say which code has measured. What the runs found counts as well."""
    code = facts.code
    if code.commit is None:
        return "no commit has it"
    if code.differing:
        return f"{', '.join(code.differing[:3])} differed from commit {code.commit}"
    for one in facts.measured_with:
        if one.commit != code.commit or one.is_dirty:
            what = f"commit {one.commit}" if one.commit else "no commit"
            return f"{one.run_id} ran {what}{' with changes' if one.is_dirty else ''}"
    return None
