"""The repository that a push works on: what a revision of it holds, and what its answers mean."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from huggingface_hub import HfApi, constants, get_token
from huggingface_hub.errors import HfHubHTTPError, HTTPError, RepositoryNotFoundError, RevisionNotFoundError
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

from s1_mmalign.processing.retry import RetryPolicy, error_chain, with_retries

MAIN = "main"
PULL_REQUESTS_LOOKED_AT = 20
"""How many of the newest pull requests are compared with what is to be proposed."""
GO_ON = "Nothing became visible; the same command goes on where it stopped."


class PublishError(Exception):
    """A push that did not happen; the text says why and what to do. The repository is as it was."""


@dataclass(frozen=True, slots=True)
class Remote:
    """What a revision holds: its commit, and by path the sha256 of large files and git's hash of small ones."""

    commit: str
    large: dict[str, str]
    small: dict[str, str]
    sizes: dict[str, int]
    """Bytes of all files."""

    @property
    def paths(self) -> list[str]:
        """All files, in order."""
        return sorted([*self.large, *self.small])

    def has(self, path: str, content: bytes) -> bool:
        """Whether a file is there with this content."""
        if path in self.large:
            return self.large[path] == hashlib.sha256(content).hexdigest()
        return self.small.get(path) == git_hash(content)


class Repository:
    """A dataset repository on the Hub, asked with retries."""

    def __init__(self, api: HfApi, repo_id: str, retry: RetryPolicy) -> None:
        self.api, self.repo_id, self.retry = api, repo_id, retry

    def look(self, revision: str) -> Remote:
        """List a revision: all of it as of one commit."""

        def look() -> Remote:
            commit = str(self.api.dataset_info(self.repo_id, revision=revision).sha)
            entries = self.api.list_repo_tree(self.repo_id, recursive=True, revision=commit, repo_type="dataset")
            files = [entry for entry in entries if isinstance(entry, RepoFile)]
            large = {file.path: file.lfs.sha256 for file in files if file.lfs}
            small = {file.path: file.blob_id for file in files if not file.lfs}
            return Remote(commit, large, small, {file.path: file.size for file in files})

        return with_retries(look, self.retry)

    def read(self, path: str, commit: str) -> bytes:
        """Return the content of a file of a commit."""

        def read() -> bytes:
            address = f"{self.api.endpoint}/datasets/{self.repo_id}/resolve/{commit}/{quote(path)}"
            reply = get_session().get(address, headers=build_hf_headers())
            hf_raise_for_status(reply)
            return bytes(reply.content)

        return with_retries(read, self.retry)

    def prepare(self, private: bool, revision: str) -> None:
        """Make repository and branch where they are missing.

        Raises:
            PublishError: it is to be private, and is there and public.
        """
        try:
            info = with_retries(lambda: self.api.dataset_info(self.repo_id), self.retry)
        except RepositoryNotFoundError:
            with_retries(
                lambda: self.api.create_repo(self.repo_id, repo_type="dataset", private=private or None, exist_ok=True),
                self.retry,
            )
        else:
            if private and not info.private:
                raise PublishError(
                    f"{self.repo_id} exists and is public. Make it private in its settings, or push without --private."
                )
        if revision != MAIN and not revision.startswith("refs/"):
            with_retries(
                lambda: self.api.create_branch(self.repo_id, branch=revision, repo_type="dataset", exist_ok=True),
                self.retry,
            )

    def pull_request_with(self, small: dict[str, bytes]) -> tuple[str, str] | None:
        """Return (ref, commit) of a pull request that has exactly these small files, None where there is none.

        A push whose answer was lost, or that was killed after it, must not open a second one.
        """
        wanted = {path: git_hash(content) for path, content in small.items()}

        def find() -> tuple[str, str] | None:
            refs = self.api.list_repo_refs(self.repo_id, repo_type="dataset", include_pull_requests=True)
            newest = sorted(refs.pull_requests or [], key=lambda ref: int(ref.ref.rpartition("/")[2]), reverse=True)
            for ref in newest[:PULL_REQUESTS_LOOKED_AT]:
                infos = self.api.get_paths_info(self.repo_id, list(wanted), revision=ref.ref, repo_type="dataset")
                if {info.path: info.blob_id for info in infos if isinstance(info, RepoFile)} == wanted:
                    return ref.ref, ref.target_commit
            return None

        return with_retries(find, self.retry)


def git_hash(content: bytes) -> str:
    """Return git's hash of a file's content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def check_token(api: HfApi, retry: RetryPolicy) -> None:
    """Ask who the token belongs to, before hours of checking.

    Raises:
        PublishError: there is none.
    """
    if get_token() is None:
        raise PublishError("No token for the Hub. Set HF_TOKEN, or log in with `hf auth login`.")
    with_retries(api.whoami, retry)


@contextmanager
def explained(
    repo_id: str, endpoint: str, kind: type[Exception] = PublishError, way_out: str = GO_ON
) -> Iterator[None]:
    """Turn what the Hub answers, and what its libraries raise, into an error of a kind and of one line."""
    try:
        yield
    except (HTTPError, OSError, RuntimeError) as error:
        raise kind(f"{_explanation(error, repo_id, endpoint)} {way_out}".rstrip()) from error


def _explanation(error: BaseException, repo_id: str, endpoint: str) -> str:
    for cause in error_chain(error):
        if isinstance(cause, HfHubHTTPError):
            return _answer(cause, repo_id)
    if isinstance(error, HTTPError):
        return f"{endpoint}: no connection ({error})."
    text = " ".join(str(error).split()) or type(error).__name__
    if "No space left on device" in text:
        return (
            f"{repo_id}: the disk of the Hub's cache ({constants.HF_HOME}) is full. Free it, or name another: HF_HOME."
        )
    return f"{repo_id}: {text}."


def _answer(error: HfHubHTTPError, repo_id: str) -> str:
    """What the Hub's answer means here."""
    if isinstance(error, (RepositoryNotFoundError, RevisionNotFoundError)) and get_token() is not None:
        return f"{repo_id}: no such repository or revision, or the token may not see it."
    status = error.response.status_code
    if status == 401:
        return "The Hub does not accept the token (401). Set HF_TOKEN anew, or log in with `hf auth login`."
    if status == 403:
        return f"The token may not write to {repo_id} (403). Use one with write access to it."
    answer = error.server_message or str(error).splitlines()[0]
    return f"{repo_id}: the Hub answered {status} ({answer})."
