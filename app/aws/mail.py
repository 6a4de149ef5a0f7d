"""Mail through SES, text and HTML in one message."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from typing import Any

from botocore.exceptions import ClientError

from app.aws.clients import code

ATTEMPTS = 5


@dataclass(frozen=True)
class Standing:
    """What SES lets this account do: `verified` sends as the sender; in the `sandbox` mail only reaches verified addresses."""

    verified: bool
    sandbox: bool


@dataclass(frozen=True)
class Mail:
    ses: Any  # the sesv2 client
    sender: str
    configuration_set: str = ""

    async def send(
        self, to: str, subject: str, text: str, html: str, *, headers: Mapping[str, str] | None = None, user_id: str = ""
    ) -> None:
        """Hands one mail to SES, at most once: only where SES says that it took nothing is it handed over again.

        What SES tells of the mail later names `user_id`.
        """
        reported = {"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}
        request: dict[str, Any] = {
            "FromEmailAddress": self.sender,
            "Destination": {"ToAddresses": [to]},
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
        for attempt in range(ATTEMPTS):
            try:
                await self.ses.send_email(**request)
                return
            except ClientError as error:
                if code(error) != "TooManyRequestsException" or attempt == ATTEMPTS - 1:
                    raise
            await asyncio.sleep(random.uniform(0, 2**attempt))

    async def standing(self) -> Standing:
        """How SES sees the sender and the account; the sender's address or its whole domain may be verified."""
        address = parseaddr(self.sender)[1]
        # the domain first: it is what Terraform makes, and all that the role of `notify` may look at
        verified = await self._verified(address.rpartition("@")[2]) or await self._verified(address)
        account = await self.ses.get_account()
        return Standing(verified, not account["ProductionAccessEnabled"])

    async def _verified(self, identity: str) -> bool:
        try:
            return (await self.ses.get_email_identity(EmailIdentity=identity))["VerifiedForSendingStatus"]
        except ClientError as error:
            if code(error) == "NotFoundException":
                return False
            raise
