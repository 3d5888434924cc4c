"""Differences that other metrics may come from, likeliest first."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from sweeps.explanations import explanations
from sweeps.ids import RunId
from sweeps.runs import Run, RunRecord
from sweeps.states import RunState

SEEDS = {"seed": 1, "python": 2, "torch": 3, "torch_flags": {"deterministic_algorithms": True}}
SECTIONS: Mapping[str, Mapping[str, Any]] = {
    "code": {"commit": "c", "patch": None, "arguments": ["--lr"], "script": {"sha256": "s"}},
    "software": {
        "python": "3.12.1", "packages": {"torch": "2.0", "zlib": "1"}, "environment": {"TZ": "UTC"},
    },
    "hardware": {"cpu": "c", "node": "n", "gpus": [{"model": "A100"}], "driver": "1"},
    "seeds": SEEDS,
}  # fmt: skip


def a_record(*, seed: int = 1, **sections: Mapping[str, Any]) -> RunRecord:
    run = Run(
        run_id=RunId("scratch-aaaaaaaaaaaa"), experiment="e", sweep_id=None, number=None, seed=seed,
        created_by="me", created_at=dt.datetime.now(dt.UTC), state=RunState.COMPLETED, reason="",
        started_at=None, ended_at=None, objective=None, resource_level=None, sealed_at=None,
    )  # fmt: skip
    provenance = {
        name: {**SECTIONS[name], **sections.get(name, {})}
        for name in SECTIONS
        if sections.get(name) != {}
    }
    return RunRecord(
        run=run, params={}, tags={}, summary={}, notices={}, attempts=(), artifacts=(),
        provenance=provenance,
    )  # fmt: skip


def subjects(again: RunRecord, *, data_again: tuple[str, ...] = ("d@1",)) -> list[str]:
    found = explanations(a_record(), again, data=("d@1",), data_again=data_again)
    return [one.subject for one in found]


def test_equal_runs_explain_nothing() -> None:
    assert subjects(a_record()) == []


def test_the_likeliest_comes_first() -> None:
    again = a_record(
        seed=2,
        code={"commit": "d", "script": {"sha256": "t"}},
        software={
            "python": "3.12.2",
            "packages": {"torch": "2.1", "zlib": "2"},
            "environment": {"TZ": "CET"},
        },
        hardware={"cpu": "d", "gpus": [], "driver": None},
        seeds={"torch": 9, "torch_flags": {"deterministic_algorithms": False}},
    )

    assert subjects(again, data_again=("d@2",)) == [
        "data", "commit", "script", "seed", "seed of torch", "torch's deterministic_algorithms",
        "package torch", "package zlib", "python", "gpus", "driver", "variable TZ", "cpu",
    ]  # fmt: skip


def test_nothing_seeded_is_a_cause_of_its_own() -> None:
    found = explanations(a_record(seeds={}), a_record(seeds={}), data=(), data_again=())

    assert [one.subject for one in found] == ["seeds"]
    assert "seed_everything" in found[0].says


def test_operations_that_are_not_deterministic_are_a_cause() -> None:
    flags = {"torch_flags": {"deterministic_algorithms": False}}

    found = explanations(a_record(seeds=flags), a_record(seeds=flags), data=(), data_again=())

    assert [one.subject for one in found] == ["torch"]


def test_where_a_rerun_is_explains_nothing() -> None:
    software = {"environment": {"TZ": "UTC", "PYTHONPATH": "/elsewhere", "VIRTUAL_ENV": "/x"}}

    assert subjects(a_record(software=software)) == []


def from_commit(commit: str) -> dict[str, Any]:
    url = {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": commit}}
    return {"direct_urls": {"zlib": url}}


def editable(folder: str) -> dict[str, Any]:
    return {"direct_urls": {"zlib": {"url": f"file://{folder}", "dir_info": {"editable": True}}}}


def origins_of(had: dict[str, Any], have: dict[str, Any], *, roots: tuple[str, str]) -> list[str]:
    first, second = (
        a_record(software=software, code={"root": root})
        for software, root in zip((had, have), roots, strict=True)
    )
    found = explanations(first, second, data=(), data_again=())
    return [one.subject for one in found if "origin" in one.subject]


def test_a_package_of_another_commit_is_told_whatever_its_version() -> None:
    roots = ("/repo", "/rerun")

    assert origins_of(from_commit("a"), from_commit("b"), roots=roots) == ["origin of zlib"]
    assert origins_of(from_commit("a"), {"direct_urls": {}}, roots=roots) == ["origin of zlib"]
    assert origins_of(from_commit("a"), from_commit("a"), roots=roots) == []


def test_where_a_record_has_no_origins_nothing_is_said_of_them() -> None:
    assert origins_of(from_commit("a"), {}, roots=("/repo", "/rerun")) == []


def test_the_code_of_the_run_is_elsewhere_in_every_rerun() -> None:
    roots = ("/repo", "/rerun")

    assert origins_of(editable("/repo/src"), editable("/rerun/src"), roots=roots) == []
    assert origins_of(editable("/repo/src"), {"direct_urls": {}}, roots=roots) == []
    assert origins_of(editable("/other"), editable("/rerun"), roots=roots) == ["origin of zlib"]
