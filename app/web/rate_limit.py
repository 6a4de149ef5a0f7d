"""How often the API may be asked: a token bucket a user, kept by each process for itself.

Behind a load balancer with n portals a user may ask n times as often; what is protected is each process, not an allowance.
Counting in DynamoDB would hold for all of them, at the price of a write, and its wait, for every request that only reads:
more than what it would save.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.domain.limits import REQUESTS

MOST_BUCKETS = 10_000


@dataclass
class TokenBucket:
    """Requests that a user has left, as of `at`, which counts as `time.monotonic` does."""

    left: float
    at: float


@dataclass
class RateLimit:
    """`burst` requests at once, and `per_second` in the long run."""

    burst: int = REQUESTS.most
    per_second: float = 20
    now: Callable[[], float] = time.monotonic
    _buckets: dict[str, TokenBucket] = field(default_factory=dict)

    def take(self, user_id: str) -> tuple[bool, dict[str, str]]:
        """May the user ask now? And the headers that say how often still."""
        now = self.now()
        bucket = self._buckets.pop(user_id, None) or TokenBucket(self.burst, now)
        left = min(self.burst, bucket.left + (now - bucket.at) * self.per_second)
        allowed = left >= 1
        self._buckets[user_id] = TokenBucket(left - allowed, now)
        if len(self._buckets) > MOST_BUCKETS:
            # who was not here for longest; a bucket that is forgotten is a full one
            del self._buckets[next(iter(self._buckets))]
        headers = {
            "RateLimit-Policy": f'"user";q={self.burst};w={math.ceil(self.burst / self.per_second)}',
            "RateLimit": f'"user";r={int(left - allowed)};t={math.ceil((self.burst - left + allowed) / self.per_second)}',
        }
        return allowed, headers | ({} if allowed else {"Retry-After": str(math.ceil((1 - left) / self.per_second))})
