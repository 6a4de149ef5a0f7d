"""Upload: the file goes from the browser straight to S3, and what S3 says about it is all that we believe."""

from __future__ import annotations

from aiohttp import web

from app.engine.reading.assembly import LENGTHS, WORDS, alone, match_assembly
from app.engine.reading.file_type import table
from app.services.submissions import NotFound, prepare, submit
from app.web.app_keys import BACKEND, SETTINGS, account
from app.web.pages import page, see_other
from app.web.paths import uploaded_job

HINTS = {
    "lengths": LENGTHS,
    "words": [(pattern.pattern.decode(), name) for pattern, name in WORDS],
    "alone": alone("{name}"),
    **table(),
}
"""What tells assemblies and kinds of files apart, in the engine's own tables, for the script that looks at a file."""

REFUSALS = (
    ("EntityTooLarge", "The file is larger than your plan takes."),
    ("EntityTooSmall", "The file is empty."),
    ("Policy expired|ExpiredToken", "The form of this upload was good for ten minutes, and they are over."),
    ("AccessDenied|SignatureDoesNotMatch", "Storage does not know the form of this upload."),
    ("RequestTimeout|SlowDown|InternalError|ServiceUnavailable", "Storage is busy, or the connection is too slow."),
    ("", "Storage refused the file."),
)
"""What S3 says of a refused upload, by its code or message (the first pattern that is found counts), and what that means:
https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""

ASSEMBLIES = {*LENGTHS.values(), *(name for _, name in WORDS), "rCRS"}


async def upload_page(request: web.Request) -> web.Response:
    """The page that a file is chosen on."""
    settings = request.app[SETTINGS]
    offered = list(settings.references)
    known = {name: found for name in ASSEMBLIES if (found := match_assembly(name.partition(" (")[0], offered))}
    limits = settings.limits(account(request).plan)
    return page(request, "annotate.html", limits=limits, offered=offered, known=known, hints=HINTS, refusals=REFUSALS)


async def upload_form(request: web.Request) -> web.Response:
    """Without a script: makes the record first, and answers with the form that posts the file to S3 and comes back."""
    settings, posted = request.app[SETTINGS], await request.post()
    name, assembly = str(posted.get("name", "")), str(posted.get("assembly", ""))
    back = {"success_action_redirect": f"{settings.public_url}/annotate/job"}
    upload = await prepare(request.app[BACKEND], account(request), name, assembly, back)
    limits = settings.limits(account(request).plan)
    return page(request, "upload.html", job=upload.job, form=upload.form, limits=limits, refusals=REFUSALS)


async def uploaded(request: web.Request) -> web.Response:
    """Where S3 sends the browser after the upload. Of its query only the job id counts, and only if the user owns it."""
    found = uploaded_job(request.query.get("key", ""))
    if found is None:
        raise NotFound
    job = await submit(request.app[BACKEND], account(request), found)
    return see_other(f"/annotations/{job.job_id}")
