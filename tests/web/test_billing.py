"""Billing: the plan follows what Stripe says when asked, whatever is said in between."""

from __future__ import annotations

import asyncio
import json
import time
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import pytest
from aiohttp import ClientSession

from app.domain.accounts import Plan
from app.domain.messages import PlanChanged, PlanEnding, parse
from app.local import stripe as stripe_stand_in
from app.local.stripe import sign
from app.services.stripe_states import CIRCUMSTANCES, CUSTOMERS, PAID, SUBSCRIPTIONS, CustomerState, Meaning
from app.web import app_keys
from tests.support.portal import Browser, Page, Portal

ME = "a@example.org"


async def plan(portal: Portal) -> Plan:
    return (await portal.account(ME)).plan


async def plan_becomes(portal: Portal, wanted: Plan) -> None:
    """Webhooks come when they come."""
    async with asyncio.timeout(20):
        while await plan(portal) is not wanted:
            await asyncio.sleep(0.05)


async def paid(portal: Portal, browser: Browser) -> Page:
    checkout = await browser.post("/subscribe")
    assert "stands in for Stripe" in checkout.text
    return await browser.post(checkout.url, headers={})


async def all_heard(portal: Portal) -> None:
    """Every webhook so far has been taken: a late one would tell what happened since once more."""
    async with asyncio.timeout(20):
        while portal.stripe.deliveries:
            await asyncio.sleep(0.05)


async def messages(portal: Portal) -> list[Any]:
    queue = await portal.backend.queues.open("restore_requests")
    return [message for _ in range(4) for one in await queue.receive(10, 0, 60) for message in parse(one.body)]


async def warnings(portal: Portal, count: int) -> list[PlanEnding]:
    """What the notify daemon is told of plans that will end; webhooks come when they come."""
    queue, found = await portal.backend.queues.open("notifications"), list[Any]()
    async with asyncio.timeout(20):
        while len(found) < count:
            found += [message for one in await queue.receive(10, 1, 60) for message in parse(one.body)]
    return found


def event(kind: str, about: dict[str, Any]) -> bytes:
    return json.dumps({"id": "evt_1", "object": "event", "type": kind, "created": 1, "data": {"object": about}}).encode()


async def hook(portal: Portal, body: bytes, signature: str | None = None) -> int:
    headers = {"Stripe-Signature": sign(body, "whsec_test") if signature is None else signature}
    async with ClientSession() as http, http.post(f"{portal.url}/webhooks/stripe", data=body, headers=headers) as answer:
        return answer.status


