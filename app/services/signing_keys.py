"""The public keys of the identity provider, which may change at any moment: what they can't verify has them fetched again.

A provider publishes a new key, signs with it, and some day takes the old one away. Nothing says when, and the keys need no
names (`kid`). So a token that no known key verifies is tried once more with the keys as they are now.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import jwt

from app.domain.limits import KEY_SET
from app.services.identity import ProviderDown

LIFE_SECONDS = 3600
FETCHES, PER_SECONDS = 3, 60
"""The keys are fetched at most so often in so long a time, whatever tokens come."""

MISFIT = (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError, jwt.InvalidKeyError)
"""What PyJWT raises where another key may verify the token."""


@dataclass
class SigningKeys:
    """The keys at `url`. An answer takes at most `answer_seconds`; `now` counts as `time.monotonic`."""

    url: str
    answer_seconds: float
    now: Callable[[], float] = time.monotonic
    _keys: list[jwt.PyJWK] = field(default_factory=list)
    _fetches: deque[float] = field(default_factory=lambda: deque(maxlen=FETCHES))
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def verified(self, token: str, verify: Callable[[jwt.PyJWK], dict[str, Any]]) -> dict[str, Any]:
        """What `verify` returns with the first key that fits the token.

        Raises ProviderDown where no keys can be had, else PyJWTError, such as what `verify` raises with a key that fits.
        """
        known = await self._current()
        try:
            return _first(known, token, verify)
        except (*MISFIT, jwt.PyJWKSetError):
            fresh = await self._changed(known)
            if fresh is known:
                raise
            return _first(fresh, token, verify)

    async def _current(self) -> list[jwt.PyJWK]:
        came = self.now()
        async with self._one:
            if not self._keys and self._fetches and self._fetches[-1] >= came:
                raise ProviderDown("no keys: the look that began meanwhile found none")  # else each would wait for its own
            if not self._keys or self.now() - self._fetches[-1] > LIFE_SECONDS:
                await self._fetch()
            return self._keys

    async def _changed(self, known: list[jwt.PyJWK]) -> list[jwt.PyJWK]:
        """The keys as they are now; `known` itself where they were fetched too often of late."""
        async with self._one:
            often = len(self._fetches) == FETCHES and self.now() - self._fetches[0] < PER_SECONDS
            if self._keys is known and not often:  # else another sign-in has fetched them meanwhile
                await self._fetch()
            return self._keys

    async def _fetch(self) -> None:
        """Keeps the old keys where there are no new ones to be had: they are good until the provider signs with others."""
        self._fetches.append(self.now())
        try:
            self._keys = await asyncio.wait_for(self._published(), self.answer_seconds)
        except (aiohttp.ClientError, jwt.PyJWTError, ValueError, OSError, TimeoutError) as error:
            if not self._keys:
                raise ProviderDown(f"no keys: {type(error).__name__}: {error}") from error

    async def _published(self) -> list[jwt.PyJWK]:
        async with aiohttp.ClientSession(trust_env=True) as http, http.get(self.url, allow_redirects=False) as answer:
            answer.raise_for_status()
            body = await answer.content.read(KEY_SET.most)
            while not answer.content.at_eof() and len(body) < KEY_SET.most:
                body += await answer.content.read(KEY_SET.most - len(body))
        published = json.loads(body)
        if not isinstance(published, dict):
            raise ValueError("the key set is no JSON object")
        return [key for key in jwt.PyJWKSet.from_dict(published).keys if key.public_key_use in ("sig", None)]


def _first(keys: list[jwt.PyJWK], token: str, verify: Callable[[jwt.PyJWK], dict[str, Any]]) -> dict[str, Any]:
    named = jwt.get_unverified_header(token).get("kid")
    # a key or a token without a name says nothing about which one it is
    fitting = [key for key in keys if None in (named, key.key_id) or key.key_id == named]
    failure: jwt.PyJWTError = jwt.PyJWKSetError(f"no key fits {str(named)[:80]!r}")
    for key in fitting:
        try:
            return verify(key)
        except MISFIT as error:
            failure = error
    raise failure
