"""Is a dataset whole? Every shard against the manifest, every row against itself; in a folder or on the Hub.

manifest -> size and sha256 -> schema and row counts -> ids and labels -> images (all, or a sample) -> ledger
"""

from __future__ import annotations

import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Literal

import pyarrow as pa
from datasets import Features
from huggingface_hub import HfApi
from huggingface_hub.errors import HTTPError

from s1_mmalign.builder.caption_columns import features_with, names_in, schema_with
from s1_mmalign.builder.folder_lock import reading
from s1_mmalign.builder.records import DROP_REASONS
from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest, Shard
from s1_mmalign.builder.tombstones import REMOVED_NAME
from s1_mmalign.dataset_card.card import CARD_NAME
from s1_mmalign.processing.publish_remote import MAIN, Remote, Repository, explained
from s1_mmalign.processing.retry import RetryPolicy
from s1_mmalign.processing.shard_columns import settle
from s1_mmalign.processing.verify_card import check_card
from s1_mmalign.processing.verify_files import FolderFiles, RepositoryFiles, ShardFiles, downloaded
from s1_mmalign.processing.verify_removed import check_removed
from s1_mmalign.processing.verify_report import Problem, VerifyReport
from s1_mmalign.processing.verify_rows import Ids, check_rows
from s1_mmalign.processing.verify_work import check_listed, check_work

__all__ = ["Problem", "VerifyReport", "verify_folder", "verify_repository"]

Progress = Callable[[str, int, int], None]
"""Called as (what, done, total)."""

Images = Literal["all"] | int
"""How many images to decode and compare with their row: every one, or a sample of so many."""

SAMPLE_SEED = 0
"""Of the sample, so that a second look sees the same images."""


def verify_folder(
    folder: Path,
    images: Images = "all",
    progress: Progress = lambda what, done, total: None,
    work: bool = True,
) -> VerifyReport:
    """Check a dataset folder and return what was found; the data being wrong raises nothing.

    Args:
        folder: the dataset folder.
        images: how many images to decode.
        progress: called with ("bytes", read, of all shards).
        work: check what the stages keep for themselves (units, journals), too.

    Raises:
        FolderError: no dataset folder, a manifest that cannot be read, or another process writes in the folder.
        ValueError: `images` is neither "all" nor a number of 0 or more.
    """
    _check_number(images)
    Manifest.load(folder)
    settle(folder)
    with reading(folder):
        manifest = Manifest.load(folder)
        report = _verify(folder, manifest, FolderFiles(folder), images, progress)
        if work:
            check_work(folder, report)
    return report


def verify_repository(
    repo_id: str,
    revision: str | None = None,
    full: bool = False,
    images: Images | None = None,
    progress: Progress = lambda what, done, total: None,
    retry: RetryPolicy | None = None,
) -> VerifyReport:
    """Check a dataset on the Hub, and its card's configs; nothing but what is needed is downloaded.

    The Hub computes the sha256 of what it stores, so it stands for the bytes; of the shards the footers, ids and
    labels are read, and the images that are asked for.

    Args:
        repo_id: `user/name` or `organisation/name`.
        revision: branch, tag, commit or `refs/pr/N`; None: main.
        full: download every shard, one after the other, and check the bytes that arrive.
        images: how many images to decode; None: all where `full`, else none. An image costs the download of its
            row group.
        progress: called with ("bytes", checked, of all shards).
        retry: how often the Hub is asked.

    Raises:
        FolderError: no such repository or revision, no dataset of this program in it, or no connection.
        ValueError: `images` is neither "all" nor a number of 0 or more.
    """
    images = ("all" if full else 0) if images is None else images
    _check_number(images)
    repository = Repository(HfApi(), repo_id, retry or RetryPolicy())
    with explained(repo_id, repository.api.endpoint, FolderError, ""), tempfile.TemporaryDirectory() as name:
        remote = repository.look(revision or MAIN)
        small = _small_files(repository, remote, Path(name))
        manifest = Manifest.load(small)
        shards = downloaded(repository, remote) if full else nullcontext(RepositoryFiles(repository, remote))
        with shards as files:
            report = _verify(small, manifest, files, images, progress)
        card = small / CARD_NAME
        check_card(card.read_text(encoding="utf-8") if card.is_file() else None, manifest, report)
        return report


