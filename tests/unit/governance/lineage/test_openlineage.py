"""Events as the standard wants them."""

import dataclasses
import json
from typing import Any

import jsonschema
import pytest

from governance.lineage.openlineage import (
    Event,
    EventData,
    EventRun,
    EventVersion,
    end_event,
    run_uuid,
    start_event,
    version_events,
)
from sweeps.lineage import Node
from tests.factories import at
from tests.openlineage_schema import RUN_EVENT

DATA = EventData(node=Node("dataset:digits@2"), version="d" * 64, columns=[("x", "float64")])


def a_run(**changes: Any) -> EventRun:
    run = EventRun(
        tenant_id="default", run_id="digits-aaaaaaaa-00001", experiment="digits", purpose="To see.",
        sweep_id="digits-aaaaaaaa", state="completed", reason="", started_at=at(0), ended_at=at(10),
        commit="c" * 40, branch="main", remote="https://example.org/r.git", script="train.py",
        inputs=[DATA], outputs=[EventData(node=Node("artifact:digits-aaaaaaaa-00001/m.pt"))],
    )  # fmt: skip
    return dataclasses.replace(run, **changes)


def valid(event: Event) -> Event:
    document = json.loads(json.dumps(event))
    jsonschema.Draft202012Validator(RUN_EVENT, format_checker=jsonschema.FormatChecker()).validate(
        document
    )
    return document


def test_start_and_end_of_a_run_are_valid_and_of_one_run() -> None:
    start, end = valid(start_event(a_run())), valid(end_event(a_run()))

    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"] == run_uuid("digits-aaaaaaaa-00001")
    assert (start["job"]["namespace"], start["job"]["name"]) == ("sweepworks/default", "digits")
    assert start["run"]["facets"]["parent"]["run"]["runId"] == run_uuid("digits-aaaaaaaa")
    assert [one["name"] for one in end["inputs"]] == ["digits@2"]
    assert [one["name"] for one in end["outputs"]] == ["artifact:digits-aaaaaaaa-00001/m.pt"]
    assert end["inputs"][0]["facets"]["schema"]["fields"] == [{"name": "x", "type": "float64"}]


def test_where_the_code_is_is_told() -> None:
    code = valid(start_event(a_run()))["job"]["facets"]["sourceCodeLocation"]

    assert code.items() >= {
        "type": "git", "url": "https://example.org/r.git", "version": "c" * 40, "branch": "main",
        "path": "train.py",
    }.items()  # fmt: skip


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://example.org/r.git", "https://example.org/r.git"),
        ("git@example.org:team/r.git", "ssh://git@example.org/team/r.git"),
        ("example.org:/srv/a b.git", "ssh://example.org/srv/a%20b.git"),
        ("/srv/git/r", "file:///srv/git/r"),
    ],
)
def test_a_remote_is_told_as_an_address(remote: str, url: str) -> None:
    code = valid(start_event(a_run(remote=remote)))["job"]["facets"]["sourceCodeLocation"]

    assert (code["url"], code["repoUrl"]) == (url, remote)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("completed", "COMPLETE"),
        ("stopped", "COMPLETE"),
        ("failed", "FAIL"),
        ("cancelled", "ABORT"),
    ],
)
def test_each_end_has_its_event(state: str, expected: str) -> None:
    event = valid(end_event(a_run(state=state, reason="out of memory")))

    assert event["eventType"] == expected
    assert ("errorMessage" in event["run"]["facets"]) == (state == "failed")


def test_a_bare_run_is_valid() -> None:
    bare = a_run(
        sweep_id=None, commit=None, branch=None, remote=None, script=None, purpose="", inputs=(), outputs=(),
        state="failed",
    )  # fmt: skip

    facets = valid(start_event(bare))["job"]["facets"]

    assert "sourceCodeLocation" not in facets
    assert valid(end_event(bare))["run"]["facets"]["errorMessage"]["message"] == "it failed"


def test_a_live_run_has_no_end() -> None:
    with pytest.raises(ValueError, match="has not ended"):
        end_event(a_run(state="running", ended_at=None))


def test_a_version_of_a_dataset_says_which_columns_it_was_made_from() -> None:
    made = dataclasses.replace(DATA, column_lineage={"x": [("raw@1", "a"), ("raw@1", "b")]})
    version = EventVersion(
        tenant_id="default", data=made, purpose="Digits.", created_at=at(0),
        parents=[EventData(node=Node("dataset:raw@1"))],
    )  # fmt: skip

    start, end = (valid(event) for event in version_events(version))

    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"] == end["run"]
    assert end["job"]["name"] == "register digits"
    assert [one["name"] for one in end["inputs"]] == ["raw@1"]
    lineage = end["outputs"][0]["facets"]["columnLineage"]["fields"]["x"]["inputFields"]
    assert [(one["name"], one["field"]) for one in lineage] == [("raw@1", "a"), ("raw@1", "b")]
    other = dataclasses.replace(version, tenant_id="them")
    assert version_events(other)[0]["run"] != version_events(version)[0]["run"]
