"""What a repository holds in parts: several folders, each with sources of its own, pushed to one place.

    parts.json    {"version": 1, "parts": [{"sources", "papers", "drops", "build", "recipe", "statistics"}, …]}

A part is what one dataset folder brought. A push puts its own part in place of those that it replaces (parts whose
sources it has, all of them) and leaves the others as they are; manifest, ledger, recipe and card are of all together.
Parts stand in order of their names, so that the end does not depend on who came first.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from s1_mmalign.builder.inputs import INPUTS_NAME
from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest, Shard, sha256_of
from s1_mmalign.builder.tombstones import REMOVED_NAME, Tombstones
from s1_mmalign.dataset_card.card import CARD_NAME, REPORT_NAME, render_files
from s1_mmalign.dataset_card.recipe import RECIPE_NAME, RECIPE_VERSION, load_recipe
from s1_mmalign.dataset_card.statistics import Statistics, collect_statistics
from s1_mmalign.processing.publish_statistics import added, from_json, to_json

PARTS_NAME = "parts.json"
PARTS_VERSION = 1
REPORTS = "reports"
"""Folder of the parts' reports where there is more than one part; of a single part they lie at the root."""

REPORT_FILES: tuple[str, ...] = (
    REPORT_NAME, "plots/*.png", "plots/*.svg", INPUTS_NAME,
    "build-report/report.json", "build-report/report.md", "build-report/*.png", "build-report/*.svg",
)  # fmt: skip
"""What `evaluate`, `card` and `build` leave of reports and plots, as globs, and the list of what `build` read. No glob
takes what is for this machine: `gallery.html`, `judgements.jsonl`."""


class PartsError(Exception):
    """A repository whose parts this push cannot be put together with; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one dataset folder brings, but for its shards (they are the manifest's, by source)."""

    sources: tuple[str, ...]
    papers: dict[str, int]
    drops: dict[str, int]
    build: dict[str, Any]
    recipe: list[dict[str, Any]]
    """The stages of its recipe."""
    statistics: dict[str, Any]

    @property
    def name(self) -> str:
        """Its sources, joined: names the part among others."""
        return "-".join(self.sources)

    @classmethod
    def of_folder(cls, folder: Path, manifest: Manifest) -> Part:
        """Return the part that a folder is."""
        sources = tuple(sorted({shard.source for shard in manifest.shards}))
        statistics = to_json(collect_statistics(folder, manifest))
        recipe = load_recipe(folder)["stages"]
        return cls(sources, manifest.papers, dict(sorted(manifest.drops.items())), manifest.build, recipe, statistics)


@dataclass(slots=True)
class Published:
    """What a revision holds: its parts, each with its lines of the ledger, and the shards of all."""

    parts: list[Part] = field(default_factory=list)
    ledgers: dict[str, str] = field(default_factory=dict)
    """By the part's name."""
    shards: list[Shard] = field(default_factory=list)

    def without(self, own: Part) -> Published:
        """Return what stays when a part is put in place.

        Raises:
            PartsError: a part has some of the sources and others, too; its counts cannot be divided.
        """
        kept = [part for part in self.parts if not set(part.sources) <= set(own.sources)]
        for part in kept:
            if shared := set(part.sources) & set(own.sources):
                raise PartsError(
                    f"it holds {', '.join(part.sources)} as one part, and this folder has {', '.join(sorted(shared))} "
                    "of it only. Push a folder with all of these, or remove the other data with --replace."
                )
        sources = {source for part in kept for source in part.sources}
        ledgers = {part.name: self.ledgers[part.name] for part in kept}
        return Published(kept, ledgers, [shard for shard in self.shards if shard.source in sources])


def load_published(files: Mapping[str, object], read: Callable[[str], bytes]) -> Published | None:
    """Read the parts of a revision; None where it has none, as anything that `push` did not write.

    Args:
        files: the revision's files.
        read: gives the content of one of them.

    Raises:
        PartsError: there are parts, and they cannot be read.
    """
    if not {PARTS_NAME, MANIFEST_NAME, DROPS_NAME} <= set(files):
        return None
    try:
        content = json.loads(read(PARTS_NAME))
        if content["version"] != PARTS_VERSION:
            raise PartsError(f"its {PARTS_NAME} is of version {content['version']!r}. Use a newer s1-mmalign.")
        parts = [Part(**{**part, "sources": tuple(part["sources"])}) for part in content["parts"]]
        shards = [Shard(**shard) for shard in json.loads(read(MANIFEST_NAME))["shards"]]
        lines = [line + "\n" for line in read(DROPS_NAME).decode("utf-8").split("\n")[:-1]]
    except (ValueError, KeyError, TypeError) as error:
        raise PartsError(f"its {PARTS_NAME} cannot be read ({error!r}). Write it anew with --replace.") from error
    ledgers, start = {}, 0
    for part in parts:
        end = start + sum(part.drops.values())
        ledgers[part.name] = "".join(lines[start:end])
        start = end
    return Published(parts, ledgers, shards)


@dataclass(slots=True)
class Bundle:
    """What a revision is to hold beside `.gitattributes`: shards, small files, and reports of other parts."""

    manifest: Manifest
    texts: dict[str, str]
    """Content of small files, by path."""
    files: dict[str, Path]
    """Files of the folder (its report and plots), by path in the repository."""
    kept: dict[str, str]
    """Files of other parts that the repository has: path where each is to be, path where it is."""

    @property
    def paths(self) -> set[str]:
        """Every path that the revision is to have."""
        shards = {shard.path for shard in self.manifest.shards}
        return shards | set(self.texts) | set(self.files) | set(self.kept)


