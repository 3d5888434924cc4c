"""A sweep's trials as a frame, and what the UI shows of it."""

import math
from typing import TYPE_CHECKING

import dagster as dg

from assets.links import rerun_path
from assets.objective_plot import objective_plot
from sweeps.search_report import SearchReport, search_report
from sweeps.states import RunState
from sweeps.trials import SweepSnapshot

if TYPE_CHECKING:  # 1.3 s to import: a sweep's first trial must not wait for its last page
    import pandas as pd

_PARAMETER = "param."
_SHOWN = 20  # rows of the leaderboard in the UI; the whole of it is one export away


def trials_frame(snapshot: SweepSnapshot) -> "pd.DataFrame":
    """One row a trial, best first: number, state, objective, resource level, seconds, parameters.

    Trials without an objective that counts come last. Whatever the metric is called, its column is
    `objective`, and a parameter's is its name after ``param.``: names that people choose must not
    meet ours.
    """
    import pandas as pd

    objective, busy = snapshot.sweep.spec.objective, snapshot.busy_seconds()
    rows = [
        {
            "trial": trial.number,
            "state": str(trial.state),
            "objective": trial.objective if _counts(trial.state) else None,
            "level": trial.resource_level,
            "seconds": round(busy[trial.run_id], 1) if trial.run_id in busy else None,
            **{f"{_PARAMETER}{name}": value for name, value in trial.configuration.items()},
        }
        for trial in snapshot.trials
    ]
    columns = ["trial", "state", "objective", "level", "seconds"]
    parameters = [f"{_PARAMETER}{name}" for name in snapshot.sweep.spec.space.parameters]
    frame = pd.DataFrame(rows, columns=[*columns, *parameters])
    return frame.sort_values(
        "objective",
        ascending=objective.direction == "minimize",
        na_position="last",
        kind="stable",
        ignore_index=True,
    )


def _counts(state: RunState) -> bool:
    return state in {RunState.COMPLETED, RunState.STOPPED}


def sweep_metadata(snapshot: SweepSnapshot) -> dict[str, dg.MetadataValue]:
    """What the materialization of a sweep shows: result, trials by state, time, table and plot."""
    sweep = snapshot.sweep
    frame = trials_frame(snapshot)
    metadata: dict[str, dg.MetadataValue] = {}
    ranked = frame[frame["objective"].notna()]
    if not ranked.empty:
        best = ranked.iloc[0]
        number = int(best["trial"])
        metadata["best_value"] = dg.MetadataValue.float(float(best["objective"]))
        metadata["best_trial"] = dg.MetadataValue.int(number)
        metadata["best_configuration"] = dg.MetadataValue.json(
            dict(snapshot.trials[number - 1].configuration)
        )
        metadata["make_best_again"] = dg.MetadataValue.url(
            rerun_path(snapshot.trials[number - 1].run_id)
        )
        metadata["objective_by_trial"] = dg.MetadataValue.md(objective_plot(snapshot))
        metadata["leaderboard"] = _table(
            _for_people(frame.head(_SHOWN), sweep.spec.objective.metric)
        )
    state = f"{sweep.state}: {sweep.reason}" if sweep.reason else str(sweep.state)
    metadata["state"] = dg.MetadataValue.text(state)
    metadata["purpose"] = dg.MetadataValue.text(sweep.spec.purpose)
    metadata["trials_by_state"] = dg.MetadataValue.json(frame["state"].value_counts().to_dict())
    metadata["trials"] = dg.MetadataValue.int(len(frame))
    metadata["dagster/row_count"] = dg.MetadataValue.int(len(frame))
    if sweep.started_at and sweep.ended_at:
        seconds = (sweep.ended_at - sweep.started_at).total_seconds()
        metadata["wall_time_seconds"] = dg.MetadataValue.float(round(seconds, 1))
    return {**metadata, **_search_metadata(search_report(snapshot))}


def _search_metadata(report: SearchReport) -> dict[str, dg.MetadataValue]:
    metadata: dict[str, dg.MetadataValue] = {
        "duplicate_rate": dg.MetadataValue.float(report.duplicate_rate),
        "share_of_time_on_stopped_trials": dg.MetadataValue.float(round(report.stopped_share, 3)),
    }
    if report.improvements:
        metadata["improvements"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "seconds": round(step.seconds, 1),
                        "trial": step.trial,
                        "value": step.value,
                        "regret": step.regret,
                    }
                )
                for step in report.improvements
            ]
        )
    if report.rungs:
        metadata["rank_correlation_of_rungs"] = dg.MetadataValue.table(
            [
                dg.TableRecord(
                    {
                        "rung": rung.low,
                        "next rung": rung.high,
                        "trials": rung.n_trials,
                        "rank correlation": _cell(rung.rank_correlation),
                    }
                )
                for rung in report.rungs
            ]
        )
    if report.warnings:
        metadata["warnings"] = dg.MetadataValue.md(
            "\n".join(f"- {warning}" for warning in report.warnings)
        )
    return metadata


def _for_people(frame: "pd.DataFrame", metric: str) -> "pd.DataFrame":
    """With the names that people chose, as far as each stays one column's."""
    ours = [str(name) for name in frame.columns if not str(name).startswith(_PARAMETER)]
    shown = {} if metric in ours else {"objective": metric}
    taken = {*ours, metric}
    for name in map(str, frame.columns):
        short = name.removeprefix(_PARAMETER)
        if short not in taken:
            shown[name] = short
    return frame.rename(columns=shown)


def _table(frame: "pd.DataFrame") -> dg.MetadataValue:
    records = [
        dg.TableRecord({str(name): _cell(value) for name, value in row.items()})
        for row in frame.to_dict(orient="records")
    ]
    columns = [dg.TableColumn(str(name), _column_type(column)) for name, column in frame.items()]
    return dg.MetadataValue.table(records, dg.TableSchema(columns))


def _cell(value: object) -> str | int | float | bool | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, float):
        return float(f"{value:.6g}")
    return value if isinstance(value, (str, int, bool)) else str(value)


def _column_type(column: "pd.Series") -> str:
    import pandas as pd

    if pd.api.types.is_bool_dtype(column):
        return "bool"
    if pd.api.types.is_integer_dtype(column):
        return "int"
    return "float" if pd.api.types.is_float_dtype(column) else "string"
