"""Billing at Stripe: the plan follows the subscription, and card data never comes here.

Nothing that a browser or a webhook says is believed: both only make us ask Stripe again, so that repeated, late and
reordered notices are all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace

import stripe
from stripe import StripeClient, StripeObject

from app.domain.accounts import Account, Plan
from app.domain.messages import PlanEnding
from app.services.backend import Backend
from app.services.stripe_states import PAID, CustomerState, Meaning, meaning, missing
from app.services.subscriptions import change_plan

LOOKS = 5
"""How often the plan is compared with Stripe again after a change, before the next notice has to do it."""


class BadSignature(Exception):
    """A webhook that Stripe did not sign."""


@dataclass(frozen=True)
class Subscription:
    """What Stripe says of a customer's subscription: `ends_at` is there once it is cancelled; times are seconds since 1970."""

    id: str
    ends_at: int | None
    period_ends: int | None
    status: str = "active"
    collection_paused: bool = False

    @property
    def past_due(self) -> bool:
        """Whether a payment failed, and Stripe tries again."""
        return self.status == "past_due"

    @property
    def meaning(self) -> Meaning:
        """What it means here."""
        return meaning(self.status, collection_paused=self.collection_paused)

    def ending(self, user_id: str, now: int) -> PlanEnding | None:
        """What the user has to hear while there is time to do something about it; None if the plan goes on."""
        if self.ends_at is None and not self.past_due:
            return None
        reason = "cancelled" if self.ends_at else "unpaid"
        return PlanEnding(
            user_id=user_id,
            occurred_at=now,
            reason=reason,
            subscription=self.id,
            ends_at=self.ends_at,
            period_ends=self.period_ends,
        )


@dataclass(frozen=True)
class Billing:
    """Stripe for one deployment. What needs it raises StripeError while it does not answer."""

    backend: Backend
    client: StripeClient

    async def checkout(self, account: Account) -> str | None:
        """The address at Stripe where this account pays for premium; None if it pays already.

        Only the newest address is good: who opens the offer in two tabs can't pay twice.
        """
        customer, sessions = await self._customer(account), self.client.v1.checkout.sessions
        for earlier in (await sessions.list_async({"customer": customer, "status": "open", "limit": 100})).data:
            with suppress(stripe.InvalidRequestError):  # it was paid or ran out in this moment
                await sessions.expire_async(earlier.id)
        if await self._paid(customer):
            return None
        back = f"{self.backend.settings.public_url}/subscribe"
        session = await sessions.create_async(
            {
                "mode": "subscription",
                "customer": customer,
                "client_reference_id": account.user_id,
                "line_items": [{"price": self.backend.settings.stripe_price_id, "quantity": 1}],
                "success_url": f"{back}?paid=1",
                "cancel_url": back,
            }
        )
        assert session.url  # a hosted session has one
        return session.url

    async def portal(self, account: Account) -> str:
        """The address at Stripe where a customer sees invoices and changes the card."""
        back = f"{self.backend.settings.public_url}/profile"
        session = await self.client.v1.billing_portal.sessions.create_async(
            {"customer": await self._customer(account), "return_url": back}
        )
        return session.url

    async def cancel(self, account: Account) -> None:
        """Ends what is paid for at the end of the time that is paid for."""
        for subscription in await self._paid(account.stripe_customer):
            with _unless_gone():
                await self.client.v1.subscriptions.update_async(subscription.id, {"cancel_at_period_end": True})

    async def subscription(self, account: Account) -> Subscription | None:
        """The subscription that makes this account premium for longest, as Stripe has it now."""
        return _longest(await self._paid(account.stripe_customer))

    async def up_to_date(self, account: Account) -> tuple[Account, Subscription | None, Meaning | None]:
        """The account with the plan that Stripe knows, whatever became of its notice, the subscription that it pays for, and
        what that means, or the newest that it does not pay for any more, if its owner has to hear of it."""
        known = await self._all(account.stripe_customer)
        subscription = _longest([one for one in known if one.status in PAID])
        if account.stripe_customer and not account.granted and (subscription is None) is (account.plan is Plan.PREMIUM):
            account = replace(account, plan=await self.sync_plan(account.user_id, account.stripe_customer))
        standing = next((one.meaning for one in (subscription, *known) if one), None)
        return account, subscription, standing if standing and standing.said else None

    async def forget(self, account: Account) -> None:
        """Deletes the customer at Stripe, which keeps the invoices; what is paid for ends with it. May be repeated."""
        if account.stripe_customer:
            with _unless_gone():
                await self.client.v1.customers.delete_async(account.stripe_customer)

    async def sync_plan(self, user_id: str, customer: str) -> Plan:
        """Makes the account's plan what Stripe says now, and looks again after each change: the last writer has read last.

        Returns the plan that the account has then: premium that an operator granted stays.
        """
        for _ in range(LOOKS):
            plan = Plan.PREMIUM if await self._paid(customer) else Plan.FREE
            if not await change_plan(self.backend, user_id, plan):
                break
        account = await self.backend.accounts.get(user_id)
        return account.plan if account else plan

    async def handle_webhook(self, body: bytes, signature: str) -> None:
        """A webhook: whose customer it is about, Stripe is asked itself. Raises Forged."""
        secret = self.backend.settings.stripe_webhook_secret.get_secret_value()
        try:
            event = self.client.construct_event(body, signature, secret)
        except (stripe.SignatureVerificationError, ValueError) as error:
            raise BadSignature(str(error)) from error
        customer = _customer_of(event.data.object) if event.type in HEARD else ""
        if customer and (user_id := await self._owner(customer, event.data.object)):
            await self.sync_plan(user_id, customer)
            paid = _longest(await self._paid(customer))
            if paid and (ending := paid.ending(user_id, self.backend.now())):
                await self.backend.queues.send("notifications", [ending])

    async def _customer(self, account: Account) -> str:
        known = account.stripe_customer
        if known and await self._known(known) is CustomerState.KNOWN:
            return known
        # two clicks make one customer; Stripe refuses a key that comes with other values
        said = hashlib.sha256(f"{account.name}\n{account.email}".encode()).hexdigest()[:16]
        customer = await self.client.v1.customers.create_async(
            {"name": account.name, "email": account.email, "metadata": {"user_id": account.user_id}},
            {"idempotency_key": f"customer-{account.user_id}-{known}-{said}"},
        )
        await self.backend.accounts.update(account.user_id, stripe_customer=customer.id)
        return customer.id

    async def _known(self, customer: str) -> CustomerState:
        """Raises StripeError where it can't be said, or only the keys are wrong."""
        with _unless_gone():
            found = await self.client.v1.customers.retrieve_async(customer)
            return CustomerState.DELETED if found.to_dict().get("deleted") else CustomerState.KNOWN
        return CustomerState.UNKNOWN

    async def _owner(self, customer: str, about: StripeObject) -> str | None:
        """The user whose customer this is, by both records: Stripe's metadata and the account. Of a customer that is deleted,
        only the notice that Stripe signed has the metadata."""
        values = about.to_dict()
        with _unless_gone():
            found = (await self.client.v1.customers.retrieve_async(customer)).to_dict()
            values = values if found.get("deleted") else found
        user_id = (values.get("metadata") or {}).get("user_id")
        account = await self.backend.accounts.get(user_id) if user_id else None
        return user_id if account and account.stripe_customer == customer else None

    async def _paid(self, customer: str | None) -> list[Subscription]:
        return [one for one in await self._all(customer) if one.status in PAID]

    async def _all(self, customer: str | None) -> list[Subscription]:
        """The newest first, as Stripe lists them."""
        if not customer:
            return []
        with _unless_gone():
            found = await self.client.v1.subscriptions.list_async({"customer": customer, "status": "all", "limit": 100})
            return [_subscription(one) for one in found.data]
        return []


