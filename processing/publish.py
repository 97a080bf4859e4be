"""Publish a dataset folder on the Hub: verified first, sent resumably, visible in one commit.

    verify -> repository, branch -> what is there -> send shards -> one commit: shards, manifest, card, deletions

Content is sent before the commit that names it, so a reader sees the dataset of before or the new one whole. What
the repository holds already (by sha256) is not sent, so an interrupted push goes on and a repeated one sends nothing.
Sources that other folders brought stay: see `publish_parts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
)
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars, enable_progress_bars

from s1_mmalign.builder.folder_lock import reading
from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest, Shard
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.tombstones import REMOVED_NAME, Tombstones, load_tombstones, parse_removed
from s1_mmalign.dataset_card.card import CARD_NAME
from s1_mmalign.dataset_card.croissant import CROISSANT_NAME
from s1_mmalign.dataset_card.recipe import RECIPE_NAME
from s1_mmalign.processing.publish_parts import (
    PARTS_NAME,
    Bundle,
    Part,
    PartsError,
    Published,
    is_report,
    load_published,
    put_together,
)
from s1_mmalign.processing.publish_remote import MAIN, PublishError, Remote, Repository, check_token, explained
from s1_mmalign.processing.remove import refuse_removed
from s1_mmalign.processing.retry import RetryPolicy, with_retries
from s1_mmalign.processing.shard_columns import settle
from s1_mmalign.processing.verify import verify_folder

__all__ = ["PublishError", "PushOptions", "PushResult", "push_dataset"]

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

OWN_FILES = (MANIFEST_NAME, DROPS_NAME, RECIPE_NAME, PARTS_NAME, CROISSANT_NAME, REMOVED_NAME)
"""What a push writes beside shards, card and reports."""

BATCH_SHARDS = 8
BATCH_BYTES = 1 << 30
"""Shards sent at once: how often the progress moves, and what a kill costs at most in reading them again."""
SHOWN_FILES = 5
CHANGED = "changed while it was sent; nothing became visible. Push when no other command works in the folder."


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
    repository = Repository(api, repo_id, options.retry)
    with explained(repo_id, api.endpoint):
        check_token(api, options.retry)
    settle(folder)
    with reading(folder):
        _check_folder(folder, options, progress)
        with explained(repo_id, api.endpoint):
            repository.prepare(options.private, options.revision or MAIN)
            with _quiet_uploads():
                return _Push(repository, folder, options, progress).run()


class _Push:
    """One push: what was sent stays sent over all tries of the commit."""

    def __init__(self, repository: Repository, folder: Path, options: PushOptions, progress: Progress) -> None:
        self._repository, self._folder, self._options, self._progress = repository, folder, options, progress
        self._repo_id = repository.repo_id
        self._revision = options.revision or MAIN
        self._manifest = Manifest.load(folder)
        self._own = Part.of_folder(folder, self._manifest)
        self._sent: dict[str, CommitOperationAdd] = {}

    def run(self) -> PushResult:
        remote = self._repository.look(self._revision)
        self._others(remote)
        self._removed(remote)
        missing = [shard for shard in self._manifest.shards if remote.large.get(shard.path) != shard.sha256]
        self._send(missing)
        before, after, url = with_retries(self._commit, self._options.retry)
        sent = sum(shard.bytes for shard in missing)
        return PushResult(self._repo_id, after, url, before != after, len(missing), sent)

    def _others(self, remote: Remote) -> Published:
        """The parts that stay beside this one; a repository that holds something else is not written over unasked."""
        if self._options.replace:
            return Published()
        try:
            published = load_published(dict.fromkeys(remote.paths), lambda path: self._read(path, remote))
            others = (published or Published()).without(self._own)
        except PartsError as error:
            raise PublishError(f"{self._repo_id}: {error}") from error
        known = {*self._own.sources, *(source for part in others.parts for source in part.sources)}
        if strange := {path.split("/")[1] for path in remote.paths if _is_data(path)} - known:
            raise PublishError(
                f"{self._repo_id} holds data of {', '.join(sorted(strange))}, which {self._folder} lacks and no push "
                "recorded. Push to another repository, or remove that data with --replace."
            )
        foreign = [path for path in remote.paths if path not in (".gitattributes", CARD_NAME)]
        if foreign and MANIFEST_NAME not in foreign:
            raise PublishError(
                f"{self._repo_id} holds files that this program did not write ({', '.join(foreign[:SHOWN_FILES])}). "
                "Push to another repository, or write beside them with --replace."
            )
        return others

    def _removed(self, remote: Remote) -> Tombstones:
        """Papers that the folder or the repository lists as removed: of none of them are rows published."""
        own = load_tombstones(self._folder)
        if REMOVED_NAME not in remote.paths:
            return own
        try:
            text = self._read(REMOVED_NAME, remote).decode("utf-8")
            theirs = Tombstones().with_more(parse_removed(text, f"{self._repo_id}/{REMOVED_NAME}"))
        except (InputError, UnicodeDecodeError) as error:
            raise PublishError(f"{error} Mend the file in the repository.") from error
        if theirs.papers.keys() - own.papers.keys():
            refuse_removed(self._folder, self._manifest, theirs)
        return own.with_more(theirs.papers.values())

    def _read(self, path: str, remote: Remote) -> bytes:
        return self._repository.read(path, remote.commit)

    def _send(self, shards: list[Shard]) -> None:
        """Send the shards' content; nothing of it is visible before the commit."""
        done = 0
        for shards_of_batch in _batches(shards):
            self._progress("shards", done, len(shards))
            batch = [self._addition(shard) for shard in shards_of_batch]

            def send(batch: list[CommitOperationAdd] = batch) -> None:
                self._repository.api.preupload_lfs_files(
                    self._repo_id,
                    additions=batch,
                    repo_type="dataset",
                    revision=self._options.revision,
                    create_pr=self._options.pr,
                    free_memory=False,
                )

            with_retries(send, self._options.retry)
            self._refuse_changed(batch)
            done += len(batch)
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

        Looks again at each try: after a conflict the revision is another one, with another's part in it perhaps,
        and after a lost answer the commit may have been made.
        """
        if Manifest.load(self._folder) != self._manifest:
            raise PublishError(f"{self._folder}: {CHANGED}")
        remote = self._repository.look(self._revision)
        try:
            bundle = put_together(
                self._folder,
                self._own,
                self._manifest,
                self._others(remote),
                remote.paths,
                self._repo_id,
                self._removed(remote),
            )
        except PartsError as error:
            raise PublishError(f"{self._repo_id}: {error}") from error
        if self._options.pr and (made := self._open_pull_request(bundle)):
            return made
        operations = self._operations(bundle, remote)
        if not operations:
            address = f"{self._repository.api.endpoint}/datasets/{self._repo_id}/commit/{remote.commit}"
            return remote.commit, remote.commit, address
        commit = self._repository.api.create_commit(
            self._repo_id,
            operations,
            commit_message=self._options.message
            or f"{self._manifest.rows:,} rows of {self._manifest.papers.get('with_rows', 0):,} papers",
            repo_type="dataset",
            revision=self._options.revision,
            create_pr=self._options.pr,
            parent_commit=remote.commit,
        )
        return remote.commit, commit.oid, str(commit.pr_url or commit.commit_url)

    def _open_pull_request(self, bundle: Bundle) -> tuple[str, str, str] | None:
        """The pull request that proposes the same, if there is one: its commit (twice), and its address."""
        texts = {name: bundle.texts[name].encode() for name in (MANIFEST_NAME, CARD_NAME, PARTS_NAME)}
        found = self._repository.pull_request_with(texts)
        if found is None:
            return None
        address = f"{self._repository.api.endpoint}/datasets/{self._repo_id}/discussions/{found[0].rpartition('/')[2]}"
        return found[1], found[1], address

    def _operations(
        self, bundle: Bundle, remote: Remote
    ) -> list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete]:
        """What turns the revision into the bundle; files that are not of this program stay."""
        shards = [shard for shard in self._manifest.shards if remote.large.get(shard.path) != shard.sha256]
        texts = {path: text.encode() for path, text in bundle.texts.items()}
        changed = [path for path, text in sorted(texts.items()) if not remote.has(path, text)]
        files = [path for path, file in sorted(bundle.files.items()) if not remote.has(path, file.read_bytes())]
        copies = {path: source for path, source in bundle.kept.items() if path != source}
        stale = [path for path in remote.paths if path not in bundle.paths and _is_own(path)]
        return [
            *(self._addition(shard) for shard in shards),
            *(CommitOperationAdd(path, texts[path]) for path in changed),
            *(CommitOperationAdd(path, str(bundle.files[path])) for path in files),
            *(CommitOperationCopy(source, path, src_revision=remote.commit) for path, source in sorted(copies.items())),
            *(CommitOperationDelete(path) for path in stale),
        ]


@contextmanager
def _quiet_uploads() -> Iterator[None]:
    """Keep the library's bars, one for each file, from running into this program's own."""
    if are_progress_bars_disabled():
        yield
        return
    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


def _batches(shards: list[Shard]) -> list[list[Shard]]:
    batches: list[list[Shard]] = []
    for shard in shards:
        last = batches[-1] if batches else []
        if last and len(last) < BATCH_SHARDS and sum(one.bytes for one in last) + shard.bytes <= BATCH_BYTES:
            last.append(shard)
        else:
            batches.append([shard])
    return batches


def _is_data(path: str) -> bool:
    return path.startswith("data/") and path.endswith(".parquet") and path.count("/") >= 2


def _is_own(path: str) -> bool:
    return _is_data(path) or path in OWN_FILES or is_report(path)


def _check_folder(folder: Path, options: PushOptions, progress: Progress) -> None:
    report = verify_folder(folder, options.images, progress, work=False)
    if not report.rows:
        raise FolderError(f"{folder}: has no rows; drops.jsonl says why. There is nothing to publish.")
    if report.problems:
        count = len(report.problems)
        more = f" (and {count - 1:,} more: `s1-mmalign verify {folder}` lists them)" if count > 1 else ""
        raise PublishError(f"{folder}: nothing was published, because {report.problems[0]}{more}")
