"""The main job through Dagster's web server: register, see it start, look, terminate."""

import datetime as dt
import json
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
import yaml

from tests.e2e.conftest import Installation, Ui, wait_for
from tests.e2e.test_reruns import SEEDED, a_repository, train

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("ui")]

LAUNCH = """
mutation($selector: JobOrPipelineSelector!, $config: RunConfigData, $tags: [ExecutionTag!]) {
  launchRun(executionParams: {
    selector: $selector, runConfigData: $config, executionMetadata: {tags: $tags}
  }) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
    ... on RunConfigValidationInvalid { errors { message } }
  }
}"""
RUNS = """
query($filter: RunsFilter!) {
  runsOrError(filter: $filter) { ... on Runs { results { runId status } } }
}"""
MATERIALIZATIONS = """
query($partition: String!) {
  assetOrError(assetKey: {path: ["sweep"]}) {
    ... on Asset { assetMaterializations(partitions: [$partition], limit: 1) {
      metadataEntries { __typename label
        ... on UrlMetadataEntry { url }
        ... on FloatMetadataEntry { floatValue }
        ... on IntMetadataEntry { intValue }
        ... on JsonMetadataEntry { jsonString }
        ... on MarkdownMetadataEntry { mdStr }
        ... on TableMetadataEntry { table { records } } } } }
  }
}"""
OBSERVATIONS = """
query($partition: String!) {
  assetOrError(assetKey: {path: ["trials"]}) {
    ... on Asset { assetObservations(partitions: [$partition], limit: 100) { label } }
  }
}"""
TIERS = """
query($partition: String!) {
  assetsOrError { ... on AssetConnection { nodes { key { path }
    assetMaterializations(partitions: [$partition], limit: 1) {
      metadataEntries { label } } } } }
  assetNodes(assetKeys: [{path: ["metric_points_1m"]}]) {
    assetChecksOrError { ... on AssetChecks { checks { name
      executionForLatestMaterialization { status } } } } }
}"""
TERMINATE = """
mutation($run: String!) { terminateRun(runId: $run) { __typename } }"""


def launch(ui: Ui, job: str, config: dict[str, Any], **tags: str) -> str:
    answer = ui.query(
        LAUNCH,
        selector={
            "repositoryLocationName": "sweepworks",
            "repositoryName": "__repository__",
            "jobName": job,
        },
        config=config,
        tags=[{"key": f"dagster/{key}", "value": value} for key, value in tags.items()],
    )["launchRun"]
    assert answer["__typename"] == "LaunchRunSuccess", answer
    return answer["run"]["runId"]


def register(ui: Ui, config: dict[str, Any]) -> str:
    return launch(ui, "register_sweep", {"ops": {"submit_sweep": {"config": config}}})


def runs_of(ui: Ui, sweep: str) -> list[dict[str, str]]:
    tags = [{"key": "dagster/partition", "value": sweep}]
    return ui.query(RUNS, filter={"tags": tags})["runsOrError"]["results"]


def sweep_of(installation: Installation, experiment: str) -> str | None:
    rows = [r for r in installation.json("list") if r["experiment"] == experiment]
    return rows[0]["sweep_id"] if rows else None


def test_a_sweep_registered_in_the_launchpad_runs_and_shows_its_result(
    installation: Installation, ui: Ui
) -> None:
    file = installation.write_sweep("fromui", trials=4)
    register(ui, {"sweep_file": str(file)})

    sweep = wait_for(lambda: sweep_of(installation, "fromui"))
    (run,) = wait_for(lambda: [r for r in runs_of(ui, sweep) if r["status"] == "SUCCESS"])

    (materialization,) = ui.query(MATERIALIZATIONS, partition=sweep)["assetOrError"][
        "assetMaterializations"
    ]
    entries = {entry["label"]: entry for entry in materialization["metadataEntries"]}
    assert entries["trials"]["intValue"] == 4
    assert entries["trials_by_state"]["jsonString"] == '{"completed": 4}'
    assert entries["best_value"]["floatValue"] >= 1 / 3
    assert entries["wall_time_seconds"]["floatValue"] > 0
    assert "x" in entries["best_configuration"]["jsonString"]
    best = installation.json("show", sweep)["best"]["run"]
    assert quote(f'"run": "{best}"') in entries["make_best_again"]["url"]
    assert len(entries["leaderboard"]["table"]["records"]) == 4
    assert entries["objective_by_trial"]["mdStr"].startswith("![objective by trial](data:image/svg")
    observations = ui.query(OBSERVATIONS, partition=sweep)["assetOrError"]["assetObservations"]
    assert len(observations) == 4
    assert installation.json("show", sweep)["dagster_run"] == run["runId"]


