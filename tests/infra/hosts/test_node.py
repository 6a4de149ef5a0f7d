"""A bare Debian 13 host becomes a healthy GAS node by `site.yml`, and stays one through all that happens to hosts."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from app.engine.bundles import manifest
from app.local import demo
from app.local.browser import Browser
from tests.support.hosts.host import Host, patience
from tests.support.hosts.world import AWS_ON_HOSTS, BUCKET, PORT, World

DAEMONS = ["web", "annotate", "archive", "restore", "thaw", "notify", "doctor"]
# quicker than in production, or the test would wait
QUICK = ["--extra-vars", '{"daemon_watchdog_seconds": 6, "daemon_settle_seconds": 2}']


@pytest.fixture(scope="module")
def node(world: World, make: Callable[..., Host]) -> Host:
    """A host with the least that a cloud's image has."""
    host = make("node", "127.0.10.1")
    host.write("/usr/local/bin/aws", AWS_ON_HOSTS.format(endpoint=world.endpoint), 0o755)
    host.boot()
    return host


def site(world: World, node: Host, *options: str, daemons: Sequence[str] = DAEMONS) -> str:
    inventory = world.inventory([node], {"node": world.deployment(node, "1.0.0", daemons)})
    done = world.playbook("site", inventory, *QUICK, *options)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    return done.stdout


