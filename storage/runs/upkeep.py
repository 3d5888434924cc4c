"""What gateways do to the runs of all tenants now and then: notice who is silent, seal who has ended."""

import datetime as dt
from typing import LiteralString

from retention import silence
from retention.sealing import SealingRule
from storage import queries
from storage.database import Pool, transaction
from storage.lineage.checks import record_digests
from storage.runs.hearing import DESERTED
from sweeps.ids import RunId

_RUNS = queries.load("runs")
_RERUNS = queries.load("reruns")
_AT_ONCE = 500  # the rest comes the next time; keeps the transaction short
#: Of the command that makes a rerun, after which what is over is ended for it; it speaks every 20 s.
_DESERTED_AFTER = dt.timedelta(seconds=90)


class RunUpkeep:
    """Ends and seals runs, whoever's they are."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def note_gateway(self) -> None:
        """Say that a gateway is there, so that the silence of scripts means something."""
        with transaction(self._pool) as connection:
            connection.execute(_RUNS["note_gateway"], {"gap": silence.GAP})

    def fail_silent(self, *, after: dt.timedelta) -> tuple[RunId, ...]:
        """End scratch runs as `retention.silence.SilenceRule` says; returns which."""
        statement = _RUNS["fail_silent_runs"]
        return self._change(statement, after=after, recovery=silence.RECOVERY)

    def end_left_attempts(self) -> tuple[RunId, ...]:
        """End attempts of reruns that are over and whose command is gone; returns whose.

        What they hold is free then, and they have cost what they cost.
        """
        statement = _RERUNS["end_left_attempts"]
        return self._change(statement, silence=_DESERTED_AFTER, deserted=DESERTED)

    def seal(self, rule: SealingRule) -> tuple[RunId, ...]:
        """Seal the runs that are due, and write down what they are; returns which.

        Not in one transaction: digests that are not written now are by the next check.
        """
        statement = _RUNS["seal_runs"]
        sealed = self._change(statement, grace=rule.grace, lost_grace=rule.lost_grace)
        if sealed:
            record_digests(self._pool, sealed)
        return sealed

    def _change(self, statement: LiteralString, **parameters: object) -> tuple[RunId, ...]:
        with transaction(self._pool) as connection:
            rows = connection.execute(statement, {**parameters, "limit": _AT_ONCE})
            return tuple(RunId(row[0]) for row in rows)
