"""Publish a dataset folder on the Hub: verified first, sent resumably, visible in one commit.

    verify -> repository, branch -> what is there -> send shards -> one commit: shards, manifest, card, deletions

Content is sent before the commit that names it, so a reader sees the dataset of before or the new one whole. What
the repository holds already (by sha256) is not sent, so an interrupted push goes on and a repeated one sends nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import HfHubHTTPError, HTTPError, RepositoryNotFoundError
from huggingface_hub.hf_api import RepoFile

from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest, Shard
from s1_mmalign.dataset_card.card import CARD_NAME, REPORT_NAME, render_card
from s1_mmalign.dataset_card.recipe import RECIPE_NAME
from s1_mmalign.processing.retry import RetryPolicy, with_retries
from s1_mmalign.processing.verify import verify_folder

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

BESIDE_DATA: tuple[str, ...] = (MANIFEST_NAME, DROPS_NAME, RECIPE_NAME, REPORT_NAME, "plots/*.png", "plots/*.svg")
"""What is published beside shards and card, as globs; anything else in the folder stays at home."""

MAIN = "main"
BATCH_SHARDS = 8
"""Shards sent at once: how often the progress moves."""
SHOWN_PROBLEMS = 5
GO_ON = "Nothing became visible; the same command goes on where it stopped."
CHANGED = "changed while it was sent; nothing became visible. Push when no other command works in the folder."


class PublishError(Exception):
    """A push that did not happen; the text says why and what to do. The repository is as it was."""


@dataclass(frozen=True, slots=True)
class PushOptions:
    """Where and how a dataset is published."""

    private: bool = False
    """Make the repository private; one that exists and is public is refused."""
    revision: str | None = None
    """Branch to commit to, made where it is missing; None: main."""
    pr: bool = False
    """Open a pull request instead of committing to main."""
    replace: bool = False
    """Remove data of other sources, and let files stay that are not of this program, where the repository has any."""
    images: Literal["all"] | int = 1000
    """Images decoded by the check before; sizes, sha256 and rows of all shards are checked in any case."""
    message: str | None = None
    """Title of the commit."""
    retry: RetryPolicy = field(default_factory=RetryPolicy)

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.pr and self.revision not in (None, MAIN):
            raise ValueError(f"pr and revision={self.revision!r}: a pull request is always made against main")


@dataclass(frozen=True, slots=True)
class PushResult:
    """What a push did. `commit` is the revision's commit afterwards; `changed` is False where nothing was new."""

    repo_id: str
    commit: str
    url: str
    changed: bool
    shards_sent: int
    bytes_sent: int
    """Of the shards that were not there yet (a store that deduplicates takes fewer)."""


@dataclass(slots=True)
class _Remote:
    """What a revision of the repository holds: sha256 of the large files (None of small ones), by path."""

    commit: str
    files: dict[str, str | None]


def push_dataset(
    folder: Path,
    repo_id: str,
    options: PushOptions | None = None,
    progress: Progress = lambda what, done, total: None,
) -> PushResult:
    """Verify a dataset folder and publish it; the token is that of `HF_TOKEN` or of the login.

    Args:
        folder: the dataset folder.
        repo_id: `user/name` or `organisation/name`; made where it is missing.
        options: see `PushOptions`.
        progress: called with ("bytes", verified, of all) and then ("shards", sent, to send).

    Raises:
        FolderError: `folder` is no dataset folder.
        PublishError: the check found problems, there is no token or it may not write there, the repository
            holds something else, or the Hub did not answer in all tries.
    """
    options = options or PushOptions()
    api = HfApi()
    try:
        _check_token(api, options)
        _check_folder(folder, options, progress)
        _prepare_repository(api, repo_id, options)
        return _Push(api, folder, repo_id, options, progress).run()
    except HfHubHTTPError as error:
        raise PublishError(_explain(error, repo_id)) from error
    except HTTPError as error:
        raise PublishError(f"{api.endpoint}: no connection ({error}). {GO_ON}") from error


