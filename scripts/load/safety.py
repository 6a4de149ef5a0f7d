"""Keeps a load test where it belongs and below what it may cost: checked before the first request, and at every job."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from scripts.cost.page import BACK, JOB, dollars, measured

COMPUTE_USD = 0.0001
"""Dollars of instances a job, generously: a c7a.large on demand for four seconds."""


class Refused(Exception):
    """This load test must not run; the text says why and what to do."""


@dataclass
class Budget:
    """`left` dollars that this run may still spend; None: nothing costs anything (a stack on this machine)."""

    left: float | None
    job_usd: float
    restore_usd: float

    def take(self, *, restores: bool = False) -> bool:
        """May one more job be made? If so, it is paid for."""
        if self.left is None:
            return True
        price = self.job_usd + (self.restore_usd if restores else 0)
        if price > self.left:
            return False
        self.left -= price
        return True


def budget(spend_usd: float | None, backend: str) -> Budget:
    """Prices are those of docs/measurements/cost.md, and something for the instances."""
    stages = measured()[backend]
    job, back = (sum(dollars(stages[stage]["billed"]) for stage in (*stages_of, "notify")) / 1e6 for stages_of in (JOB, BACK))
    return Budget(spend_usd, job + COMPUTE_USD, back)


def is_local(host: str) -> bool:
    """Is this address on this machine?"""
    name = urlsplit(host).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def check(host: str, spend_usd: float | None, environment: Mapping[str, str]) -> None:
    """Raises Refused unless the host is this machine, or a deployment that was meant: named, capped, and the environment's."""
    if is_local(host):
        return
    if urlsplit(host).scheme != "https":
        raise Refused(f"{host} is neither on this machine nor https.")
    if not spend_usd or spend_usd <= 0:
        raise Refused("A load test of a real deployment needs a cap on what it may spend: --spend-usd 5")
    public_url = environment.get("GAS_PUBLIC_URL", "").rstrip("/")
    if public_url != host.rstrip("/"):
        raise Refused(
            f"The environment is that of {public_url or 'no deployment'}, and the load would go to {host}. "
            "Set the GAS_* and AWS_* variables of the deployment that is meant: accounts and clean-up need them."
        )
