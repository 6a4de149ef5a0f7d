"""The API described: as an OpenAPI document for programs, and as a page for people."""

from __future__ import annotations

from functools import cache
from typing import Any

from aiohttp import web

from app.web.api import openapi
from app.web.app_keys import ROUTES, SETTINGS
from app.web.pages import page
from app.web.route import Route


async def document(request: web.Request) -> web.Response:
    """The OpenAPI document."""
    return web.json_response(_document(request.app[ROUTES], request.app[SETTINGS].public_url))


async def readable(request: web.Request) -> web.Response:
    """The page that describes the API."""
    return page(request, "api.html", document=_document(request.app[ROUTES], request.app[SETTINGS].public_url))


@cache
def _document(routes: tuple[Route, ...], server: str) -> dict[str, Any]:
    return openapi.document(routes, server)
