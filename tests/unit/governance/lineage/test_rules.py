"""Rules: what is wrong is named, with what to do about it; what is good is not."""

import dataclasses
from typing import Any

import pytest

from governance.lineage import rules
from governance.lineage.facts import RunFacts
from governance.lineage.rules import BlobFacts, DigestFacts, EdgeFacts, Finding, ModelFacts
from sweeps.ids import RunId, TenantId
from sweeps.lineage import Node
from tests.factories import START

TENANT = TenantId("default")


def run_facts(**changes: Any) -> RunFacts:
    """Of a run that lacks nothing."""
    whole = RunFacts(
        tenant_id=TENANT, run_id=RunId("r1"), experiment="e", sweep_id=None, state="completed",
        objective=1.0, seed=7, created_by="me", created_at=START, ended_at=START, has_code=True,
        commit="c" * 40, branch="main", remote=None, is_dirty=False, is_whole=True, left_out=None,
        script="train.py", is_notebook=False, has_software=True, python="3.12",
        image="team/train@sha256:" + "a" * 64, has_seeds=True, has_data=True,
    )  # fmt: skip
    return dataclasses.replace(whole, **changes)


def problems(findings: list[Finding]) -> list[str]:
    assert all(finding.mend for finding in findings)
    return [f"{finding.object} {finding.problem}" for finding in findings]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"image": None}, []),
        ({"is_dirty": True}, []),
        ({"has_code": False, "commit": None}, ["nothing is recorded of its code"]),
        (
            {"is_whole": False, "left_out": "big.bin has 3 GB"},
            ["its code cannot be made again: big.bin has 3 GB"],
        ),
        ({"has_data": False}, ["no version of any data is recorded"]),
        ({"has_software": False, "image": None}, ["nothing is recorded of its environment"]),
        ({"image": "team/train:latest"}, ["image team/train:latest has no digest"]),
        ({"has_seeds": False}, ["its seeds were not set"]),
    ],
)
def test_a_finished_run_has_code_data_environment_and_seeds(
    changes: dict[str, Any], expected: list[str]
) -> None:
    assert problems(rules.of_run(run_facts(**changes))) == [f"run:r1 {text}" for text in expected]


def test_all_that_a_run_lacks_is_named_at_once() -> None:
    bare = run_facts(
        has_code=False, has_data=False, has_software=False, image=None, has_seeds=False
    )

    assert len(rules.of_run(bare)) == 4


@pytest.mark.parametrize(
    ("stored_bytes", "stored_sha256", "expected"),
    [
        (10, None, []),
        (10, "a" * 64, []),
        (None, None, ["artifact:r1/m.pt its bytes, sha256 aaaaaaaaaaaa, are not in the store"]),
        (9, None, ["artifact:r1/m.pt 9 bytes are stored, 10 were"]),
        (
            10,
            "b" * 64,
            ["artifact:r1/m.pt its bytes have sha256 bbbbbbbbbbbb, not aaaaaaaaaaaa any more"],
        ),
    ],
)
def test_an_artifacts_bytes_are_there_and_what_they_were(
    stored_bytes: int | None, stored_sha256: str | None, expected: list[str]
) -> None:
    blob = BlobFacts(
        tenant_id=TENANT, sha256="a" * 64, size_bytes=10, example=Node("artifact:r1/m.pt"),
        stored_bytes=stored_bytes, stored_sha256=stored_sha256,
    )  # fmt: skip

    assert problems(rules.of_blob(blob)) == expected


@pytest.mark.parametrize(
    ("has_upstream", "has_downstream", "expected"),
    [(True, True, []), (False, True, ["run:r1"]), (True, False, ["artifact:r1/m"]),
     (False, False, ["run:r1", "artifact:r1/m"])],
)  # fmt: skip
def test_both_ends_of_an_edge_are_there(
    has_upstream: bool, has_downstream: bool, expected: list[str]
) -> None:
    found = rules.of_edge(
        EdgeFacts(
            tenant_id=TENANT,
            upstream=Node("run:r1"),
            downstream=Node("artifact:r1/m"),
            has_upstream=has_upstream,
            has_downstream=has_downstream,
        )
    )

    assert [finding.object for finding in found] == expected


@pytest.mark.parametrize(
    ("facts", "n"),
    [
        ({"datasets": 1, "runs": 2, "runs_without_code": []}, 0),
        ({"datasets": 0, "runs": 2, "runs_without_code": []}, 1),
        ({"datasets": 1, "runs": 0, "runs_without_code": []}, 1),
        ({"datasets": 1, "runs": 2, "runs_without_code": ["r1"]}, 1),
        ({"datasets": 0, "runs": 0, "runs_without_code": []}, 2),
    ],
)
def test_a_model_reaches_data_and_code(facts: dict[str, Any], n: int) -> None:
    found = rules.of_model(ModelFacts(tenant_id=TENANT, model=Node("model:m@1"), **facts))

    assert [finding.object for finding in found] == ["model:m@1"] * n


@pytest.mark.parametrize(
    ("is_there", "changed", "expected"),
    [
        (True, [], []),
        (
            True,
            ["params", "reports"],
            ["run:r1 it was sealed, and has changed since: params, reports"],
        ),
        (False, [], ["run:r1 it was sealed, and is not in the database any more"]),
    ],
)
def test_a_sealed_run_is_what_it_was(
    is_there: bool, changed: list[str], expected: list[str]
) -> None:
    facts = DigestFacts(tenant_id=TENANT, run_id=RunId("r1"), is_there=is_there, changed=changed)

    assert problems(rules.of_digests(facts)) == expected
