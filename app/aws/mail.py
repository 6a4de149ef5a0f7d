"""Mail through SES, text and HTML in one message."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mail:
    ses: Any  # the sesv2 client
    sender: str
    configuration_set: str = ""

    async def send(self, to: str, subject: str, text: str, html: str) -> None:
        """Hands one mail to SES."""
        reported = {"ConfigurationSetName": self.configuration_set} if self.configuration_set else {}
        await self.ses.send_email(
            FromEmailAddress=self.sender,
            Destination={"ToAddresses": [to]},
            Content={
                "Simple": {
                    "Subject": {"Data": subject, "Charset": "UTF-8"},
                    "Body": {"Text": {"Data": text, "Charset": "UTF-8"}, "Html": {"Data": html, "Charset": "UTF-8"}},
                }
            },
            **reported,
        )
