"""Who somebody is: a login under way, sessions and API tokens.

Sessions and tokens are items of the account, stored by the hash of their secret; what the browser or program holds is
`<user id>.<secret>`, so that each is one read by key.
"""

from __future__ import annotations

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from app.aws.accounts import Accounts
from app.domain.accounts import Account
from app.domain.keys import user_of

READ, WRITE = "read", "write"
"""What a token may do: only look, or everything that its owner may do to jobs."""


class LoginProblem(StrEnum):
    """Why somebody is not signed in. The value is what they read."""

    REFUSED = "You did not give Globus your consent, so you are not signed in. Please sign in again if you want to."
    AT_PROVIDER = "Globus could not sign you in. Please try again."
    NOT_BEGUN = (
        "No sign-in is under way in this browser: it took more than ten minutes, began in another browser, or your browser "
        "keeps no cookies for this site. Please sign in again."
    )
    OTHER_ATTEMPT = "This is not the answer to a sign-in that began in this browser. Please sign in again."
    USED = "What Globus answered has been used already, or is too old. Please sign in again."
    NOT_BELIEVED = "What Globus says of you could not be verified, so you are not signed in. Please sign in again."


class LoginFailed(Exception):
    """The login is not believed; the text says why, for the log and not for the page, which says the problem."""

    def __init__(self, why: str, problem: LoginProblem = LoginProblem.NOT_BELIEVED) -> None:
        super().__init__(why)
        self.problem = problem


class ProviderDown(Exception):
    """Globus Auth does not answer, or not as it should."""


@dataclass(frozen=True)
class Attempt:
    """One login under way. Only the browser that began it holds these; all but `next` are single-use secrets."""

    state: str = field(default_factory=secrets.token_urlsafe)
    nonce: str = field(default_factory=secrets.token_urlsafe)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    next: str = "/"

    @property
    def challenge(self) -> str:
        """PKCE's S256 challenge (RFC 7636)."""
        return urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


@dataclass(frozen=True)
class Person:
    """Somebody who signed in, and what Globus says of them."""

    user_id: str
    profile: dict[str, str]


@dataclass(frozen=True)
class Secrets:
    """Secrets of one kind (SESSION, TOKEN) that stand for an account. What is kept with one is never written again, so that
    no late write can bring a revoked one back."""

    accounts: Accounts
    kind: str

    async def issue(self, user_id: str, expires_at: int, **values: Any) -> str:
        """A new secret, good until `expires_at` (seconds since 1970)."""
        secret = f"{user_id}.{secrets.token_urlsafe(32)}"
        await self.accounts.put_item(user_id, self.item(secret), expires_at=expires_at, **values)
        return secret

    async def find(self, secret: str) -> tuple[Account, dict[str, Any]] | None:
        """The account that a secret stands for, and what is kept with it; None if it is not, or not any more, good."""
        user_id = user_of(secret)
        return await self.accounts.get_with(user_id, self.item(secret)) if user_id else None

    async def revoke(self, secret: str) -> None:
        """Deletes a secret; one that is none is no error."""
        if user_id := user_of(secret):
            await self.accounts.delete_item(user_id, self.item(secret))

    async def revoke_digest(self, user_id: str, digest: str) -> None:
        """Revokes by what is stored, for an owner who does not have the secret at hand."""
        await self.accounts.delete_item(user_id, f"{self.kind}#{digest}")

    async def revoke_all(self, user_id: str) -> None:
        """After this, none of the user's secrets of this kind is good."""
        async for values in self.list(user_id):
            await self.accounts.delete_item(user_id, values["item"])

    def list(self, user_id: str) -> AsyncIterator[dict[str, Any]]:
        """Yields what is kept with each of a user's secrets."""
        return self.accounts.items(user_id, f"{self.kind}#")

    def item(self, secret: str) -> str:
        return f"{self.kind}#{hashlib.sha256(secret.encode()).hexdigest()}"
