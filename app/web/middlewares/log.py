"""One log line for each request, with an id that the page of an error shows too."""

from __future__ import annotations

import secrets
import time

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from app.web.app_keys import REQUEST_ID
from app.web.assets import PREFIX

log = structlog.get_logger()

QUIET = ("/healthz", "/readyz", PREFIX)


@web.middleware
async def log_requests(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Logs a request once it is answered, with its milliseconds and never its query."""
    request[REQUEST_ID] = secrets.token_hex(8)
    started = time.monotonic()
    with structlog.contextvars.bound_contextvars(request=request[REQUEST_ID]):
        response = await handler(request)
        if not request.path.startswith(QUIET) or response.status >= 400:
            log.info(
                "request",
                method=request.method,
                path=request.path,  # never the query: it may hold a login's code
                status=response.status,
                milliseconds=round(1000 * (time.monotonic() - started)),
                client=client_address(request),
            )
    return response


def client_address(request: web.Request) -> str:
    """The last element of X-Forwarded-For is the load balancer's word; all before it is the client's own."""
    return request.headers.get("X-Forwarded-For", "").rpartition(",")[2].strip() or request.remote or ""
