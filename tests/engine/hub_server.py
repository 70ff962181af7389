"""A small Hugging Face hub on loopback: enough of its protocol for the real client, and ways to misbehave."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PIECE = 4096


@dataclass
class Hub:
    """Repositories by id, each a folder; `refusals` are answers by the end of a path: status and error code.

    Files that end in `held` are sent as far as the first piece and then when `release` is set; of those that end in
    `broken` the connection is closed after that piece. `silent` answers nothing until then. `pause` is the time between
    two pieces. Files in `xet` are said to be kept by xet. `requests` lists what was asked, method and path.
    """

    repositories: dict[str, Path] = field(default_factory=dict)
    refusals: dict[str, tuple[int, str]] = field(default_factory=dict)
    held: str = "\0"
    broken: str = "\0"
    silent: bool = False
    release: threading.Event = field(default_factory=threading.Event)
    pause: float = 0.0
    xet: tuple[str, ...] = ()
    requests: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.answer(self)

            def do_GET(self) -> None:
                hub.answer(self)

            def log_message(self, *args: object) -> None:
                """Requests are kept in a list and printed nowhere."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def close(self) -> None:
        """Stop answering: from now on the port is closed."""
        self.release.set()
        self.server.shutdown()
        self.server.server_close()

    def downloads(self) -> list[str]:
        """The names of the files whose content was asked for."""
        return [path.rsplit("/", 1)[-1] for method, path in self.requests if method == "GET" and "/resolve/" in path]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        path = request.path.partition("?")[0]
        self.requests.append((request.command, path))
        if self.silent:
            self.release.wait(20)
        for end, (status, code) in self.refusals.items():
            if path.endswith(end):
                return send(request, status, {"X-Error-Code": code} if code else {}, b"{}")
        if path.startswith("/api/models/"):
            return self.information(request, path.removeprefix("/api/models/"))
        if path == "/xet-token":
            headers = {
                "X-Xet-Cas-Url": self.url,
                "X-Xet-Access-Token": "none",
                "X-Xet-Token-Expiration": str(int(time.time()) + 3600),
            }
            return send(request, 200, headers, b"{}")
        if "/resolve/" in path:
            return self.file(request, path)
        self.release.wait(20)  # the storage of xet: never an answer while the test runs
        return send(request, 500, {}, b"")

    def information(self, request: BaseHTTPRequestHandler, name: str) -> None:
        if name not in self.repositories:
            return send(request, 404, {"X-Error-Code": "RepoNotFound"}, b"{}")
        files = [{"rfilename": file.name, "size": file.stat().st_size} for file in self.repositories[name].iterdir()]
        body = {"id": name, "sha": COMMIT, "siblings": files, "tags": [], "private": False, "downloads": 0}
        return send(request, 200, {}, json.dumps(body).encode())

    def file(self, request: BaseHTTPRequestHandler, path: str) -> None:
        name, _, place = path.lstrip("/").partition("/resolve/")
        file = self.repositories[name] / place.partition("/")[2]
        content = file.read_bytes()
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{hashlib.sha1(content).hexdigest()}"'}
        if file.name in self.xet:
            headers |= {"X-Xet-Hash": "ab" * 32, "X-Xet-Refresh-Route": f"{self.url}/xet-token"}
        if request.command == "HEAD":
            return send(request, 200, headers, b"", length=len(content))
        return self.slowly(request, headers, content, held=path.endswith(self.held))

    def slowly(self, request: BaseHTTPRequestHandler, headers: dict[str, str], content: bytes, held: bool) -> None:
        send(request, 200, headers, b"", length=len(content))
        try:
            for start in range(0, len(content), PIECE):
                if start and held:
                    self.release.wait(20)
                if start and request.path.partition("?")[0].endswith(self.broken):
                    request.close_connection = True
                    return
                request.wfile.write(content[start : start + PIECE])
                request.wfile.flush()
                time.sleep(self.pause)
        except OSError:
            self.requests.append(("LEFT", request.path))  # the client went away


def send(
    request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes, length: int | None = None
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name, value)
    request.send_header("Content-Length", str(len(body) if length is None else length))
    request.end_headers()
    request.wfile.write(body)
