"""The loopback Hub as a server: tokens, a log of requests, faults on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.hub import content, repositories, xet_routes  # noqa: F401  (they register their routes)
from tests.hub.routing import READ, WRITE, Answer, Request, answer, as_json
from tests.hub.store import Commit, Repo, Store

WRITE_TOKEN = "hf_write_token_of_the_loopback_hub"
READ_TOKEN = "hf_read_token_of_the_loopback_hub"

DROP_CONNECTION = 0
"""A fault's status: end the connection without an answer."""


@dataclass
class Logged:
    """A request as it was answered; `sent` and `got` are bytes of the bodies, from the client and to it."""

    method: str
    path: str
    status: int
    sent: int
    got: int
    span: str = ""
    """The `Range` header."""


@dataclass
class Fault:
    """Answer the next `times` requests of a method and path (a pattern) with an error.

    A `status` of None answers as ever: for a delay alone, or with `cut`.
    """

    method: str
    pattern: str
    status: int | None
    times: int = 1
    headers: dict[str, str] | None = None
    after: bool = False
    """Do what was asked for first, and lose only the answer."""
    delay_s: float = 0.0
    cut: bool = False
    """Lose the connection in the middle of the answer's body."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # clients open many connections at once, while this process has other work
    daemon_threads = True


class LoopbackHub:
    """A Hub for tests, served by threads of this process while used as a context manager."""

    def __init__(self, root: Path) -> None:
        self.store = Store(root)
        self.tokens = {WRITE_TOKEN: WRITE, READ_TOKEN: READ}
        self.log: list[Logged] = []
        self.faults: list[Fault] = []
        self.on_request: Callable[[Request], None] = lambda request: None
        """Called with each request before it is answered."""
        self._lock = threading.Lock()
        hub = self

        class Handler(_Handler):
            """The handler of this hub."""

            def hub(self) -> LoopbackHub:
                return hub

        self._server = _Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> LoopbackHub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def environment(self, home: Path, token: str | None = WRITE_TOKEN, xet: bool = True) -> dict[str, str]:
        """Return the environment variables of a client: this Hub, caches of its own, Xet or the large file protocol."""
        variables = {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_DISABLE_TELEMETRY": "1"}
        variables |= {} if xet else {"HF_HUB_DISABLE_XET": "1"}
        return variables | ({"HF_TOKEN": token} if token else {})

    def fail(self, method: str, pattern: str, status: int | None, **how: Any) -> None:
        """Have requests fail: see `Fault`."""
        self.faults.append(Fault(method, pattern, status, **how))

    def fault_of(self, request: Request) -> Fault | None:
        """Take the fault that a request meets, if any."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and fault.method == request.method and re.search(fault.pattern, request.path):
                    fault.times -= 1
                    return fault
        return None

    def requests(self, method: str, pattern: str) -> list[Logged]:
        """Return the logged requests of a method and path."""
        return [one for one in self.log if one.method == method and re.search(pattern, one.path)]

    def repo(self, name: str) -> Repo:
        """Return a repository as it is stored."""
        return self.store.repo(name)

    def history(self, name: str, ref: str = "main") -> list[Commit]:
        """Return the commits of a branch, newest first."""
        return self.store.repo(name).history(ref)

    def manifest(self, name: str, ref: str = "main") -> Any:
        """Return the manifest of a revision."""
        return json.loads(self.text(name, "manifest.json", ref))

    def text(self, name: str, path: str, ref: str = "main") -> str:
        """Return a file of a branch as text."""
        file = self.store.repo(name).head(ref).files[path]
        return self.store.read(file, 0, file.size).decode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def hub(self) -> LoopbackHub:
        raise TypeError("a handler belongs to a hub")

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing: the hub keeps its own log."""

    def do_GET(self) -> None:
        self._serve()

    do_POST = do_PUT = do_HEAD = do_DELETE = do_GET  # noqa: N815  (the names that http.server calls)

    def _serve(self) -> None:
        hub = self.hub()
        parts = urlsplit(self.path)
        headers = {key.lower(): value for key, value in self.headers.items()}
        body = self._body(headers)
        token = headers.get("authorization", "").removeprefix("Bearer ")
        request = Request(
            self.command, parts.path, dict(parse_qsl(parts.query)), headers, body, hub.tokens.get(token), hub.url
        )
        hub.on_request(request)
        fault = hub.fault_of(request)
        if fault:
            time.sleep(fault.delay_s)
        reply = self._faulty(hub, request, fault) if fault else answer(hub.store, request)
        status, got = (reply.status, len(reply.body)) if reply else (DROP_CONNECTION, 0)
        hub.log.append(Logged(request.method, request.path, status, len(body), got, headers.get("range", "")))
        if reply:
            self._send(reply, cut=fault is not None and fault.cut)
        else:
            self.close_connection = True

    @staticmethod
    def _faulty(hub: LoopbackHub, request: Request, fault: Fault) -> Answer | None:
        """What a request that meets a fault is answered; None: nothing."""
        reply = answer(hub.store, request) if fault.after or fault.status is None else None
        if fault.status is None:
            return reply
        if fault.status == DROP_CONNECTION:
            return None
        return as_json({"error": "a fault of the test"}, fault.headers, fault.status)

    def _body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _send(self, reply: Answer, cut: bool) -> None:
        self.send_response(reply.status)
        for key, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body[: len(reply.body) // 2] if cut else reply.body)
        self.close_connection = self.close_connection or cut
