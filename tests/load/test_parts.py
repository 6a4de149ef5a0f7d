"""What keeps a load test in its bounds, and what judges it."""

from __future__ import annotations

import json
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts.load import mails
from scripts.load.ledger import Ledger
from scripts.load.report import summary, write
from scripts.load.safety import Refused, budget, check, is_local
from scripts.load.shapes import MIXES, SHAPES, people
from scripts.plots import chart

OURS = {"GAS_PUBLIC_URL": "https://gas.example.org"}


@pytest.mark.parametrize(
    ("host", "cap", "environment", "word"),
    [
        ("https://gas.example.org", None, OURS, "--spend-usd"),
        ("https://gas.example.org", 0, OURS, "--spend-usd"),
        ("http://gas.example.org", 5, OURS, "https"),
        ("https://gas.example.org", 5, {}, "no deployment"),
        ("https://other.example.org", 5, OURS, "https://gas.example.org"),
    ],
)
def test_a_deployment_that_was_not_meant_is_refused(host: str, cap: float | None, environment: dict[str, str], word: str) -> None:
    with pytest.raises(Refused, match=word):
        check(host, cap, environment)


def test_a_deployment_that_is_named_and_capped_is_accepted() -> None:
    check("https://gas.example.org/", 5, OURS)


@pytest.mark.parametrize("host", ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
def test_this_machine_needs_no_cap(host: str) -> None:
    check(host, None, {})
    assert budget(None, "s3").take()


@pytest.mark.parametrize("host", ["http://10.0.0.1", "https://127.0.0.1.example.org", "https://localhost.example.org", ""])
def test_another_machine_is_not_taken_for_this_one(host: str) -> None:
    assert not is_local(host)


def test_no_job_is_made_beyond_the_cap() -> None:
    spent = budget(0.05, "s3")
    plain, price = 0, spent.job_usd
    while spent.take():
        plain += 1
    assert plain == int(0.05 / price)
    assert not budget(0.005, "s3").take(restores=True), "an Expedited retrieval alone costs a cent"


@pytest.mark.parametrize("shape", SHAPES)
def test_a_shape_never_has_more_people_than_there_are_and_ends(shape: str) -> None:
    there = [people(shape, 20, passed, 100) for passed in range(100)]
    assert all(count and 1 <= count <= 20 for count in there)
    assert people(shape, 20, 100, 100) is None
    assert (max(there) == 20) is (shape != "soak")


def test_mixes_name_acts_that_exist() -> None:
    text = Path("scripts/load/locustfile.py").read_text()
    acts = text.partition("ACTS = {")[2].partition("}")[0]
    assert all(f'"{act}"' in acts for mix in MIXES.values() for act in mix)


@contextmanager
def outbox(sent: list[dict[str, str]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(sent).encode())

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("subjects", "wrong"),
    [
        (["GAS: Your annotation is ready", "GAS: Your result was archived"], 0),
        (["GAS: Your annotation is ready"], 1),
        (["GAS: Your annotation is ready", "GAS: Your annotation is ready", "GAS: Your result was archived"], 1),
        ([], 2),
    ],
)
def test_a_mail_that_is_missing_or_came_twice_is_a_problem(tmp_path: Path, subjects: list[str], wrong: int) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    ledger.write("job", job_id="J1", user="a", bytes=1)
    ledger.write("seen", job_id="J1", event="ready", user="a")
    ledger.write("seen", job_id="J1", event="archived", user="a")
    with outbox([{"subject": subject, "body": "https://gas.example.org/annotations/J1"} for subject in subjects]) as url:
        assert len(mails.problems(url, ledger, patience=0)) == wrong


def test_percentiles_of_a_stage() -> None:
    (row,) = summary({"annotate": [float(n) for n in range(100)]})
    assert row == ["annotate", 100, "50.000", "90.000", "95.000", "99.000", "99.000"]


def test_a_chart_is_well_formed_whatever_its_labels() -> None:
    for lines in ({"<a&b>": [(0.0, 1.0), (1.0, 2.0)], "c": [(0.0, 0.0)]}, {"flat": [(5.0, 0.0)]}, {}):
        ElementTree.fromstring(chart("<title & more>", "x", "y", lines))


def test_a_report_begins_with_the_verdict_and_says_how_much_was_asked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    for start, end in ((0, 4000), (1000, 2000)):
        ledger.write("timed", job_id="a", user="u", bytes=1500, submitted_at=start, started_at=start, finished_at=end)
    (tmp_path / "requests_stats.csv").write_text(
        "Name,Request Count,Failure Count,Requests/s\n/,3,1,1\nAggregated,1234,2,41.14\n"
    )
    passed = write(tmp_path, {"host": "here", "spend_usd": None}, ledger, [], []).read_text()
    assert "Passed" in passed and "spend_usd" not in passed
    for cell in ("<td>2</td>", "<td>0.50</td>", "<td>3,000</td>", "<td>1,234</td>", "<td>41.1</td>"):
        assert cell in passed, cell
    assert "Failed: people met problems." in write(tmp_path, {}, ledger, [], ["a wrong result"]).read_text()
    assert "Failed: the doctor" in write(tmp_path, {}, ledger, [{"kind": "lost"}], []).read_text()


def test_a_report_of_nothing_is_written_all_the_same(tmp_path: Path) -> None:
    assert "none was seen to its end" in write(tmp_path, {}, Ledger(tmp_path / "ledger.jsonl"), [], ["no stack"]).read_text()
