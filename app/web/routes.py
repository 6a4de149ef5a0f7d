"""Every address of the portal, who may see it, and the view that answers. There is no other list."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler

from app.web.api import v1
from app.web.assets import PREFIX
from app.web.views import (
    annotate,
    billing,
    downloads,
    explorer,
    health,
    home,
    jobs,
    login,
    profile,
)


@dataclass(frozen=True)
class Access:
    """`public`: seen without a login. `anonymous`: no session is even looked for, and no CSRF token demanded."""

    public: bool = False
    anonymous: bool = False


SIGNED_IN = Access()
PUBLIC = Access(public=True)
ANONYMOUS = Access(public=True, anonymous=True)


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    handler: Handler
    access: Access = SIGNED_IN


ID = "{id:[0-9a-f-]{36}}"
AT = "{at:[0-9a-f]{1,15}}"
FORM = "{form:vcf|tsv}"

ROUTES: tuple[Route, ...] = (
    Route("GET", "/", home.home, PUBLIC),
    Route("GET", "/login", login.login, PUBLIC),
    Route("GET", "/authcallback", login.callback, PUBLIC),
    Route("GET", "/logout", login.logout_page, PUBLIC),
    Route("POST", "/logout", login.logout),
    Route("GET", "/profile", profile.profile),
    Route("POST", "/profile/sessions/revoke", profile.revoke_sessions),
    Route("GET", "/annotate", annotate.upload_page),
    Route("POST", "/annotate", annotate.upload_form),
    Route("GET", "/annotate/job", annotate.uploaded),
    Route("GET", "/annotations", jobs.listing),
    Route("GET", f"/annotations/{ID}", jobs.job),
    Route("GET", f"/annotations/{ID}/events", jobs.events),
    Route("POST", f"/annotations/{ID}/cancel", jobs.cancel),
    Route("POST", f"/annotations/{ID}/retry", jobs.retry),
    Route("POST", f"/annotations/{ID}/delete", jobs.delete),
    Route("GET", f"/annotations/{ID}/log", downloads.log),
    Route("GET", f"/annotations/{ID}/result", downloads.result),
    Route("GET", f"/annotations/{ID}/index", downloads.index),
    Route("GET", f"/annotations/{ID}/input", downloads.input_file),
    Route("GET", f"/annotations/{ID}/summary", downloads.summary),
    Route("GET", f"/annotations/{ID}/variants", explorer.listing),
    Route("GET", f"/annotations/{ID}/variants/{AT}", explorer.variant),
    Route("GET", f"/annotations/{ID}/variants.{FORM}", explorer.download),
    Route("POST", "/profile/tokens", profile.create_token),
    Route("POST", "/profile/tokens/{digest:[0-9a-f]{64}}/revoke", profile.revoke_token),
    Route("GET", "/subscribe", billing.subscribe_page),
    Route("POST", "/subscribe", billing.subscribe),
    Route("GET", "/unsubscribe", billing.unsubscribe_page),
    Route("POST", "/unsubscribe", billing.unsubscribe),
    Route("POST", "/billing", billing.portal),
    Route("POST", "/webhooks/stripe", billing.webhook, ANONYMOUS),
    Route("POST", "/api/v1/jobs", v1.create),
    Route("GET", "/api/v1/jobs", v1.listing),
    Route("GET", f"/api/v1/jobs/{ID}", v1.get),
    Route("POST", f"/api/v1/jobs/{ID}/submit", v1.submit),
    Route("GET", f"/api/v1/jobs/{ID}/result", downloads.result),
    Route("GET", f"/api/v1/jobs/{ID}/log", downloads.log),
    Route("GET", f"/api/v1/jobs/{ID}/variants", v1.variants),
    Route("GET", f"/api/v1/jobs/{ID}/variants.{FORM}", explorer.download),
    Route("POST", f"/api/v1/jobs/{ID}/cancel", v1.cancel),
    Route("DELETE", f"/api/v1/jobs/{ID}", v1.delete),
    Route("GET", "/healthz", health.alive, ANONYMOUS),
    Route("GET", "/readyz", health.ready, ANONYMOUS),
    Route("GET", PREFIX + "{digest}/{name}", home.asset, ANONYMOUS),
    Route("GET", "/favicon.ico", home.favicon, ANONYMOUS),
    Route("GET", "/robots.txt", home.robots, ANONYMOUS),
)

_ACCESS = {route.handler: route.access for route in ROUTES}


def add(app: web.Application) -> None:
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
        if route.method == "GET":
            app.router.add_route("HEAD", route.path, route.handler)


def access_of(request: web.Request) -> Access:
    """The access of the route that was found; an address that leads nowhere is public."""
    if request.match_info.http_exception:
        return PUBLIC if request.method == "GET" else ANONYMOUS
    return _ACCESS[request.match_info.handler]
