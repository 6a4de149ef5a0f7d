"""`gas account`: what operators do with accounts, on whatever AWS and Stripe the environment points at."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.domain.accounts import Account, Plan
from app.settings import settings

if TYPE_CHECKING:
    from app.services.backend import Backend

account = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Look at accounts, grant and revoke premium, and make accounts for load tests.",
)

Who = Annotated[str, typer.Argument(metavar="USER", help="A user id, or a mail address.")]
Reason = Annotated[str, typer.Option(help="Why; it stays with the account.")]


def _run(work: Callable[[Backend], Awaitable[None]], *, mail: bool = False) -> None:
    from app.services.account_admin import Unclear
    from app.services.backend import backend

    async def main() -> None:
        async with backend(settings(), mail=mail) as opened:
            await work(opened)

    try:
        asyncio.run(main())
    except Unclear as unclear:
        typer.echo(str(unclear), err=True)
        raise typer.Exit(1) from None


def _say(found: Account) -> None:
    values: dict[str, Any] = {**asdict(found), "muted": sorted(found.muted), "mail_key": None}
    typer.echo(json.dumps({name: value for name, value in values.items() if value not in (None, "")}, indent=2))


@account.command()
def show(user: Who) -> None:
    """Show an account, and what operators did with it."""
    from app.services import account_admin

    async def work(backend: Backend) -> None:
        found = await account_admin.find(backend, user)
        _say(found)
        async for line in account_admin.history(backend, found):
            typer.echo(line)

    _run(work)


@account.command()
def grant(user: Who, reason: Reason) -> None:
    """Give premium without payment. It stays whatever Stripe says, until it is revoked."""
    from app.services import account_admin

    async def work(backend: Backend) -> None:
        _say(await account_admin.grant(backend, await account_admin.find(backend, user), reason))

    _run(work)


@account.command()
def revoke(user: Who, reason: Reason) -> None:
    """Take granted premium back. Who pays at Stripe stays premium; else results are archived after the retention."""
    from app.services import account_admin

    async def work(backend: Backend) -> None:
        _say(await account_admin.revoke(backend, await account_admin.find(backend, user), reason))

    _run(work)


@account.command("send-mail")
def send_mail(user: Who, reason: Reason) -> None:
    """Send the mails whose outcome is unknown: those that `gas doctor --full` calls marked, and not sent.

    Takes a minute, in which no daemon can still be at it. SES may have taken a mail whose answer was lost: then this is its
    second.
    """
    from app.services import account_admin

    async def work(backend: Backend) -> None:
        async for line in account_admin.send_mail(backend, await account_admin.find(backend, user), reason):
            typer.echo(line)

    _run(work, mail=True)


@account.command()
def token(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names of accounts for load tests, old or new.")],
    plan: Annotated[Plan, typer.Option(help="Their plan.")] = Plan.FREE,
    days: Annotated[int, typer.Option(min=1, max=30, help="How long the tokens are good.")] = 1,
) -> None:
    """Make accounts for load tests, which have no quotas and the address of SES's simulator, and print an API token for each.

    One JSON object a line: name, user_id, plan, token.
    """
    from app.services import account_admin

    async def work(backend: Backend) -> None:
        for name in names:
            made, secret = await account_admin.create_load_test_account(backend, name, plan, days)
            typer.echo(json.dumps({"name": name, "user_id": made.user_id, "plan": made.plan, "token": secret}))

    _run(work)
