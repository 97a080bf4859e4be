"""File contents: resolve with ranges, and uploads by the large file protocol."""

from __future__ import annotations

from tests.hub.routing import Answer, Request, as_json, byte_range, readable, route, writable
from tests.hub.store import HubError, Store


@route("POST", r"/datasets/(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
def _lfs_batch(store: Store, request: Request, name: str) -> Answer:
    writable(store, request, name)
    objects = []
    for one in request.json()["objects"]:
        upload = {"upload": {"href": f"{request.base}/lfs/{one['oid']}"}}
        objects.append(one if store.has_large(one["oid"]) else {**one, "actions": upload})
    return as_json({"transfer": "basic", "objects": objects})


@route("PUT", r"/lfs/(?P<sha256>[0-9a-f]{64})")
def _lfs_put(store: Store, request: Request, sha256: str) -> Answer:
    store.put_large(sha256, request.body)
    return Answer()


@route("GET HEAD", r"/datasets/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def _resolve(store: Store, request: Request, name: str, revision: str, path: str) -> Answer:
    repo = readable(store, request, name)
    head = repo.head(revision)
    file = head.files.get(path)
    if file is None:
        raise HubError(404, "EntryNotFound", "Entry not found")
    tag = f'"{file.key}"'
    headers = {
        "ETag": tag, "X-Linked-Etag": tag, "X-Linked-Size": str(file.size), "X-Repo-Commit": head.id,
        "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream",
    }  # fmt: skip
    if file.xet:
        refresh = f"{request.base}/api/datasets/{repo.id}/xet-read-token/{head.id}"
        headers |= {"X-Xet-Hash": file.xet, "X-Xet-Refresh-Route": refresh, "Link": f'<{refresh}>; rel="xet-auth"'}
    if request.method == "HEAD":
        return Answer(headers=headers | {"Content-Length": str(file.size)})
    span = byte_range(request.headers.get("range", ""), file.size)
    if span is None:
        return Answer(store.read(file, 0, file.size), headers=headers)
    headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{file.size}"
    return Answer(store.read(file, *span), 206, headers)
