"""Who somebody is: the login at Globus Auth, sessions and API tokens.

The id token is believed only if Globus signed it for this portal, for this login. The SDK and PyJWKClient block, so every
call of theirs runs in a thread. Sessions and tokens are items of the account, stored by the hash of their secret; what the
browser or program holds is `<user id>.<secret>`, so that each is one read by key.
"""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import globus_sdk
import jwt
from globus_sdk.transport import RetryConfig

from app.aws.accounts import Accounts
from app.domain.accounts import Account
from app.domain.keys import USER_ID, user_of
from app.settings import Settings

SCOPES = "openid profile email"
ALGORITHMS = ["RS256", "RS512"]
LEEWAY = 30
"""Seconds that Globus's clock may be off ours."""

ANSWER_SECONDS = 10
"""How long Globus may take for one answer."""

READ, WRITE = "read", "write"
"""What a token may do: only look, or everything that its owner may do to jobs."""

R = TypeVar("R")


class LoginFailed(Exception):
    """The login is not believed; the text says why, for the log and not for the page."""


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
    user_id: str
    profile: dict[str, str]


@dataclass(frozen=True)
class Globus:
    """The authorization-code flow with PKCE, state and nonce at `settings.globus_url`."""

    settings: Settings
    keys: jwt.PyJWKClient

    @classmethod
    def at(cls, settings: Settings) -> Globus:
        return cls(settings, jwt.PyJWKClient(f"{settings.globus_url}/jwk.json", lifespan=3600, timeout=ANSWER_SECONDS))

    @property
    def redirect_uri(self) -> str:
        return f"{self.settings.public_url}/authcallback"

    def authorize_url(self, attempt: Attempt) -> str:
        """Where the browser goes to log in."""
        with self._client() as client:
            flow = client.oauth2_start_flow(self.redirect_uri, SCOPES, state=attempt.state)
            pkce = {"code_challenge": attempt.challenge, "code_challenge_method": "S256"}
            return flow.get_authorize_url(query_params={"nonce": attempt.nonce, **pkce})

    async def person(self, attempt: Attempt, state: str, code: str) -> Person:
        """Whoever came back with `code`. Raises LoginFailed, ProviderDown."""
        if not secrets.compare_digest(state.encode(), attempt.state.encode()):
            raise LoginFailed("the state is not the one that this browser was sent away with")
        token = await _in_thread(self._exchange, code, attempt.verifier)
        claims = await _in_thread(self._claims, token)
        if not secrets.compare_digest(str(claims.get("nonce")).encode(), attempt.nonce.encode()):
            raise LoginFailed("the nonce is not this login's")
        if not USER_ID.fullmatch(str(claims["sub"])):
            raise LoginFailed("the subject is no UUID")
        names = {"name": "name", "email": "email", "preferred_username": "username", "organization": "organization"}
        return Person(claims["sub"], {ours: str(claims[theirs]) for theirs, ours in names.items() if claims.get(theirs)})

    def _exchange(self, code: str, verifier: str) -> str:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        with self._client() as client, client.transport.tune(http_timeout=ANSWER_SECONDS):
            answer = client.oauth2_token(form)
        if not isinstance(token := answer.get("id_token"), str):
            raise LoginFailed("the answer has no id token")
        return token

    def _claims(self, token: str) -> dict[str, Any]:
        return jwt.decode(
            token,
            self._key(token),
            algorithms=ALGORITHMS,
            issuer=self.settings.globus_url,
            audience=self.settings.globus_client_id,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )

    def _key(self, token: str) -> jwt.PyJWK:
        """The key that the token names. A key set that names none, as Globus's, is clear only if it has one key."""
        published = self.keys.get_jwk_set().keys
        if len(published) == 1 and published[0].key_id is None:
            return published[0]
        return self.keys.get_signing_key_from_jwt(token)

    def _client(self) -> globus_sdk.ConfidentialAppAuthClient:
        return globus_sdk.ConfidentialAppAuthClient(
            self.settings.globus_client_id,
            self.settings.globus_client_secret.get_secret_value(),
            base_url=self.settings.globus_url,
            retry_config=RetryConfig(max_retries=1, max_sleep=1),
        )


async def _in_thread(call: Callable[..., R], *arguments: Any) -> R:
    try:
        return await asyncio.to_thread(call, *arguments)
    except globus_sdk.GlobusAPIError as error:
        if error.http_status >= 500:
            raise ProviderDown(f"{error.http_status} {error.code}") from error
        raise LoginFailed(f"{error.http_status} {error.code}") from error
    except (globus_sdk.NetworkError, jwt.PyJWKClientConnectionError) as error:
        raise ProviderDown(str(error)) from error
    except (jwt.PyJWTError, KeyError, ValueError) as error:
        raise LoginFailed(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True)
class Secrets:
    """Secrets of one kind (SESSION, TOKEN) that stand for an account. What is kept with one is never written again, so that
    no late write can bring a revoked one back."""

    accounts: Accounts
    kind: str

    async def issue(self, user_id: str, expires_at: int, **values: Any) -> str:
        """A new secret, good until `expires_at` (seconds since 1970)."""
        secret = f"{user_id}.{secrets.token_urlsafe(32)}"
        await self.accounts.put_item(user_id, self._item(secret), expires_at=expires_at, **values)
        return secret

    async def find(self, secret: str) -> tuple[Account, dict[str, Any]] | None:
        """The account that a secret stands for, and what is kept with it; None if it is not, or not any more, good."""
        user_id = user_of(secret)
        return await self.accounts.get_with(user_id, self._item(secret)) if user_id else None

    async def revoke(self, secret: str) -> None:
        if user_id := user_of(secret):
            await self.accounts.delete_item(user_id, self._item(secret))

    async def revoke_digest(self, user_id: str, digest: str) -> None:
        """Revokes by what is stored, for an owner who does not have the secret at hand."""
        await self.accounts.delete_item(user_id, f"{self.kind}#{digest}")

    async def revoke_all(self, user_id: str) -> None:
        """After this, none of the user's secrets of this kind is good."""
        async for values in self.list(user_id):
            await self.accounts.delete_item(user_id, values["item"])

    def list(self, user_id: str) -> AsyncIterator[dict[str, Any]]:
        return self.accounts.items(user_id, f"{self.kind}#")

    def _item(self, secret: str) -> str:
        return f"{self.kind}#{hashlib.sha256(secret.encode()).hexdigest()}"
