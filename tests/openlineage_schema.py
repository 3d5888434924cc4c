"""What OpenLineage 2-0-2 demands of a RunEvent and of the facets that we send, as JSON Schema."""

from typing import Any

_TEXT = {"type": "string"}
_URI = {"type": "string", "format": "uri", "pattern": "^https?://"}
_UUID = {"type": "string", "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}


def _object(**required: Any) -> dict[str, Any]:
    return {"type": "object", "properties": required, "required": list(required)}


def _facets(**known: Any) -> dict[str, Any]:
    """Each facet says who made it and by which schema; nothing that is not known here is sent."""
    base = _object(_producer=_URI, _schemaURL=_URI)
    return {
        "type": "object",
        "properties": {name: {"allOf": [base, facet]} for name, facet in known.items()},
        "additionalProperties": False,
    }


_NAMED = _object(namespace=_TEXT, name={"type": "string", "minLength": 1})
_INPUT_FIELD = _object(namespace=_TEXT, name=_TEXT, field=_TEXT)
_DATASET = {
    "allOf": [
        _NAMED,
        _object(
            facets=_facets(
                version=_object(datasetVersion=_TEXT),
                schema=_object(fields={"type": "array", "items": _object(name=_TEXT)}),
                columnLineage=_object(
                    fields={
                        "type": "object",
                        "additionalProperties": _object(
                            inputFields={"type": "array", "items": _INPUT_FIELD}
                        ),
                    }
                ),
            )
        ),
    ]
}

RUN_EVENT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    **_object(
        eventTime={"type": "string", "format": "date-time"},
        producer=_URI,
        schemaURL={"const": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"},
        eventType={"enum": ["START", "RUNNING", "COMPLETE", "ABORT", "FAIL", "OTHER"]},
        run={
            "allOf": [
                _object(runId=_UUID),
                _object(
                    facets=_facets(
                        parent=_object(run=_object(runId=_UUID), job=_NAMED),
                        errorMessage=_object(message=_TEXT, programmingLanguage=_TEXT),
                    )
                ),
            ]
        },
        job={
            "allOf": [
                _NAMED,
                _object(
                    facets=_facets(
                        jobType=_object(processingType=_TEXT, integration=_TEXT),
                        documentation=_object(description=_TEXT),
                        sourceCodeLocation=_object(type=_TEXT, url=_TEXT),
                    )
                ),
            ]
        },
        inputs={"type": "array", "items": _DATASET},
        outputs={"type": "array", "items": _DATASET},
    ),
}