class _Push:
    """One push: what was sent stays sent over all tries of the commit."""

    def __init__(self, api: HfApi, folder: Path, repo_id: str, options: PushOptions, progress: Progress) -> None:
        self._api, self._folder, self._repo_id = api, folder, repo_id
        self._options, self._progress = options, progress
        self._manifest = Manifest.load(folder)
        self._card = render_card(folder, repo_id)
        self._sent: dict[str, CommitOperationAdd] = {}

    def run(self) -> PushResult:
        remote = self._look()
        self._refuse_strangers(remote)
        missing = [shard for shard in self._manifest.shards if remote.files.get(shard.path) != shard.sha256]
        self._send(missing)
        before, after, url = with_retries(self._commit, self._options.retry)
        sent = sum(shard.bytes for shard in missing)
        return PushResult(self._repo_id, after, url, before != after, len(missing), sent)

    def _look(self) -> _Remote:
        """List the revision that the commit builds on."""
        revision = self._options.revision or MAIN

        def look() -> _Remote:
            commit = str(self._api.dataset_info(self._repo_id, revision=revision).sha)
            entries = self._api.list_repo_tree(self._repo_id, recursive=True, revision=commit, repo_type="dataset")
            files = {
                entry.path: entry.lfs.sha256 if entry.lfs else None for entry in entries if isinstance(entry, RepoFile)
            }
            return _Remote(commit, files)

        return with_retries(look, self._options.retry)

    def _refuse_strangers(self, remote: _Remote) -> None:
        """A repository that holds something else, or sources that this folder lacks, is not written over unasked."""
        if self._options.replace:
            return
        sources = {shard.source for shard in self._manifest.shards}
        others = {path.split("/")[1] for path in remote.files if _is_data(path)} - sources
        if others:
            raise PublishError(
                f"{self._repo_id} holds data of {', '.join(sorted(others))}, which {self._folder} lacks. Push to "
                "another repository, build one folder from all papers, or remove that data with --replace."
            )
        own = MANIFEST_NAME in remote.files
        strange = sorted(path for path in remote.files if path not in (".gitattributes", CARD_NAME))
        if strange and not own:
            raise PublishError(
                f"{self._repo_id} holds files that this program did not write ({', '.join(strange[:SHOWN_PROBLEMS])}). "
                "Push to another repository, or write beside them with --replace."
            )

    def _send(self, shards: list[Shard]) -> None:
        """Send the shards' content; nothing of it is visible before the commit."""
        for start in range(0, len(shards), BATCH_SHARDS):
            self._progress("shards", start, len(shards))
            batch = [self._addition(shard) for shard in shards[start : start + BATCH_SHARDS]]

            def send(batch: list[CommitOperationAdd] = batch) -> None:
                self._api.preupload_lfs_files(
                    self._repo_id,
                    additions=batch,
                    repo_type="dataset",
                    revision=self._options.revision,
                    create_pr=self._options.pr,
                    free_memory=False,
                )

            with_retries(send, self._options.retry)
            self._refuse_changed(batch)
        self._progress("shards", len(shards), len(shards))

    def _addition(self, shard: Shard) -> CommitOperationAdd:
        """The shard as part of a commit; one object over all tries, since it remembers that it was sent."""
        if shard.path not in self._sent:
            self._sent[shard.path] = CommitOperationAdd(shard.path, str(self._folder / shard.path))
        return self._sent[shard.path]

    def _refuse_changed(self, batch: list[CommitOperationAdd]) -> None:
        """What was sent must be what the manifest vouches for: another stage may have rewritten it meanwhile."""
        known = {shard.path: shard.sha256 for shard in self._manifest.shards}
        for operation in batch:
            if operation.upload_info.sha256.hex() != known[operation.path_in_repo]:
                raise PublishError(f"{self._folder / operation.path_in_repo}: {CHANGED}")

    def _commit(self) -> tuple[str, str, str]:
        """Commit what differs from the revision as it is now; return its commit before and after, and the address.

        Looks again at each try: after a conflict the revision is another one, and after a lost answer the commit
        may have been made.
        """
        if Manifest.load(self._folder) != self._manifest:
            raise PublishError(f"{self._folder}: {CHANGED}")
        remote = self._look()
        self._refuse_strangers(remote)
        additions = [
            self._addition(shard) for shard in self._manifest.shards if remote.files.get(shard.path) != shard.sha256
        ]
        beside = {
            path.relative_to(self._folder).as_posix(): path for glob in BESIDE_DATA for path in self._folder.glob(glob)
        }
        additions += [CommitOperationAdd(name, str(path)) for name, path in sorted(beside.items())]
        additions.append(CommitOperationAdd(CARD_NAME, self._card.encode()))
        kept = {shard.path for shard in self._manifest.shards} | set(beside)
        stale = [path for path in sorted(remote.files) if path not in kept and (_is_data(path) or _is_beside(path))]
        commit = self._api.create_commit(
            self._repo_id,
            [*additions, *(CommitOperationDelete(path) for path in stale)],
            commit_message=self._options.message
            or f"{self._manifest.rows:,} rows of {self._manifest.papers.get('with_rows', 0):,} papers",
            repo_type="dataset",
            revision=self._options.revision,
            create_pr=self._options.pr,
            parent_commit=None if self._options.pr else remote.commit,
        )
        return remote.commit, commit.oid, str(commit.pr_url or commit.commit_url)


