"""How long it takes to bring an archive back, by where it is and how quickly it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.jobs import Speed

HOUR_SECONDS = 3600


@dataclass(frozen=True)
class Retrieval:
    """`least_seconds` and `most_seconds` are what AWS states; after `patience_seconds` a retrieval is overdue."""

    least_seconds: int
    most_seconds: int
    patience_seconds: int


Retrievals = Mapping[Speed, Retrieval]
"""The speeds that there are. Standard is always one of them."""

FLEXIBLE: Retrievals = {
    Speed.EXPEDITED: Retrieval(60, 300, HOUR_SECONDS),
    Speed.STANDARD: Retrieval(3 * HOUR_SECONDS, 5 * HOUR_SECONDS, 8 * HOUR_SECONDS),
}
"""Of S3 Glacier Flexible Retrieval, whose storage class is GLACIER, and of a vault."""

BY_STORAGE_CLASS: Mapping[str, Retrievals] = {
    "GLACIER": FLEXIBLE,
    "DEEP_ARCHIVE": {Speed.STANDARD: Retrieval(9 * HOUR_SECONDS, 12 * HOUR_SECONDS, 16 * HOUR_SECONDS)},
}
"""Source: "Understanding archive retrieval options", Amazon S3 User Guide: Deep Archive has no Expedited, and its Standard
takes up to twelve hours."""


def retrieval(retrievals: Retrievals, speed: Speed | None) -> Retrieval:
    """Returns the row of a speed; of Standard for a speed that the archive does not have (any more)."""
    return retrievals.get(speed or Speed.STANDARD) or retrievals[Speed.STANDARD]
