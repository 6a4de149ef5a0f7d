"""Mail through SES, text and HTML in one message."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    NoCredentialsError,
)

from app.aws.adaptive_rate import AdaptiveRate
from app.aws.clients import code
from app.aws.mail_digests import Digests
from app.domain.addresses import on_the_wire

THROTTLES = {"TooManyRequestsException", "ThrottlingException", "Throttling"}
"""How SES says that the account's rate, or its quota of a day, is used up."""

REFUSALS = THROTTLES | {
    "AccountSuspendedException",
    "BadRequestException",
    "LimitExceededException",
    "MailFromDomainNotVerifiedException",
    "MessageRejected",
    "NotFoundException",
    "SendingPausedException",
    # of all services, before they look at what is asked for
    "AccessDeniedException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "UnrecognizedClientException",
}
"""Errors by which SES says that it took nothing: all that the model of SendEmail names, and those of who may not ask. Others,
such as its 5xx, leave open whether the mail is on its way. Source: SendEmail in SES's API reference (v2)."""

RETRY_SECONDS = 60
"""How long one mail is handed over again and again while SES throttles."""


class MailRefused(Exception):
    """SES certainly did not take the mail: it said so, or there was no connection to it."""


@dataclass(frozen=True)
class Mark:
    """What keeps a mail from being sent twice. Each is called with a token, which names one attempt.

    `take` is true if the mail may be sent by who has this token; `give_back` makes it free again, but only from who has it.
    """

    take: Callable[[str], Awaitable[object]]
    give_back: Callable[[str], Awaitable[object]]


async def _always(_: str) -> bool:
    return True


UNMARKED = Mark(_always, _always)


@dataclass(frozen=True)
class Standing:
    """What SES lets this account do: `verified` sends as the sender; in the `sandbox` mail only reaches verified addresses."""

    verified: bool
    sandbox: bool
    sending: bool = True
    rate: float = 0  # mails a second
    daily_quota: float = 0
    sent_today: float = 0

    @property
    def left_today(self) -> float:
        """Mails that the quota of the last 24 hours leaves."""
        return self.daily_quota - self.sent_today


@dataclass(frozen=True)
class Mail:
    """Mail through SES, from one verified sender."""

    ses: Any  # the sesv2 client
    sender: str
    configuration_set: str = ""
    pace: AdaptiveRate = field(default_factory=AdaptiveRate, compare=False)
    digests: Digests = field(default_factory=Digests, compare=False)

    async def send(
        self,
        to: str,
        subject: str,
        text: str,
        html: str,
        *,
        headers: Mapping[str, str] | None = None,
        user_id: str = "",
        mark: Mark = UNMARKED,
    ) -> str:
        """Hands one mail to SES, at most once: only where SES certainly took nothing is it handed over again.

        `mark` is taken when it is this mail's turn, and given back where SES refuses, so that a sender stopped while it waits
        has marked nothing. What SES says of the mail later names `user_id`. Returns the token of the attempt that sent it, or
        "" where the mark was taken before. Raises Refused; after any other error it is unknown whether the mail is on its way,
        and the mark stays.
        """
        written = {"subject": subject, "text": text, "html": html, "headers": headers}
        return (await self.send_one_about(to, [mark], lambda _: written, user_id=user_id))[0]

    async def send_one_about(
        self, to: str, marks: Sequence[Mark], write: Callable[[Sequence[int]], Mapping[str, Any]], *, user_id: str = ""
    ) -> list[str]:
        """As `send`, but one mail about several events, each with its mark: `write` makes the subject, text, HTML and headers
        about those, by their places in `marks`, whose marks were free. Returns the token of each event, "" where its mark was
        taken before."""
        ends = time.monotonic() + RETRY_SECONDS
        while True:
            began = await self.pace.turn()
            tokens = await _taken(marks)
            about = [place for place, token in enumerate(tokens) if token]
            if not about:
                return tokens
            try:
                await self.ses.send_email(**self._request(to, user_id, **write(about)))
            except (ClientError, BotoCoreError) as error:
                if not _took_nothing(error):
                    raise
                await _give_back(marks, tokens)
                throttled = isinstance(error, ClientError) and code(error) in THROTTLES
                if throttled:
                    self.pace.refused(began)
                if not throttled or time.monotonic() > ends:
                    raise MailRefused(str(error)) from error
            else:
                self.pace.taken()
                return tokens

    def _request(
        self, to: str, user_id: str, *, subject: str, text: str, html: str, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        reported = {"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}
        return {
            "FromEmailAddress": self.sender,
            "Destination": {"ToAddresses": [on_the_wire(to)]},
            "Content": {
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}, "Html": {"Data": html, "Charset": "UTF-8"}},
                    "Headers": [{"Name": name, "Value": value} for name, value in (headers or {}).items()],
                }
            },
            "EmailTags": [{"Name": "user_id", "Value": user_id}] if user_id else [],
            **reported,
        }

    async def standing(self) -> Standing:
        """How SES sees the sender and the account; the sender's address or its whole domain may be verified."""
        address = parseaddr(self.sender)[1]
        # the domain first: it is what Terraform makes, and all that the role of `notify` may look at
        verified = await self._verified(address.rpartition("@")[2]) or await self._verified(address)
        account = await self.ses.get_account()
        quota = account["SendQuota"]
        return Standing(
            verified,
            sandbox=not account["ProductionAccessEnabled"],
            sending=account["SendingEnabled"],
            rate=quota["MaxSendRate"],
            daily_quota=quota["Max24HourSend"],
            sent_today=quota["SentLast24Hours"],
        )

    async def _verified(self, identity: str) -> bool:
        try:
            return (await self.ses.get_email_identity(EmailIdentity=identity))["VerifiedForSendingStatus"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return False
            raise


async def _taken(marks: Sequence[Mark]) -> list[str]:
    """A token for each mark that was free. Where one cannot be asked for, those before it are given back, for nothing is sent."""
    tokens: list[str] = []
    try:
        for mark in marks:
            token = secrets.token_hex(4)
            tokens.append(token if await mark.take(token) else "")
    except (ClientError, BotoCoreError):
        await _give_back(marks, tokens)
        raise
    return tokens


async def _give_back(marks: Sequence[Mark], tokens: Sequence[str]) -> None:
    for mark, token in zip(marks, tokens, strict=False):
        if token:
            await mark.give_back(token)


def _took_nothing(error: ClientError | BotoCoreError) -> bool:
    if isinstance(error, ClientError):
        return code(error) in REFUSALS
    # a connection that breaks later has the same error of botocore, and another cause
    never_connected = isinstance(error.kwargs.get("error"), aiohttp.ClientConnectorError)
    return never_connected or isinstance(error, (ConnectTimeoutError, CredentialRetrievalError, NoCredentialsError))
