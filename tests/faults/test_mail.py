"""SES takes a mail once for each call: a call whose answer was lost may have sent it, and is not made again."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from app.aws.clients import clients
from app.aws.mail import Mail
from app.settings import Settings
from tests.support.proxy import Fault, Proxy, Rule, serving


async def send(settings: Settings, proxy: Proxy, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Sends one mail through the proxy; returns the calls that this took."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    async with clients(settings, "sesv2") as aws:
        with suppress(ClientError, BotoCoreError, OSError):
            await Mail(aws["sesv2"], settings.mail_from).send("somebody@example.org", "subject", "text", "<p>text</p>")
    return Counter(call.operation for call in proxy.calls)


@pytest.mark.slow
async def test_a_mail_whose_answer_was_lost_is_not_sent_again(
    settings: Settings, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Proxy(aws_endpoint, lambda: None, rules=[Rule("ses.SendEmail", Fault.DROP, 1)])) as proxy:
        assert await send(settings, proxy, monkeypatch) == {"ses.SendEmail": 1}


async def test_a_mail_that_was_throttled_is_sent_again(
    settings: Settings, aws_endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(Proxy(aws_endpoint, lambda: None, rules=[Rule("ses.SendEmail", Fault.THROTTLE, 1)])) as proxy:
        assert await send(settings, proxy, monkeypatch) == {"ses.SendEmail": 2}
