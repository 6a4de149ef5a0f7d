"""Which notices a user gets by mail, and the link in each mail that turns its kind off without a login (RFC 8058).

The link is signed with a key of the account, so it needs no secret that daemons and portal would have to share.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from urllib.parse import urlencode

from app.domain.accounts import Account, Notice
from app.domain.addresses import same
from app.domain.keys import user_of
from app.domain.messages import MailReturned
from app.services.backend import Backend
from app.settings import Settings

NOTICES: dict[Notice, str] = {
    Notice.FINISHED: "when an annotation is complete or has failed",
    Notice.ARCHIVED: "when a result has moved to the archive",
    Notice.RESTORED: "when a result is back from the archive",
    Notice.DELETED: "before uploaded files are deleted",
}


def link(account: Account, notice: Notice, settings: Settings) -> str:
    """The address that turns `notice` off for the recipient of the mail."""
    token = f"{account.user_id}.{notice}.{_signature(account, notice)}"
    return f"{settings.public_url}/mail/unsubscribe?{urlencode({'token': token})}"


def headers(address: str) -> dict[str, str]:
    """Of a mail that its receiver can turn off with one click in the mail program."""
    return {"List-Unsubscribe": f"<{address}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}


async def read(backend: Backend, token: str) -> tuple[Account, Notice] | None:
    """Whose notice the token of such a link is about; None if we did not sign it."""
    user_id, (kind, _, signature) = user_of(token), token.partition(".")[2].partition(".")
    account = await backend.accounts.get(user_id) if user_id and kind in set(Notice) else None
    if account is None or not account.mail_key:
        return None
    notice = Notice(kind)
    return (account, notice) if hmac.compare_digest(signature.encode(), _signature(account, notice).encode()) else None


async def choose(backend: Backend, user_id: str, wanted: Collection[str]) -> None:
    """The account gets mail of these kinds and no others."""
    await backend.accounts.update(user_id, muted={notice for notice in Notice if notice not in wanted} or None)


async def stop(backend: Backend, account: Account, notice: Notice) -> None:
    """Sends the account no more mail of this kind."""
    await backend.accounts.update(account.user_id, muted={*account.muted, notice})


async def record_bounce(backend: Backend, account: Account, message: MailReturned) -> None:
    """Stops mail to an address that does not take it; a new address of the account is another matter, and so is what came back
    before its owner said that it works."""
    if same(message.address, account.email) and message.occurred_at > (account.address_confirmed_at or 0):
        await backend.accounts.update(account.user_id, undeliverable=account.email, bounce_reason=message.reason)


async def again(backend: Backend, user_id: str) -> None:
    """The user says that the address works."""
    await backend.accounts.update(user_id, undeliverable=None, bounce_reason=None, address_confirmed_at=backend.now())


def _signature(account: Account, notice: Notice) -> str:
    return hmac.new(account.mail_key.encode(), f"unsubscribe {notice}".encode(), hashlib.sha256).hexdigest()