def _small_files(repository: Repository, remote: Remote, folder: Path) -> Path:
    """Download what lies beside the shards."""
    if MANIFEST_NAME not in remote.paths:
        raise FolderError(f"{repository.repo_id}: no dataset that `s1-mmalign push` wrote ({MANIFEST_NAME} is missing)")
    (folder / MANIFEST_NAME).write_bytes(repository.read(MANIFEST_NAME, remote.commit))
    names = {DROPS_NAME, CARD_NAME, REMOVED_NAME, *Manifest.load(folder).files}
    for name in sorted(names & set(remote.paths)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(repository.read(name, remote.commit))
    return folder


def _check_number(images: Images) -> None:
    if images != "all" and (not isinstance(images, int) or images < 0):
        raise ValueError(f"images={images!r}: 'all' or a number of images (0 or more) is expected")


def _verify(folder: Path, manifest: Manifest, files: ShardFiles, images: Images, progress: Progress) -> VerifyReport:
    """Check the shards that a manifest names, and the ledger in the same folder."""
    report = VerifyReport(len(manifest.shards), manifest.rows, sum(shard.bytes for shard in manifest.shards))
    _check_names(files.paths(), manifest, report)
    chosen = _sample(manifest, images)
    seen = Ids()
    read = unread = 0
    for shard in manifest.shards:
        progress("bytes", read, report.bytes)
        if _check_file(files, shard, report):
            check_rows(files, shard, chosen.get(shard.path), seen, report)
        else:
            unread += 1
        read += shard.bytes
    progress("bytes", read, report.bytes)
    for path in seen.repeated(files, manifest.shards):
        report.add(path, "image_path is in more than one row")
    _check_papers(manifest, None if unread else len(seen.papers), report)
    _check_ledger(folder, manifest, report)
    check_listed(folder, manifest, report)
    check_removed(folder, files, manifest, report)
    return report


def _sample(manifest: Manifest, images: Literal["all"] | int) -> dict[str, set[int] | None]:
    """Which rows of each shard have their image decoded, by the shard's path; None: all of them."""
    if images == "all":
        return {shard.path: None for shard in manifest.shards}
    drawn = sorted(random.Random(SAMPLE_SEED).sample(range(manifest.rows), min(images, manifest.rows)))
    chosen: dict[str, set[int] | None] = {}
    first = 0
    for shard in manifest.shards:
        chosen[shard.path] = {number - first for number in drawn if first <= number < first + shard.rows}
        first += shard.rows
    return chosen


def _check_names(paths: list[str], manifest: Manifest, report: VerifyReport) -> None:
    """Files that the manifest does not name, and names that it gives twice or outside `data/`."""
    named = Counter(shard.path for shard in manifest.shards)
    for name, count in named.items():
        if count > 1:
            report.add(name, "the manifest names it more than once")
    for shard in manifest.shards:
        if not shard.path.startswith(f"data/{shard.source}/{shard.licence_class}/{shard.split}-"):
            report.add(shard.path, "is not where its source, licence class and split belong")
    for path in paths:
        if path not in named:
            report.add(path, "the manifest does not name it; remove it, `datasets` would read it as data")


def _check_file(files: ShardFiles, shard: Shard, report: VerifyReport) -> bool:
    """Size, sha256, schema and row count of one shard; whether its rows are worth a look."""
    facts = files.facts(shard)
    if facts is None:
        report.add(shard.path, "is missing; run `s1-mmalign build` (on the Hub: `s1-mmalign push`) again")
        return False
    problems = len(report.problems)
    if facts.bytes != shard.bytes:
        report.add(shard.path, f"has {facts.bytes:,} bytes where the manifest says {shard.bytes:,}")
    elif facts.sha256 != shard.sha256:
        report.add(shard.path, "its bytes are not those that the manifest vouches for (sha256 differs)")
    _check_footer(files, shard, report)
    return len(report.problems) == problems


def _check_footer(files: ShardFiles, shard: Shard, report: VerifyReport) -> None:
    """Row count and schema; a damaged footer can fail in any of these ways."""
    try:
        with files.open(shard) as file:
            rows, schema = file.metadata.num_rows, file.schema_arrow
            sets = names_in(schema.names)
            same = schema.equals(schema_with(sets)) and Features.from_arrow_schema(schema) == features_with(sets)
    except HTTPError:
        raise
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        report.add(shard.path, f"is no readable Parquet file: {error}")
        return
    if rows != shard.rows:
        report.add(shard.path, f"has {rows:,} rows where the manifest says {shard.rows:,}")
    if not same:
        difference = _schema_difference(schema, schema_with(sets))
        report.add(shard.path, f"its columns are not the dataset's: {difference}")
    elif report.caption_sets is None:
        report.caption_sets = sets
    elif report.caption_sets != sets:
        report.add(shard.path, _set_difference(sets, report.caption_sets))


def _schema_difference(schema: pa.Schema, expected: pa.Schema) -> str:
    for name in dict.fromkeys([*expected.names, *schema.names]):
        if name not in schema.names:
            return f"{name} is missing"
        if name not in expected.names:
            return f"{name} is not known"
        if schema.field(name) != expected.field(name):
            return f"{name} is {schema.field(name).type}, not {expected.field(name).type}"
    return "their order" if schema.names != expected.names else "the features in the file's metadata differ"


def _set_difference(sets: list[str], others: list[str]) -> str:
    names = ", ".join(f"recaption_{name}" for name in sorted({*sets} ^ {*others}))
    return f"not all shards have {names}: run the same `s1-mmalign recaption --column` again, it goes on"


def _check_papers(manifest: Manifest, counted: int | None, report: VerifyReport) -> None:
    """Papers in = papers with rows + papers dropped; `counted`: papers in the rows, None where not all were read."""
    papers = manifest.papers
    total, with_rows, dropped = (papers.get(name, 0) for name in ("in", "with_rows", "dropped"))
    if total != with_rows + dropped:
        report.add(MANIFEST_NAME, f"{total:,} papers in, but {with_rows:,} with rows + {dropped:,} dropped")
    if counted is not None and with_rows != counted:
        report.add(MANIFEST_NAME, f"says {with_rows:,} papers with rows; the rows have {counted:,}")


def _check_ledger(folder: Path, manifest: Manifest, report: VerifyReport) -> None:
    """The drop ledger has the lines that the manifest counts."""
    path = folder / DROPS_NAME
    if not path.is_file():
        report.add(DROPS_NAME, "is missing; run `s1-mmalign build` again")
        return
    counts: Counter[str] = Counter()
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            try:
                reason = json.loads(line)["reason"]
            except (ValueError, KeyError, TypeError):
                report.add(DROPS_NAME, f"line {number} is not a line of the ledger")
                continue
            counts[reason] += 1
    for reason in sorted(set(counts) | set(manifest.drops)):
        if counts[reason] != manifest.drops.get(reason, 0):
            named = manifest.drops.get(reason, 0)
            report.add(DROPS_NAME, f"has {counts[reason]:,} lines {reason}; the manifest says {named:,}")
        if reason not in DROP_REASONS:
            report.add(DROPS_NAME, f"{reason!r} is no drop reason")
