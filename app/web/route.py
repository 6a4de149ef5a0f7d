"""What the table of routes says of an address: its view, who may see it, and what it does for programs."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp.typedefs import Handler
from pydantic import BaseModel


@dataclass(frozen=True)
class Operation:
    """What an address of the API does.

    `media` are of an answer that is no JSON; `leads` says that it may also lead elsewhere, `keyed` that it takes an
    Idempotency-Key.
    """

    summary: str
    answer: type[BaseModel] | None = None
    status: int = 200
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    media: tuple[str, ...] = ()
    leads: bool = False
    keyed: bool = False


@dataclass(frozen=True)
class Access:
    """`public`: seen without a login. `anonymous`: no session is even looked for, and no CSRF token demanded. `job`: the address
    names a job, which is read together with the session."""

    public: bool = False
    anonymous: bool = False
    job: bool = False


SIGNED_IN = Access()
OWN_JOB = Access(job=True)
PUBLIC = Access(public=True)
ANONYMOUS = Access(public=True, anonymous=True)


@dataclass(frozen=True)
class Route:
    """One address, the view that answers it, and who may see it; `api` describes it where it is one for programs."""

    method: str
    path: str
    handler: Handler
    access: Access = SIGNED_IN
    api: Operation | None = None
