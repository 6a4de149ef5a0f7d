"""What is no HTTP never reaches a middleware: aiohttp's own answer would name its version, and lack the security headers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "Server": "gas",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def answer_plainly() -> None:
    """From now on, such an answer of this process is one line with the headers of all others."""
    RequestHandler.handle_error = _answer  # type: ignore[method-assign]


_LOGGED = RequestHandler.handle_error


def _answer(self: RequestHandler, *arguments: Any, **options: Any) -> web.StreamResponse:
    status = HTTPStatus(_LOGGED(self, *arguments, **options).status)
    answer = web.Response(status=status, text=f"{status.value} {status.phrase}\n", headers=HEADERS)
    answer.force_close()
    return answer
