"""Hosts that configure themselves at boot from a baked image, and are deployed to and rolled back while everybody goes on."""

from __future__ import annotations

import json
import re
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.support.hosts import world as worlds
from tests.support.hosts.host import Host, patience
from tests.support.hosts.world import AWS_ON_HOSTS, BUCKET, PORT, REGION, ROOT, World
from tests.support.loopback import serving

pytestmark = pytest.mark.night

DAEMONS = ["web", "notify"]
GROUP, TARGETS = "gas-test-web", "gas-test"
QUICK = {"daemon_settle_seconds": 2}
SLOW_START = {**QUICK, "daemon_start_seconds": 15}

BREAKS = {
    "an import that fails": ("app/web/main.py", ("import asyncio\n", "import asyncio\n\nimport no_such_package  # noqa\n")),
    "a start that takes for ever": ("app/web/main.py", ("    ready()\n", "    pass\n")),
}

# what EC2 runs once, when an instance boots for the first time
FIRST_BOOT = """[Unit]
ConditionPathExists=!/var/lib/cloud/done
After=network.target
[Service]
Type=oneshot
ExecStart=/bin/bash /var/lib/cloud/user-data
ExecStartPost=/bin/touch /var/lib/cloud/done
StandardOutput=append:/var/log/cloud-init-output.log
StandardError=inherit
[Install]
WantedBy=multi-user.target
"""


def user_data(world: World, deployment: dict[str, Any]) -> str:
    """What terraform makes of the fleet's boot script for an image that was baked."""
    template = (ROOT / "terraform/modules/fleet/boot.sh.tftpl").read_text()
    template = re.sub(r"%\{ if stock ~\}.*?%\{ endif ~\}\n", "", template, flags=re.DOTALL)
    values = {
        "region": REGION,
        "group": GROUP,
        "hook": "configured",
        "archive": f"s3://{BUCKET}/releases/{deployment['gas_release']}.tar.gz",
        "deployment": json.dumps(deployment),
        "boot_log": json.dumps({"logs": {}}),
        'stock ? "install,configure" : "configure"': "configure",
    }
    for name, value in values.items():
        template = template.replace(f"${{{name}}}", value)
    assert "${" not in template
    return template


@pytest.fixture(scope="module")
def image(world: World, release: Path, make: Callable[..., Host]) -> Path:
    """An image as terraform/README.md says that one is baked: a layer over the bare tree."""
    host = make("image", "127.0.20.1")
    host.write("/usr/local/bin/aws", AWS_ON_HOSTS.format(endpoint=world.endpoint), 0o755)
    host.write("/usr/local/bin/cloud-init", '#!/bin/sh\n[ "$*" = "query v1.instance_id" ] && cat /etc/instance-id\n', 0o755)
    host.write("/etc/systemd/system/first-boot.service", FIRST_BOOT)
    host.boot()
    host.run("systemctl", "enable", "--quiet", "first-boot")
    host.run("sh", "-c", "apt-get -qq update && apt-get -qq install --no-install-recommends ansible-core awscli >/dev/null 2>&1")
    host.run("mkdir", "/opt/boot")
    subprocess.run(["tar", "-xzf", release, "-C", host.root / "opt/boot"], check=True)
    bake = "cd /opt/boot/ansible && ansible-playbook site.yml --inventory localhost, --connection local --tags install"
    host.run("sh", "-c", bake)
    host.run("rm", "-r", "/opt/boot")
    return host.layer()


def instance(world: World, make: Callable[..., Host], image: Path, n: int, identity: str, **deployment: Any) -> Host:
    """A new instance with its user data; it is not booted yet."""
    host = make(f"web-{n}", f"127.0.20.{n + 10}", image)
    host.write("/etc/instance-id", identity)
    host.write(
        "/var/lib/cloud/user-data", user_data(world, world.deployment(host, "1.0.0", DAEMONS, gas_group=GROUP, **deployment))
    )
    return host


def said_to_group(host: Host) -> list[str]:
    log = host.root / "var/log/aws-calls"
    return re.findall(r"complete-lifecycle-action --lifecycle-action-result (\w+)", log.read_text()) if log.exists() else []


def health(host: Host) -> str:
    try:
        with urllib.request.urlopen(f"http://{host.address}:{PORT}/healthz", timeout=5) as answer:
            return answer.read().decode().strip()
    except OSError as error:
        return repr(error)


