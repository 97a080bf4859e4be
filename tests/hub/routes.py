"""The Hub's HTTP protocol as huggingface_hub and datasets speak it: which path does what to the store.

A route is a method and a pattern; its function takes the hub, the request and the pattern's groups, and returns
an `Answer`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from tests.hub.store import File, HubError, Repo, Store

READ, WRITE = "read", "write"
LARGE_SUFFIXES = (".parquet", ".tar", ".png", ".jpg")
LARGE_BYTES = 10_000_000


@dataclass
class Request:
    """What a client sent; `role` is its token's, None without a token."""

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


@dataclass
class Answer:
    """What the client gets."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


Handler = Callable[..., Answer]
_ROUTES: list[tuple[str, re.Pattern[str], Handler]] = []
_REPO = r"/api/datasets/(?P<name>[^/]+/[^/]+)"


def answer(store: Store, request: Request) -> Answer:
    """Find the route of a request and return its answer."""
    for method, pattern, handler in _ROUTES:
        match = pattern.fullmatch(request.path)
        if match and request.method in method.split():
            groups = {key: unquote(value) for key, value in match.groupdict().items() if value is not None}
            return handler(store, request, **groups)
    return Answer(b"no such route", 404)


def _route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    def add(handler: Handler) -> Handler:
        _ROUTES.append((method, re.compile(pattern), handler))
        return handler

    return add


def _json(value: Any, headers: dict[str, str] | None = None) -> Answer:
    return Answer(json.dumps(value).encode(), headers={"Content-Type": "application/json", **(headers or {})})


def _open(store: Store, request: Request, name: str) -> Repo:
    """The repository, if the request may read it: a private one is not there for strangers."""
    repo = store.repo(name)
    if repo.private and request.role is None:
        raise HubError(401, "RepoNotFound", "Invalid username or password.")
    return repo


def _need_write(request: Request) -> None:
    if request.role is None:
        raise HubError(401, "", "Invalid username or password.")
    if request.role != WRITE:
        raise HubError(403, "", "you must use a token with write access")


@_route("GET", "/api/whoami-v2")
def _whoami(store: Store, request: Request) -> Answer:
    if request.role is None:
        raise HubError(401, "", "Invalid username or password.")
    return _json({"type": "user", "name": "tester", "orgs": [], "auth": {"accessToken": {"role": request.role}}})


@_route("POST", "/api/validate-yaml")
def _validate_yaml(store: Store, request: Request) -> Answer:
    return _json({"errors": [], "warnings": []})


@_route("POST", "/api/repos/create")
def _create(store: Store, request: Request) -> Answer:
    _need_write(request)
    wanted = request.json()
    name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
    store.create(name, wanted.get("visibility") == "private")
    return _json({"url": f"{request.base}/datasets/{name}", "name": name})


@_route("GET", _REPO + r"(?:/revision/(?P<revision>[^/]+))?")
def _info(store: Store, request: Request, name: str, revision: str = "main") -> Answer:
    repo = _open(store, request, name)
    head = repo.head(revision)
    return _json({
        "id": repo.id, "author": repo.id.split("/")[0], "sha": head.id, "private": repo.private, "gated": False,
        "disabled": False, "downloads": 0, "likes": 0, "tags": [], "lastModified": "2026-01-01T00:00:00.000Z",
        "createdAt": "2026-01-01T00:00:00.000Z", "siblings": [{"rfilename": path} for path in sorted(head.files)],
    })  # fmt: skip


@_route("GET", _REPO + "/refs")
def _refs(store: Store, request: Request, name: str) -> Answer:
    repo = _open(store, request, name)
    branches = [{"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": id_} for ref, id_ in repo.refs.items()]
    return _json({"branches": branches, "converts": [], "tags": [], "pullRequests": []})


@_route("POST", _REPO + r"/branch/(?P<branch>[^/]+)")
def _branch(store: Store, request: Request, name: str, branch: str) -> Answer:
    _need_write(request)
    repo = store.repo(name)
    if branch in repo.refs:
        raise HubError(409, "", "Reference already exists")
    repo.refs[branch] = repo.head((request.json() if request.body else {}).get("startingPoint", "main")).id
    return _json({})


@_route("GET", _REPO + r"/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?")
def _tree(store: Store, request: Request, name: str, revision: str, folder: str = "") -> Answer:
    files = _open(store, request, name).head(revision).files
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in files if path.startswith(prefix)):
        parts = path.removeprefix(prefix).split("/")
        parents = [prefix + "/".join(parts[:depth]) for depth in range(1, len(parts))]
        shown = (
            [*parents, path] if request.query.get("recursive", "").lower() in ("1", "true") else [*parents, path][:1]
        )
        for entry in shown:
            entries[entry] = _entry(entry, files.get(entry))
    if prefix and not entries:
        raise HubError(404, "EntryNotFound", f"{folder} does not exist on {revision}")
    first, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", 1000))
    page = list(entries.values())[first : first + limit]
    query = "&".join(f"{key}={value}" for key, value in request.query.items() if key != "cursor")
    link = f'<{request.base}{request.path}?{query}&cursor={first + limit}>; rel="next"'
    return _json(page, {"Link": link} if first + limit < len(entries) else None)


@_route("POST", _REPO + r"/paths-info/(?P<revision>[^/]+)")
def _paths_info(store: Store, request: Request, name: str, revision: str) -> Answer:
    files = _open(store, request, name).head(revision).files
    wanted = request.json()["paths"]
    entries = []
    for path in [wanted] if isinstance(wanted, str) else wanted:
        path = path.strip("/")
        if path in files or any(other.startswith(f"{path}/") for other in files):
            entries.append(_entry(path, files.get(path)))
    return _json(entries)


def _entry(path: str, file: File | None) -> dict[str, Any]:
    """A file, or (None) a folder, as listings show it."""
    if file is None:
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
    if file.sha256:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    return entry


@_route("POST", _REPO + r"/preupload/(?P<revision>[^/]+)")
def _preupload(store: Store, request: Request, name: str, revision: str) -> Answer:
    _need_write(request)
    files = store.repo(name).head(revision).files
    answers = []
    for one in request.json()["files"]:
        large = one["path"].endswith(LARGE_SUFFIXES) or one["size"] > LARGE_BYTES
        known = files.get(one["path"])
        answers.append({
            "path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
            **({"oid": known.key} if known else {}),
        })  # fmt: skip
    return _json({"files": answers})


@_route("POST", _REPO + r"/commit/(?P<revision>[^/]+)")
def _commit(store: Store, request: Request, name: str, revision: str) -> Answer:
    _need_write(request)
    repo = store.repo(name)
    operations = [json.loads(line) for line in request.body.splitlines() if line.strip()]
    header = next(one["value"] for one in operations if one["key"] == "header")

    def change(files: dict[str, File]) -> None:
        for one in operations:
            value = one["value"]
            if one["key"] == "file":
                files[value["path"]] = store.put_small(base64.b64decode(value["content"]))
            elif one["key"] == "lfsFile":
                files[value["path"]] = store.large(value["oid"])
            elif one["key"] == "deletedFile":
                files.pop(value["path"])

    ref, address = revision, None
    if request.query.get("create_pr"):
        number = 1 + sum(other.startswith("refs/pr/") for other in repo.refs)
        ref, address = f"refs/pr/{number}", f"{request.base}/datasets/{name}/discussions/{number}"
        repo.refs[ref] = repo.head(revision).id
    made = store.commit(repo, ref, header.get("parentCommit"), header["summary"], change)
    commit_url = f"{request.base}/datasets/{name}/commit/{made.id}"
    return _json({"success": True, "commitOid": made.id, "commitUrl": commit_url, "pullRequestUrl": address})


@_route("POST", r"/datasets/(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch")
def _lfs_batch(store: Store, request: Request, name: str) -> Answer:
    _need_write(request)
    store.repo(name)
    objects = []
    for one in request.json()["objects"]:
        upload = {"upload": {"href": f"{request.base}/lfs/{one['oid']}"}}
        objects.append(one if store.has(one["oid"]) else {**one, "actions": upload})
    return _json({"transfer": "basic", "objects": objects})


@_route("PUT", r"/lfs/(?P<sha256>[0-9a-f]{64})")
def _lfs_put(store: Store, request: Request, sha256: str) -> Answer:
    store.put_large(sha256, request.body)
    return Answer()


@_route("GET HEAD", r"/datasets/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")
def _resolve(store: Store, request: Request, name: str, revision: str, path: str) -> Answer:
    head = _open(store, request, name).head(revision)
    file = head.files.get(path)
    if file is None:
        raise HubError(404, "EntryNotFound", "Entry not found")
    tag = f'"{file.key}"'
    headers = {
        "ETag": tag, "X-Linked-Etag": tag, "X-Linked-Size": str(file.size), "X-Repo-Commit": head.id,
        "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream",
    }  # fmt: skip
    span = re.fullmatch(r"bytes=(\d+)-(\d*)", request.headers.get("range", ""))
    if request.method == "HEAD" or span is None:
        body = b"" if request.method == "HEAD" else store.read(file, 0, file.size)
        return Answer(body, headers=headers | {"Content-Length": str(file.size)})
    start, end = int(span[1]), min(int(span[2] or file.size - 1), file.size - 1)
    if start >= file.size:
        return Answer(status=416, headers={"Content-Range": f"bytes */{file.size}"})
    headers["Content-Range"] = f"bytes {start}-{end}/{file.size}"
    return Answer(store.read(file, start, end + 1), 206, headers)
