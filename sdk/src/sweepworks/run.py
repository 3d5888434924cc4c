"""A run as its training script sees it."""

import atexit
import os
import time
import types
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import time as _time
from typing import Any, Self

from sweepworks import artifacts, ending
from sweepworks.batches import MAX_ENTRIES
from sweepworks.cache import Cache
from sweepworks.checkpoints import Checkpoint, Checkpoints
from sweepworks.connection import Connection
from sweepworks.console import Console
from sweepworks.data import use_dataset
from sweepworks.decisions import await_decision
from sweepworks.inputs import use_artifact
from sweepworks.media.audio import audio_content
from sweepworks.media.content import Content
from sweepworks.media.figures import figure_content
from sweepworks.media.images import image_content
from sweepworks.media.outbox import Outbox
from sweepworks.media.tables import table_content
from sweepworks.pending import checked_report
from sweepworks.provenance.capture import Capture
from sweepworks.provenance.seeds import seed_everything
from sweepworks.recorder import Recorder
from sweepworks.spool import Spool
from sweepworks.system.sampler import Sampler, sources_of
from sweepworks.values import Scalar, are_plain, as_scalar, as_text, check_int64, named, settled

_SPOOL_BYTES = 512_000_000
_LAST_SECOND = 253_402_300_799  # of the year 9999
_STEP_DIGITS = 10  # names sort by step, as long as it is below 10 billion
_PATIENCE_SECONDS = 2.0  # for an upload to begin, where nobody waits for decisions


