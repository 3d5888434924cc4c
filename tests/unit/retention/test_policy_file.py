"""The retention policy as people write it."""

import datetime as dt
from importlib.resources import files

import pytest

from retention.policy import Approval, Export, RetentionPolicy
from retention.policy_file import RETENTION, parse_retention
from sweeps.blobs import StorageClass
from sweeps.errors import InvalidSweepFile


def parsed(text: str) -> RetentionPolicy:
    return parse_retention(text, source="retention.yaml")


def problems(text: str) -> dict[str, str]:
    with pytest.raises(InvalidSweepFile) as caught:
        parsed(text)
    return {problem.path: problem.message for problem in caught.value.problems}


def test_the_default_asks_before_anything_is_marked() -> None:
    text = (files(RETENTION.package) / RETENTION.file_name).read_text(encoding="utf-8")

    policy = parsed(text)

    assert policy.apply is Approval.APPROVE
    assert policy.classes["standard"].runs.unpromoted_after is None
    assert policy.classes["forever"].metrics.export is Export.ALL


def test_what_a_class_leaves_out_is_as_careful_as_the_default() -> None:
    policy = parsed("default_class: a\nclasses: {a: {}}")

    assert policy.classes["a"].checkpoints.expire_after == dt.timedelta(days=90)
    assert policy.grace == dt.timedelta(days=7)


@pytest.mark.parametrize(
    ("written", "kept"),
    [("7d", dt.timedelta(days=7)), ("never", None), ("", dt.timedelta(days=30))],
)
def test_what_is_measured_beside_the_training_has_a_length_of_its_own(
    written: str, kept: dt.timedelta | None
) -> None:
    line = f"system_metrics: {written}\n" if written else ""

    policy = parsed(line + "default_class: a\nclasses: {a: {}}")

    assert policy.system_metrics == kept


def test_the_first_assignment_that_fits_counts_and_a_sweep_file_before_all() -> None:
    policy = parsed(
        "default_class: a\nclasses: {a: {}, b: {}, c: {}}\n"
        "assignments: [{experiment: 'x-*', class: b}, {tenant: vision, class: c}]"
    )

    def name(tenant: str, experiment: str, chosen: str | None = None) -> str:
        return policy.class_of(tenant=tenant, experiment=experiment, chosen=chosen).name

    assert name("vision", "x-1") == "b"
    assert name("vision", "y") == "c"
    assert name("other", "y") == "a"
    assert name("vision", "x-1", "c") == "c"
    assert name("vision", "x-1", "gone") == "b"


def test_everything_that_is_wrong_is_told_at_once() -> None:
    found = problems(
        "apply: maybe\ndefault_class: z\n"
        "classes:\n"
        "  a: {logs_after: soon, metrics: {raw: 2d}}\n"
        "  b: {metrics: {raw: 40d, minutes: 30d}, chekpoints: {}}\n"
        "budgets: [{max_bytes: many}]\n"
    )

    assert set(found) == {
        "apply",
        "default_class",
        "classes.a.logs_after",
        "classes.a.metrics.raw",
        "classes.b.metrics.minutes",
        "classes.b.chekpoints",
        "budgets[0].max_bytes",
    }


def test_coarser_points_may_stay_for_ever() -> None:
    policy = parsed("default_class: a\nclasses: {a: {metrics: {raw: 20d, minutes: never}}}")

    assert policy.classes["a"].metrics.minutes is None


def test_files_go_to_a_class_that_the_class_or_the_policy_names() -> None:
    policy = parsed(
        "cold_class: STANDARD_IA\ndefault_class: a\n"
        "classes: {a: {cold_after: 14d}, b: {cold_after: 30d, cold_class: GLACIER_IR}, c: {}}"
    )

    found = [policy.cold_class_of(one) for one in policy.classes.values()]

    assert found == [StorageClass.STANDARD_IA, StorageClass.GLACIER_IR, None]
    assert policy.moves_bytes
    assert not parsed("default_class: a\nclasses: {a: {}}").moves_bytes


@pytest.mark.parametrize(
    ("written", "path", "message"),
    [
        ("cold_class: DEEP_ARCHIVE", "cold_class", "has to be restored for hours"),
        ("cold_class: GLACIER", "cold_class", "has to be restored for hours"),
        ("cold_class: STANDARD", "cold_class", "is no colder class"),
        ("cold_class: [x]", "cold_class", "is no colder class"),
        ("grace: 7d", "classes.a.cold_after", "nothing says to which class files go"),
    ],
)
def test_a_class_that_cannot_be_read_at_once_is_refused(
    written: str, path: str, message: str
) -> None:
    found = problems(f"{written}\ndefault_class: a\nclasses: {{a: {{cold_after: 14d}}}}")

    assert list(found) == [path]
    assert message in found[path]
