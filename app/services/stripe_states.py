"""What a customer or a subscription at Stripe means here: one table of the ways in which they live, end, or are not known.

Sources: Stripe's documentation on the statuses of subscriptions, on error codes (`resource_missing`), and on test mode.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import stripe

from app.domain.accounts import Plan


@dataclass(frozen=True)
class Meaning:
    """What the plan becomes (None: it stays as it is), what the person reads, and what repairs it."""

    plan: Plan | None
    said: str
    repair: str


class CustomerState(StrEnum):
    """What Stripe knows of a customer id that an account carries."""

    KNOWN = "known"
    DELETED = "deleted"
    UNKNOWN = "unknown"
    OTHER_MODE = "other mode"


CUSTOMERS: dict[CustomerState, Meaning] = {
    CustomerState.KNOWN: Meaning(None, "", "nothing: the subscriptions say what is paid for"),
    CustomerState.DELETED: Meaning(Plan.FREE, "", "the next checkout makes a new customer"),  # deleted by hand
    # a restored table, a merged customer, or test keys that were replaced by live ones
    CustomerState.UNKNOWN: Meaning(Plan.FREE, "", "the next checkout makes a new customer"),
    CustomerState.OTHER_MODE: Meaning(
        None,
        "Payments are not set up as they should be here. Nothing was changed, and your plan stays; please write to us.",
        "the operator sets the live mode's GAS_STRIPE_SECRET_KEY again",
    ),
}

SUBSCRIPTIONS: dict[str, Meaning] = {
    "active": Meaning(Plan.PREMIUM, "", "nothing; also while a payment is disputed, or its collection is paused"),
    "trialing": Meaning(Plan.PREMIUM, "", "nothing"),
    "past_due": Meaning(Plan.PREMIUM, "A payment failed, and Stripe tries again.", "another card, at Stripe's own page"),
    "unpaid": Meaning(
        Plan.FREE, "Payments failed, so premium has ended.", "paying the open invoice at Stripe's own page, or a new checkout"
    ),
    "paused": Meaning(Plan.FREE, "Your trial ended without a card, so premium is paused.", "a card, at Stripe's own page"),
    "incomplete": Meaning(Plan.FREE, "The first payment was not completed.", "paying within 23 hours, or a new checkout"),
    "incomplete_expired": Meaning(Plan.FREE, "", "a new checkout"),
    "canceled": Meaning(Plan.FREE, "", "a new checkout"),
}
"""By the status that Stripe gives. One that is not here yet means free: nothing says that it is paid for."""

CIRCUMSTANCES: dict[str, Meaning] = {
    "collection paused": Meaning(Plan.PREMIUM, "Your payments are paused, and premium goes on.", "nothing until they go on"),
    "disputed": Meaning(Plan.PREMIUM, "", "nothing while the bank decides; if it is lost, Stripe's settings end it"),
    "merged": Meaning(Plan.FREE, "", "as of an unknown customer: the next checkout makes a new one"),
}
"""What goes beside a status: payments that an operator paused, charges that a bank disputes, customers that became one."""


def meaning(status: str, *, collection_paused: bool) -> Meaning:
    """Returns what a subscription means, by its status and by whether its payments are collected."""
    found = SUBSCRIPTIONS.get(status, Meaning(Plan.FREE, "", "a new checkout"))
    return CIRCUMSTANCES["collection paused"] if collection_paused and status == "active" else found


PAID = frozenset(status for status, meaning in SUBSCRIPTIONS.items() if meaning.plan is Plan.PREMIUM)


def missing(error: stripe.InvalidRequestError) -> CustomerState | None:
    """What this refusal says of the customer or subscription that was asked for; None if it is about something else."""
    if error.code != "resource_missing":
        return None
    # test keys know nothing of live customers, who pay: a mistake of the operator must not take their premium
    live = "exists in live mode" in str(error)
    return CustomerState.OTHER_MODE if live else CustomerState.UNKNOWN


@dataclass(frozen=True)
class Refusal:
    """How an error of Stripe is shown: the HTTP status, and what the person reads."""

    status: int
    said: str


def refusal(error: stripe.StripeError) -> Refusal:
    """What became of a request that Stripe did not do: it does not answer, or it refuses."""
    if isinstance(error, stripe.InvalidRequestError) and missing(error) is CustomerState.OTHER_MODE:
        return Refusal(500, CUSTOMERS[CustomerState.OTHER_MODE].said)
    if isinstance(error, (stripe.AuthenticationError, stripe.PermissionError)):
        return Refusal(500, CUSTOMERS[CustomerState.OTHER_MODE].said)
    if isinstance(error, (stripe.InvalidRequestError, stripe.CardError, stripe.IdempotencyError)):
        return Refusal(409, "Stripe, where you pay, refused this. Nothing was changed; if it stays so, please write to us.")
    return Refusal(503, "Stripe, where you pay, does not answer. Nothing was changed.")
