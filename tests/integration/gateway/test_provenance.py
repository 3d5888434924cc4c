"""What a run was made of: stored once, kept as it was, seen by its tenant only."""

import json
from typing import Any

import psycopg
import pytest
from sweepworks.wire import Flush, encode_flush

from tests.integration.gateway.conftest import Platform, a_flush

CODE = {"commit": "c" * 40, "is_dirty": False, "left_out": []}


def flush(platform: Platform, run: str, sequence: int = 1, **sections: Any) -> int:
    sent = Flush(writer="w", sequence=sequence, run=run, provenance=sections)
    return platform.flush(sent).status_code


def test_sections_come_back_with_the_run(platform: Platform) -> None:
    run, _ = platform.scratch()

    assert flush(platform, run, code=CODE, hardware={"node": "n\x00\ud800ä", "gpus": []}) == 200

    found = platform.run(run)["provenance"]
    assert found["code"] == CODE
    assert found["hardware"]["node"][0] + found["hardware"]["node"][-1] == "nä"


def test_what_is_recorded_stands(platform: Platform) -> None:
    run, _ = platform.scratch()
    flush(platform, run, code=CODE)

    assert flush(platform, run, 2, code={"commit": "d" * 40}) == 200

    assert platform.run(run)["provenance"]["code"] == CODE
    with pytest.raises(psycopg.Error, match="written once"):
        platform.rows("UPDATE run_provenance SET section = 'x'")
    with pytest.raises(psycopg.Error, match="written once"):
        platform.rows("UPDATE provenance_documents SET document = '{}'")


def test_nothing_is_added_to_a_sealed_run(platform: Platform) -> None:
    run, _ = platform.scratch()
    platform.seal(run)

    assert flush(platform, run, code=CODE) == 409
    with pytest.raises(psycopg.Error, match="sealed"):
        platform.rows(
            "INSERT INTO provenance_documents VALUES ('x', '{}');"
            " INSERT INTO run_provenance (run_id, attempt_id, section, digest)"
            f" VALUES ('{run}', '', 'code', 'x')"
        )


def test_runs_that_share_a_document_store_it_once(platform: Platform) -> None:
    runs = [platform.scratch()[0] for _ in range(3)]

    for run in runs:
        flush(platform, run, code=CODE, software={"packages": {"numpy": run[-1:]}})

    count = "SELECT count(*) FROM run_provenance WHERE section <> 'origin'"
    assert platform.rows(count) == [(6,)]
    documents = platform.rows("SELECT document FROM provenance_documents WHERE document ? 'commit'")
    assert documents == [(CODE,)]


def test_the_last_attempt_says_on_which_machine_it_was(platform: Platform) -> None:
    (run,) = platform.trials()
    for number, node in enumerate(("first", "second"), start=1):
        sent = Flush(
            writer=f"w{number}", sequence=1, run=run, attempt=f"{run}-a{number}",
            provenance={"hardware": {"node": node}},
        )  # fmt: skip
        assert platform.flush(sent).status_code == 200

    assert platform.run(run)["provenance"]["hardware"] == {"node": "second"}


@pytest.mark.parametrize("bad", [{"Code": {}}, {"code": 3}, {"c" * 33: {}}, [], {"": {}}])
def test_malformed_sections_are_refused(platform: Platform, bad: Any) -> None:
    run, token = platform.scratch()
    document = {"writer": "w", "sequence": 1, "run": run, "provenance": bad}

    answer = platform.post(
        json.dumps(document).encode(), token=token, media_type="application/json"
    )

    assert answer.status_code == 422
    assert set(platform.run(run)["provenance"]) == {"origin"}


def test_a_flush_of_an_older_library_has_none(platform: Platform) -> None:
    run, _ = platform.scratch()
    body = encode_flush(a_flush(run))

    assert b"provenance" not in body
    assert set(platform.run(run)["provenance"]) == {"origin"}
