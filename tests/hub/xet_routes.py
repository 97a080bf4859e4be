"""Xet over HTTP: tokens from the Hub, and the content-addressed store that they open.

The store's addresses (`/cas/…`) take no Hub token, but one that the Hub gave for a repository: for reading, or for
writing. Xorbs are read by addresses that are signed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from typing import Any

from tests.hub.routing import READ, REPO, WRITE, Answer, Request, as_json, byte_range, need_write, readable, route
from tests.hub.store import HubError, Store
from tests.hub.xet_format import XetError
from tests.hub.xet_store import XetFile

_HASH = r"[0-9a-f]{64}"
_SECRET = secrets.token_bytes(32)
"""Signs the addresses of xorbs."""


@route("GET", REPO + r"/xet-(?P<kind>read|write)-token/(?P<revision>[^/]+)")
def _token(store: Store, request: Request, name: str, kind: str, revision: str) -> Answer:
    if kind == WRITE:
        need_write(request)
    readable(store, request, name)
    token, ends = f"xet_{kind}_{secrets.token_hex(8)}", int(time.time()) + store.xet_token_seconds
    store.xet_tokens[token] = (kind, ends)
    address = f"{request.base}/cas"
    headers = {"X-Xet-Cas-Url": address, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(ends)}
    return as_json({"accessToken": token, "exp": ends, "casUrl": address}, headers)


def _need(store: Store, request: Request, kind: str) -> None:
    """Refuse a request whose Xet token is unknown or over, or does not allow this."""
    given, ends = store.xet_tokens.get(request.token, (None, 0))
    if given is None or ends < time.time():
        raise HubError(401, "", "no valid Xet token")
    if kind == WRITE and given != WRITE:
        raise HubError(403, "", "this Xet token may only read")


@route("POST", rf"/cas/v1/xorbs/default/(?P<xorb>{_HASH})")
def _put_xorb(store: Store, request: Request, xorb: str) -> Answer:
    _need(store, request, WRITE)
    try:
        return as_json({"was_inserted": store.xet.put_xorb(xorb, request.body)})
    except XetError as error:
        raise HubError(400, "", str(error)) from error


@route("POST", r"/cas/v1/shards")
def _put_shard(store: Store, request: Request) -> Answer:
    _need(store, request, WRITE)
    try:
        return as_json({"result": int(store.xet.put_shard(request.body))})
    except XetError as error:
        raise HubError(400, "", str(error)) from error


@route("GET", rf"/cas/v1/chunks/[^/]+/(?P<chunk>{_HASH})")
def _find_chunk(store: Store, request: Request, chunk: str) -> Answer:
    _need(store, request, READ)
    shard = store.xet.shard_with(chunk)
    if shard is None:
        raise HubError(404, "", "no such chunk")
    return Answer(shard)


@route("GET", rf"/cas/v1/reconstructions/(?P<file>{_HASH})")
def _reconstruct(store: Store, request: Request, file: str) -> Answer:
    _need(store, request, READ)
    if file not in store.xet.files:
        raise HubError(404, "", "no such file")
    known = store.xet.files[file]
    span = byte_range(request.headers.get("range", ""), known.size)
    return as_json(_reconstruction(store, request.base, known, *(span or (0, known.size))))


def _reconstruction(store: Store, base: str, file: XetFile, start: int, end: int) -> dict[str, Any]:
    """Which chunks of which xorbs make bytes `start` to `end` of a file, and where to get them."""
    terms: list[dict[str, Any]] = []
    wanted: dict[str, list[tuple[int, int]]] = {}
    position = skipped = 0
    for term in file.terms:
        chunks = store.xet.chunks_of(term.xorb)
        needed, at = [], position
        for index in range(term.start, term.end):
            if at < end and at + chunks[index].size > start:
                if not terms and not needed:
                    skipped = start - at
                needed.append(index)
            at += chunks[index].size
        position = at
        if needed:
            first, last = needed[0], needed[-1] + 1
            size = sum(chunks[index].size for index in needed)
            terms.append({"hash": term.xorb, "unpacked_length": size, "range": {"start": first, "end": last}})
            wanted.setdefault(term.xorb, []).append((first, last))
    fetch = {xorb: [_fetch(store, base, xorb, *span) for span in _joined(spans)] for xorb, spans in wanted.items()}
    return {"offset_into_first_range": skipped, "terms": terms, "fetch_info": fetch}


def _joined(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those that touch or overlap as one."""
    joined: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def _fetch(store: Store, base: str, xorb: str, first: int, last: int) -> dict[str, Any]:
    chunks = store.xet.chunks_of(xorb)
    span = {"start": chunks[first].offset, "end": chunks[last - 1].offset + chunks[last - 1].stored - 1}
    address = f"{base}/cas/xorbs/{xorb}?signature={_signature(xorb)}"
    return {"range": {"start": first, "end": last}, "url": address, "url_range": span}


def _signature(xorb: str) -> str:
    return hmac.new(_SECRET, xorb.encode(), hashlib.sha256).hexdigest()


@route("GET", rf"/cas/xorbs/(?P<xorb>{_HASH})")
def _get_xorb(store: Store, request: Request, xorb: str) -> Answer:
    if not hmac.compare_digest(request.query.get("signature", ""), _signature(xorb)):
        raise HubError(403, "", "the address is not signed")
    data = store.xet.xorb_path(xorb).read_bytes()
    spans = re.findall(r"(\d+)-(\d+)", request.headers.get("range", ""))
    if not spans:
        return Answer(data)
    if len(spans) == 1:
        start, end = byte_range(request.headers["range"], len(data)) or (0, len(data))
        return Answer(data[start:end], 206, {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"})
    parts = [
        b"--part\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes %b-%b/%d\r\n\r\n%b\r\n"
        % (first.encode(), last.encode(), len(data), data[int(first) : int(last) + 1])
        for first, last in spans
    ]
    return Answer(b"".join(parts) + b"--part--\r\n", 206, {"Content-Type": "multipart/byteranges; boundary=part"})


@route("POST", r"/cas/v1/telemetry")
def _telemetry(store: Store, request: Request) -> Answer:
    return as_json({})