HEARD = {
    "customer.deleted",
    "checkout.session.completed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
}
"""Types of events that may mean another plan."""


@asynccontextmanager
async def billing(backend: Backend) -> AsyncIterator[Billing | None]:
    """Billing as the settings say; None where plans are changed without payment."""
    settings = backend.settings
    if not (key := settings.stripe_secret_key.get_secret_value()):
        yield None
        return
    http = stripe.AIOHTTPClient(timeout=20)
    try:
        yield Billing(
            backend,
            StripeClient(key, base_addresses={"api": settings.stripe_url}, http_client=http, max_network_retries=2),
        )
    finally:
        await http.close_async()


@contextmanager
def _unless_gone() -> Iterator[None]:
    """Goes on after it where Stripe does not know, or not any more, what it is asked about. Raises every other StripeError."""
    try:
        yield
    except stripe.InvalidRequestError as error:
        if missing(error) is not CustomerState.UNKNOWN:
            raise


def _customer_of(about: StripeObject) -> str:
    values = about.to_dict()
    customer = values.get("id") if values.get("object") == "customer" else values.get("customer")
    return customer if isinstance(customer, str) else ""


def _longest(paid: list[Subscription]) -> Subscription | None:
    return max(paid, key=lambda one: (one.ends_at is None, not one.past_due, one.ends_at or 0), default=None)


def _subscription(one: stripe.Subscription) -> Subscription:
    values = one.to_dict()
    items = (values.get("items") or {}).get("data") or [{}]
    # newer versions of Stripe's API keep the period on the item
    period_end = items[0].get("current_period_end") or values.get("current_period_end")
    ends_at = values.get("cancel_at") or (period_end if values.get("cancel_at_period_end") else None)
    return Subscription(values["id"], ends_at, period_end, values["status"], bool(values.get("pause_collection")))
