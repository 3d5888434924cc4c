"""What runs were made of: documents by section, each stored once however many runs share it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from storage import queries
from sweeps.ids import RunId
from sweeps.runs import Provenance

ORIGIN = "origin"  #: the section that the platform writes itself

_QUERIES = queries.load("provenance")
Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of what one attempt was made of."""

    run_id: str
    attempt_id: str  #: empty outside sweeps
    name: str
    document: Mapping[str, Any]

    def text(self) -> str:
        """The same for equal documents. PostgreSQL's JSON has no NUL."""
        text = json.dumps(self.document, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return text.replace("\\u0000", "\\ufffd")


def write_provenance(connection: Connection, sections: Sequence[Section]) -> None:
    """Note sections, in the caller's transaction; the first of each attempt stands."""
    texts = [section.text() for section in sections]
    digests = [hashlib.sha256(text.encode()).digest() for text in texts]
    documents = dict(zip(digests, texts, strict=True))
    connection.execute(
        _QUERIES["insert_documents"],
        {"digests": list(documents), "documents": list(documents.values())},
    )
    connection.execute(
        _QUERIES["insert_sections"],
        {
            "run_ids": [section.run_id for section in sections],
            "attempt_ids": [section.attempt_id for section in sections],
            "sections": [section.name for section in sections],
            "digests": digests,
        },
    )


def provenance_of_run(connection: Connection, run_id: RunId) -> Provenance:
    """By section, of the last attempt that has recorded it.

    Which suggestion a trial is follows from rows that never change, and is told with its origin.
    """
    sections = dict(connection.execute(_QUERIES["of_run"], {"run_id": run_id}).fetchall())
    if ORIGIN in sections:
        cursor = connection.cursor(row_factory=dict_row)
        suggestion = cursor.execute(_QUERIES["suggestion"], {"run_id": run_id}).fetchone()
        if suggestion is not None:
            sections[ORIGIN] = {**sections[ORIGIN], "suggestion": suggestion}
    return sections