@pytest.mark.slow
def test_a_run_is_made_again_from_the_launchpad(installation: Installation, ui: Ui) -> None:
    root = a_repository(installation.folder, "again", SEEDED)
    run = train(installation, root)

    launched = launch(ui, "rerun_run", {"ops": {"make_run_again": {"config": {"run": run}}}})

    asked = {"runIds": [launched]}
    wait_for(
        lambda: ui.query(RUNS, filter=asked)["runsOrError"]["results"][0]["status"] == "SUCCESS",
        seconds=120,
    )
    (rerun,) = installation.json("list", "--where", f"rerun_of = {run}")
    assert rerun["state"] == "completed"
    assert installation.json("reproduce", run)["verdict"] == "bitwise"


@pytest.mark.slow
@pytest.mark.timeout(500)
def test_sweeps_that_wait_for_others_start_in_their_order_or_fail_with_them(
    installation: Installation, ui: Ui
) -> None:
    def submit(name: str, *after: str, seconds: float = 0.1) -> str:
        file = installation.write_sweep(name, trials=1, epochs=2, seconds=seconds)
        words = [word for sweep in after for word in ("--after", sweep)]
        return installation.json("submit", str(file), *words)["sweep"]

    first = submit("before", seconds=60.0)
    second = submit("afterwards", first)
    third = submit("at-last", second)
    other = submit("brief")
    behind = submit("behind-it", other)
    wait_for(lambda: [r for r in runs_of(ui, behind) if r["status"] == "SUCCESS"], seconds=120)
    launch(ui, "run_sweep", {}, partition=second)  # by hand, which is refused
    wait_for(lambda: [r for r in runs_of(ui, second) if r["status"] == "FAILURE"], seconds=60)
    assert installation.json("show", second)["state"] == "submitted"

    installation.run("cancel", first)

    wait_for(lambda: [r for r in runs_of(ui, third) if r["status"] == "FAILURE"], seconds=120)
    shown = installation.json("show", third)
    assert shown["state"] == "failed"
    assert shown["reason"].startswith(f"waited for {second} to succeed, which failed: ")
    (run,) = runs_of(ui, third)
    assert run["runId"] == shown["dagster_run"]


@pytest.mark.slow
def test_a_sweep_can_be_written_right_into_the_launchpad(
    installation: Installation, ui: Ui
) -> None:
    file = installation.write_sweep("inline", trials=1, epochs=1)
    document = yaml.safe_load(file.read_text())

    register(ui, {"sweep": document, "source_dir": str(file.parent)})

    sweep = wait_for(lambda: sweep_of(installation, "inline"))
    wait_for(lambda: installation.json("show", sweep)["state"] == "completed")


@pytest.mark.slow
def test_a_broken_sweep_fails_its_registration_and_leaves_nothing(
    installation: Installation, ui: Ui
) -> None:
    run_id = register(ui, {"sweep": {"experiment": "brokenone"}})

    failed = wait_for(
        lambda: [
            r
            for r in ui.query(RUNS, filter={"runIds": [run_id]})["runsOrError"]["results"]
            if r["status"] == "FAILURE"
        ]
    )

    assert failed
    assert sweep_of(installation, "brokenone") is None


@pytest.mark.slow
def test_a_day_of_metric_points_is_materialized_and_checked(ui: Ui) -> None:
    day = (dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)).isoformat()
    run_id = launch(ui, "finish_metric_day", {}, partition=day)

    wait_for(
        lambda: [
            r
            for r in ui.query(RUNS, filter={"runIds": [run_id]})["runsOrError"]["results"]
            if r["status"] == "SUCCESS"
        ]
    )

    found = ui.query(TIERS, partition=day)
    labels = {
        node["key"]["path"][-1]: {
            entry["label"]
            for event in node["assetMaterializations"]
            for entry in event["metadataEntries"]
        }
        for node in found["assetsOrError"]["nodes"]
    }
    assert {"bytes", "chunks_by_state", "chunks_to_close"} <= labels["metric_points"]
    assert {"bytes", "lag_seconds", "rows_estimate", "points"} <= labels["metric_points_1m"]
    assert {"bytes", "lag_seconds", "rows_estimate", "points"} <= labels["metric_points_1h"]
    (node,) = found["assetNodes"]
    checks = {
        check["name"]: (check["executionForLatestMaterialization"] or {}).get("status")
        for check in node["assetChecksOrError"]["checks"]
    }
    assert checks == {
        "points_are_rolled_up_in_time": "SUCCEEDED",
        "every_point_is_rolled_up": "SUCCEEDED",
    }


