"""Attempts that the rows say are under way; what runs in a cluster is held to them."""

from storage.database import Pool, transaction
from storage.queue.live_attempts import LiveAttempts
from sweeps.ids import AttemptId
from tests.integration.storage.test_ingest_store import a_scratch_run


def test_a_rerun_lives_as_long_as_its_run(pool: Pool) -> None:
    live, run = LiveAttempts(pool), a_scratch_run(pool)
    attempt = AttemptId(f"{run}-a1")
    asked = [attempt, AttemptId("scratch-bbbbbbbbbbbb-a1"), AttemptId("something-else")]

    before = live.among(asked)
    with transaction(pool) as connection:
        connection.execute("UPDATE runs SET state = 'failed', ended_at = now()")

    assert before == {attempt}
    assert live.among(asked) == set()
