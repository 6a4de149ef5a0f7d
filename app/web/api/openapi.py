"""The OpenAPI document, made of the table of routes and of the models: what is not in them is not in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.web.route import Operation, Route

VERSION = "1"
JSON = "application/json"
PROBLEM = {
    "type": "object",
    "description": "Problem details (RFC 9457); `instance` is the number to tell us.",
    "required": ["title", "status", "detail", "instance"],
    "properties": {
        name: {"type": "integer" if name == "status" else "string"} for name in ("title", "status", "detail", "instance")
    },
}
ERRORS = {
    "400": "The request cannot be read",
    "401": "No token, or none that is good any more",
    "403": "The token may only read, or a browser's form is of another origin",
    "404": "There is no such job of yours",
    "409": "Not possible now; `detail` says why and what to do",
    "413": "The body is too large",
    "422": "A parameter or the body is wrong; `detail` names it",
    "429": "Too many requests; `Retry-After` says when to go on",
}
ALLOWANCE = {
    "RateLimit": {"description": "Requests left, and seconds until all are", "schema": {"type": "string"}},
    "RateLimit-Policy": {"description": "Requests at once, and seconds in which they come back", "schema": {"type": "string"}},
}
WAIT = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "string", "pattern": "^[0-9]+$"}}}
NAMES = {
    "id": "The id of the job or batch",
    "at": "The variant's `place`",
    "digest": "SHA-256 of the token or link",
    "form": "`vcf`, `tsv`, `csv` or `xlsx`",
    "kind": "`filters` or `panels`",
    "name": "What it is called",
}
_PARAMETER = re.compile(r"\{(\w+)(?::((?:[^{}]|\{[^{}]*\})*))?\}")


def document(routes: Iterable[Route], server: str) -> dict[str, Any]:
    """The document for a portal at the address `server`."""
    described = [(route, route.api) for route in routes if route.api]
    wanted = {model for _, one in described for model in (one.answer, one.query, one.body) if model}
    models = sorted(wanted, key=lambda model: model.__name__)
    _, schemas = models_json_schema([(model, "serialization") for model in models], ref_template="#/components/schemas/{model}")
    paths: dict[str, dict[str, Any]] = {}
    for route, operation in described:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route.path, route.method, operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "GAS, a genomics annotation service",
            "version": VERSION,
            "description": "Create an upload, post the file to where it says, submit the job, and wait for it. "
            "Make a token on your profile and show it as `Authorization: Bearer …`.",
        },
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {**schemas.get("$defs", {}), "Problem": PROBLEM},
        },
    }


def _operation(path: str, method: str, operation: Operation) -> dict[str, Any]:
    success: dict[str, Any] = {"description": operation.summary, "headers": ALLOWANCE}
    if operation.answer:
        success["content"] = {JSON: {"schema": _ref(operation.answer)}}
    elif operation.media:
        success["content"] = {media: {"schema": {"type": "object" if media == JSON else "string"}} for media in operation.media}
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[str, Any] = {
        "operationId": _name(path, method),
        "summary": operation.summary,
        "parameters": [*_in_path(path), *_in_query(operation), *_in_header(operation)],
        "responses": {
            str(operation.status): success,
            **({"303": {"description": "`Location` is where it is"}} if operation.leads else {}),
            **{status: {"description": words, "content": problem} for status, words in ERRORS.items()},
            "429": {"description": ERRORS["429"], "content": problem, "headers": {**ALLOWANCE, **WAIT}},
        },
    }
    if operation.body:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(operation.body)}}}
    return described


def _name(path: str, method: str) -> str:
    """As in `get_jobs_one` for `GET /jobs/{id}` and `get_jobs_variants_as` for `GET /jobs/{id}/variants.{form}`."""
    last = "_as" if ".{" in path else "_one" if path.endswith("}") else ""
    return re.sub(r"\W+", "_", method.lower() + _PARAMETER.sub("", path).removeprefix("/api/v1")).strip("_") + last


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{model.__name__}"}


def _in_path(path: str) -> Iterator[dict[str, Any]]:
    for name, pattern in _PARAMETER.findall(path):
        schema = {"type": "string", "pattern": f"^({pattern})$"}
        yield {"name": name, "in": "path", "required": True, "description": NAMES[name], "schema": schema}


def _in_query(operation: Operation) -> Iterator[dict[str, Any]]:
    properties = operation.query.model_json_schema()["properties"] if operation.query else {}
    for name, schema in properties.items():
        yield {"name": name, "in": "query", "required": False, "description": schema.pop("description", ""), "schema": schema}


def _in_header(operation: Operation) -> Iterator[dict[str, Any]]:
    if operation.keyed:
        words = "Any name for this request: repeated within a day, it makes no second job."
        schema = {"type": "string", "maxLength": 200}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": words, "schema": schema}