async def test_paying_makes_premium_once(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    page = await paid(portal, browser)
    assert urlsplit(page.url).path == "/subscribe" and "You have premium" in page.text
    while portal.stripe.deliveries:
        await asyncio.sleep(0.05)
    assert await plan(portal) is Plan.PREMIUM
    assert [(type(one), one.plan_version) for one in await messages(portal)] == [(PlanChanged, 1)]


async def test_the_webhook_alone_is_enough(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    checkout = await browser.post("/subscribe")
    await browser.post(checkout.url, headers={}, follow=False)  # paid, and the browser was closed
    await plan_becomes(portal, Plan.PREMIUM)


async def test_going_to_the_checkout_is_not_paying(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await browser.post("/subscribe")
    page = await browser.get("/subscribe?paid=1")
    assert "has not confirmed" in page.text and await plan(portal) is Plan.FREE


async def test_two_clicks_make_one_customer_and_a_subscriber_pays_once(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await asyncio.gather(*(browser.post("/subscribe") for _ in range(3)))
    assert len(portal.stripe.customers) == 1
    await paid(portal, browser)
    assert "You have premium" in (await browser.post("/subscribe")).text
    assert len(portal.stripe.subscriptions) == 1


async def test_the_offer_in_two_tabs_is_paid_once(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    first, second = await browser.post("/subscribe"), await browser.post("/subscribe")
    assert first.url != second.url
    assert "has expired" in (await browser.post(first.url, headers={})).text
    await browser.post(second.url, headers={})
    await plan_becomes(portal, Plan.PREMIUM)
    assert len(portal.stripe.subscriptions) == 1


async def test_whoever_pays_twice_all_the_same_cancels_both(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    customer = (await portal.account(ME)).stripe_customer
    portal.stripe._subscribe(str(customer))  # as an operator can at Stripe
    await browser.post("/unsubscribe")
    assert [one["cancel_at_period_end"] for one in portal.stripe.subscriptions.values()] == [True, True]


async def test_a_customer_who_was_deleted_at_stripe_can_pay_again(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    (customer,) = portal.stripe.customers
    async with ClientSession(headers={"Authorization": f"Bearer {portal.stripe.secret_key}"}) as http:
        await http.delete(f"{portal.stripe.url}/v1/customers/{customer}")
    await browser.get("/profile")
    assert await plan(portal) is Plan.FREE
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    assert (await portal.account(ME)).stripe_customer not in (None, customer)


async def test_a_customer_who_is_deleted_at_stripe_is_free_without_looking_at_a_page(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    (customer,) = portal.stripe.customers
    async with ClientSession(headers={"Authorization": f"Bearer {portal.stripe.secret_key}"}) as http:
        await http.delete(f"{portal.stripe.url}/v1/customers/{customer}")
    await plan_becomes(portal, Plan.FREE)


@pytest.mark.parametrize("path", ["/subscribe", "/billing"])
async def test_a_customer_whom_stripe_does_not_know_becomes_a_new_one(portal: Portal, path: str) -> None:
    """As after test keys became live ones, or a table was restored."""
    browser = await portal.signed_in(ME)
    user_id = (await portal.account(ME)).user_id
    await portal.backend.accounts.update(user_id, stripe_customer="cus_fromTestMode", plan=Plan.PREMIUM)
    assert [(await browser.get(look)).status for look in ("/profile", "/unsubscribe")] == [200, 200]
    assert await plan(portal) is CUSTOMERS[CustomerState.UNKNOWN].plan is Plan.FREE
    answer = await browser.post(path, follow=False)
    assert answer.status == 303 and answer.headers["Location"].startswith(portal.stripe.url)
    assert (await portal.account(ME)).stripe_customer in portal.stripe.customers
    about = event("customer.subscription.deleted", {"customer": "cus_fromTestMode"})
    assert await hook(portal, about) == 200


async def test_an_account_whose_customer_is_unknown_can_be_deleted(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await portal.backend.accounts.update((await portal.account(ME)).user_id, stripe_customer="cus_gone")
    assert (await browser.post("/profile/delete", {"words": "delete my account"}, follow=False)).status == 303


async def test_keys_of_the_test_mode_take_nobody_premium(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    user_id = (await portal.account(ME)).user_id
    await portal.backend.accounts.update(user_id, stripe_customer="cus_live", plan=Plan.PREMIUM)
    page = await browser.post("/subscribe")
    assert page.status == 500 and "your plan stays" in page.text
    assert (await browser.get("/profile")).status == 200
    assert (await portal.account(ME)).stripe_customer == "cus_live" and await plan(portal) is Plan.PREMIUM


async def test_a_refusal_of_stripe_is_not_called_an_outage(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)

    def refused(*_: object) -> dict[str, Any]:
        raise stripe_stand_in._problem(400, "No such price: 'price_premium'", code="resource_missing", param="line_items")

    monkeypatch.setattr(stripe_stand_in, "_id", refused)
    page = await browser.post("/subscribe")
    assert page.status == 409 and "refused this" in page.text and "does not answer" not in page.text
    portal.stripe.secret_key = "another"
    page = await browser.post("/subscribe")
    assert page.status == 500 and "not set up" in page.text and "does not answer" not in page.text


async def test_the_stand_in_refuses_what_stripe_refuses(portal: Portal) -> None:
    async with ClientSession(portal.stripe.url, headers={"Authorization": f"Bearer {portal.stripe.secret_key}"}) as http:

        async def ask(method: str, path: str, key: str = "", **form: str) -> tuple[int, Any]:
            values: dict[str, Any] = {"params" if method == "GET" else "data": form}
            async with http.request(method, f"/v1/{path}", headers={"Idempotency-Key": key} if key else {}, **values) as answer:
                return answer.status, (await answer.json()).get("error", {}).get("code")

        made = await ask("POST", "customers", "k", name="A")
        assert made == await ask("POST", "customers", "k", name="A") == (200, None)
        assert (await ask("POST", "customers", "k", name="B"))[0] == 400
        (deleted,) = portal.stripe.customers
        assert (await ask("DELETE", f"customers/{deleted}"))[0] == 200
        missing = (400, "resource_missing")
        for customer in ("cus_unknown", deleted):
            for path in ("checkout/sessions", "billing_portal/sessions"):
                assert await ask("POST", path, customer=customer) == missing
        for path in ("subscriptions", "checkout/sessions"):
            assert await ask("GET", path, customer="cus_unknown") == missing
            assert (await ask("GET", path, customer=deleted))[0] == 200
        assert await ask("GET", "customers/cus_unknown") == (404, "resource_missing")


@pytest.mark.parametrize("status", SUBSCRIPTIONS)
async def test_the_plan_follows_the_status_of_the_subscription(portal: Portal, status: str) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    await all_heard(portal)
    (subscription,) = portal.stripe.subscriptions.values()
    subscription["status"] = status
    portal.stripe.tell("customer.subscription.updated", subscription)
    await all_heard(portal)
    assert await plan(portal) is SUBSCRIPTIONS[status].plan
    await said_on_the_pages(browser, SUBSCRIPTIONS[status])


async def said_on_the_pages(browser: Browser, meaning: Meaning) -> None:
    """What a row of the table says is on the profile and at the offer, with what helps; nothing if it says nothing."""
    for address in ("/profile", "/subscribe"):
        text = unescape((await browser.get(address)).text)
        assert ("What helps:" in text) is bool(meaning.said)
        assert meaning.said in text and (not meaning.said or meaning.repair in text)


async def test_premium_goes_on_while_payments_are_paused(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    (subscription,) = portal.stripe.subscriptions.values()
    subscription["pause_collection"] = {"behavior": "keep_as_draft"}
    portal.stripe.tell("customer.subscription.updated", subscription)
    await all_heard(portal)
    assert await plan(portal) is CIRCUMSTANCES["collection paused"].plan
    await said_on_the_pages(browser, CIRCUMSTANCES["collection paused"])


async def test_premium_goes_on_while_a_bank_disputes(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    await all_heard(portal)
    dispute = {"id": "dp_1", "object": "dispute", "charge": "ch_1", "status": "needs_response"}
    assert await hook(portal, event("charge.dispute.created", dispute)) == 200
    assert await plan(portal) is CIRCUMSTANCES["disputed"].plan
    await said_on_the_pages(browser, CIRCUMSTANCES["disputed"])


async def test_a_customer_who_was_merged_into_another_pays_anew(portal: Portal) -> None:
    """The id that the account carries is not known any more, and the subscription went with it."""
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    await all_heard(portal)
    (customer,) = portal.stripe.customers
    kept = portal.stripe.customers.pop(customer)
    for subscription in portal.stripe.subscriptions.values():
        subscription["customer"] = "cus_other"
    portal.stripe.customers["cus_other"] = {**kept, "id": "cus_other", "metadata": {}}
    await browser.get("/profile")
    assert await plan(portal) is CIRCUMSTANCES["merged"].plan
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)


@pytest.mark.parametrize("look", ["/profile", "/subscribe"])
async def test_whoever_looks_gets_the_plan_that_stripe_knows(portal: Portal, look: str) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    (subscription,) = portal.stripe.subscriptions.values()
    subscription["status"] = "canceled"  # and the notice of it is lost
    await browser.get(look)
    assert await plan(portal) is Plan.FREE


async def test_who_deletes_the_account_is_no_customer_any_more(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await plan_becomes(portal, Plan.PREMIUM)
    await browser.post("/unsubscribe")
    await browser.post("/profile/delete", {"words": "delete my account"})
    assert [customer.get("deleted") for customer in portal.stripe.customers.values()] == [True]
    with pytest.raises(AssertionError):
        await portal.account(ME)


async def test_cancelling_keeps_premium_until_the_end_of_the_period(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await all_heard(portal)
    assert "goes on until the end" in (await browser.get("/unsubscribe")).text
    page = await browser.post("/unsubscribe")
    assert "premium ends at" in page.text and await plan(portal) is Plan.PREMIUM
    ends_at = next(iter(portal.stripe.subscriptions.values()))["cancel_at"]
    assert [(one.reason, one.ends_at) for one in await warnings(portal, 1)] == [("cancelled", ends_at)]
    (subscription,) = portal.stripe.subscriptions
    async with ClientSession() as http:
        await http.post(f"{portal.stripe.url}/subscriptions/{subscription}/end-period")
    await plan_becomes(portal, Plan.FREE)
    assert "Upgrade to premium" in (await browser.get("/profile")).text


async def test_a_payment_that_fails_ends_premium_only_when_stripe_gives_up(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    await all_heard(portal)
    (subscription,) = portal.stripe.subscriptions
    async with ClientSession() as http:
        await http.post(f"{portal.stripe.url}/subscriptions/{subscription}/fail-payment")
        assert portal.stripe.subscriptions[subscription]["status"] in PAID
        (warning,) = await warnings(portal, 1)
        assert (warning.reason, warning.ends_at) == ("unpaid", None) and warning.period_ends
        await http.post(f"{portal.stripe.url}/subscriptions/{subscription}/end-period")
    await plan_becomes(portal, Plan.FREE)


async def test_a_webhook_that_stripe_did_not_sign_is_refused(portal: Portal) -> None:
    body = event("customer.subscription.created", {"customer": "cus_x"})
    forged, old = sign(body, "whsec_wrong"), sign(body, "whsec_test", int(time.time()) - 3600)
    for signature in ("", "t=1,v1=00", "nonsense", forged, old):
        assert await hook(portal, body, signature) == 400, signature


async def test_a_signed_body_that_was_changed_is_refused(portal: Portal) -> None:
    body = event("customer.subscription.created", {"customer": "cus_x"})
    assert await hook(portal, body + b" ", sign(body, "whsec_test")) == 400


async def test_webhooks_repeated_late_and_in_any_order_leave_the_truth(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    (subscription,) = portal.stripe.subscriptions.values()
    about = {"object": "subscription", "id": subscription["id"], "customer": subscription["customer"]}
    # a cancellation that never was, or of an earlier subscription
    assert await hook(portal, event("customer.subscription.deleted", about | {"status": "canceled"})) == 200
    assert await plan(portal) is Plan.PREMIUM
    subscription["status"] = "canceled"
    for kind in ("customer.subscription.deleted", "customer.subscription.created", "checkout.session.completed") * 2:
        assert await hook(portal, event(kind, about | {"status": "active"})) == 200
    assert await plan(portal) is Plan.FREE
    assert [one.plan_version for one in await messages(portal)] == [1, 2]


async def test_a_webhook_about_somebody_elses_customer_changes_nobody(portal: Portal) -> None:
    victim = await portal.signed_in(ME)
    await paid(portal, victim)
    thief = await portal.signed_in("mallory@example.org")
    await thief.post("/subscribe")
    mallory = await portal.account("mallory@example.org")
    # metadata of a customer of hers that names another user
    portal.stripe.customers[str(mallory.stripe_customer)]["metadata"]["user_id"] = (await portal.account(ME)).user_id
    assert await hook(portal, event("customer.subscription.deleted", {"customer": mallory.stripe_customer})) == 200
    assert await plan(portal) is Plan.PREMIUM


async def test_a_webhook_about_nothing_of_ours_is_taken_and_forgotten(portal: Portal) -> None:
    for about in ({}, {"customer": None}, {"customer": 7}, {"object": "unknown", "customer": ""}):
        assert await hook(portal, event("customer.subscription.updated", about)) == 200
        assert await hook(portal, event("invoice.finalized", about)) == 200


async def test_a_cancellation_between_the_look_and_the_write_is_not_lost(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = await portal.signed_in(ME)
    checkout = await browser.post("/subscribe")
    portal.stripe.webhook_url = f"{portal.url}/nowhere"
    await browser.post(checkout.url, headers={}, follow=False)
    (subscription,) = portal.stripe.subscriptions.values()
    real = portal.backend.accounts.change_plan

    async def late(user_id: str, wanted: Plan) -> Any:
        subscription["status"] = "canceled"  # while this process still believes in what it read
        return await real(user_id, wanted)

    monkeypatch.setattr(type(portal.backend.accounts), "change_plan", lambda _, *given: late(*given))
    billing = portal.app[app_keys.BILLING]
    assert billing
    await billing.sync_plan((await portal.account(ME)).user_id, subscription["customer"])
    assert await plan(portal) is Plan.FREE


async def test_invoices_are_at_stripe(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    await paid(portal, browser)
    assert (await browser.post("/billing", follow=False)).headers["Location"].startswith(portal.stripe.url)


@pytest.mark.parametrize("changes", [{"stripe_url": "http://127.0.0.1:9"}])
async def test_without_an_answer_of_stripe_nothing_changes_and_the_profile_is_there(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    user_id = (await portal.account(ME)).user_id
    await portal.backend.accounts.update(user_id, stripe_customer="cus_x")
    assert [(await browser.get(path)).status for path in ("/profile", "/subscribe", "/subscribe?paid=1")] == [200] * 3
    page = await browser.post("/subscribe")
    assert page.status == 503 and "Stripe" in page.text and "cus_x" not in page.text
    about = event("customer.subscription.deleted", {"customer": "cus_x"})
    assert await hook(portal, about) == 503  # so that Stripe tells it again
    assert await plan(portal) is Plan.FREE


@pytest.mark.parametrize("changes", [{"stripe_secret_key": ""}])
async def test_without_stripe_plans_change_at_once(portal: Portal) -> None:
    browser = await portal.signed_in(ME)
    assert "You have premium" in (await browser.post("/subscribe")).text
    assert "Plan: Premium" in (await browser.get("/profile")).text
    assert "Plan: Free" in (await browser.post("/unsubscribe")).text
    assert [one.plan_version for one in await messages(portal)] == [1, 2]
    assert await hook(portal, b"{}") == 404
