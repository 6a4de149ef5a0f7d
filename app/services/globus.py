"""The login at Globus Auth.

The id token is believed only if Globus signed it for this portal, for this login. The SDK blocks, so its calls run in a few
threads of their own: however slow Globus is, those of everything else stay free.
"""

from __future__ import annotations

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import globus_sdk
import jwt
from globus_sdk.transport import RetryConfig

from app.domain.keys import USER_ID
from app.domain.limits import CLAIM, MAIL_ADDRESS
from app.services.concurrency import ConcurrencyLimit, TooManyRequests
from app.services.identity import Attempt, LoginFailed, LoginProblem, Person, ProviderDown
from app.services.signing_keys import SigningKeys
from app.settings import Settings

SCOPES = "openid profile email"
ALGORITHMS = ["RS256", "RS512"]
LEEWAY = 30
"""Seconds that Globus's clock may differ from this host's."""

ANSWER_SECONDS = 10
"""How long Globus may take for one answer."""

THREADS, WAITING = 4, 64
"""Sign-ins that ask Globus at once, and those that are under way at all."""

LONGEST_CLAIMS = {"name": CLAIM.most, "email": MAIL_ADDRESS.most, "preferred_username": CLAIM.most, "organization": CLAIM.most}
"""Letters that are kept of a claim. A longer mail address is none (RFC 5321), and not kept."""


@dataclass(frozen=True)
class Globus:
    """The authorization-code flow with PKCE, state and nonce at `settings.globus_url`."""

    settings: Settings
    keys: SigningKeys
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "globus"))
    limit: ConcurrencyLimit = field(default_factory=lambda: ConcurrencyLimit(WAITING, WAITING))

    @classmethod
    def at(cls, settings: Settings) -> Globus:
        """Globus Auth at the address in the settings; its keys are fetched at the first login."""
        return cls(settings, SigningKeys(f"{settings.globus_url}/jwk.json", ANSWER_SECONDS))

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
            raise LoginFailed("the state is not the one that this browser was sent away with", LoginProblem.OTHER_ATTEMPT)
        token = await self._in_thread(code, attempt.verifier)
        try:
            claims = await self.keys.verified(token, lambda key: self._claims(token, key))
        except (jwt.PyJWTError, ValueError) as error:
            raise LoginFailed(f"{type(error).__name__}: {error}") from error
        if not secrets.compare_digest(str(claims.get("nonce")).encode(), attempt.nonce.encode()):
            raise LoginFailed("the nonce is not this login's")
        if not USER_ID.fullmatch(str(claims["sub"])):
            raise LoginFailed("the subject is no UUID")
        return Person(claims["sub"], _profile(claims))

    async def _in_thread(self, code: str, verifier: str) -> str:
        try:
            with self.limit.slot(""):
                return await asyncio.get_running_loop().run_in_executor(self.threads, self._exchange, code, verifier)
        except TooManyRequests as error:
            raise ProviderDown(f"{WAITING} sign-ins wait for its answer already") from error
        except globus_sdk.GlobusAPIError as error:
            if error.http_status >= 500:
                raise ProviderDown(f"{error.http_status} {error.code}") from error
            raise LoginFailed(f"{error.http_status} {error.code}", LoginProblem.USED) from error
        except globus_sdk.NetworkError as error:
            raise ProviderDown(str(error)) from error
        except (KeyError, ValueError) as error:
            raise LoginFailed(f"{type(error).__name__}: {error}") from error

    def _exchange(self, code: str, verifier: str) -> str:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        with self._client() as client, client.transport.tune(http_timeout=ANSWER_SECONDS):
            answer = client.oauth2_token(form)
        if not isinstance(token := answer.get("id_token"), str):
            raise LoginFailed("the answer has no id token")
        return token

    def _claims(self, token: str, key: jwt.PyJWK) -> dict[str, Any]:
        """What the token says, if Globus signed it with this key for this portal. Raises PyJWTError."""
        client = self.settings.globus_client_id
        claims = jwt.decode(
            token,
            key,
            algorithms=ALGORITHMS,
            issuer=self.settings.globus_url,
            audience=client,
            leeway=LEEWAY,
            options={"require": ["exp", "iat", "sub", "aud", "iss"]},
        )
        # source: OpenID Connect Core 1.0, 3.1.3.7, steps 4 and 5
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", None if several else client) != client:
            raise jwt.InvalidAudienceError("the token was issued to another client (azp)")
        return claims

    def _client(self) -> globus_sdk.ConfidentialAppAuthClient:
        return globus_sdk.ConfidentialAppAuthClient(
            self.settings.globus_client_id,
            self.settings.globus_client_secret.get_secret_value(),
            base_url=self.settings.globus_url,
            retry_config=RetryConfig(max_retries=1, max_sleep=1),
        )


def _profile(claims: dict[str, Any]) -> dict[str, str]:
    said = {claim: str(claims[claim])[: most + 1] for claim, most in LONGEST_CLAIMS.items() if claims.get(claim)}
    if len(said.get("email", "")) > LONGEST_CLAIMS["email"]:
        del said["email"]
    names = {"preferred_username": "username"}
    return {names.get(claim, claim): value[: LONGEST_CLAIMS[claim]] for claim, value in said.items()}
