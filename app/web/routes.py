"""Every address of the portal, who may see it, and the view that answers. There is no other list."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler

from app.web import app_keys
from app.web.api import v1
from app.web.api.models import (
    AccountOut,
    Again,
    BatchOut,
    CountsOut,
    JobOut,
    JobQuery,
    JobsOut,
    LabelsIn,
    NewJob,
    PastedIn,
    PastedOut,
    ReferencesOut,
    SavedIn,
    SavedOut,
    ShareIn,
    ShareOut,
    TokensOut,
    UploadOut,
    VariantAloneOut,
    VariantFilter,
    VariantQuery,
    VariantsOut,
)
from app.web.api.openapi import JSON
from app.web.assets import PREFIX
from app.web.route import ANONYMOUS, OWN_JOB, PUBLIC, SIGNED_IN, Access, Operation, Route
from app.web.views import (
    annotate,
    api_docs,
    batches,
    billing,
    downloads,
    explorer,
    health,
    home,
    job_list,
    jobs,
    login,
    mail_preferences,
    profile,
    saved,
    shares,
)

ID = "{id:[0-9a-f-]{36}}"
AT = "{at:[0-9a-f]{1,15}}"
ROW = "{row:[0-9]{1,9}}"
FORM = "{form:vcf|tsv|csv|xlsx}"
KIND = "{kind:filters|panels}"
NAME = "{name:[^/]{1,60}}"
DIGEST = "{digest:[0-9a-f]{64}}"


def _api(method: str, path: str, handler: Handler, operation: Operation, access: Access = SIGNED_IN) -> Route:
    return Route(method, f"/api/v1{path}", handler, access, operation)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/", home.home, PUBLIC),
    Route("GET", "/example", home.sample_result, PUBLIC),
    Route("GET", "/example/result", home.sample_file, PUBLIC),
    Route("GET", "/example/summary", home.sample_summary, PUBLIC),
    Route("GET", "/privacy", home.privacy, PUBLIC),
    Route("GET", "/retention", home.retention, PUBLIC),
    Route("GET", "/terms", home.terms, PUBLIC),
    Route("GET", "/login", login.login, PUBLIC),
    Route("GET", "/authcallback", login.callback, PUBLIC),
    Route("GET", "/logout", login.logout_page, PUBLIC),
    Route("POST", "/logout", login.logout),
    Route("GET", "/profile", profile.profile),
    Route("GET", "/profile/export", profile.export),
    Route("GET", "/profile/delete", profile.delete_page),
    Route("POST", "/profile/delete", profile.delete),
    Route("POST", "/profile/sessions/revoke", profile.revoke_sessions),
    Route("POST", "/profile/mail", mail_preferences.choose),
    Route("POST", "/profile/mail/again", mail_preferences.again),
    Route("GET", "/mail/unsubscribe", mail_preferences.unsubscribe_page, ANONYMOUS),
    Route("POST", "/mail/unsubscribe", mail_preferences.unsubscribe, ANONYMOUS),
    Route("GET", "/annotate", annotate.upload_page),
    Route("POST", "/annotate", annotate.upload_form),
    Route("GET", "/annotate/job", annotate.uploaded),
    Route("GET", "/annotations", job_list.listing),
    Route("POST", "/annotations", job_list.bulk),
    Route("GET", "/annotations/events", job_list.events),
    Route("GET", f"/batches/{ID}", job_list.listing),
    Route("GET", f"/batches/{ID}/events", job_list.events),
    Route("GET", f"/batches/{ID}/results.zip", batches.results),
    Route("GET", f"/annotations/{ID}", jobs.job, OWN_JOB),
    Route("GET", f"/annotations/{ID}/events", jobs.events),
    Route("POST", f"/annotations/{ID}/cancel", jobs.cancel),
    Route("POST", f"/annotations/{ID}/retry", jobs.retry),
    Route("POST", f"/annotations/{ID}/renew", jobs.renew),
    Route("POST", f"/annotations/{ID}/delete", jobs.delete),
    Route("POST", f"/annotations/{ID}/label", jobs.relabel),
    Route("POST", f"/annotations/{ID}/share", shares.create),
    Route("POST", f"/profile/shares/{DIGEST}/revoke", shares.revoke),
    Route("POST", f"/annotations/{ID}/saved", saved.keep),
    Route("POST", f"/profile/saved/{KIND}/delete", saved.forget),
    Route("GET", "/shared", shares.shown, ANONYMOUS),
    Route("POST", "/shared", shares.shown, ANONYMOUS),
    Route("GET", f"/annotations/{ID}/log", downloads.log),
    Route("GET", f"/annotations/{ID}/result", downloads.result),
    Route("GET", f"/annotations/{ID}/index", downloads.index),
    Route("GET", f"/annotations/{ID}/input", downloads.input_file),
    Route("GET", f"/annotations/{ID}/rejected", downloads.rejected),
    Route("GET", f"/annotations/{ID}/summary", downloads.summary),
    Route("GET", f"/annotations/{ID}/variants", explorer.listing),
    Route("GET", f"/annotations/{ID}/variants/{AT}", explorer.variant),
    Route("GET", f"/annotations/{ID}/variants/row/{ROW}", explorer.numbered),
    Route("GET", f"/annotations/{ID}/variants.{FORM}", explorer.download),
    Route("POST", "/profile/tokens", profile.create_token),
    Route("POST", f"/profile/tokens/{DIGEST}/revoke", profile.revoke_token),
    Route("GET", "/subscribe", billing.subscribe_page),
    Route("POST", "/subscribe", billing.subscribe),
    Route("GET", "/unsubscribe", billing.unsubscribe_page),
    Route("POST", "/unsubscribe", billing.unsubscribe),
    Route("POST", "/billing", billing.portal),
    Route("POST", "/webhooks/stripe", billing.webhook, ANONYMOUS),
    _api("POST", "/jobs", v1.create, Operation("Create an upload", UploadOut, 201, body=NewJob, keyed=True)),
    _api("GET", "/jobs", v1.listing, Operation("List or search jobs, newest first", JobsOut, query=JobQuery)),
    _api("GET", "/jobs/counts", v1.counts, Operation("Count jobs by state", CountsOut)),
    _api("GET", f"/jobs/{ID}", v1.get, Operation("Look at a job", JobOut), OWN_JOB),
    _api("PATCH", f"/jobs/{ID}", v1.relabel, Operation("Rename a job, tag it, or write a note", JobOut, body=LabelsIn)),
    _api("POST", f"/jobs/{ID}/submit", v1.submit, Operation("Submit an uploaded job; may be repeated", JobOut)),
    _api("GET", f"/jobs/{ID}/events", jobs.events, Operation("Watch a job: server-sent events", media=("text/event-stream",))),
    _api("GET", f"/jobs/{ID}/result", downloads.result, Operation("Be led to the annotated VCF", status=303)),
    _api("GET", f"/jobs/{ID}/index", downloads.index, Operation("Be led to its index", status=303)),
    _api("GET", f"/jobs/{ID}/rejected", downloads.rejected, Operation("Be led to the lines that were set aside", status=303)),
    _api("GET", f"/jobs/{ID}/log", downloads.log, Operation("Read the count log", media=("text/plain",))),
    _api("GET", f"/jobs/{ID}/variants", v1.variants, Operation("Look through the result", VariantsOut, query=VariantQuery)),
    _api("GET", f"/jobs/{ID}/variants/{AT}", v1.variant, Operation("Look at one variant, with its samples", VariantAloneOut)),
    _api(
        "GET",
        f"/jobs/{ID}/variants.{FORM}",
        explorer.download,
        Operation("Download what is looked for", query=VariantFilter, media=tuple(explorer.FORMS.values()), leads=True),
    ),
    _api("GET", f"/jobs/{ID}/input", downloads.input_file, Operation("Be led to the uploaded file", status=303)),
    _api("GET", f"/jobs/{ID}/summary", v1.summary, Operation("Read what was counted in the result", media=(JSON,))),
    _api("POST", f"/jobs/{ID}/cancel", v1.cancel, Operation("Cancel a job", JobOut)),
    _api("POST", f"/jobs/{ID}/retry", v1.retry, Operation("Run a failed job again", JobOut, body=Again)),
    _api("DELETE", f"/jobs/{ID}", v1.delete, Operation("Delete a job with all its data", status=204)),
    _api("POST", f"/jobs/{ID}/shares", v1.share, Operation("Make a read-only link to a result", ShareOut, 201, body=ShareIn)),
    _api("DELETE", f"/shares/{DIGEST}", v1.revoke_share, Operation("Revoke a link to a result", status=204)),
    _api("POST", "/batches", v1.create_batch, Operation("Begin a batch of files that are sent together", BatchOut, 201)),
    _api("GET", f"/batches/{ID}", v1.batch, Operation("Count the jobs of a batch by state", CountsOut)),
    _api(
        "GET",
        f"/batches/{ID}/results.zip",
        batches.results,
        Operation("Download all results of a batch", media=("application/zip",)),
    ),
    _api("POST", "/variants", v1.pasted, Operation("Make a VCF of pasted variants", PastedOut, body=PastedIn)),
    _api("GET", "/saved", saved.listing, Operation("List the filters and gene panels that you keep", SavedOut)),
    _api("POST", f"/saved/{KIND}", saved.put, Operation("Keep a filter or a gene panel", SavedOut, body=SavedIn)),
    _api("DELETE", f"/saved/{KIND}/{NAME}", saved.delete, Operation("Delete a filter or a gene panel", status=204)),
    _api("GET", "/references", v1.references, Operation("List references, with the versions of their parts", ReferencesOut)),
    _api("GET", "/account", v1.who, Operation("Whose token this is", AccountOut)),
    _api("GET", "/tokens", v1.tokens, Operation("List tokens", TokensOut)),
    _api("DELETE", f"/tokens/{DIGEST}", v1.revoke_token, Operation("Revoke a token", status=204)),
    Route("GET", "/api/v1/openapi.json", api_docs.document, PUBLIC),
    Route("GET", "/api", api_docs.readable, PUBLIC),
    Route("GET", "/healthz", health.alive, ANONYMOUS),
    Route("GET", "/readyz", health.ready, ANONYMOUS),
    Route("GET", PREFIX + "{digest}/{name}", home.asset, ANONYMOUS),
    Route("GET", "/favicon.ico", home.favicon, ANONYMOUS),
    Route("GET", "/robots.txt", home.robots, ANONYMOUS),
)


def add(app: web.Application) -> None:
    """Has the application answer every route, and know who may see it."""
    app[app_keys.ROUTES] = ROUTES
    app[app_keys.ACCESS] = {route.handler: route.access for route in ROUTES}
    for route in ROUTES:
        app.router.add_route(route.method, route.path, route.handler)
        # a stream of events has no head: it would begin, and never end
        if route.method == "GET" and not route.path.endswith("/events"):
            app.router.add_route("HEAD", route.path, route.handler)
