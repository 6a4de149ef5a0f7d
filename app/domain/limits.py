"""Caps on what comes to the portal from outside, all in one table, each with what is said, or done, when it is reached.

What a plan allows is in `accounts.PLANS`; the caps on what is inside a file are those of the engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """At most so many of a unit: `{most}` in the sentence is the number."""

    most: int
    unit: str
    of: str
    said: str

    def sentence(self, **facts: Any) -> str:
        """Returns what is said; `facts`: what the sentence names besides the number."""
        return self.said.format(most=self.most, **facts)


FILE_NAME = Limit(500, "letters", "the name of a file", "It is cut.")
TAGS = Limit(10, "tags", "a job", "A job has {most} tags at most.")
TAG = Limit(40, "letters", "a tag", "A tag has {most} letters at most.")
NOTE = Limit(1000, "letters", "the note of a job", "A note has {most} letters at most.")
BATCH_FILES = Limit(1000, "files", "a batch", "A batch has {most} files at most.")
CLAIM = Limit(200, "letters", "a name that the identity provider tells", "It is cut.")
MAIL_ADDRESS = Limit(254, "letters", "a mail address that the identity provider tells", "It counts as none (RFC 5321).")
KEY_SET = Limit(1 << 20, "bytes", "the identity provider's keys", "Globus, where you sign in, does not answer.")
NEXT_PATH = Limit(2000, "letters", "an address within the portal that a sign-in leads to", "It leads to the first page instead.")
BODY = Limit(1 << 20, "bytes", "the body of a request", "That is more than can be taken here.")
HEADER_SECONDS = Limit(20, "seconds", "the header of a request to come, from its first byte", "The connection is closed.")
BODY_SECONDS = Limit(60, "seconds", "the body of a request to come, from the end of its header", "The connection is closed.")
REQUESTS = Limit(
    200,
    "requests",
    "a user to the API at once, and 20 a second",
    "Please wait a moment; the header Retry-After says how long.",
)
LOOKS = Limit(
    4, "looks or downloads", "a user at once", "You have {most} looks or downloads under way. Please wait for one of them to end."
)
ALL_LOOKS = Limit(
    32, "looks or downloads", "all users at once", "Many people look through results just now. Please try again in a moment."
)
STREAMS = Limit(20, "live pages", "a user at once", "You have {most} live pages open. Please close one of them.")
TOKENS = Limit(50, "tokens", "a user", "You have {most} tokens. Please revoke one that is not needed any more.")
SAVED = Limit(50, "filters, and as many gene panels", "a user", "You keep {most} already. Please delete one that is not needed.")
SAVED_NAME = Limit(60, "letters", "the name of a filter or gene panel", "It is cut.")
SAVED_TEXT = Limit(
    6000, "letters", "a filter or gene panel that is kept", "It is longer than the {most} letters that can be kept."
)
PANEL_GENES = Limit(1000, "genes", "a panel", "A panel has at most {most} genes.")
PAGE_BYTES = Limit(
    8 << 20, "compressed bytes", "a result that one look goes through", "The page says how far it came, and goes on."
)
PAGE_INFLATED_BYTES = Limit(
    64 << 20, "bytes, inflated", "a result that one look goes through", "The page says how far it came, and goes on."
)
PAGE_FOUND_BYTES = Limit(4 << 20, "bytes", "what one look finds", "The page ends, and goes on.")
ALL_READS_BYTES = Limit(128 << 20, "bytes, inflated", "all looks at once", "A look waits for others to end.")

TABLE: dict[str, Limit] = {name: value for name, value in vars().items() if isinstance(value, Limit)}
"""All of them by name."""
