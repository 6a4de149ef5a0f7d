"""Errors as pages, and as problem details (RFC 9457) under `/api/`: what happened and what to do, never how we are built."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from pydantic import ValidationError
from stripe import StripeError

from app.domain.keys import Gone
from app.domain.limits import BODY, REQUESTS
from app.services.billing import BadSignature
from app.services.concurrency import TooManyRequests
from app.services.identity import LoginFailed, ProviderDown
from app.services.stripe_states import refusal
from app.services.submissions import NotFound, Refused
from app.web.app_keys import REQUEST_ID
from app.web.pages import page

log = structlog.get_logger()

SHOWN = 80
"""Letters of a name that a client made up which are shown again."""

WORDS: dict[int, tuple[str, str]] = {
    400: ("That did not work", "The request could not be understood."),
    401: ("You are signed out", "Please sign in and try again."),
    403: ("Not allowed", "The form may be old. Please go back, reload the page and try again."),
    404: ("Not found", "There is nothing here. It may have been deleted, or belong to somebody else."),
    405: ("Not possible", "This address does not do that."),
    409: ("Not possible now", ""),
    413: ("Too large", BODY.said),
    422: ("Not quite right", "Something in the request is not as it should be."),
    429: ("Too many requests", REQUESTS.said),
    500: ("Something went wrong on our side", "Your data are safe; please try again."),
    503: ("Please try again in a moment", "A service that we depend on does not answer."),
}


@dataclass(frozen=True)
class Problem:
    """An error as a visitor sees it."""

    status: int
    said: str = ""  # instead of the table's words

    @property
    def title(self) -> str:
        """What happened, in a few words."""
        return WORDS[self.status][0]

    @property
    def detail(self) -> str:
        """What to do about it."""
        return self.said or WORDS[self.status][1]


@web.middleware
async def show_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answers with a page or with problem details where a view raises. Raises HTTPExceptions that lead elsewhere."""
    try:
        return await handler(request)
    except web.HTTPException as answer:
        if answer.status < 400:
            raise
        shown = render(request, Problem(answer.status if answer.status in WORDS else 400))
        shown.headers.extend({name: answer.headers[name] for name in ("Allow", "WWW-Authenticate") if name in answer.headers})
        return shown
    except Exception as error:
        return render(request, _problem(error))


def _problem(error: Exception) -> Problem:
    match error:
        case NotFound():
            return Problem(404)
        case Refused():
            return Problem(409, str(error))
        case TooManyRequests():
            return Problem(429, str(error))
        case Gone():
            return Problem(409, "This file is not there any more. The job's page says where it is.")
        case ValidationError():
            places = [(".".join(str(part)[:SHOWN] for part in one["loc"]), one["msg"]) for one in error.errors()[:5]]
            return Problem(422, "; ".join(f"{place}: {said}" for place, said in places))
        case LoginFailed():
            log.warning("login failed", why=str(error))
            return Problem(400, error.problem)
        case ProviderDown():
            log.error("identity provider down", why=str(error))
            return Problem(503, "Globus, where you sign in, does not answer.")
        case StripeError():
            shown = refusal(error)
            log.error("billing down" if shown.status == 503 else "billing refused", why=str(error))
            return Problem(shown.status, shown.said)
        case BadSignature():
            log.warning("webhook refused", why=str(error))
            return Problem(400)
    log.exception("request failed")
    return Problem(500)


def render(request: web.Request, problem: Problem) -> web.Response:
    """Answers with a problem, in the form of the address that was asked."""
    if request.path.startswith("/api/"):
        body = {"title": problem.title, "status": problem.status, "detail": problem.detail, "instance": request[REQUEST_ID]}
        shown = web.json_response(body, status=problem.status, content_type="application/problem+json")
    else:
        shown = page(request, "error.html", status=problem.status, problem=problem)
    if problem.status == 429:
        shown.headers["Retry-After"] = "1"  # the limit of the API says it more exactly
    return shown
