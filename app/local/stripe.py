"""A stand-in for Stripe on this machine: customers, checkout, subscriptions and their signed webhooks, in memory.

It has the endpoints that GAS uses, in Stripe's own forms, so that Stripe's real client runs against it. Its front page lists
the subscriptions and can end a period or let a payment fail, which otherwise takes a month.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import jinja2
from aiohttp import ClientError, ClientSession, ClientTimeout, web

PAGES = jinja2.Environment(loader=jinja2.PackageLoader("app.local"), autoescape=True)
PERIOD = 30 * 86_400
RETRIES = 8
"""Deliveries of one webhook; the wait doubles from a quarter of a second."""

Values = dict[str, Any]


@dataclass
class Stripe:
    """The shop and all that it remembers; it sends its webhooks to one address."""

    url: str
    secret_key: str
    webhook_url: str
    webhook_secret: str
    customers: dict[str, Values] = field(default_factory=dict)
    sessions: dict[str, Values] = field(default_factory=dict)
    subscriptions: dict[str, Values] = field(default_factory=dict)
    answers: dict[str, Values] = field(default_factory=dict)  # by idempotency key
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)

    # the API

    async def create_customer(self, request: web.Request) -> web.Response:
        """POST /v1/customers, idempotent by its key."""
        key = request.headers.get("Idempotency-Key", "")
        form = await _form(request)
        if key in self.answers and not form.items() <= self.answers[key].items():
            raise _problem(400, "Keys for idempotent requests can only be used with the same parameters", "idempotency_error")
        if key not in self.answers:
            customer = {"id": _id("cus"), "object": "customer", "metadata": {}, **form}
            self.customers[customer["id"]] = self.answers[key or customer["id"]] = customer
            return web.json_response(customer)
        return web.json_response(self.answers[key])

    async def customer(self, request: web.Request) -> web.Response:
        """GET /v1/customers/{id}."""
        return web.json_response(_known(self.customers, request))

    async def delete_customer(self, request: web.Request) -> web.Response:
        """DELETE /v1/customers/{id}: its subscriptions end at once."""
        customer = _known(self.customers, request)
        if "deleted" in customer:
            raise _missing("customer", customer["id"], 404)
        for subscription in self.subscriptions.values():
            if subscription["customer"] == customer["id"] and subscription["status"] != "canceled":
                self._cancel(subscription)
        self.customers[customer["id"]] = {"id": customer["id"], "object": "customer", "deleted": True}
        self.tell("customer.deleted", customer)
        return web.json_response(self.customers[customer["id"]])

    async def create_session(self, request: web.Request) -> web.Response:
        """POST /v1/checkout/sessions."""
        form = await _form(request)
        self._demand_live_customer(form)
        name = _id("cs_test")
        session = {"id": name, "object": "checkout.session", "status": "open", "subscription": None, **form}
        self.sessions[name] = session | {"url": f"{self.url}/pay/{name}"}
        return web.json_response(self.sessions[name])

    async def session(self, request: web.Request) -> web.Response:
        """GET /v1/checkout/sessions/{id}."""
        return web.json_response(_known(self.sessions, request))

    async def list_sessions(self, request: web.Request) -> web.Response:
        """GET /v1/checkout/sessions, by customer and status."""
        self._demand_customer(request)
        wanted = {name: request.query[name] for name in ("customer", "status") if name in request.query}
        found = [one for one in self.sessions.values() if wanted.items() <= one.items()]
        return web.json_response({"object": "list", "url": "/v1/checkout/sessions", "has_more": False, "data": found[::-1]})

    async def expire_session(self, request: web.Request) -> web.Response:
        """POST /v1/checkout/sessions/{id}/expire."""
        session = _known(self.sessions, request)
        if session["status"] != "open":
            raise _problem(400, "This session is not open")
        session["status"] = "expired"
        return web.json_response(session)

    async def list_subscriptions(self, request: web.Request) -> web.Response:
        """GET /v1/subscriptions, by customer."""
        self._demand_customer(request)
        customer, status = request.query.get("customer"), request.query.get("status")
        found = [
            one
            for one in self.subscriptions.values()
            if customer in (None, one["customer"]) and (status == "all" or one["status"] != "canceled")
        ]
        return web.json_response({"object": "list", "url": "/v1/subscriptions", "has_more": False, "data": found[::-1]})

    async def subscription(self, request: web.Request) -> web.Response:
        """GET /v1/subscriptions/{id}."""
        return web.json_response(_known(self.subscriptions, request))

    async def update_subscription(self, request: web.Request) -> web.Response:
        """POST /v1/subscriptions/{id}: cancels at the end of the period, or not."""
        subscription, form = _known(self.subscriptions, request), await _form(request)
        subscription["cancel_at_period_end"] = ends = form.get("cancel_at_period_end") == "true"
        subscription["cancel_at"] = subscription["items"]["data"][0]["current_period_end"] if ends else None
        self.tell("customer.subscription.updated", subscription)
        return web.json_response(subscription)

    async def delete_subscription(self, request: web.Request) -> web.Response:
        """DELETE /v1/subscriptions/{id}: ends at once."""
        subscription = _known(self.subscriptions, request)
        self._cancel(subscription)
        return web.json_response(subscription)

    async def create_portal(self, request: web.Request) -> web.Response:
        """POST /v1/billing_portal/sessions."""
        form = await _form(request)
        self._demand_live_customer(form)
        return web.json_response({"id": _id("bps"), "object": "billing_portal.session", "url": f"{self.url}/", **form})

    # the pages

    async def front(self, request: web.Request) -> web.Response:
        """A page of all subscriptions, with buttons that let time pass."""
        return _page("front", customers=self.customers, subscriptions=self.subscriptions.values())

    async def pay_page(self, request: web.Request) -> web.Response:
        """The page of a checkout."""
        session = _known(self.sessions, request)
        return _page("pay", session=session, customer=self.customers[session["customer"]])

    async def pay(self, request: web.Request) -> web.Response:
        """Takes the form of an open checkout: it is complete, and its subscription begins."""
        session = _known(self.sessions, request)
        if session["status"] == "open":
            subscription = self._subscribe(session["customer"])
            session.update(status="complete", payment_status="paid", subscription=subscription["id"])
            self.tell("customer.subscription.created", subscription)
            self.tell("checkout.session.completed", session)
        elif session["status"] == "expired":
            return _page("pay", session=session, customer=self.customers[session["customer"]])
        return web.Response(status=303, headers={"Location": session["success_url"]})

    async def end_period(self, request: web.Request) -> web.Response:
        """What Stripe does when the paid time is over: renew, or cancel what was to end."""
        subscription = _known(self.subscriptions, request)
        if subscription["cancel_at_period_end"] or subscription["status"] == "past_due":
            self._cancel(subscription)
        else:
            subscription["items"]["data"][0]["current_period_end"] += PERIOD
            self.tell("customer.subscription.updated", subscription)
        return web.Response(status=303, headers={"Location": "/"})

    async def fail_payment(self, request: web.Request) -> web.Response:
        """Lets a payment of an active subscription fail: it is past due."""
        subscription = _known(self.subscriptions, request)
        if subscription["status"] == "active":
            subscription["status"] = "past_due"
            self.tell("customer.subscription.updated", subscription)
        return web.Response(status=303, headers={"Location": "/"})

    def _demand_customer(self, request: web.Request) -> None:
        """Stripe refuses a list of a customer that it does not know; of a deleted one it has it."""
        if (customer := request.query.get("customer")) and customer not in self.customers:
            raise _missing("customer", customer)

    def _demand_live_customer(self, form: Values) -> None:
        customer = str(form.get("customer"))
        if "deleted" in self.customers.get(customer, {"deleted": True}):
            raise _missing("customer", customer)

    def _subscribe(self, customer: str) -> Values:
        name = _id("sub")
        item = {"id": _id("si"), "object": "subscription_item", "current_period_end": int(time.time()) + PERIOD}
        self.subscriptions[name] = {
            "id": name,
            "object": "subscription",
            "customer": customer,
            "status": "active",
            "cancel_at_period_end": False,
            "cancel_at": None,
            "items": {"object": "list", "data": [item]},
        }
        return self.subscriptions[name]

    def _cancel(self, subscription: Values) -> None:
        subscription["status"] = "canceled"
        self.tell("customer.subscription.deleted", subscription)

    # webhooks

    def tell(self, kind: str, about: Values) -> None:
        """Delivers an event in the background, until it is taken."""
        event = {"id": _id("evt"), "object": "event", "type": kind, "created": int(time.time()), "data": {"object": dict(about)}}
        task = asyncio.create_task(self._deliver(json.dumps(event).encode()), name=f"webhook {kind}")
        self.deliveries.add(task)
        task.add_done_callback(self.deliveries.discard)

    async def _deliver(self, body: bytes) -> None:
        async with ClientSession(timeout=ClientTimeout(total=20)) as http:
            for attempt in range(RETRIES):
                try:
                    headers = {"Stripe-Signature": sign(body, self.webhook_secret), "Content-Type": "application/json"}
                    async with http.post(self.webhook_url, data=body, headers=headers) as answer:
                        if answer.ok:
                            return
                except (ClientError, TimeoutError):
                    pass
                await asyncio.sleep(0.25 * 2**attempt)

    async def until_stop(self, app: web.Application) -> AsyncIterator[None]:
        """Ends, with the application, the webhooks that are on their way."""
        yield
        for task in self.deliveries:
            task.cancel()
        await asyncio.gather(*self.deliveries, return_exceptions=True)


def sign(body: bytes, secret: str, at: int | None = None) -> str:
    """Stripe's signature header for a webhook sent at `at` (seconds since 1970, by default now)."""
    at = int(time.time()) if at is None else at
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _id(kind: str) -> str:
    return f"{kind}_{secrets.token_hex(12)}"


