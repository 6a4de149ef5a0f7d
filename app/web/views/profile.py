"""The account: who, which plan, where signed in, and the tokens of its programs."""

from __future__ import annotations

import time
from contextlib import suppress

from aiohttp import web
from stripe import StripeError

from app.domain import limits
from app.domain.addresses import deliverable
from app.services import privacy, saved
from app.services.identity import READ, WRITE
from app.services.mail_preferences import NOTICES
from app.services.submissions import Refused
from app.web import sessions
from app.web.app_keys import ACCOUNT, BACKEND, BILLING, SESSIONS, SETTINGS, SHARES, TOKENS, account
from app.web.pages import page, see_other

TOKEN_DAYS = (7, 30, 90, 365)
DAY_SECONDS = 86_400
WORDS = "delete my account"


async def profile(request: web.Request) -> web.Response:
    """The page of the account."""
    return await _profile(request)


async def revoke_sessions(request: web.Request) -> web.Response:
    """Signs the user out everywhere."""
    await request.app[SESSIONS].revoke_all(account(request).user_id)
    response = see_other("/")
    await sessions.end(request, response)
    return response


async def create_token(request: web.Request) -> web.Response:
    """Makes a token and shows it, this once: only its hash is kept."""
    form, now = await request.post(), int(time.time())
    if len([kept async for kept in request.app[TOKENS].list(account(request).user_id)]) >= limits.TOKENS.most:
        raise Refused(limits.TOKENS.sentence())
    days = next((days for days in TOKEN_DAYS if str(days) == form.get("days")), TOKEN_DAYS[0])
    name = str(form.get("name", "")).strip()[:100] or "token"
    scope = READ if form.get("scope") == READ else WRITE
    token = await request.app[TOKENS].issue(
        account(request).user_id, now + days * DAY_SECONDS, created=now, name=name, scope=scope
    )
    return await _profile(request, token)


async def revoke_token(request: web.Request) -> web.Response:
    """Revokes a token by its digest."""
    await request.app[TOKENS].revoke_digest(account(request).user_id, request.match_info["digest"])
    return see_other("/profile")


async def export(request: web.Request) -> web.StreamResponse:
    """Everything that is kept about the user, as a file."""
    answer = web.StreamResponse(headers={"Content-Disposition": 'attachment; filename="gas-export.json"'})
    answer.content_type = "application/json"
    await answer.prepare(request)
    if request.method == "HEAD":  # a body here would be taken for the next answer
        return answer
    async for piece in privacy.export(request.app[BACKEND], account(request)):
        await answer.write(piece.encode())
    await answer.write_eof()
    return answer


async def delete_page(request: web.Request) -> web.Response:
    """The page that asks whether to delete the account."""
    return page(request, "delete_account.html", words=WORDS, unfinished=False)


async def delete(request: web.Request) -> web.Response:
    """Deletes the account with all its data; what one request does not manage, the next does."""
    user, billing = account(request), request.app[BILLING]
    if str((await request.post()).get("words", "")).strip().lower() != WORDS:
        raise Refused(f"To delete your account, please type the words: {WORDS}.")
    paid = await billing.subscription(user) if billing else None
    if paid and not paid.ends_at:
        raise Refused("You have premium, and would go on paying. Please cancel it on your profile first.")
    if not await privacy.erase(request.app[BACKEND], user, billing):
        return page(request, "delete_account.html", words=WORDS, unfinished=True)
    response = see_other("/")
    await sessions.end(request, response)
    return response


async def _profile(request: web.Request, token: str = "") -> web.Response:
    user, billing, subscription, standing = account(request), request.app[BILLING], None, None
    if billing:
        with suppress(StripeError):  # the rest of the page is there without Stripe
            request[ACCOUNT], subscription, standing = await billing.up_to_date(user)
            user = account(request)
    return page(
        request,
        "profile.html",
        limits=request.app[SETTINGS].limits(user.plan),
        subscription=subscription,
        standing=standing,
        sessions=sorted([kept async for kept in request.app[SESSIONS].list(user.user_id)], key=lambda kept: -kept["created"]),
        this_session=sessions.item(request),
        tokens=[kept async for kept in request.app[TOKENS].list(user.user_id)],
        shares=[kept async for kept in request.app[SHARES].list(user.user_id)],
        saved=await saved.listed(request.app[BACKEND], user.user_id),
        token_days=TOKEN_DAYS,
        fresh_token=token,
        notices=NOTICES,
        deliverable=deliverable(user.email or ""),
        usage=await privacy.usage(request.app[BACKEND], user),
    )
