"""Upgrade and downgrade. With Stripe, the plan follows the subscription; without (locally), it is changed at once."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from aiohttp import web
from stripe import StripeError

from app.domain.accounts import Plan
from app.services.submissions import Refused
from app.services.subscriptions import change_plan
from app.web.app_keys import BACKEND, BILLING, SETTINGS, account
from app.web.pages import page, see_other


async def subscribe_page(request: web.Request) -> web.Response:
    """The offer. A customer who comes back from Stripe is looked up there: the query says nothing that counts."""
    user, billing, standing = account(request), request.app[BILLING], None
    if billing:
        with suppress(StripeError):  # the offer is there without Stripe
            user, _, standing = await billing.up_to_date(user)
    plans = [(one, request.app[SETTINGS].limits(one)) for one in Plan]
    offer: dict[str, Any] = {"plans": plans, "paid": "paid" in request.query, "billed": billing is not None, "standing": standing}
    return page(request, "subscribe.html", plan=user.plan, **offer)


async def subscribe(request: web.Request) -> web.Response:
    """Leads to Stripe's checkout; without Stripe, gives premium at once."""
    user, billing = account(request), request.app[BILLING]
    if billing:
        return see_other(await billing.checkout(user) or "/subscribe?paid=1")
    await change_plan(request.app[BACKEND], user.user_id, Plan.PREMIUM)
    return see_other("/subscribe")


async def unsubscribe_page(request: web.Request) -> web.Response:
    """The page that asks whether premium shall end."""
    user, billing = account(request), request.app[BILLING]
    subscription = await billing.subscription(user) if billing else None
    return page(request, "unsubscribe.html", plan=user.plan, subscription=subscription)


async def unsubscribe(request: web.Request) -> web.Response:
    """Cancels the subscription at the end of its period; without Stripe, ends premium at once."""
    user, billing = account(request), request.app[BILLING]
    if billing and await billing.subscription(user):
        await billing.cancel(user)
    else:
        await change_plan(request.app[BACKEND], user.user_id, Plan.FREE)
    return see_other("/profile")


async def portal(request: web.Request) -> web.Response:
    """Leads to Stripe's own pages about cards and invoices."""
    billing = request.app[BILLING]
    if billing is None:
        raise Refused("There is no billing here.")
    return see_other(await billing.portal(account(request)))


async def webhook(request: web.Request) -> web.Response:
    """Takes a notice of Stripe, and asks Stripe again. Raises BadSignature."""
    billing = request.app[BILLING]
    if billing is None:
        raise web.HTTPNotFound
    await billing.handle_webhook(await request.read(), request.headers.get("Stripe-Signature", ""))
    return web.Response(text="ok\n")
