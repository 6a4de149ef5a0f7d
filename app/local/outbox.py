"""Shows the mail that the emulator of SES was given: a page for people at `/`, a list for programs at `/mails.json`."""

from __future__ import annotations

import json
import threading
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from moto.ses.models import ses_backends

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="refresh" content="5"><title>Outbox</title>
<style>:root{{color-scheme:light dark}}body{{font:1rem/1.5 system-ui;max-width:46rem;margin:2rem auto;padding:0 1rem}}
article{{border:1px solid #8884;border-radius:.5rem;padding:.5rem 1rem;margin:1rem 0}}h2{{font-size:1.1rem}}</style>
<h1>Outbox</h1><p>{count} mails, the newest first. Nothing left this machine.</p>{mails}</html>"""


def mails() -> list[dict[str, Any]]:
    """Every mail so far, oldest first."""
    found = [
        {"to": message.destinations.get("ToAddresses", []), "subject": message.subject, "body": message.body}
        for regions in ses_backends.values()
        for region in regions.values()
        for message in region.sent_messages
    ]
    return found


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/mails.json":
            self._reply("application/json", json.dumps(mails()))
        elif self.path == "/":
            shown = "".join(
                f"<article><h2>{escape(mail['subject'])}</h2><p>to {escape(', '.join(mail['to']))}</p>{mail['body']}</article>"
                for mail in reversed(mails())
            )
            self._reply("text/html; charset=utf-8", PAGE.format(count=len(mails()), mails=shown))
        else:
            self.send_error(404)

    def _reply(self, media_type: str, text: str) -> None:
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


def serve(port: int) -> None:
    """Serves the outbox of this process on loopback, from a thread."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
