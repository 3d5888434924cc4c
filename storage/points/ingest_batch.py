"""One transaction of the ingest: many flushes, each stored once or left out."""

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from sweepworks.wire import ReportRecord

from storage import queries
from storage.deliveries import Delivery, Receipt, Refusal
from storage.json_numbers import json_number
from storage.lineage.provenance import ORIGIN, Section, write_provenance
from storage.points.late_points import ask_present, note_late_points, present_us
from storage.points.metric_store import copy_points
from storage.points.point_import import import_points, is_import
from storage.points.points import SYSTEM, USER, Curves, RunPoints
from storage.points.series_registry import SeriesRegistry
from storage.runs.hearing import hear_of
from sweeps.errors import RunNotFound, StateConflict, SweepsError
from sweeps.ids import RunId
from sweeps.states import Decision

_QUERIES = queries.load("ingest")
Connection = psycopg.Connection[tuple[Any, ...]]
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_Value = TypeVar("_Value")
MOST_PARAMS = 10_000  #: of a run, and of a flush
MOST_TAGS = 1_000  #: likewise
_MAX_REFUSALS = 20  # of a flush, that are told: thousands of curves may be refused alike


@dataclass(frozen=True, slots=True, kw_only=True)
class _OpenRun:
    run_id: str
    tenant_id: str
    sweep_id: str | None
    is_sealed: bool
    is_lost: bool  #: was given up for its silence
    objective: str | None
    control: str