async def _form(request: web.Request) -> Values:
    """Stripe's form encoding: `metadata[user_id]=…` is a nested value."""
    values: Values = {}
    for name, value in (await request.post()).items():
        head, _, rest = name.partition("[")
        if rest.endswith("]") and "[" not in rest:
            values.setdefault(head, {})[rest[:-1]] = value
        elif not rest:
            values[head] = value
    return values


def _known(table: dict[str, Values], request: web.Request) -> Values:
    if (found := table.get(request.match_info["id"])) is None:
        raise _missing("object", request.match_info["id"], 404)
    return found


def _missing(kind: str, name: str, status: int = 400) -> web.HTTPException:
    """As Stripe says it, which also tells what is there in its other mode: here, whatever is named so."""
    other = "; a similar object exists in live mode, but a test mode key was used to make this request." * ("live" in name)
    return _problem(status, f"No such {kind}: {name!r}{other}", code="resource_missing", param=kind)


def _problem(status: int, message: str, kind: str = "invalid_request_error", **more: str) -> web.HTTPException:
    kinds = {400: web.HTTPBadRequest, 401: web.HTTPUnauthorized, 404: web.HTTPNotFound}
    error = {"error": {"type": kind, "message": message, **more}}
    return kinds[status](text=json.dumps(error), content_type="application/json")


