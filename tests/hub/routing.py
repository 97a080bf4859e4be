"""Requests, answers, and the table of routes that the loopback Hub's files fill."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.hub.store import HubError, Repo, Store

READ, WRITE = "read", "write"


@dataclass
class Request:
    """What a client sent; `role` is its token's, None without a token that is known."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    role: str | None
    base: str
    """Address of this server, for links in answers."""

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def token(self) -> str:
        """The bearer token, "" without one."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Answer:
    """What the client gets."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Answer]
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []
REPO = r"/api/datasets/(?P<name>[^/]+/[^/]+)"
"""Pattern of a dataset repository's part of the API."""


def route(methods: str, pattern: str) -> Callable[[Handler], Handler]:
    """Register a function for methods (separated by spaces) and a pattern of the whole path."""

    def add(handler: Handler) -> Handler:
        _ROUTES.append((methods, re.compile(pattern), handler))
        return handler

    return add


def answer(store: Store, request: Request) -> Answer:
    """Find the route of a request and return its answer; errors of the store become the Hub's error answers."""
    for methods, pattern, handler in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match and request.method in methods.split():
            groups = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
            try:
                return handler(store, request, **groups)
            except HubError as error:
                headers = {"X-Error-Code": error.code, "X-Error-Message": error.message}
                return as_json({"error": error.message}, headers, error.status)
    return Answer(b"no such route", 404)


def as_json(value: Any, headers: dict[str, str] | None = None, status: int = 200) -> Answer:
    """Return a value as a JSON answer."""
    return Answer(json.dumps(value).encode(), status, {"Content-Type": "application/json", **(headers or {})})


def readable(store: Store, request: Request, name: str) -> Repo:
    """Return the repository, if the request may read it: a private one is not there for strangers."""
    repo = store.repo(name)
    if repo.private and request.role is None:
        raise HubError(401, "RepoNotFound", "Invalid username or password.")
    return repo


def writable(store: Store, request: Request, name: str) -> Repo:
    """Return the repository, if the request may write to it."""
    need_write(request)
    return store.repo(name)


def need_write(request: Request) -> None:
    """Refuse a request without a token that may write."""
    if request.role is None:
        raise HubError(401, "", "Invalid username or password.")
    if request.role != WRITE:
        raise HubError(403, "", "you must use a token with write access")


def byte_range(header: str, size: int) -> tuple[int, int] | None:
    """Return start and end (exclusive) of a `Range` header of one range; None where it asks for everything.

    Raises:
        HubError: the range lies behind the end.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header)
    if match is None or match[0] == "bytes=-":
        return None
    if not match[1]:
        return max(0, size - int(match[2])), size
    start, end = int(match[1]), min(int(match[2] or size - 1) + 1, size)
    if start >= size:
        raise HubError(416, "", "Range Not Satisfiable")
    return start, end
