"""Serve a gallery on this machine alone, show images in full size, and write judgements as they are made.

Only 127.0.0.1 is listened on. Every address but the page's needs the token of this run, and the `Host` header must
name the loopback address, so that no page of the web that is open in the same browser can read or write here.
"""

from __future__ import annotations

import json
import secrets
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

from s1_mmalign.dataset_card.gallery.entries import Place
from s1_mmalign.dataset_card.judgements import append_judgement, check_judgement, load_judgements
from s1_mmalign.processing.row_images import RowImages

MAX_BODY = 64 << 10
"""Bytes of one judgement."""


NOTHING_RUNS = "default-src 'none'; sandbox; frame-ancestors 'none'"
"""The content security policy of all that is not the page: images, judgements, errors."""
NO_FRAME = "frame-ancestors 'none'"
"""What the page's own policy, which stands in the page, cannot say there."""


class GalleryServer(ThreadingHTTPServer):
    """The server of one gallery; `url` is what to open."""

    daemon_threads = True

    def __init__(self, folder: Path, page: Path, places: list[Place], judgements: Path, port: int = 0) -> None:
        """Listen on 127.0.0.1.

        Args:
            folder: the dataset folder, whose images are shown in full size.
            page: the gallery's HTML file.
            places: where the rows of the page lie, in its order.
            judgements: the JSONL file that judgements are appended to.
            port: 0 takes any that is free.

        Raises:
            OSError: the port is taken.
        """
        super().__init__(("127.0.0.1", port), _Handler)
        self.token = secrets.token_urlsafe(16)
        self.page, self.places, self.judgements = page, places, judgements
        self.images, self.lock = RowImages(folder), Lock()

    @property
    def url(self) -> str:
        """The page's address, with this run's token."""
        return f"http://127.0.0.1:{self.server_port}/?token={self.token}"

    def image(self, index: int) -> bytes | None:
        """Return the bytes of the page's row of that index."""
        with self.lock:
            place = self.places[index]
            return self.images.get(place.shard, place.row)


class _Handler(BaseHTTPRequestHandler):
    server: GalleryServer
    _policy = NOTHING_RUNS

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if not self._allowed(query):
            return
        if address.path == "/":
            self._send(self.server.page.read_bytes(), "text/html; charset=utf-8", NO_FRAME)
        elif address.path == "/judgements":
            found = list(load_judgements(self.server.judgements)) if self.server.judgements.is_file() else []
            self._send(json.dumps(found, ensure_ascii=False).encode(), "application/json")
        elif address.path == "/image":
            self._send_image(query)
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_POST(self) -> None:
        address = urlsplit(self.path)
        if not self._allowed(parse_qs(address.query)):
            return
        length = self.headers.get("Content-Length", "")
        if address.path != "/judgements" or self.headers.get_content_type() != "application/json":
            self.send_error(HTTPStatus.NOT_FOUND)
        elif not length.isdecimal() or int(length) > MAX_BODY:
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            self._append(self.rfile.read(int(length)))

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: addresses carry the token."""

    def _allowed(self, query: dict[str, list[str]]) -> bool:
        host = (self.headers.get("Host") or "").rpartition(":")[0]
        token = query.get("token", [""])[0]
        if host in ("127.0.0.1", "localhost") and secrets.compare_digest(token.encode(), self.server.token.encode()):
            return True
        self.send_error(HTTPStatus.FORBIDDEN, "open the address that the program printed")
        return False

    def _append(self, body: bytes) -> None:
        try:
            judgement = check_judgement(json.loads(body))
        except ValueError as error:
            self.send_error(HTTPStatus.BAD_REQUEST, explain=str(error))
            return
        with self.server.lock:
            append_judgement(self.server.judgements, judgement)
        self._send(b"{}", "application/json")

    def _send_image(self, query: dict[str, list[str]]) -> None:
        index = query.get("index", [""])[0]
        if not index.isdecimal() or int(index) >= len(self.server.places):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        data = self.server.image(int(index)) or b""
        self._send(data, "image/png" if data.startswith(b"\x89PNG") else "image/jpeg")

    def _send(self, body: bytes, kind: str, policy: str = NOTHING_RUNS) -> None:
        self._policy = policy
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)

    def end_headers(self) -> None:
        """Also of errors, which the base class sends."""
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Content-Security-Policy", self._policy)
        super().end_headers()