def _page(name: str, **values: Any) -> web.Response:
    return web.Response(text=PAGES.get_template(f"stripe_{name}.html").render(**values), content_type="text/html")


def create_app(stripe: Stripe) -> web.Application:
    """The shop as an application."""

    @web.middleware
    async def key(request: web.Request, handler: Any) -> web.StreamResponse:
        if request.path.startswith("/v1/") and request.headers.get("Authorization") != f"Bearer {stripe.secret_key}":
            raise _problem(401, "Invalid API key provided")
        return await handler(request)

    app = web.Application(middlewares=[key])
    app.cleanup_ctx.append(stripe.until_stop)
    app.add_routes(
        [
            web.post("/v1/customers", stripe.create_customer),
            web.get("/v1/customers/{id}", stripe.customer),
            web.delete("/v1/customers/{id}", stripe.delete_customer),
            web.post("/v1/checkout/sessions", stripe.create_session),
            web.get("/v1/checkout/sessions", stripe.list_sessions),
            web.post("/v1/checkout/sessions/{id}/expire", stripe.expire_session),
            web.get("/v1/checkout/sessions/{id}", stripe.session),
            web.get("/v1/subscriptions", stripe.list_subscriptions),
            web.get("/v1/subscriptions/{id}", stripe.subscription),
            web.post("/v1/subscriptions/{id}", stripe.update_subscription),
            web.delete("/v1/subscriptions/{id}", stripe.delete_subscription),
            web.post("/v1/billing_portal/sessions", stripe.create_portal),
            web.get("/", stripe.front),
            web.get("/pay/{id}", stripe.pay_page),
            web.post("/pay/{id}", stripe.pay),
            web.post("/subscriptions/{id}/end-period", stripe.end_period),
            web.post("/subscriptions/{id}/fail-payment", stripe.fail_payment),
        ]
    )
    return app


def main() -> None:
    """Runs the shop until it is stopped."""
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").partition("\n")[0],
        epilog="GAS_STRIPE_SECRET_KEY and GAS_STRIPE_WEBHOOK_SECRET come from the environment.",
    )
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--webhook-url", required=True, help="where the portal takes webhooks")
    chosen = parser.parse_args()
    stripe = Stripe(
        url=f"http://127.0.0.1:{chosen.port}",
        secret_key=os.environ["GAS_STRIPE_SECRET_KEY"],
        webhook_url=chosen.webhook_url,
        webhook_secret=os.environ["GAS_STRIPE_WEBHOOK_SECRET"],
    )
    web.run_app(create_app(stripe), host="127.0.0.1", port=chosen.port, print=None)


if __name__ == "__main__":
    main()
