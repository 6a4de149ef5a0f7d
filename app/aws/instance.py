"""The EC2 instance that a process runs on: what its metadata service says of it, and what its autoscaling group is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiohttp import ClientSession, ClientTimeout

from app.aws.clients import clients
from app.settings import Settings

TOKEN_SECONDS = 21_600
ANSWER_SECONDS = 5


@asynccontextmanager
async def metadata_at(url: str) -> AsyncIterator[Metadata]:
    """The metadata service at an address, until the block ends."""
    async with ClientSession(timeout=ClientTimeout(total=ANSWER_SECONDS)) as http:
        yield Metadata(url, http)


@dataclass
class Metadata:
    """The instance metadata service, version 2 only: every question carries a token."""

    url: str
    http: ClientSession
    token: str = ""

    async def get(self, path: str) -> str | None:
        """What the service says about `path`; None where it knows nothing of it. Raises OSError, TimeoutError."""
        for _ in range(2):
            headers = {"X-aws-ec2-metadata-token": self.token or await self._fresh_token()}
            async with self.http.get(f"{self.url}/latest/meta-data/{path}", headers=headers) as answer:
                if answer.status == 200:
                    return (await answer.text()).strip()
                if answer.status == 404:
                    return None
                self.token = ""  # it has expired, or the service has forgotten it
        raise OSError(f"the metadata service answers {answer.status}")

    async def _fresh_token(self) -> str:
        headers = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
        async with self.http.put(f"{self.url}/latest/api/token", headers=headers) as answer:
            if answer.status != 200:
                raise OSError(f"the metadata service gives no token: {answer.status}")
            self.token = await answer.text()
        return self.token


async def complete_termination(settings: Settings, group: str, hook: str, instance: str) -> None:
    """Says to the group that it may go on with the end of an instance. Raises ClientError, BotoCoreError."""
    async with clients(settings, "autoscaling") as aws:
        await aws["autoscaling"].complete_lifecycle_action(
            AutoScalingGroupName=group, LifecycleHookName=hook, InstanceId=instance, LifecycleActionResult="CONTINUE"
        )


async def ask_for_replacement(settings: Settings, instance: str) -> None:
    """Says to the instance's group that it is not healthy: the group drains and ends it, and starts another.

    Within the grace period that follows a launch the group takes no notice. Raises ClientError, BotoCoreError.
    """
    async with clients(settings, "autoscaling") as aws:
        await aws["autoscaling"].set_instance_health(InstanceId=instance, HealthStatus="Unhealthy", ShouldRespectGracePeriod=True)