def _is_data(path: str) -> bool:
    return path.startswith("data/") and path.endswith(".parquet") and path.count("/") >= 2


def _is_beside(path: str) -> bool:
    return any(Path(path).match(glob) and path.count("/") == glob.count("/") for glob in BESIDE_DATA)


def _check_token(api: HfApi, options: PushOptions) -> None:
    """Ask who the token belongs to, before hours of checking."""
    if get_token() is None:
        raise PublishError("No token for the Hub. Set HF_TOKEN, or log in with `hf auth login`.")
    with_retries(api.whoami, options.retry)


def _check_folder(folder: Path, options: PushOptions, progress: Progress) -> None:
    report = verify_folder(folder, options.images, progress)
    if not report.rows:
        raise FolderError(f"{folder}: has no rows; drops.jsonl says why. There is nothing to publish.")
    if report.problems:
        shown = "\n  ".join(str(problem) for problem in report.problems[:SHOWN_PROBLEMS])
        raise PublishError(
            f"{folder}: {len(report.problems):,} problems; nothing was published. `s1-mmalign verify {folder}` "
            f"lists all of them:\n  {shown}"
        )


def _prepare_repository(api: HfApi, repo_id: str, options: PushOptions) -> None:
    """Make repository and branch where they are missing."""
    retry = options.retry
    try:
        info = with_retries(lambda: api.dataset_info(repo_id), retry)
    except RepositoryNotFoundError:
        with_retries(
            lambda: api.create_repo(repo_id, repo_type="dataset", private=options.private or None, exist_ok=True), retry
        )
    else:
        if options.private and not info.private:
            raise PublishError(
                f"{repo_id} exists and is public. Make it private in its settings, or push without --private."
            )
    revision = options.revision
    if revision and revision != MAIN and not revision.startswith("refs/"):
        with_retries(lambda: api.create_branch(repo_id, branch=revision, repo_type="dataset", exist_ok=True), retry)


def _explain(error: HfHubHTTPError, repo_id: str) -> str:
    """What the Hub's answer means here."""
    status = error.response.status_code
    if status == 401:
        return "The Hub does not accept the token (401). Set HF_TOKEN anew, or log in with `hf auth login`."
    if status == 403:
        return f"The token may not write to {repo_id} (403). Use one with write access to it."
    answer = error.server_message or str(error).splitlines()[0]
    return f"{repo_id}: the Hub answered {status} ({answer}). {GO_ON}"
