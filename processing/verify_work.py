"""The checksums of a dataset folder: of the files beside the shards, and of what lies in its work folder.

manifest.json `files`: ledger, inputs, recipe, report, card, plots, by sha256. build-report/report.json has a checksum
of its own (`sealed_json`) and the sha256 of the files beside it; .s1-mmalign/layout.json and replacing.json likewise. A
unit's manifest has a checksum of its own and the sha256 of rows and ledger. The lines of journals have a CRC each, and
a merged journal says in its name how many lines it has.
"""

from __future__ import annotations

from pathlib import Path

from s1_mmalign.builder.funnel import FOLDER as BUILD_REPORT
from s1_mmalign.builder.listed_files import damaged_files
from s1_mmalign.builder.sealed_json import SealError, is_sealed, unseal
from s1_mmalign.builder.shards import WORK_FOLDER, Manifest
from s1_mmalign.builder.units import sound_unit
from s1_mmalign.processing.journal import SUFFIX, entries_named
from s1_mmalign.processing.journal_entry import intact
from s1_mmalign.processing.verify_report import VerifyReport

SEALED = {
    f"{WORK_FOLDER}/layout.json": "run `s1-mmalign build` again",
    f"{WORK_FOLDER}/replacing.json": "run `s1-mmalign recaption` again",
}
JOURNALS = ("journal", "scores")
"""Both are of lines that are absent where they are damaged: what they held is asked for, or computed, again."""


def check_listed(folder: Path, manifest: Manifest, report: VerifyReport) -> None:
    """The files that the manifest lists beside the shards."""
    for name, what in damaged_files(folder, manifest.files):
        report.add(name, what)


def check_work(folder: Path, report: VerifyReport) -> None:
    """What stages keep for themselves; damage there costs work, no data."""
    for name, way_out in SEALED.items():
        if (folder / name).is_file() and not is_sealed((folder / name).read_bytes()):
            report.add(name, f"is damaged or cut short; {way_out}")
    _check_build_report(folder, report)
    work = folder / WORK_FOLDER
    for path in sorted((work / "units").glob("*.json")):
        sound = is_sealed(path.read_bytes()) if path.name.endswith(".part.json") else sound_unit(path) is not None
        if not sound:
            report.add(
                path.relative_to(folder).as_posix(),
                "the unit is damaged, or of an older version: `s1-mmalign build` reads its papers again",
            )
    for name in JOURNALS:
        for path in sorted((work / name).glob(f"*{SUFFIX}")):
            _check_journal(path, path.relative_to(folder).as_posix(), report)


def _check_build_report(folder: Path, report: VerifyReport) -> None:
    path = folder / BUILD_REPORT / "report.json"
    if not path.is_file():
        return
    try:
        files = {name: [digest] for name, digest in unseal(path.read_bytes()).get("files", {}).items()}
    except SealError as error:
        report.add(f"{BUILD_REPORT}/report.json", f"{error}; run `s1-mmalign build` again")
        return
    for name, _ in damaged_files(folder / BUILD_REPORT, files):
        report.add(f"{BUILD_REPORT}/{name}", "is missing or damaged; run `s1-mmalign build` again")


def _check_journal(path: Path, name: str, report: VerifyReport) -> None:
    """Every line; the last one of a run that was killed may be cut short, as it was never said to be done."""
    lines = damaged = 0
    expected = entries_named(path)
    with path.open("rb") as file:
        for line in file:
            lines += 1
            damaged += not intact(line) and (line.endswith(b"\n") or expected is not None)
    if damaged:
        report.add(name, f"{damaged:,} of {lines:,} lines are damaged and count as absent: the same stage mends it")
    elif expected is not None and lines != expected:
        report.add(name, f"has {lines:,} of {expected:,} lines; what is missing counts as absent")