@dataclass
class Fleet:
    hosts: list[Host]
    identities: list[str]
    world: World
    target_group: str
    boots: list[float] = field(default_factory=list)

    def playbook(self, name: str, **variables: Any) -> subprocess.CompletedProcess[str]:
        own = {
            host.name: {"gas_instance": identity, "gas_target_group": TARGETS}
            for host, identity in zip(self.hosts, self.identities, strict=True)
        }
        inventory = self.world.inventory(self.hosts, own)
        return self.world.playbook(name, inventory, "--extra-vars", json.dumps({**QUICK, **variables}))

    def registered(self) -> set[str]:
        answer = self.world.client("elbv2").describe_target_health(TargetGroupArn=self.target_group)
        states = {one["Target"]["Id"]: one["TargetHealth"]["State"] for one in answer["TargetHealthDescriptions"]}
        return {identity for identity, state in states.items() if state == "healthy"}

    def health(self) -> list[str]:
        return [health(host) for host in self.hosts]

    @contextmanager
    def traffic(self) -> Iterator[list[str]]:
        """Asks every instance that is registered, over and over; what it got instead of an answer is listed."""
        lost: list[str] = []
        stop = threading.Event()
        by_identity = dict(zip(self.identities, self.hosts, strict=True))

        def ask() -> None:
            while not stop.wait(0.5):
                for identity in sorted(self.registered()):
                    said = health(by_identity[identity])
                    # it may have been taken out just now
                    if not said.startswith("ok") and identity in self.registered():
                        lost.append(f"{identity}: {said}")

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield lost
        finally:
            stop.set()
            thread.join()


