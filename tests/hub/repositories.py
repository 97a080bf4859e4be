"""Repositories as the Hub's API shows them: creation, information, branches, trees, commits."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs

from tests.hub.routing import REPO, Answer, Request, as_json, need_write, readable, route, writable
from tests.hub.store import File, HubError, Store

LARGE_SUFFIXES = (".parquet", ".tar", ".png", ".jpg", ".gz")
LARGE_BYTES = 10_000_000
_DATE = "2026-01-01T00:00:00.000Z"


@route("GET", "/api/whoami-v2")
def _whoami(store: Store, request: Request) -> Answer:
    if request.role is None:
        raise HubError(401, "", "Invalid username or password.")
    return as_json({"type": "user", "name": "tester", "orgs": [], "auth": {"accessToken": {"role": request.role}}})


@route("POST", "/api/validate-yaml")
def _validate_yaml(store: Store, request: Request) -> Answer:
    return as_json({"errors": [], "warnings": []})


@route("POST", "/api/repos/create")
def _create(store: Store, request: Request) -> Answer:
    need_write(request)
    wanted = request.json()
    name = f"{wanted.get('organization') or 'tester'}/{wanted['name']}"
    url = f"{request.base}/datasets/{name}"
    if name in store.repos:
        return as_json({"error": "You already created this dataset repo", "url": url}, status=409)
    store.create(name, wanted.get("visibility") == "private" or bool(wanted.get("private")))
    return as_json({"url": url, "name": name})


@route("GET", REPO + r"(?:/revision/(?P<revision>[^/]+))?")
def _info(store: Store, request: Request, name: str, revision: str = "main") -> Answer:
    repo = readable(store, request, name)
    head = repo.head(revision)
    return as_json({
        "id": repo.id, "author": repo.id.split("/")[0], "sha": head.id, "private": repo.private, "gated": False,
        "disabled": False, "downloads": 0, "likes": 0, "tags": [], "lastModified": _DATE, "createdAt": _DATE,
        "siblings": [{"rfilename": path} for path in sorted(head.files)],
    })  # fmt: skip


@route("GET", REPO + "/refs")
def _refs(store: Store, request: Request, name: str) -> Answer:
    refs = readable(store, request, name).refs
    pulls = [
        {"name": ref.removeprefix("refs/"), "ref": ref, "targetCommit": id_}
        for ref, id_ in refs.items()
        if ref.startswith("refs/pr/")
    ]
    branches = [
        {"name": ref, "ref": f"refs/heads/{ref}", "targetCommit": id_}
        for ref, id_ in refs.items()
        if not ref.startswith("refs/")
    ]
    shown = {"pullRequests": pulls} if request.query.get("include_prs") else {}
    return as_json({"branches": branches, "converts": [], "tags": [], **shown})


@route("POST", REPO + r"/branch/(?P<branch>[^/]+)")
def _branch(store: Store, request: Request, name: str, branch: str) -> Answer:
    repo = writable(store, request, name)
    if branch in repo.refs:
        raise HubError(409, "", "Reference already exists")
    repo.refs[branch] = repo.head((request.json() if request.body else {}).get("startingPoint", "main")).id
    return as_json({})


@route("GET", REPO + r"/commits/(?P<revision>[^/]+)")
def _commits(store: Store, request: Request, name: str, revision: str) -> Answer:
    repo = readable(store, request, name)
    shown = [
        {"id": commit.id, "title": commit.title, "message": "", "authors": [], "date": _DATE}
        for commit in repo.history(revision)
    ]
    return as_json(shown)


@route("GET", REPO + r"/tree/(?P<revision>[^/]+)(?:/(?P<folder>.*))?")
def _tree(store: Store, request: Request, name: str, revision: str, folder: str = "") -> Answer:
    files = readable(store, request, name).head(revision).files
    prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
    entries: dict[str, dict[str, Any]] = {}
    for path in sorted(path for path in files if path.startswith(prefix)):
        parts = path.removeprefix(prefix).split("/")
        parents = [prefix + "/".join(parts[:depth]) for depth in range(1, len(parts))]
        recursive = request.query.get("recursive", "").lower() in ("1", "true")
        for entry in [*parents, path] if recursive else [*parents, path][:1]:
            entries[entry] = _entry(entry, files.get(entry))
    if prefix and not entries:
        raise HubError(404, "EntryNotFound", f"{folder} does not exist on {revision}")
    first, limit = int(request.query.get("cursor", 0)), int(request.query.get("limit", 1000))
    page = list(entries.values())[first : first + limit]
    query = "&".join(f"{key}={value}" for key, value in request.query.items() if key != "cursor")
    link = f'<{request.base}{request.path}?{query}&cursor={first + limit}>; rel="next"'
    return as_json(page, {"Link": link} if first + limit < len(entries) else None)


@route("POST", REPO + r"/paths-info/(?P<revision>[^/]+)")
def _paths_info(store: Store, request: Request, name: str, revision: str) -> Answer:
    files = readable(store, request, name).head(revision).files
    form = "json" not in request.headers.get("content-type", "")
    wanted = parse_qs(request.body.decode())["paths"] if form else request.json()["paths"]
    entries = []
    for path in [wanted] if isinstance(wanted, str) else wanted:
        path = path.strip("/")
        if path in files or any(other.startswith(f"{path}/") for other in files):
            entries.append(_entry(path, files.get(path)))
    return as_json(entries)


def _entry(path: str, file: File | None) -> dict[str, Any]:
    """A file, or (None) a folder, as listings show it."""
    if file is None:
        return {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": path}
    if file.sha256:
        entry["lfs"] = {"oid": file.sha256, "size": file.size, "pointerSize": 134}
    if file.xet:
        entry["xetHash"] = file.xet
    return entry


@route("POST", REPO + r"/preupload/(?P<revision>[^/]+)")
def _preupload(store: Store, request: Request, name: str, revision: str) -> Answer:
    files = writable(store, request, name).head(revision).files
    answers = []
    for one in request.json()["files"]:
        large = one["path"].endswith(LARGE_SUFFIXES) or one["size"] > LARGE_BYTES
        known = files.get(one["path"])
        answers.append({
            "path": one["path"], "uploadMode": "lfs" if large else "regular", "shouldIgnore": False,
            **({"oid": known.key} if known else {}),
        })  # fmt: skip
    return as_json({"files": answers})


@route("POST", REPO + r"/commit/(?P<revision>[^/]+)")
def _commit(store: Store, request: Request, name: str, revision: str) -> Answer:
    need_write(request)
    repo = readable(store, request, name)
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

    ref, address, expected = revision, None, header.get("parentCommit")
    if request.query.get("create_pr"):
        ref = store.open_pull_request(repo, expected or revision)
        address, expected = f"{request.base}/datasets/{name}/discussions/{ref.rpartition('/')[2]}", None
    made = store.commit(repo, ref, expected, header["summary"], change)
    commit_url = f"{request.base}/datasets/{name}/commit/{made.id}"
    return as_json({"success": True, "commitOid": made.id, "commitUrl": commit_url, "pullRequestUrl": address})
