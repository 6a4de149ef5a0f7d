"""The login at Globus Auth.

The id token is believed only if Globus signed it for this portal, for this login. The SDK and PyJWKClient block, so every
call of theirs runs in a thread.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import globus_sdk
import jwt
from globus_sdk.transport import RetryConfig

from app.domain.keys import USER_ID
from app.services.identity import Attempt, LoginFailed, Person, ProviderDown
from app.settings import Settings

SCOPES = "openid profile email"
ALGORITHMS = ["RS256", "RS512"]
LEEWAY = 30
"""Seconds that Globus's clock may differ from this host's."""

ANSWER_SECONDS = 10
"""How long Globus may take for one answer."""

R = TypeVar("R")


@dataclass(frozen=True)
class Globus:
    """The authorization-code flow with PKCE, state and nonce at `settings.globus_url`."""

    settings: Settings
    keys: jwt.PyJWKClient

    @classmethod
    def at(cls, settings: Settings) -> Globus:
        """Globus Auth at the address in the settings; its keys are fetched at the first login, and kept for an hour."""
        return cls(settings, jwt.PyJWKClient(f"{settings.globus_url}/jwk.json", lifespan=3600, timeout=ANSWER_SECONDS))

    @property
    def redirect_uri(self) -> str:
        """Where Globus leads the browser back to."""
        return f"{self.settings.public_url}/authcallback"

    def authorize_url(self, attempt: Attempt) -> str:
        """Where the browser goes to log in."""
        with self._client() as client:
            flow = client.oauth2_start_flow(self.redirect_uri, SCOPES, state=attempt.state)
            pkce = {"code_challenge": attempt.challenge, "code_challenge_method": "S256"}
            return flow.get_authorize_url(query_params={"nonce": attempt.nonce, **pkce})

    async def person(self, attempt: Attempt, state: str, code: str) -> Person:
        """The person who came back with `code`. Raises LoginFailed, ProviderDown."""
        if not secrets.compare_digest(state.encode(), attempt.state.encode()):
            raise LoginFailed("the state is not the one that this browser was sent away with")
        token = await _in_thread(self._exchange, code, attempt.verifier)
        claims = await _in_thread(self._claims, token)
        if not secrets.compare_digest(str(claims.get("nonce")).encode(), attempt.nonce.encode()):
            raise LoginFailed("the nonce is not this login's")
        if not USER_ID.fullmatch(str(claims["sub"])):
            raise LoginFailed("the subject is no UUID")
        names = {"name": "name", "email": "email", "preferred_username": "username", "organization": "organization"}
        return Person(claims["sub"], {field: str(claims[claim]) for claim, field in names.items() if claims.get(claim)})

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
