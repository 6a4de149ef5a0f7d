"""Without a NAT gateway each tier reaches every service that its roles may call, and the example has no endpoint too many."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.terraform.policies import listed, statements

GATEWAYS = {"dynamodb", "s3"}
NAMED_OTHERWISE = {"cloudwatch": "monitoring", "ses": "email"}
"""Services whose endpoint is not called as their actions are: "AWS services that integrate with AWS PrivateLink"."""


@pytest.fixture
def private(core: Any, checkout: Callable[[], Path]) -> Path:
    folder = checkout() / "examples" / "private"
    core.prepare(folder)
    return folder


def endpoints(values: dict[str, Any]) -> dict[str, str]:
    """Type by the short name of the service, of the planned endpoints."""
    return {one["service_name"].rpartition(".")[2]: one["vpc_endpoint_type"] for one in values.values()}


def called(policies: dict[str, str], daemons: list[str]) -> set[str]:
    """Services that the policies of these daemons and of their hosts let them call."""
    actions = {action for daemon in daemons for one in statements([policies[daemon]]) for action in listed(one["Action"])}
    services = {action.partition(":")[0] for action in actions}
    return {NAMED_OTHERWISE.get(service, service) for service in services}


def test_private_tiers_reach_all_that_their_roles_call(core: Any, private: Path) -> None:
    core.run(private, "apply", "-auto-approve", "-input=false")
    resources = list(_resources(core.json(private, "show", "-json")["values"]["root_module"]))
    made = endpoints({str(n): one["values"] for n, one in enumerate(resources) if one["type"] == "aws_vpc_endpoint"})
    policies = {
        one["values"]["name"].removeprefix("gas-prod-"): one["values"]["policy"]
        for one in resources
        if one["type"] == "aws_iam_policy"
    }
    tiers = {"annotate": ["annotate"], "utility": ["archive", "restore", "thaw", "notify", "doctor"]}
    needed = {service for tier, daemons in tiers.items() for service in called(policies, [*daemons, f"host-{tier}"])}
    assert {name for name, kind in made.items() if kind == "Gateway"} == GATEWAYS
    assert {name for name, kind in made.items() if kind == "Interface"} == needed - GATEWAYS


def test_a_service_without_a_way_is_named(core: Any, private: Path) -> None:
    main = private / "main.tf"
    main.write_text(main.read_text().replace('"email", "logs", ', '"logs", '))
    done = core.try_run(private, "plan", "-input=false", "-no-color")
    assert done.returncode != 0
    said = " ".join(done.stderr.replace("│", " ").split())
    assert re.findall(r"Without NAT the tier (\w+) needs the interface endpoints ([\w, ]+)\.", said) == [("utility", "email")]


def test_a_vault_has_no_endpoint_and_is_refused_without_nat(core: Any, private: Path) -> None:
    main = private / "main.tf"
    main.write_text(
        main.read_text().replace(
            '  environment        = "prod"\n', '  environment        = "prod"\n  archive_backend    = "glacier"\n'
        )
    )
    done = core.try_run(private, "plan", "-input=false", "-no-color")
    assert done.returncode != 0
    said = " ".join(done.stderr.replace("│", " ").split())
    assert "A vault of Glacier has no VPC endpoint: archive in S3, or give the network a NAT." in said
    assert "needs the interface endpoints" not in said


def _resources(module: dict[str, Any]) -> Any:
    yield from (one for one in module.get("resources", []) if one["mode"] == "managed")
    for child in module.get("child_modules", []):
        yield from _resources(child)
