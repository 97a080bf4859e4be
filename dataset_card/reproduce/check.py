"""`--check-only`: do inputs, shards, ledger, report and card have the recorded hashes? Nothing is run or written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from s1_mmalign.builder.inputs import INPUTS_NAME
from s1_mmalign.builder.shards import DROPS_NAME, FolderError, Manifest, Shard, sha256_of
from s1_mmalign.dataset_card.card import CARD_NAME, REPORT_NAME, render_card
from s1_mmalign.dataset_card.reproduce.inputs import check_inputs, find_places
from s1_mmalign.dataset_card.reproduce.outcome import Outcome, Verdict, shown
from s1_mmalign.dataset_card.reproduce.recorded import Recorded

Progress = Callable[[str, int, int], None]


def check_only(recorded: Recorded, inputs: Path | None, progress: Progress) -> Iterator[Outcome]:
    """Yield what was found of inputs, list of inputs, ledger, shards, report and card, in this order.

    Args:
        recorded: the dataset.
        inputs: folder of the recorded inputs; None: they are not looked at.
        progress: called with what is counted, how many are done, and all.

    Raises:
        FolderError: inputs that are not there at all; a shard that cannot be read.
    """
    build = recorded.stage("build") or {}
    if inputs is None:
        yield Outcome("inputs", "not run", "no --inputs DIR was given")
    else:
        places = find_places(build["options"], inputs, recorded)
        check = check_inputs(recorded, places, build["options"], None, progress)
        head, *rest = check.lines()
        verdict: Verdict = "identical" if check.same else "different" if check.recorded else "not run"
        yield Outcome("inputs", verdict, head.removeprefix("inputs: "), [line.strip() for line in rest])
    yield _file(recorded, INPUTS_NAME, build["results"].get("inputs", {}).get("sha256"))
    manifest = recorded.manifest
    taken_out = manifest is not None and "removed" in manifest.drops
    if taken_out:  # papers were removed after the build: the ledger has grown since
        yield Outcome(DROPS_NAME, "not run", "papers were removed since the build; `s1-mmalign verify` checks it")
    else:
        yield _file(recorded, DROPS_NAME, build["results"].get("sha256", {}).get(DROPS_NAME))
    yield _shards(recorded, manifest, progress)
    if evaluate := recorded.stage("evaluate"):
        yield _file(recorded, REPORT_NAME, evaluate["results"].get("sha256", {}).get(REPORT_NAME))
    yield _card(recorded, manifest)


def _file(recorded: Recorded, name: str, digest: str | None) -> Outcome:
    path = recorded.folder / name
    if digest is None:
        return Outcome(name, "not run", "its hash is not recorded")
    if not path.is_file():
        return Outcome(name, "different", "is missing")
    same = sha256_of(path) == digest
    return Outcome(
        name, "identical" if same else "different", f"sha256 {digest[:16]}…" + (" no more" if not same else "")
    )


def _shards(recorded: Recorded, manifest: Manifest | None, progress: Progress) -> Outcome:
    """The shards against the manifest, and against the stage that wrote them last."""
    if manifest is None or (recorded.repo_id is None and not recorded.has_rows()):
        return Outcome("shards", "not run", "they are not here")
    wrong: list[str] = []
    for done, shard in enumerate(manifest.shards):
        progress("shards", done, len(manifest.shards))
        wrong += _wrong(recorded, shard)
    progress("shards", len(manifest.shards), len(manifest.shards))
    last = _last_hashes(recorded)
    if last is not None:
        now = {shard.path: shard.sha256 for shard in manifest.shards}
        differing = sorted(path for path in last.keys() | now.keys() if last.get(path) != now.get(path))
        wrong += [f"{path}: not the recorded bytes" for path in differing]
    if wrong:
        return Outcome("shards", "different", f"{len(wrong):,} of {len(manifest.shards):,}", shown(wrong))
    how = "by manifest and recipe" if last is not None else "by the manifest"
    where = (
        "; the Hub's own hashes stand for the bytes (`s1-mmalign verify --full` reads them)" if recorded.repo_id else ""
    )
    return Outcome("shards", "identical", f"{len(manifest.shards):,} shards {how}{where}")


def _wrong(recorded: Recorded, shard: Shard) -> Iterator[str]:
    if recorded.repo_id is not None:
        if recorded.hub_sha256.get(shard.path) != shard.sha256:
            yield f"{shard.path}: not the bytes of the manifest"
        return
    path = recorded.folder / shard.path
    if path.stat().st_size != shard.bytes or sha256_of(path) != shard.sha256:
        yield f"{shard.path}: not the bytes of the manifest"


def _last_hashes(recorded: Recorded) -> dict[str, str] | None:
    """The shards' hashes as the last stage that wrote them left them."""
    stages = [recorded.stage("evaluate"), *(recorded.stage(name) for name in reversed(recorded.caption_stages))]
    for stage in [*stages, recorded.stage("build")]:
        hashes = (stage or {}).get("results", {}).get("sha256", {})
        if found := {path: digest for path, digest in hashes.items() if path.startswith("data/")}:
            return found if None not in found.values() else None
    return None


def _card(recorded: Recorded, manifest: Manifest | None) -> Outcome:
    """The card, rendered again from the files beside it."""
    path = recorded.folder / CARD_NAME
    if recorded.part is not None or manifest is None or not path.is_file():
        return Outcome(CARD_NAME, "not run", "it is not here, or that of several parts")
    if recorded.repo_id is not None:
        return Outcome(CARD_NAME, "not run", "its numbers need the shards; `s1-mmalign verify` checks what it declares")
    if not recorded.has_rows():
        return Outcome(CARD_NAME, "not run", "its numbers need the shards")
    try:
        same = path.read_text(encoding="utf-8") == render_card(recorded.folder)
    except FolderError as error:
        return Outcome(CARD_NAME, "different", f"cannot be computed again: {error}")
    said = "as it is written from the files" if same else "not as it is written from the files: `s1-mmalign card` does"
    return Outcome(CARD_NAME, "identical" if same else "different", said)