class Batch:
    """One transaction. Tables are written in one order, rows in theirs: batches never deadlock."""

    def __init__(
        self,
        connection: Connection,
        series: SeriesRegistry,
        deliveries: Sequence[Delivery],
        points: Sequence[RunPoints],
    ) -> None:
        self._connection = connection
        self._series = series
        self._deliveries = deliveries
        self._points = points
        self._refused: dict[int, list[Refusal]] = {}
        self.stored: list[RunPoints] = []

    def write(self) -> list[Receipt | SweepsError]:
        """For each delivery its receipt, or why it alone was left out."""
        # One way to the server and back: a batch holds its locks for no longer than it must.
        with self._connection.pipeline():
            held = self._hold_runs()
            moved = self._move_watermarks()
            present = ask_present(self._connection)
        runs = {row.run_id: row for row in held}
        writers = {(run_id, writer_id) for run_id, writer_id in moved}
        failures = {
            place: failure
            for place, delivery in enumerate(self._deliveries)
            if (failure := _failure(delivery, runs.get(delivery.flush.run))) is not None
        }
        new = [
            place
            for place, delivery in enumerate(self._deliveries)
            if place not in failures and delivery.writer in writers
        ]
        if new:
            # COPY knows no pipeline.
            self._write_points(new, now_us=present_us(present))
            with self._connection.pipeline():
                self._write_reports(new, runs)
                self._write_params(new)
                self._write_tags(new)
                self._write_provenance(new)
                self._note_activity(new, runs)
                self._finish(new)
                self._note(new)
        stored = set(new)
        return [
            failures[place]
            if place in failures
            else Receipt(
                control=Decision(runs[delivery.flush.run].control),
                is_new=place in stored,
                refused=self._told(place),
            )
            for place, delivery in enumerate(self._deliveries)
        ]

    def _hold_runs(self) -> Iterable[_OpenRun]:
        run_ids = sorted({delivery.flush.run for delivery in self._deliveries})
        cursor = self._connection.cursor(row_factory=class_row(_OpenRun))
        return cursor.execute(_QUERIES["hold_runs"], {"run_ids": run_ids})

    def _move_watermarks(self) -> Iterable[tuple[str, str]]:
        flushes = [delivery.flush for delivery in self._deliveries]
        return self._connection.execute(
            _QUERIES["move_watermarks"],
            {
                "run_ids": [flush.run for flush in flushes],
                "tenant_ids": [delivery.tenant_id for delivery in self._deliveries],
                "writer_ids": [flush.writer for flush in flushes],
                "attempt_ids": [flush.attempt for flush in flushes],
                "sequences": [flush.sequence for flush in flushes],
                "are_last": [flush.finish is not None for flush in flushes],
            },
        )

    def _write_points(self, places: Sequence[int], *, now_us: int) -> None:
        batch = [self._points[place] for place in places if len(self._points[place].counts)]
        if not batch:
            return
        unkept = self._series.register(self._connection, (points.curves for points in batch))
        if unkept:
            batch = [self._without(place, unkept) for place in places]
        past = [points for points in batch if is_import(points, now_us=now_us)]
        live = [points for points in batch if not is_import(points, now_us=now_us)]
        if live:
            copy_points(self._connection, live)
            note_late_points(self._connection, live, now_us=now_us)
        if past:
            import_points(self._connection, past)
        self.stored = batch

    def _without(self, place: int, unkept: Mapping[bytes, str]) -> RunPoints:
        """The points without those of some curves."""
        points = self._points[place]
        curves = points.curves
        keeps = np.array([mark not in unkept for mark in curves.fingerprints], dtype=np.bool_)
        if not curves.fingerprints or keeps.all():
            return points
        kept: dict[str, list[str]] = {USER: [], SYSTEM: []}
        for (family, key), mark in zip(curves.names, curves.fingerprints, strict=True):
            if mark in unkept:
                kind = "metric" if family == USER else f"{family} metric"
                self._refuse(place, f"{kind} {key!r}", unkept[mark])
            else:
                kept[family].append(key)
        mask = np.repeat(keeps, points.counts)
        return RunPoints(
            curves=Curves.of(curves.run_id, kept[USER], kept[SYSTEM]),
            counts=points.counts[keeps],
            steps=points.steps[mask],
            times=points.times[mask],
            values=points.values[mask],
        )

    def _write_reports(self, places: Sequence[int], runs: Mapping[str, _OpenRun]) -> None:
        first: dict[tuple[str, int], ReportRecord] = {}
        for place in places:
            flush = self._deliveries[place].flush
            for report in flush.reports:
                at = (flush.run, report.level)
                first[at] = _completed(first.get(at), report, runs[flush.run].objective)
        if not first:
            return
        reports = [(runs[run_id], report) for (run_id, _), report in first.items()]
        self._run(
            "insert_reports",
            run_ids=[run.run_id for run, _ in reports],
            levels=[report.level for _, report in reports],
            sweep_ids=[run.sweep_id for run, _ in reports],
            values=[report.values.get(run.objective or "") for run, report in reports],
            reported=[
                Jsonb({key: json_number(value) for key, value in report.values.items()})
                for _, report in reports
            ],
            reported_ats=[
                _EPOCH + dt.timedelta(microseconds=report.time_us) for _, report in reports
            ],
        )

    def _write_params(self, places: Sequence[int]) -> None:
        given = ((place, self._deliveries[place].flush.params) for place in places)
        params = self._within("param", given, most=MOST_PARAMS)
        if not params:
            return
        columns = {
            "run_ids": [self._deliveries[place].flush.run for place, _, _ in params],
            "names": [name for _, name, _ in params],
            "values": [Jsonb(value) for _, _, value in params],
        }
        self._run("insert_params", **columns)
        differing: list[tuple[int, str]] = self._connection.execute(
            _QUERIES["differing_params"], columns
        ).fetchall()
        for ordinal, kept in differing:
            place, name, _ = params[ordinal - 1]
            self._refuse(place, f"param {name!r}", f"it is {kept[:200]} and is set only once")

    def _write_tags(self, places: Sequence[int]) -> None:
        given = ((place, self._deliveries[place].flush.tags) for place in places)
        tags = {
            (self._deliveries[place].flush.run, name): value
            for place, name, value in self._within("tag", given, most=MOST_TAGS)
        }
        if tags:
            self._run(
                "set_tags",
                run_ids=[run_id for run_id, _ in tags],
                names=[name for _, name in tags],
                values=list(tags.values()),
            )

    def _within(
        self, kind: str, given: Iterable[tuple[int, Mapping[str, _Value]]], *, most: int
    ) -> list[tuple[int, str, _Value]]:
        """What flushes bring, by place, without what is more than a flush, or a run, may have."""
        kept: list[tuple[int, str, _Value]] = []
        for place, values in given:
            kept.extend((place, *item) for item in itertools.islice(values.items(), most))
            for name in itertools.islice(values, most, None):
                self._refuse(place, f"{kind} {name!r}", f"a flush has at most {most} {kind}s")
        if not kept:
            return kept
        surplus: list[tuple[int]] = self._connection.execute(
            _QUERIES[f"surplus_{kind}s"],
            {
                "run_ids": [self._deliveries[place].flush.run for place, _, _ in kept],
                "names": [name for _, name, _ in kept],
                "most": most,
            },
        ).fetchall()
        for (ordinal,) in surplus:
            place, name, _ = kept[ordinal - 1]
            why = f"the run has {most} {kind}s, and more are not kept"
            self._refuse(place, f"{kind} {name!r}", why)
        left_out = {ordinal for (ordinal,) in surplus}
        return [item for ordinal, item in enumerate(kept, 1) if ordinal not in left_out]

    def _write_provenance(self, places: Sequence[int]) -> None:
        sections = [
            Section(run_id=flush.run, attempt_id=flush.attempt or "", name=name, document=document)
            for flush in (self._deliveries[place].flush for place in places)
            for name, document in flush.provenance.items()
            if name != ORIGIN
        ]
        for place in places:
            if ORIGIN in self._deliveries[place].flush.provenance:
                self._refuse(place, f"the section {ORIGIN!r}", "the platform writes it itself")
        if sections:
            write_provenance(self._connection, sections)

    def _note_activity(self, places: Sequence[int], runs: Mapping[str, _OpenRun]) -> None:
        seen = {
            flush.run
            for flush in (self._deliveries[place].flush for place in places)
            # An empty flush, and what is measured beside the training, proves that the process
            # lives, not that the training moves.
            if flush.beat or any(flush.series.values()) or flush.reports or flush.finish
        }
        if seen:
            self._run("note_activity", run_ids=sorted(seen))
        if lost := sorted(run_id for run_id in seen if runs[run_id].is_lost):
            hear_of(self._connection, [RunId(run_id) for run_id in lost])

    def _finish(self, places: Sequence[int]) -> None:
        ended = {
            flush.run: flush
            for flush in (self._deliveries[place].flush for place in places)
            if flush.finish is not None
        }
        if ended:
            self._run(
                "finish_scratch_runs",
                run_ids=list(ended),
                states=[flush.finish for flush in ended.values()],
                reasons=[flush.message for flush in ended.values()],
            )

    def _note(self, places: Sequence[int]) -> None:
        """What was left out, for whoever looks at the run; a script's own words reach its log."""
        notices: dict[tuple[str, str], str] = {}
        for place in places:
            flush = self._deliveries[place].flush
            for refusal in self._told(place):
                notices[flush.run, refusal.what] = refusal.why
            if flush.dropped:
                notices[flush.run, f"metric points of {flush.writer}"] = (
                    f"{flush.dropped} left out: there was no room for them on its disk, or no time"
                )
        if notices:
            self._run(
                "note",
                run_ids=[run_id for run_id, _ in notices],
                subjects=[subject for _, subject in notices],
                sentences=list(notices.values()),
            )

    def _told(self, place: int) -> tuple[Refusal, ...]:
        refused = self._refused.get(place, [])
        if len(refused) <= _MAX_REFUSALS:
            return tuple(refused)
        others = len(refused) - _MAX_REFUSALS + 1
        rest = Refusal(what=f"{others} others", why=refused[-1].why)
        return (*refused[: _MAX_REFUSALS - 1], rest)

    def _refuse(self, place: int, what: str, why: str) -> None:
        self._refused.setdefault(place, []).append(Refusal(what=what, why=why))

    def _run(self, name: str, **parameters: object) -> None:
        self._connection.execute(_QUERIES[name], parameters)


def _completed(first: ReportRecord | None, later: ReportRecord, metric: str | None) -> ReportRecord:
    """The first report of a level, with what it lacks from a later one: as `insert_reports` has it."""
    if first is None:
        return later
    if metric in first.values and metric in later.values:
        return first
    return replace(first, values={**later.values, **first.values})


def _failure(delivery: Delivery, run: _OpenRun | None) -> SweepsError | None:
    # A run of another tenant is as good as none.
    if run is None or run.tenant_id != delivery.tenant_id:
        return RunNotFound(delivery.flush.run)
    if run.is_sealed:
        return StateConflict(f"run {run.run_id!r}", current="sealed", asked="written to")
    return None