@pytest.mark.slow
def test_terminating_in_the_ui_ends_every_trial(installation: Installation, ui: Ui) -> None:
    file = installation.write_sweep("endless", trials=6, epochs=1000, seconds=0.5)
    register(ui, {"sweep_file": str(file)})
    sweep = wait_for(lambda: sweep_of(installation, "endless"))
    wait_for(
        lambda: [t for t in installation.json("show", sweep)["trials"] if t["state"] == "running"]
    )
    assert installation.trial_processes()
    (run,) = runs_of(ui, sweep)

    answer = ui.query(TERMINATE, run=run["runId"])

    assert answer["terminateRun"]["__typename"] == "TerminateRunSuccess"
    wait_for(lambda: [r for r in runs_of(ui, sweep) if r["status"] == "CANCELED"])
    wait_for(lambda: not installation.trial_processes(), seconds=20)
    report = installation.json("show", sweep)
    assert report["state"] == "cancelled"
    assert set(report["trials_by_state"]) == {"cancelled"}


@pytest.mark.slow
def test_a_controller_that_failed_is_replaced_though_nobody_follows(
    installation: Installation, ui: Ui
) -> None:
    file = installation.write_sweep("failing", trials=4, epochs=12, seconds=0.5)
    sweep = installation.json("submit", str(file))["sweep"]
    wait_for(lambda: installation.json("show", sweep)["trials_by_state"].get("running"))

    # As if another controller had taken it over: its own one fails at its next write.
    databases = json.loads((installation.home / "secrets" / "databases.json").read_text())
    with psycopg.connect(databases["database_url"]) as connection:
        connection.execute(
            "UPDATE sweepworks.sweeps SET lease = lease + 1 WHERE sweep_id = %s", (sweep,)
        )

    wait_for(lambda: installation.json("show", sweep)["state"] == "completed", seconds=150)
    wait_for(lambda: sorted(run["status"] for run in runs_of(ui, sweep)) == ["FAILURE", "SUCCESS"])
    report = installation.json("show", sweep)
    assert report["trials_by_state"] == {"completed": 4}
    for trial in report["trials"]:
        assert len(installation.json("show", trial["run"])["attempts"]) == 1


@pytest.mark.slow
def test_a_submitted_sweep_is_started_once_by_the_sensor(
    installation: Installation, ui: Ui
) -> None:
    file = installation.write_sweep("submitted", trials=2)

    sweep = installation.json("submit", str(file))["sweep"]

    wait_for(lambda: installation.json("show", sweep)["state"] == "completed")
    assert len(runs_of(ui, sweep)) == 1


DATASETS = """
query($partition: String!) {
  assetOrError(assetKey: {path: ["dataset_versions"]}) {
    ... on Asset { assetMaterializations(partitions: [$partition], limit: 1) {
      metadataEntries { label } } }
  }
  assetNodes(assetKeys: [{path: ["dataset_versions"]}]) {
    partitionKeys
    dependedByKeys { path }
  }
}"""


@pytest.mark.slow
def test_a_registered_dataset_is_a_partition_at_once_and_shown_soon(
    installation: Installation, ui: Ui
) -> None:
    file = installation.folder / "ages.csv"
    file.write_text("age\n" + "".join(f"{n % 80}\n" for n in range(200)))

    installation.run("data", "register", "ages", str(file))

    first = ui.query(DATASETS, partition="ages@1")["assetNodes"][0]
    assert first["partitionKeys"] == ["ages@1"]
    assert {"path": ["sweep"]} in first["dependedByKeys"]

    def shown() -> set[str]:
        asset = ui.query(DATASETS, partition="ages@1")["assetOrError"]
        events = asset.get("assetMaterializations") or []
        return {entry["label"] for event in events for entry in event["metadataEntries"]}

    labels = wait_for(shown, seconds=150)
    assert {"statistics", "histograms", "content_sha256", "dagster/row_count"} <= labels

    def looked_at() -> object:
        return installation.json("data", "show", "ages@1")["look"]

    assert wait_for(looked_at, seconds=60, every=2)["results"][0]["has_passed"] is True
