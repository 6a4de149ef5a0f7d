"""People who use GAS, for locust: each does what a person does, and believes nothing that it has not checked.

Started by `python -m scripts.load`, which says in the file LOAD_RUN what is to happen. Importing locust patches sockets:
this file runs in a process of its own.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import time
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from locust import HttpUser, LoadTestShape, between, events
from locust.exception import StopUser

from scripts.load.ledger import Ledger
from scripts.load.safety import budget
from scripts.load.samples import digest
from scripts.load.shapes import MIXES, people

RUN: dict[str, Any] = json.loads(Path(os.environ["LOAD_RUN"]).read_text())
FOLDER = Path(os.environ["LOAD_RUN"]).parent
LEDGER = Ledger(FOLDER / "ledger.jsonl")
BUDGET = budget(RUN["spend_usd"], RUN["backend"])
TOKENS: list[dict[str, str]] = RUN["tokens"]
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


class Wrong(AssertionError):
    """GAS did something else than it should."""


class Crowd(LoadTestShape):
    def tick(self) -> tuple[int, float] | None:
        there = people(RUN["shape"], RUN["users"], self.get_run_time(), RUN["seconds"])
        return None if there is None else (there, max(1.0, RUN["users"] / 5))


@events.request.add_listener
def _note_failures(name: str, exception: BaseException | None, **_: Any) -> None:
    if exception:
        LEDGER.write("problem", text=f"{name}: {exception!r}"[:500])


class Person(HttpUser):
    host = RUN["host"]
    wait_time = between(*RUN["pause"])
    headers: dict[str, str]
    name = ""
    premium = False

    def on_start(self) -> None:
        self.jobs: list[str] = []
        self.begin_anew()

    def begin_anew(self) -> None:
        """Somebody who was never here before, as long as there is somebody."""
        if RUN["people"] == "tokens":
            if not TOKENS:
                raise StopUser
            one = TOKENS.pop()
            self.name, self.user_id = one["name"], one["user_id"]
            self.headers = {"Authorization": f"Bearer {one['token']}"}
            return
        self.client.cookies.clear()
        self.name, self.premium, self.jobs = f"load{random.randrange(16**12):012x}@example.org", False, []
        began = time.monotonic()
        text = self.form("/login", "", {"email": self.name, "name": "Load Test"})
        if not (csrf := re.search(r'<meta name="csrf" content="([^"]+)"', text)):
            raise Wrong(f"signed in, and the page has no CSRF token: {text[:200]}")
        self.headers = {"Origin": RUN["host"], "X-CSRF-Token": csrf[1]}
        self.stage("sign in", time.monotonic() - began)

    def submit(self, *, restores: bool = False) -> tuple[str, str]:
        """One job from its file to its end, watched live: job id and the file's name."""
        if not BUDGET.take(restores=restores):
            LEDGER.write("note", text="the cap on what may be spent is reached: no more jobs")
            raise StopUser
        file_name = random.choice(list(RUN["samples"]))
        body = (FOLDER / "samples" / file_name).read_bytes()
        made = self.api("POST", "/jobs", "create", json={"file_name": file_name})
        job_id = made["job"]["job_id"]
        LEDGER.write("job", job_id=job_id, user=self.name, bytes=len(body))
        began = time.monotonic()
        answer = self.client.post(made["url"], data=made["fields"], files={"file": (file_name, body)}, name="upload to S3")
        answer.raise_for_status()
        self.stage("upload", time.monotonic() - began)
        began = time.monotonic()
        self.api("POST", f"/jobs/{job_id}/submit", "submit")
        job = self.watch(job_id)
        self.stage("submit to result seen", time.monotonic() - began)
        if job["status"] != "COMPLETED":
            raise Wrong(f"{job_id} ended {job['status']}: {job['message']}")
        self.stage("queue wait", (job["started_at"] - job["submitted_at"]) / 1000)
        self.stage("annotate", (job["finished_at"] - job["started_at"]) / 1000)
        LEDGER.write("seen", job_id=job_id, event="ready", user=self.name)
        times = {name: job[name] for name in ("submitted_at", "started_at", "finished_at")}
        LEDGER.write("timed", job_id=job_id, user=self.name, bytes=len(body), **times)
        self.jobs.append(job_id)
        return job_id, file_name

    def watch(self, job_id: str) -> dict[str, Any]:
        """Follows the live events until the job has ended."""
        ends = time.monotonic() + RUN["patience"]
        while time.monotonic() < ends:
            answer = self.client.get(f"/api/v1/jobs/{job_id}/events", headers=self.headers, stream=True, name="watch", timeout=60)
            try:
                for line in answer.iter_lines():
                    if line.startswith(b"data: {") and (job := json.loads(line[5:]))["status"] in ENDED:
                        return job
            finally:
                answer.close()
        raise Wrong(f"{job_id} did not end within {RUN['patience']} s")

    def download(self, job_id: str, file_name: str) -> None:
        """The result, whole, and the same as this machine's engine makes of the same file."""
        began = time.monotonic()
        with self.client.get(
            f"/api/v1/jobs/{job_id}/result", headers=self.headers, allow_redirects=False, name="link", catch_response=True
        ) as answer:
            if answer.status_code == 404 and self.premium is False:
                answer.success()  # archived meanwhile
                return
            link = answer.headers["Location"]
        body = self.client.get(link, name="download from S3").content
        self.stage("download", time.monotonic() - began)
        if digest(body) != RUN["samples"][file_name]:
            raise Wrong(f"the result of {job_id} is not what the engine makes of {file_name}")

    def until_tier(self, job_id: str, tier: str) -> None:
        ends = time.monotonic() + RUN["patience"]
        while time.monotonic() < ends:
            if self.api("GET", f"/jobs/{job_id}", "look")["tier"] == tier:
                return
            time.sleep(RUN["look_seconds"])
        raise Wrong(f"{job_id} never became {tier} within {RUN['patience']} s")

    def upgrade(self) -> None:
        self.premium = True
        if RUN["people"] == "tokens":
            LEDGER.write("granted", user_id=self.user_id)
            gas = str(Path(sys.executable).with_name("gas"))
            subprocess.run([gas, "account", "grant", self.user_id, "--reason", "load test"], check=True, capture_output=True)
        else:
            self.form("/subscribe", "/subscribe", {}, {})

    def api(self, method: str, path: str, name: str, **options: Any) -> dict[str, Any]:
        answer = self.client.request(method, f"/api/v1{path}", headers=self.headers, name=name, **options)
        if answer.status_code >= 400:
            raise Wrong(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer.json()

    def form(self, address: str, action: str, *fills: dict[str, str]) -> str:
        """Opens a page and sends its form for `action`, filled in; then the last form of the page that comes, and so on."""
        page = self.client.get(address, name=address)
        for filled in fills:
            forms = [
                (re.search(r'action="([^"]*)"', head), dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', body)))
                for head, body in re.findall(r"<form([^>]*)>(.*?)</form>", page.text, re.DOTALL)
            ]
            if not forms:
                raise Wrong(f"{page.url} answered {page.status_code} without a form: {page.text[:200]}")
            target, hidden = next((one for one in forms if one[0] and action and one[0][1].endswith(action)), forms[-1])
            url = urljoin(page.url, unescape(target[1]) if target else "")
            data = {name: unescape(value) for name, value in hidden.items()} | filled
            origin = "{0.scheme}://{0.netloc}".format(urlsplit(page.url))
            page = self.client.post(url, data=data, headers={"Origin": origin}, name=f"{address}: send the form")
            page.raise_for_status()
            action = ""
        return page.text

    def stage(self, name: str, seconds: float) -> None:
        LEDGER.write("stage", stage=name, seconds=round(seconds, 4))


def submit(person: Person) -> None:
    person.download(*person.submit())


def journey(person: Person) -> None:
    """A whole life: annotated, downloaded, listed, archived, upgraded, back, downloaded again."""
    if person.premium or person.jobs:
        person.begin_anew()
    job_id, file_name = person.submit(restores=True)
    person.download(job_id, file_name)
    listed = person.api("GET", "/jobs?limit=20", "list")["jobs"]
    if [job["job_id"] for job in listed] != [job_id]:
        raise Wrong(f"the list has {len(listed)} jobs, and {job_id} was the only one")
    began = time.monotonic()
    person.until_tier(job_id, "ARCHIVED")
    person.stage("archive, the retention included", time.monotonic() - began)
    LEDGER.write("seen", job_id=job_id, event="archived", user=person.name)
    began = time.monotonic()
    person.upgrade()
    person.until_tier(job_id, "AVAILABLE")
    person.stage("restore", time.monotonic() - began)
    LEDGER.write("seen", job_id=job_id, event="back", user=person.name)
    person.download(job_id, file_name)
    LEDGER.write("journey", job_id=job_id)


def look(person: Person) -> None:
    if person.jobs:
        person.api("GET", f"/jobs/{random.choice(person.jobs)}", "look")


def listing(person: Person) -> None:
    found = {job["job_id"] for job in person.api("GET", "/jobs?limit=100", "list")["jobs"]}
    if missing := set(person.jobs[-100:]) - found:
        raise Wrong(f"the list lacks {missing}")


def again(person: Person) -> None:
    if person.jobs:
        job_id = random.choice(person.jobs)
        person.download(job_id, person.api("GET", f"/jobs/{job_id}", "look")["file_name"])


def _checked(act: Callable[[Person], None]) -> Callable[[Person], None]:
    """An act whose failure is counted, and seen in the report."""

    def checked(person: Person) -> None:
        try:
            act(person)
        except StopUser:
            raise
        except Exception as error:
            LEDGER.write("problem", text=f"{act.__name__} of {person.name}: {error!r}"[:500])
            person.environment.events.user_error.fire(user_instance=person, exception=error, tb=error.__traceback__)

    return checked


ACTS = {"submit": submit, "list": listing, "look": look, "download": again, "journey": journey}
Person.tasks = {_checked(ACTS[name]): weight for name, weight in MIXES[RUN["mix"]].items()}
