"""Is every paper that was taken out for good really out?"""

from __future__ import annotations

from pathlib import Path

from huggingface_hub.errors import HTTPError

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.tombstones import ID_COLUMNS, REMOVED_NAME, load_tombstones
from s1_mmalign.processing.verify_files import ShardFiles
from s1_mmalign.processing.verify_report import VerifyReport
from s1_mmalign.processing.verify_rows import UNREADABLE


def check_removed(folder: Path, files: ShardFiles, manifest: Manifest, report: VerifyReport) -> None:
    """Check that no row is of a paper that `removed.jsonl` names.

    Args:
        folder: where the list lies.
        files: the shards, wherever they are.
        manifest: of the dataset.
        report: where problems go.
    """
    try:
        removed = load_tombstones(folder)
    except InputError as error:
        report.add(REMOVED_NAME, str(error).replace(f"{folder}/", ""))
        return
    for shard in manifest.shards if removed else ():
        try:
            with files.open(shard) as file:
                found = removed.find(file.read(columns=list(ID_COLUMNS)))[1]
        except HTTPError:  # the connection's fault, not the data's
            raise
        except (*UNREADABLE, KeyError):
            continue  # which was reported already
        for paper_id in sorted(found):
            report.add(
                shard.path, f"has rows of {paper_id}, which {REMOVED_NAME} names; `s1-mmalign remove` takes them out"
            )