def answer(node: Host, path: str) -> tuple[int, str]:
    request = urllib.request.Request(f"http://{node.address}:{PORT}{path}", headers={"X-Forwarded-Proto": "https"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answered:
            return answered.status, answered.read().decode()
    except OSError as error:
        return 0, str(error)


def well(node: Host) -> bool:
    active = [node.show(f"gas-{daemon}", "ActiveState") for daemon in DAEMONS]
    return set(active) == {"active"} and answer(node, "/readyz")[0] == 200


def wait_until(holds: Callable[[], bool], seconds: float = 90) -> None:
    for _ in patience(seconds):
        if holds():
            return
    raise AssertionError("it did not come to pass")


def test_a_bare_host_becomes_a_node(world: World, node: Host) -> None:
    site(world, node)
    assert well(node)
    assert answer(node, "/healthz") == (200, "ok 1.0.0\n")
    for daemon in DAEMONS:
        assert node.show(f"gas-{daemon}", "StatusText") == "1.0.0"
        assert node.show(f"gas-{daemon}", "UnitFileState") == "enabled"


def test_the_bundles_of_the_release_are_pulled_and_whole(world: World, node: Host) -> None:
    folder, gas = "/var/lib/gas/bundles", "/opt/gas/current/venv/bin/gas"
    text = node.run("cat", f"{folder}/rcrs/manifest.toml")
    assert text == (manifest.EMBEDDED / "rcrs" / "manifest.toml").read_text()
    node.run(gas, "reference", "verify", "rcrs", "--bundles", folder)
    for daemon in ("web", "annotate"):
        environment = node.run("cat", f"/proc/{node.show(f'gas-{daemon}', 'MainPID')}/environ").split("\0")
        assert f"GAS_BUNDLE_STORE=s3://{BUCKET}/bundles" in environment, daemon


def test_an_annotator_may_replace_the_bundle_that_it_follows(node: Host) -> None:
    """Its unit sees the folder writable, and what the role has put there is its user's."""
    folder = "/var/lib/gas/bundles"
    assert node.run("stat", "--format=%U", folder, f"{folder}/rcrs", f"{folder}/.rcrs.lock").split() == ["gas"] * 3
    pulled = node.run("journalctl", "--unit=gas-annotate", "--output=cat", "--grep=rcrs/latest")
    assert '"does": "pull"' in pulled
    mounts = node.run("cat", f"/proc/{node.show('gas-annotate', 'MainPID')}/mountinfo").splitlines()
    assert [mount.split()[5][:2] for mount in mounts if mount.split()[4] == folder] == ["rw"]


def test_clinvar_is_renewed_by_a_timer(node: Host) -> None:
    """Here no reference has one: a run ends well, and says so where CloudWatch's agent reads."""
    assert node.show("gas-renew.timer", "ActiveState") == "active"
    assert node.show("gas-renew.timer", "UnitFileState") == "enabled"
    node.run("systemctl", "start", "gas-renew")
    assert node.show("gas-renew", "Result") == "success"
    assert node.run("stat", "--format=%U", "/var/lib/gas/renew").strip() == "gas"
    wait_until(lambda: "renewal_failures" in node.run("cat", "/var/log/gas/gas.log"))
    shipped = [json.loads(line) for line in node.run("cat", "/var/log/gas/gas.log").splitlines() if "renewal_failures" in line]
    assert {(line["verb"], line["renewal_failures"]) for line in shipped} == {("renew", 0)}


def test_a_second_run_changes_nothing(world: World, node: Host) -> None:
    assert re.search(r"changed=0 .*failed=0", site(world, node))


def test_a_whole_journey_runs_through_the_daemons_of_the_host(world: World, node: Host) -> None:
    """Sign in, upload, annotate, archive, pay, restore, mail: each step is seen, or the demo fails."""
    addresses = SimpleNamespace(portal=f"http://{node.address}:{PORT}", outbox=world.outbox)
    assert asyncio.run(demo.play(addresses)) == 0


def test_secrets_are_in_no_file_and_no_process_list(world: World, node: Host) -> None:
    hidden = [world.environment[name] for name in ("GAS_GLOBUS_CLIENT_SECRET", "GAS_STRIPE_SECRET_KEY")]
    pid = node.show("gas-web", "MainPID")
    seen = node.run("sh", "-c", f"cat /proc/{pid}/environ /proc/[0-9]*/cmdline | tr '\\0' '\\n'; journalctl")
    seen += node.run("grep", "-rhoF", "-e", hidden[0], "-e", hidden[1], "/etc", "/opt/gas", "/var", check=False)
    assert "GAS_SECRET=" in seen
    assert not [secret for secret in hidden if secret in seen]
    assert node.run("sh", "-c", "stat --format %a /opt/gas/current/etc/*.env").split() == ["600"] * len([*DAEMONS, "renew"])


def test_the_log_of_a_job_is_found_over_all_daemons(node: Host) -> None:
    """As docs/operations.md says: by the job's id, in the journal and in the file that CloudWatch's agent reads."""
    lines = node.run("journalctl", "--unit=gas-*", "--output=json", "--grep=job_id").splitlines()
    entries = [(entry["SYSLOG_IDENTIFIER"], json.loads(entry["MESSAGE"])) for entry in map(json.loads, lines)]
    (job,) = {said["job_id"] for who, said in entries if who == "gas-annotate" and said["event"] == "handled"}
    assert {"gas-annotate", "gas-archive", "gas-thaw", "gas-notify"} <= {who for who, said in entries if said["job_id"] == job}
    shipped = [json.loads(line) for line in node.run("cat", "/var/log/gas/gas.log").splitlines()]
    assert [said for said in shipped if said.get("job_id") == job and said.get("verb") == "annotate"]


def test_check_is_silent_about_nothing(node: Host) -> None:
    """`gas check` as an operator gives it on the host."""
    seen = node.run("gas", "check", check=False)
    assert "wrong" not in seen
    assert len(re.findall(r"^well", seen, re.MULTILINE)) > 15, seen


def test_the_watchdog_ends_a_blocked_daemon_and_it_returns(node: Host) -> None:
    before = node.show("gas-notify", "MainPID")
    node.run("sh", "-c", f"kill -STOP {before}")
    wait_until(
        lambda: node.show("gas-notify", "ActiveState") == "active" and node.show("gas-notify", "MainPID") not in (before, "0")
    )
    assert "Watchdog timeout" in node.run("journalctl", "--unit=gas-notify")


def every_variant() -> bytes:
    """A VCF with every single-base variant of the embedded reference: some 50,000 records."""
    bundle = manifest.load(manifest.EMBEDDED / "rcrs")
    sequence = "".join((bundle.folder / bundle.fasta).read_text().splitlines()[1:])
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=MT,length={len(sequence)}>", "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    for position, base in enumerate(sequence, 1):
        lines += [f"MT\t{position}\t.\t{base}\t{other}\t.\t.\t." for other in "ACGT" if base in "ACGT" and other != base]
    return ("\n".join(lines) + "\n").encode()


def test_an_annotation_that_runs_is_finished_before_its_daemon_stops(world: World, node: Host) -> None:
    node.run("systemctl", "set-property", "--runtime", "gas-annotate", "CPUQuota=15%")
    body = every_variant()

    async def run() -> dict[str, Any]:
        from aiohttp import ClientSession, CookieJar

        async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as http:
            journey = demo.Journey(f"http://{node.address}:{PORT}", world.outbox, Browser(http))
            page = await journey.browser.get(f"{journey.portal}/login")
            await journey.browser.send(page, page.forms[-1], email="drain@example.org", name="Drain")
            page = await journey.browser.get(f"{journey.portal}/annotate")
            page = await journey.browser.send(page, page.form("/annotate"), name="large.vcf")
            page = await journey.browser.send(page, page.forms[-1], file=body)
            journey.job = page.url.rpartition("/")[2]

            async def running() -> str:
                return "yes" if (await journey.job_now())["status"] == "RUNNING" else ""

            await journey.until("the start", running)
            stopping = asyncio.create_task(asyncio.to_thread(node.run, "systemctl", "stop", "gas-annotate"))
            await asyncio.sleep(0)
            assert (await journey.job_now())["status"] == "RUNNING"
            await stopping
            return await journey.job_now()

    job = asyncio.run(run())
    assert job["status"] == "COMPLETED", job
    journal = node.run("journalctl", "--unit=gas-annotate", "--output=cat")
    assert '"draining"' in journal.replace('event": ', "") or "draining" in journal
    assert node.show("gas-annotate", "Result") == "success"
    node.run("systemctl", "start", "gas-annotate")


def test_a_host_is_a_node_again_after_a_reboot(node: Host) -> None:
    node.reboot()
    wait_until(lambda: well(node))


def test_what_was_changed_by_hand_is_put_right_and_restarted(world: World, node: Host) -> None:
    """Also when the run before failed between writing a unit and restarting its daemon."""
    before = node.show("gas-thaw", "MainPID")
    node.run("sed", "-i", "s/^TasksMax=.*/TasksMax=7/", "/etc/systemd/system/gas-thaw.service")
    # as a booting instance does it
    site(world, node, "--tags", "configure", daemons=["thaw"])
    assert node.show("gas-thaw", "TasksMax") == "128"
    assert node.show("gas-thaw", "MainPID") != before
