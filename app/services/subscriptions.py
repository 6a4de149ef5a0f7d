"""Changes of plan: the account first, then one message; everything else follows from it in the restore daemon."""

from __future__ import annotations

from app.domain.accounts import Account, Plan
from app.domain.messages import PlanChanged
from app.services.backend import Backend


async def change_plan(backend: Backend, user_id: str, plan: Plan) -> Account | None:
    """Gives the account the plan; None if it had it already. May be repeated: a lost message is the doctor's to send."""
    account = await backend.accounts.change_plan(user_id, plan)
    if account:
        await announce(backend, account)
    return account


async def announce(backend: Backend, account: Account) -> None:
    """Asks the restore daemon to make every job's tier follow this account's plan."""
    message = PlanChanged(user_id=account.user_id, plan_version=account.version, occurred_at=backend.now())
    await backend.queues.send("restore_requests", [message])
