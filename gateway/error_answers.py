"""Errors of routes as answers: a page for a person's browser, JSON for everybody else."""

from collections.abc import Sequence
from typing import Any, cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gateway.errors import InvalidRequest, answer_to
from gateway.html import error_page, is_page
from sweeps.errors import SweepsError


def answer_errors(api: FastAPI) -> None:
    """Have all errors of `api` answered in the one way."""
    api.add_exception_handler(SweepsError, _refuse)
    api.add_exception_handler(RequestValidationError, _refuse_input)
    api.add_exception_handler(HTTPException, _refuse_route)
    api.add_exception_handler(Exception, _apologise)


async def _refuse(request: Request, exc: Exception) -> Response:
    if is_page(request):
        return error_page(request, cast("SweepsError", exc))
    answer = answer_to(cast("SweepsError", exc))
    return Response(
        answer.body(),
        status_code=answer.status,
        headers=dict(answer.headers),
        media_type="application/json",
    )


async def _refuse_input(request: Request, exc: Exception) -> Response:
    problems = cast("Sequence[dict[str, Any]]", cast("RequestValidationError", exc).errors())
    sentence = "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in problems[:10]
    )
    return await _refuse(request, InvalidRequest(sentence))


async def _refuse_route(_: Request, exc: Exception) -> Response:
    if isinstance(exc.__cause__, SweepsError):  # of a body: FastAPI knows no reason but bad JSON
        return await _refuse(_, exc.__cause__)
    refused = cast("HTTPException", exc)
    return JSONResponse(
        {"error": str(refused.detail)}, status_code=refused.status_code, headers=refused.headers
    )


async def _apologise(_: Request, __: Exception) -> Response:
    # The server logs the traceback; the client gets none of it.
    return JSONResponse({"error": "the gateway failed; its log says why"}, status_code=500)