def put_together(
    folder: Path,
    own: Part,
    manifest: Manifest,
    published: Published,
    present: Sequence[str],
    repo_id: str,
    removed: Tombstones,
) -> Bundle:
    """Return what the repository is to hold: this folder's part and what `published` keeps.

    Args:
        folder: the dataset folder.
        own: its part.
        manifest: its manifest.
        published: the other parts, as `Published.without` gives them.
        present: paths of the files that the repository has.
        repo_id: what the card's examples load.
        removed: papers that were taken out for good, of this folder and of the repository.
    """
    parts = sorted([own, *published.parts], key=lambda part: part.name)
    ledgers = published.ledgers | {own.name: (folder / DROPS_NAME).read_text(encoding="utf-8")}
    alone = len(parts) == 1
    whole = manifest if alone else _joined_manifest([*manifest.shards, *published.shards], parts)
    local = {path.relative_to(folder).as_posix(): path for glob in REPORT_FILES for path in sorted(folder.glob(glob))}
    files = local if alone else {f"{REPORTS}/{own.name}/{name}": path for name, path in local.items()}
    kept = _kept_reports(published.parts, present)
    texts = {
        MANIFEST_NAME: replace(whole, files={}).to_json(),
        DROPS_NAME: "".join(ledgers[part.name] for part in parts),
        PARTS_NAME: _dump({"version": PARTS_VERSION, "parts": [asdict(part) for part in parts]}),
    }
    if removed:
        texts[REMOVED_NAME] = removed.to_text()
    if stages := own.recipe if alone else _joined_stages(parts):
        texts[RECIPE_NAME] = _dump({"version": RECIPE_VERSION, "stages": stages})
    reports = [] if alone else [path for path in sorted([*files, *kept]) if path.endswith(f"/{REPORT_NAME}")]
    report = folder / REPORT_NAME
    if alone and report.is_file():
        texts[REPORT_NAME] = report.read_text(encoding="utf-8")
    try:
        statistics = added(from_json(part.statistics) for part in parts)
    except (ValueError, KeyError, TypeError) as error:
        raise PartsError(f"its {PARTS_NAME} cannot be read ({error!r}). Write it anew with --replace.") from error
    texts |= _rendered(texts, files if alone else {}, repo_id, statistics, reports)
    files = {path: file for path, file in files.items() if path not in texts}
    whole = replace(whole, files=_listed(texts, files))
    texts[MANIFEST_NAME] = whole.to_json()
    return Bundle(whole, texts, files, kept)


def _listed(texts: Mapping[str, str], files: Mapping[str, Path]) -> dict[str, list[str]]:
    """`Manifest.files` of a revision: but for the card, which its readers may edit there."""
    found = {path: hashlib.sha256(text.encode()).hexdigest() for path, text in texts.items()}
    found |= {path: sha256_of(file) for path, file in files.items()}
    return {path: [digest] for path, digest in found.items() if path not in (MANIFEST_NAME, CARD_NAME)}


def _joined_manifest(shards: list[Shard], parts: list[Part]) -> Manifest:
    papers: Counter[str] = Counter()
    drops: Counter[str] = Counter()
    for part in parts:
        papers.update(part.papers)
        drops.update(part.drops)
    build = {"shards": {path: name for part in parts for path, name in part.build.get("shards", {}).items()}}
    return Manifest(sorted(shards, key=lambda shard: shard.path), dict(papers), dict(drops), build)


def _joined_stages(parts: list[Part]) -> list[dict[str, Any]]:
    """The stages of all parts, each named with its part: a recipe has one stage of a name."""
    return [stage | {"stage": f"{stage['stage']} ({part.name})"} for part in parts for stage in part.recipe]


def _kept_reports(parts: list[Part], present: Sequence[str]) -> dict[str, str]:
    """Where the reports of other parts are to be, and where they are: at the root, if a part was alone."""
    kept = {}
    for part in parts:
        own = f"{REPORTS}/{part.name}/"
        under = {path: path for path in present if path.startswith(own)}
        alone = {own + path: path for path in present if is_report(path) and not path.startswith(REPORTS + "/")}
        kept.update(under or (alone if len(parts) == 1 else {}))
    return kept


def is_report(path: str) -> bool:
    """Whether a path of a repository is that of a report or a plot."""
    if path.startswith(f"{REPORTS}/"):
        return path.count("/") >= 2
    return any(Path(path).match(glob) and path.count("/") == glob.count("/") for glob in REPORT_FILES)


def _rendered(
    texts: dict[str, str], files: dict[str, Path], repo_id: str, statistics: Statistics, reports: Sequence[str]
) -> dict[str, str]:
    """Render the card and what goes with it from the small files alone: the shards of other parts are not here."""
    with tempfile.TemporaryDirectory(prefix="s1-mmalign-card-") as name:
        folder = Path(name)
        for path, text in texts.items():
            (folder / path).write_text(text, encoding="utf-8")
        for path, file in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            shutil.copyfile(file, folder / path)
        try:
            return render_files(folder, repo_id, statistics, [(path.split("/")[1], path) for path in reports])
        except FolderError as error:
            raise PartsError(str(error).replace(name + "/", "")) from error


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