@pytest.fixture(scope="module")
def group(world: World) -> tuple[str, list[str]]:
    """An autoscaling group of three instances behind a target group: the latter's ARN, and the ids of the former."""
    ec2, balancer, scaling = (world.client(service) for service in ("ec2", "elbv2", "autoscaling"))
    vpc = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    subnet = ec2.describe_subnets()["Subnets"][0]["SubnetId"]
    target = balancer.create_target_group(Name=TARGETS, Protocol="HTTP", Port=PORT, VpcId=vpc)["TargetGroups"][0][
        "TargetGroupArn"
    ]
    image = ec2.describe_images()["Images"][0]["ImageId"]
    ec2.create_launch_template(LaunchTemplateName=GROUP, LaunchTemplateData={"ImageId": image, "InstanceType": "t3.small"})
    scaling.create_auto_scaling_group(
        AutoScalingGroupName=GROUP,
        LaunchTemplate={"LaunchTemplateName": GROUP},
        MinSize=3,
        MaxSize=3,
        VPCZoneIdentifier=subnet,
        TargetGroupARNs=[target],
    )
    (made,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    return target, [one["InstanceId"] for one in made["Instances"]]


@pytest.fixture(scope="module")
def fleet(world: World, make: Callable[..., Host], image: Path, group: tuple[str, list[str]]) -> Fleet:
    """Three instances that have booted from the image and run 1.0.0."""
    target, identities = group
    hosts = [instance(world, make, image, n, identity) for n, identity in enumerate(identities)]
    fleet = Fleet(hosts, identities, world, target)
    for host in hosts:
        began = time.monotonic()
        host.boot()
        for _ in patience(300):
            if said_to_group(host):
                break
        fleet.boots.append(time.monotonic() - began)
        assert said_to_group(host) == ["CONTINUE"], (host.root / "var/log/cloud-init-output.log").read_text()[-4000:]
    return fleet


@pytest.fixture(scope="module")
def releases(world: World, fleet: Fleet, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Sequence[str]:
    """A good release, 2.0.0, and broken ones, in the bucket."""
    folder = tmp_path_factory.mktemp("releases")
    world.publish(worlds.build(folder, "2.0.0", wheels))
    for n, (name, edit) in enumerate(BREAKS.values()):
        world.publish(worlds.build(folder, f"3.0.{n}", wheels, {name: edit}))
    return ["2.0.0", *(f"3.0.{n}" for n in range(len(BREAKS)))]


def test_instances_configure_themselves_at_boot(fleet: Fleet, record_property: Callable[[str, object], None]) -> None:
    assert fleet.health() == ["ok 1.0.0"] * 3
    seconds = ", ".join(f"{taken:.0f}" for taken in fleet.boots)
    record_property("seconds from boot to healthy", seconds)
    print(f"seconds from boot to healthy, baked image: {seconds}")
    for host in fleet.hosts:
        assert host.show("gas-drain", "ActiveState") == "active"


def test_an_instance_that_fails_is_given_up(world: World, make: Callable[..., Host], image: Path) -> None:
    host = instance(world, make, image, 9, "i-0f00000000000000f", gas_settings={**world.settings, "GAS_POLL_SECONDS": "999"})
    host.boot()
    for _ in patience(300):
        if said_to_group(host):
            break
    assert said_to_group(host) == ["ABANDON"]
    assert "poll_seconds" in (host.root / "var/log/cloud-init-output.log").read_text()


def test_a_bad_setting_stops_at_the_first_host_before_anything_is_switched(fleet: Fleet, releases: Sequence[str]) -> None:
    pids = [host.show("gas-web", "MainPID") for host in fleet.hosts]
    settings = {
        **json.loads((fleet.hosts[0].root / "etc/gas/deployment.json").read_text())["gas_settings"],
        "GAS_POLL_SECONDS": "999",
    }
    done = fleet.playbook("deploy", gas_release="2.0.0", gas_settings=settings)
    assert done.returncode != 0
    assert "poll_seconds" in done.stdout
    assert [host.show("gas-web", "MainPID") for host in fleet.hosts] == pids
    assert fleet.registered() == set(fleet.identities)
    assert untouched(fleet.hosts[1:], "2.0.0")


@pytest.mark.parametrize("n", range(len(BREAKS)), ids=list(BREAKS))
def test_a_broken_release_stops_at_the_first_host_which_goes_back(fleet: Fleet, releases: Sequence[str], n: int) -> None:
    broken = releases[1 + n]
    pids = [host.show("gas-web", "MainPID") for host in fleet.hosts[1:]]
    with fleet.traffic() as lost:
        done = fleet.playbook("deploy", gas_release=broken, **SLOW_START)
    assert done.returncode != 0
    assert f"{broken} is not well on {fleet.hosts[0].name}, which runs 1.0.0 again" in " ".join(done.stdout.split())
    assert lost == []
    assert fleet.health() == ["ok 1.0.0"] * 3
    assert fleet.registered() == set(fleet.identities)
    assert untouched(fleet.hosts[1:], broken)
    assert [host.show("gas-web", "MainPID") for host in fleet.hosts[1:]] == pids
    told = json.loads((fleet.hosts[0].root / "etc/gas/deployment.json").read_text())
    assert told["gas_release"] == "1.0.0"
    # a rollback would not go there either
    assert not (fleet.hosts[0].root / "opt/gas/previous").is_symlink()


def untouched(hosts: Sequence[Host], release: str) -> bool:
    return not any((host.root / "opt/gas/releases" / release).exists() for host in hosts)


def test_a_good_release_comes_to_all_hosts_and_nobody_notices(fleet: Fleet, releases: Sequence[str]) -> None:
    with fleet.traffic() as lost:
        done = fleet.playbook("deploy", gas_release="2.0.0")
    assert done.returncode == 0, done.stdout[-5000:]
    assert lost == []
    assert fleet.health() == ["ok 2.0.0"] * 3
    assert [host.show("gas-notify", "StatusText") for host in fleet.hosts] == ["2.0.0"] * 3
    assert fleet.registered() == set(fleet.identities)
    (made,) = fleet.world.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[GROUP])["AutoScalingGroups"]
    assert made["SuspendedProcesses"] == []


def test_only_the_last_releases_are_kept(fleet: Fleet) -> None:
    kept = {path.name for path in (fleet.hosts[0].root / "opt/gas/releases").iterdir()}
    assert {"1.0.0", "2.0.0"} <= kept
    assert len(kept) <= 3


def test_a_rollback_brings_all_hosts_back_and_nobody_notices(fleet: Fleet) -> None:
    with fleet.traffic() as lost:
        done = fleet.playbook("rollback")
    assert done.returncode == 0, done.stdout[-5000:]
    assert lost == []
    assert fleet.health() == ["ok 1.0.0"] * 3
    assert fleet.registered() == set(fleet.identities)


def test_an_instance_that_is_taken_away_stops_its_daemons_first(fleet: Fleet) -> None:
    """gas-drain as its hardened unit runs it; the instance metadata service is a stand-in."""
    host = fleet.hosts[2]
    with metadata() as url:
        command = host.show("gas-drain", "ExecStart")
        (arguments,) = re.findall(r"argv\[\]=(.*?) ;", command)
        drop_in = f"[Service]\nExecStart=\nExecStart={arguments} --metadata {url} --every 0.5\n"
        host.run("mkdir", "-p", "/run/systemd/system/gas-drain.service.d")
        host.run("sh", "-c", f"printf '{drop_in}' > /run/systemd/system/gas-drain.service.d/test.conf && systemctl daemon-reload")
        host.run("systemctl", "restart", "gas-drain")
        for _ in patience(60):
            if {host.show(f"gas-{daemon}", "ActiveState") for daemon in DAEMONS} == {"inactive"}:
                break
    assert {host.show(f"gas-{daemon}", "ActiveState") for daemon in DAEMONS} == {"inactive"}, host.run(
        "journalctl", "-u", "gas-drain"
    )
    assert {host.show(f"gas-{daemon}", "Result") for daemon in DAEMONS} == {"success"}


@contextmanager
def metadata() -> Iterator[str]:
    """An instance metadata service that says the group takes the instance out."""
    answers = {"autoscaling/target-lifecycle-state": "Terminated", "instance-id": "i-0"}

    class Service(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.answer("token")

        def do_GET(self) -> None:
            self.answer(answers.get(self.path.partition("meta-data/")[2]))

        def answer(self, text: str | None) -> None:
            self.send_response(200 if text else 404)
            self.end_headers()
            self.wfile.write((text or "").encode())

        def log_message(self, *_: object) -> None:
            pass

    with serving(Service) as address:
        yield address
