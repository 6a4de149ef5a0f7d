"""Which mail a user gets: chosen on the profile, or turned off by the link in a mail, without a login."""

from __future__ import annotations

from aiohttp import web

from app.services import mail_preferences
from app.web.app_keys import BACKEND, account
from app.web.pages import page, see_other


async def choose(request: web.Request) -> web.Response:
    """Keeps which mail the user wants."""
    wanted = [str(value) for value in (await request.post()).getall("notice", [])]
    await mail_preferences.choose(request.app[BACKEND], account(request).user_id, wanted)
    return see_other("/profile#mail")


async def again(request: web.Request) -> web.Response:
    """Has mail sent again to an address from which it came back."""
    await mail_preferences.again(request.app[BACKEND], account(request).user_id)
    return see_other("/profile#mail")


async def unsubscribe_page(request: web.Request) -> web.Response:
    """Asks; programs that look at links in mails must not turn anything off."""
    return await _page(request, done=False)


async def unsubscribe(request: web.Request) -> web.Response:
    """The button of that page, or of a mail program (RFC 8058): the signed token is all that counts."""
    return await _page(request, done=True)


async def _page(request: web.Request, done: bool) -> web.Response:
    token = request.query.get("token", "")
    found = await mail_preferences.read(request.app[BACKEND], token)
    if found is None:
        raise web.HTTPNotFound
    whose, notice = found
    if done:
        await mail_preferences.stop(request.app[BACKEND], whose, notice)
    return page(request, "mail_unsubscribe.html", words=mail_preferences.NOTICES[notice], token=token, done=done)
