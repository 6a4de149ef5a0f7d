"""The emulator's HTTP: a connection stays open for the next request, which werkzeug's own handler closes after each."""

from __future__ import annotations

import io
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.server import ThreadedMotoServer
from werkzeug.serving import make_server
from werkzeug.test import run_wsgi_app

MOST_BYTES = 1 << 20
"""Of a request's body that is read before the request is handled; a longer one is left to werkzeug, which reads it piece by
piece and then closes the connection."""

BODILESS = {"1", "204", "304"}
"""How statuses begin whose answers have no body and say no length. Source: RFC 9110, 8.6."""


class Handler(MotoRequestHandler):
    """Answers the requests of a connection one after another, until the client closes it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def run_wsgi(self) -> None:
        """Answers one request, whose head was read."""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdigit() or int(length) > MOST_BYTES:
            super().run_wsgi()
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            self.close_connection = True
            return
        environ: dict[str, Any] = {**self.make_environ(), "wsgi.input": io.BytesIO(body)}
        pieces, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        content = b"".join(pieces)
        lines = [f"HTTP/1.1 {status}", f"Date: {self.date_time_string()}", *(f"{name}: {value}" for name, value in headers)]
        if "Content-Length" not in headers and not status.startswith(tuple(BODILESS)):
            lines.append(f"Content-Length: {len(content)}")
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin-1") + content)


class Server(ThreadedMotoServer):
    """moto's server with that handler."""

    def _server_entry(self) -> None:
        app = DomainDispatcherApplication(create_backend_app)
        self._server = make_server(self._ip_address, self._port, app, threaded=True, request_handler=Handler)
        self._server_ready_event.set()
        self._server.serve_forever()