class Run:
    """One tracked training execution.

    `log` only appends to memory. Everything else goes on in a background thread and on disk, so
    that nothing the network does reaches the training loop. After a fork only the parent records:
    data-loader workers may call `log`, and it does nothing there.

    Attributes:
        id: Name of the run.
        params: The configuration, read-only.
        seed: The trial's seed, 32 bits.
        max_resource: Resource level at which the search takes the trial for complete; None when
            it does not say.

    What it is made of is recorded when it begins: the code in `code_folder` (None: nothing), packages,
    machine.

    The machine, its GPUs and the process `system_pid`, by default this one, are measured beside it,
    every `system_seconds`; never when that is 0.
    """

    def __init__(
        self,
        *,
        run_id: str,
        attempt_id: str | None,
        params: Mapping[str, Scalar],
        seed: int,
        connection: Connection | None,
        spool: Spool | None,
        writer: str,
        rungs: tuple[int, ...] = (),
        max_resource: int | None = None,
        checkpoints: str = "rungs",
        decision_timeout: float = 2.0,
        flush_seconds: float = 2.0,
        finish_seconds: float = 30.0,
        spool_bytes: int = _SPOOL_BYTES,
        system_seconds: float = 0.0,
        system_pid: int | None = None,
        code_folder: Path | None = None,
        script: Path | None = None,
    ) -> None:
        self.id = run_id
        self.params: Mapping[str, Scalar] = types.MappingProxyType(dict(params))
        self.seed = seed
        self.max_resource = max_resource
        self._rungs = rungs
        self._decision_timeout = decision_timeout
        self._finish_seconds = finish_seconds
        self._step = 0
        self._console = Console()
        self._stop = False
        self._finished = False
        self._opened: set[str] = set()
        self._is_ending = False  # its last word is asked for
        self._connection = connection
        self._recorder: Recorder | None = None
        self._sampler: Sampler | None = None
        self._outbox: Outbox | None = None
        self._capture: Capture | None = None
        self._last_acts: list[Callable[[], None]] = []
        self._media_steps: dict[tuple[str, str], int] = {}  # the last one of each kind and name
        self._entries: deque[Any] = deque(maxlen=3)
        if spool is not None:
            self._recorder = Recorder(
                run=run_id,
                attempt=attempt_id,
                writer=writer,
                connection=connection,
                spool=spool,
                flush_seconds=flush_seconds,
                patience_seconds=decision_timeout or _PATIENCE_SECONDS,
                spool_bytes=spool_bytes,
                on_control=self._on_control,
                say=self._console.say,
            )
            self._entries = self._recorder.entries
            self._outbox = Outbox(self._recorder.uploads, spool, say=self._console.say)
            if system_seconds > 0:
                self._sampler = Sampler(
                    self._recorder.system_entries,
                    sources=partial(sources_of, system_pid or os.getpid()),
                    every_seconds=system_seconds,
                    say=self._console.say,
                )
            if code_folder is not None:
                self._capture = Capture(
                    code_folder,
                    script=script,
                    add=self._recorder.add_provenance,
                    keep=self._keep_code,
                    warn=self._console.say,
                )
                self._capture.begin()
            atexit.register(self._at_exit)
            ending.watch()
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=partial(_after_fork, weakref.ref(self)))
        self._checkpoints = Checkpoints(
            run_id,
            attempt=attempt_id,
            connection=connection,
            uploads=None if self._recorder is None else self._recorder.uploads,
            mode=checkpoints,
            rungs=tuple(rung for rung in rungs if max_resource is None or rung < max_resource),
            say=self._console.say,
            beat=self.heartbeat,
        )

    @property
    def is_finished(self) -> bool:
        """Whether nothing is recorded any more."""
        return self._finished

    # What a training loop calls

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Record metric points: names and numbers. Best effort, never slow.

        Args:
            step: Where on the curve; counts calls of `log` when left out.
        """
        if step is None:
            step = self._step
            self._step = step + 1
        kept = {**values}
        if not are_plain(kept):
            kept = {name: settled(value) for name, value in kept.items()}
        entries = self._entries
        # Not a deque that drops its oldest: while they are drained, halves of entries would go.
        if len(entries) < MAX_ENTRIES:
            entries.extend((_time(), step, kept))
        elif self._recorder is not None:
            self._recorder.drop(len(values))

    def log_at(self, seconds: float, values: Mapping[str, float], step: int) -> None:
        """Record metric points of an earlier moment, such as those that another program has written.

        Args:
            seconds: Since 1970; a moment that cannot have been counts as now.
        """
        moment = seconds if 0 <= seconds < _LAST_SECOND else _time()
        if len(self._entries) < MAX_ENTRIES:
            self._entries.extend((moment, step, dict(values)))
        elif self._recorder is not None:
            self._recorder.drop(len(values))

    def report(
        self,
        resource_level: int,
        values: Mapping[str, float] | None = None,
        /,
        *,
        checkpoint: str | os.PathLike[str] | None = None,
        **more: float,
    ) -> None:
        """Report results at a resource level, such as an epoch: what the search learns from.

        On disk when it returns. Waits for the search's decision at a rung only, and at most
        `SWEEPWORKS_DECISION_TIMEOUT` seconds; not at all while the gateway is away. Never raises
        for an outage.

        Args:
            checkpoint: File from which training can go on after this level. Stored before the
                report, where the search may pause the trial; `SWEEPWORKS_CHECKPOINTS` says
                otherwise. The first checkpoint of a level stands.

        Raises:
            ValueError: What is reported cannot be a report.
            OSError: There is no file to be the checkpoint.
        """
        record = checked_report(resource_level, {**(values or {}), **more})
        saved = None if checkpoint is None else artifacts.existing_file(checkpoint)
        recorder = self._recorder
        if recorder is None or self._finished:
            return
        is_answering = True
        if saved is not None:
            self.heartbeat()
            is_answering = self._checkpoints.store(record.level, saved)
        recorder.report(record)
        is_answering = is_answering and not recorder.is_away
        if record.level in self._rungs and self._connection is not None and is_answering:
            decision = await_decision(
                self._connection, self.id, record.level, seconds=self._decision_timeout
            )
            self._on_control(decision)

    def report_all(self, reports: Mapping[int, Mapping[str, float]]) -> None:
        """Report many resource levels at once, such as those that another program has reached.

        On disk when it returns; does not wait for decisions.

        Raises:
            ValueError: What is reported cannot be a report.
        """
        records = [checked_report(level, values) for level, values in reports.items()]
        if records and self._recorder is not None and not self._finished:
            self._recorder.report(*records)

    @property
    def checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint of an earlier attempt of this run: what to go on from.

        Brought into the working directory at the first use, its sha256 verified. None in a first
        attempt, and, said once on stderr, when it cannot be had: then training begins anew.
        """
        return self._checkpoints.newest()

    @property
    def resumed_from(self) -> int:
        """Resource level that `checkpoint` had reached; 0 when training begins anew."""
        found = self._checkpoints.newest()
        return 0 if found is None else found.level

    @property
    def should_stop(self) -> bool:
        """Whether the search, or a person, wants this run to end: save what you need and return."""
        return self._stop

    def heartbeat(self) -> None:
        """Say that the script is alive although it has nothing to log."""
        if self._recorder is not None:
            self._recorder.beat()

    def tag(self, **tags: object) -> None:
        """Attach names and values that can be searched for; on disk when it returns."""
        kept = named(tags, as_text, leave_out=self._console.leave_out)
        if kept and self._recorder is not None and not self._finished:
            self._recorder.tag(kept)

    def add_params(self, params: Mapping[str, Scalar]) -> None:
        """Add parameters to the record, on disk when it returns.

        Each is set once, another value later is refused. What is no text, finite number or truth
        is kept as its text.
        """
        kept = named(params, as_scalar, leave_out=self._console.leave_out)
        if kept and self._recorder is not None and not self._finished:
            self._recorder.add_params(kept)

    def seed_everything(self, *, deterministic: bool = False) -> Mapping[str, Any]:
        """Seed Python, numpy, torch and tensorflow from the run's seed, and record what was set.

        Call it below the imports: what is not imported is not seeded. Equal results on GPUs need
        the same hardware and libraries, and `deterministic`, which is slower.

        Returns:
            What was set, by name.
        """
        done = seed_everything(self.seed, deterministic=deterministic)
        if self._recorder is not None and not self._finished:
            self._recorder.add_provenance("seeds", done)
        return done

    def log_artifact(
        self,
        path: str | os.PathLike[str],
        name: str | None = None,
        type: str = "file",  # noqa: A002 - the word users expect
    ) -> None:
        """Store a file under a name (its own by default) and a type such as ``checkpoint``.

        Stored when it returns; with the gateway away, a copy waits in the spool.
        """
        source = artifacts.existing_file(path)
        name = source.name if name is None else name
        artifacts.check_name(name)
        if self._recorder is None or self._finished:
            return
        self.heartbeat()
        self._recorder.uploads.store(source, name, type)

    def use_artifact(self, name: str) -> Path:
        """An artifact of another run, to learn from: brought into the working directory.

        It comes through a cache that all runs of this user share, and the record says from then on
        that this run was made with it. The file is not to be written to.

        Args:
            name: ``RUN/NAME``, such as ``digits-mlp-4f2kq7ab-00019/model.pt``.

        Raises:
            ValueError: There is no such artifact, or the run is over.
            ConnectionError: It cannot be had: no gateway is known, or none answers.
            OSError: There is no place for the file.
        """
        if self._connection is None:
            raise ConnectionError(f"{name!r} comes from a gateway, and none is known here")
        self.heartbeat()
        cache = Cache.of_this_user()
        return use_artifact(self._connection, self.id, name, cache=cache, beat=self.heartbeat)

    def use_dataset(self, reference: str) -> Path:
        """Where a version of a dataset is; that this run uses it is on record.

        In a trial it is the version that the sweep has pinned, elsewhere the newest one, or the one
        that is asked for. While the gateway is away the place is that of ``SWEEPWORKS_DATA_<NAME>``,
        if that is set, and the use is not recorded. A version that the artifact store has comes from
        there, through the cache, where its own place is not on this machine; its files are not to
        be written to.

        Args:
            reference: ``digits``, or ``digits@3``.

        Raises:
            ValueError: That names no dataset.
            LookupError: Nobody knows where it is.
            ConnectionError: It has to come from the store, and cannot be had.
            OSError: There is no place for its files.
        """
        connection = None if self._finished or self._recorder is None else self._connection
        return use_dataset(
            self.id,
            reference,
            connection=connection,
            say=self._console.say,
            opened=self._opened,
            beat=self.heartbeat,
        )

    # Media: copied, then encoded and stored in the background. What cannot be stored is said on
    # stderr and left out; they raise for a name or a step that cannot be, and for nothing else.

    def log_image(self, name: str, image: Any, step: int | None = None) -> None:
        """Store an image of a step as the artifact ``media/<name>/<step>.png``.

        Args:
            image: Path or bytes of a PNG, JPEG, GIF or WebP file, an image of Pillow, or an array
                or tensor of shape (height, width), (height, width, 3) or (height, width, 4): floats
                from 0 to 1, or whole numbers from 0 to 255.
            step: Counts the calls with that name when left out. The first image of a step stands.

        Raises:
            ValueError: The name or the step cannot be.
        """
        self._log_media(name, step, "image", lambda: image_content(image))

    def log_audio(
        self, name: str, audio: Any, sample_rate: int | None = None, step: int | None = None
    ) -> None:
        """Store a sound of a step as the artifact ``media/<name>/<step>.wav``.

        Args:
            audio: Path of a WAV, MP3, FLAC or Ogg file, or samples of shape (n,) or (n, channels):
                floats from -1 to 1, or int16.
            sample_rate: Samples a second, of an array.
            step: As for `log_image`.

        Raises:
            ValueError: The name or the step cannot be.
        """
        self._log_media(name, step, "audio", lambda: audio_content(audio, sample_rate))

    def log_table(
        self,
        name: str,
        table: Any = None,
        step: int | None = None,
        *,
        columns: Sequence[str] | None = None,
        rows: Iterable[Sequence[Any]] | None = None,
    ) -> None:
        """Store a table of a step as ``media/<name>/<step>.json``: ``{"columns", "rows"}``.

        Args:
            table: A list of dicts or a frame of pandas; else give `columns` and `rows`. The first
                10,000 rows are kept.
            step: As for `log_image`.

        Raises:
            ValueError: The name or the step cannot be.
        """

        def content() -> Content:
            made, n_left_out = table_content(table, columns=columns, rows=rows)
            if n_left_out:
                self._console.say(
                    f"table-{name}", f"{n_left_out} rows of the table {name} are left out"
                )
            return made

        self._log_media(name, step, "table", content)

    def log_figure(self, name: str, figure: Any, step: int | None = None) -> None:
        """Store a figure of a step: matplotlib's as PNG, plotly's as JSON.

        It is drawn before the call returns: matplotlib takes a tenth of a second for it.

        Args:
            step: As for `log_image`.

        Raises:
            ValueError: The name or the step cannot be.
        """
        self._log_media(name, step, "figure", lambda: figure_content(figure))

    def _log_media(
        self, name: str, step: int | None, kind: str, content: Callable[[], Content]
    ) -> None:
        last = self._media_steps.get((kind, name), -1)
        at = last + 1 if step is None else check_int64(int(step), "a step")
        if at < 0:
            raise ValueError(f"the step {at} of {name!r} is negative")
        artifacts.check_name(f"media/{name}/{at:0{_STEP_DIGITS}d}.json")
        if self._outbox is None or self._finished:
            return
        self.heartbeat()
        subject = f"media-{kind}-{name}"
        if at == last:
            self._console.say(
                subject, f"{name} was logged at step {at} before; the first one stands"
            )
            return
        self._media_steps[kind, name] = at
        try:
            made = content()
        except Exception as exc:  # noqa: BLE001 - whatever a script calls an image is no reason to end it
            self._console.say(subject, f"the {kind} {name!r} is left out: {exc}")
            return
        path = f"media/{name}/{at:0{_STEP_DIGITS}d}.{made.extension}"
        self._outbox.put(path, kind, made, subject=subject)

    def finish(self, state: str = "completed", message: str = "") -> None:
        """Send what is left and end the run; twice is once.

        Waits at most `SWEEPWORKS_FINISH_TIMEOUT` seconds (30). May be called in a signal handler.

        Args:
            state: ``completed`` or ``failed``.

        Raises:
            ValueError: It is another one.
        """
        if state not in {"completed", "failed"}:
            raise ValueError(f"a run ends completed or failed, not {state!r}")
        while self._last_acts:  # each once, whoever interrupts
            act = self._last_acts.pop()
            try:
                act()
            except Exception as exc:  # noqa: BLE001 - the run must end whatever comes
                self._console.say("at-finish", f"{act!r} has failed: {exc!r}")
        is_first, self._finished = not self._finished, True
        if is_first and self._sampler is not None:
            self._sampler.stop()
        recorder = self._recorder
        if recorder is None:
            return
        give_up_at = time.monotonic() + self._finish_seconds
        try:
            if is_first:
                self._entries = deque(maxlen=3)  # of which nothing is read
                if self._capture is not None:
                    self._capture.finish(seconds=self._finish_seconds / 4)
                if self._outbox is not None:  # before the run's last word
                    self._outbox.finish(seconds=self._finish_seconds / 2)
        finally:  # whoever interrupts that, and says in its turn how the run ends
            is_mine, self._is_ending = not self._is_ending, True
            if is_mine:
                recorder.finish(
                    state, as_text(message)[:2000], seconds=give_up_at - time.monotonic()
                )
            else:
                recorder.wait_until_written(give_up_at - time.monotonic())
            atexit.unregister(self._at_exit)  # who makes many runs keeps none of them

    def at_finish(self, act: Callable[[], None]) -> None:
        """Call `act` when the run is finished, before nothing more is recorded."""
        self._last_acts.append(act)

    def say(self, subject: str, sentence: str) -> None:
        """Print one line for the person at the console, once per subject."""
        self._console.say(subject, sentence)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: object
    ) -> None:
        failure = None if kind is None else f"{kind.__name__}: {error}"
        if isinstance(error, SystemExit):
            failure = ending.exit_failure(error.code)
        if failure is None:
            self.finish()
        else:
            self.finish("failed", failure)

    def _keep_code(self, name: str, content: bytes) -> None:
        if self._outbox is not None:
            made = Content.of(name.rpartition(".")[2], content)
            self._outbox.put(name, "code", made, subject=f"code-{name}")

    def _on_control(self, control: str | None) -> None:
        if control in {"stop", "pause"}:
            self._stop = True

    def _at_exit(self) -> None:
        if not self._finished and self._recorder is not None:
            failure = ending.failure()
            if failure is None:
                self.finish()
            else:
                self.finish("failed", failure)

    def _leave(self) -> None:
        self._sampler = None  # its thread is its parent's, and may have held its lock
        self._outbox = None
        self._capture = None
        self._last_acts.clear()
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            recorder.leave()
        self._entries = deque(maxlen=3)


def _after_fork(run: weakref.ref[Run]) -> None:
    """In the child. Hooks stay for good, runs need not."""
    if (found := run()) is not None:
        found._leave()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - of this module
