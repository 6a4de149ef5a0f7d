"""Outputs are settings: every name is one that the daemons read, and what they get makes them start."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from app.engine.bundles import recipes
from app.local.topology import load
from app.services import renewal
from app.settings import Settings

SETTINGS = Path(__file__).parents[3] / "terraform" / "modules" / "gas" / "settings.tf"
SECRETS = {"GAS_GLOBUS_CLIENT_SECRET": "a", "GAS_STRIPE_SECRET_KEY": "b", "GAS_STRIPE_WEBHOOK_SECRET": "c"}


def test_every_output_is_a_setting(deployment) -> None:
    known = {f"GAS_{name.upper()}" for name in Settings.model_fields}
    assert set(deployment.output("settings")) <= known
    (secret,) = deployment.planned("aws_secretsmanager_secret").values()
    assert set(SECRETS) <= known and all(name in secret["description"] for name in SECRETS)


# of Ansible's, which says what a unit reads on its host
BESIDE = {"GAS_SECRET", "GAS_INSTANCE_METADATA"}


def test_what_can_be_set_by_hand_is_what_terraform_does_not_decide(deployment) -> None:
    """So that a misspelt name is refused, and one that something else hangs on, such as a hook on the drain."""
    (said,) = re.findall(r"settable = \[(.*?)\]", SETTINGS.read_text(), re.DOTALL)
    settable, known = set(re.findall(r"GAS_\w+", said)), {f"GAS_{name.upper()}" for name in Settings.model_fields}
    decided = {*deployment.output("settings"), "GAS_VAULT", "GAS_ARCHIVE_STORAGE_CLASS", "GAS_ARCHIVE_RESTORED_DAYS"}
    assert not settable & decided
    assert settable == known - decided - SECRETS.keys() - BESIDE


def test_a_reference_is_renewed_if_the_release_has_a_recipe_with_its_clinvar() -> None:
    """As the service itself says it: `renewal.renewable`."""
    shapes = SETTINGS.with_name("shapes.tf").read_text()
    (said,) = re.findall(r"contains\((\[.*?\]), bundle\)", shapes)
    published = {path.stem: f"{path.stem}/latest" for path in recipes.PUBLISHED.glob("*.toml")}
    offered = Settings(environment="local", references=published)
    assert json.loads(said) == [published[name] for name in sorted(renewal.renewable(offered))]
    assert int(re.findall(r"GAS_RENEWAL_DAYS\), (\d+)\)", shapes)[0]) == offered.renewal_days


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"settings": {"GAS_DRAIN_SECONDS": "1800"}}, "Not to be set here: GAS_DRAIN_SECONDS"),
        ({"settings": {"GAS_LEASE_SECOND": "60"}}, "Not to be set here: GAS_LEASE_SECOND."),
        ({"settings": {"GAS_QUEUE_URLS": "{}"}}, "Not to be set here: GAS_QUEUE_URLS"),
        ({"network": {"zones": ["us-east-1a", "us-east-1b"], "natt": "none"}}, "The network has no attribute natt"),
        ({"timing": {"drains": 1}}, "The timing has no attribute drains"),
    ],
)
def test_what_an_environment_cannot_say_is_refused_with_a_sentence(
    core, checkout, variables: dict[str, dict[str, str]], says: str
) -> None:
    folder = checkout() / "environments" / "dev"
    core.prepare(folder)
    (folder / "own.auto.tfvars.json").write_text(json.dumps(variables))
    done = core.try_run(folder, "plan", "-input=false", "-no-color")
    assert done.returncode != 0
    assert says in " ".join(done.stderr.replace("│", " ").split())


def test_a_misspelt_attribute_of_a_fleet_is_refused_with_its_name(core, checkout) -> None:
    folder = checkout() / "environments" / "dev"
    tfvars = folder / "terraform.tfvars"
    tfvars.write_text(tfvars.read_text().replace("    spot             = true", "    spott            = true"))
    core.prepare(folder)
    done = core.try_run(folder, "plan", "-input=false", "-no-color")
    assert done.returncode != 0
    assert "The fleet `annotate` has no attribute spott" in " ".join(done.stderr.replace("│", " ").split())


def test_daemons_start_with_the_outputs(deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    # another test's emulator may be named in the environment of this process
    for name in [name for name in os.environ if name.startswith("AWS_ENDPOINT_URL")]:
        monkeypatch.delenv(name)
    for name, value in {**deployment.output("settings"), **SECRETS}.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    topology = load()
    assert settings.environment == deployment.environment
    assert settings.archive_backend == deployment.backend
    assert set(settings.queue_urls) == set(topology["queues"])
    assert set(settings.topic_arns) == set(topology["topics"])
    assert set(settings.table_names) == set(topology["tables"])
    assert set(settings.bucket_names) == set(topology["buckets"])
    assert bool(settings.vault) == (deployment.backend == "glacier")
    offered = {"rCRS": "rcrs", "GRCh38": "grch38/latest"} if deployment.renewing else Settings.model_fields["references"].default
    assert settings.references == offered
    assert renewal.renewable(settings) == (["grch38"] if deployment.renewing else [])


def test_where_a_reference_is_renewed_it_has_room(deployment) -> None:
    """On the tier of the doctor, whose disk is as small as any elsewhere; what the environment says stays."""
    sizes = {
        values["name"]: values["block_device_mappings"][0]["ebs"][0]["volume_size"]
        for values in deployment.planned("aws_launch_template").values()
    }
    name = f"gas-{deployment.environment}"
    assert sizes[f"{name}-utility"] == (60 if deployment.renewing else 20)
    assert sizes[f"{name}-web"] == 20


def test_every_daemon_runs_somewhere(deployment) -> None:
    tiers = {tier: json.loads(said)["gas_daemons"] for tier, said in deployment.output("deployments").items()}
    consumers = {queue["consumer"] for queue in load()["queues"].values()}
    assert sorted(daemon for daemons in tiers.values() for daemon in daemons) == sorted({*consumers, "doctor", "web"})
    assert set(tiers) == set(deployment.output("group_names"))
