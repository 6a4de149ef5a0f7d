"""A web server on loopback that behaves as those of the sources: ranges, entity tags, dates, redirects; and it can break."""

import hashlib
import http.server
import threading
from types import TracebackType
from typing import Any, Self


class Site:
    """Files by name, wherever they are asked for. `broken` ends the next answer for a file early, `down` every one after that;
    `moved` files are redirected to another name, and of those in `whole` no range is sent."""

    def __init__(self, files: dict[str, bytes], *, whole_paths: bool = False) -> None:
        site, self._whole_paths = self, whole_paths
        self.files, self.broken, self.down = files, dict[str, int](), set[str]()
        self.ranges, self.asked = list[str](), list[str]()
        self.moved, self.whole = dict[str, str](), set[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.answer(self)

            def log_message(self, *_: Any) -> None:
                """Nothing to say in a test."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/pub"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, request: http.server.BaseHTTPRequestHandler) -> None:
        name = request.path.removeprefix("/pub/") if self._whole_paths else request.path.rsplit("/", 1)[-1]
        if name in self.moved:
            request.send_response(302)
            request.send_header("Location", f"{self.url}/{self.moved[name]}")
            request.send_header("Content-Length", "0")
            return request.end_headers()
        body = self.files.get(name)
        if body is None:
            return request.send_error(404)
        self.asked.append(name)
        etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        start = 0
        if wanted := request.headers.get("Range"):
            self.ranges.append(wanted)
            if request.headers.get("If-Range", etag) == etag and name not in self.whole:
                start = int(wanted.removeprefix("bytes=").rstrip("-"))
        request.send_response(206 if start else 200)
        request.send_header("ETag", etag)
        request.send_header("Last-Modified", "Mon, 23 Nov 2026 06:07:08 GMT")
        request.send_header("Content-Length", str(len(body) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        request.end_headers()
        if name in self.broken:
            request.wfile.write(body[start : start + self.broken.pop(name)])
        elif name not in self.down:
            request.wfile.write(body[start:])
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.server.shutdown()
        self.server.server_close()
