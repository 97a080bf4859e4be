"""The builder class: papers as a `datasets` dataset, in Python.

    builder = S1MMAlign("arxiv", papers=["papers/"])
    builder = S1MMAlign("release-arxiv", papers=["S1-MMAlign/"])    # the layout in which S1-MMAlign was published
    builder.download_and_prepare(file_format="parquet", num_proc=4)
    dataset = builder.as_dataset(split="train")

The command line (`s1-mmalign build`) makes the published folder out of the same units; this class is for
those who want the rows in a script. It is no loading script of the Hub: `datasets` >= 4 runs none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

import datasets

from s1_mmalign.builder.build import extract_papers
from s1_mmalign.builder.options import BuildOptions, ExtractOptions
from s1_mmalign.builder.records import FEATURES, SOURCES, SPLITS
from s1_mmalign.builder.sources.packages import find_packages
from s1_mmalign.builder.sources.release import RELEASE, REPOSITORY, describe, find_parts, open_root
from s1_mmalign.builder.units import Slice, code_version, read_slice

ALL = "all"


class DuplicateKeyError(Exception):
    """Two rows with one `image_path`."""


@dataclass
class S1MMAlignConfig(datasets.BuilderConfig):
    """A source (or `all`), the papers to read, and how.

    `papers` are files or folders, `metadata` JSONL files joined by id; `workers`, `extract` as in `BuildOptions`.
    `release` and `release-<source>` read the published S1-MMAlign: `papers` is then its folder or repository, and the
    published repository where none is named.
    """

    papers: Sequence[str | Path] = ()
    metadata: Sequence[str | Path] = ()
    workers: int = 0
    extract: ExtractOptions = field(default_factory=ExtractOptions)


class S1MMAlign(datasets.GeneratorBasedBuilder):
    """Builds the dataset from papers; `S1MMAlign.builder_configs` names the sources.

    The cache is keyed by the code that extracts: after a change of it (or of the papers) nothing stale is reused.
    Units are kept in the cache folder, so an interrupted `download_and_prepare` goes on where it stopped.
    """

    VERSION = datasets.Version("0.1.0")
    BUILDER_CONFIG_CLASS = S1MMAlignConfig
    BUILDER_CONFIGS: ClassVar = [
        S1MMAlignConfig(name=name, version="0.1.0")
        for name in (ALL, *SOURCES, RELEASE, *(f"{RELEASE}-{source}" for source in SOURCES))
    ]
    DEFAULT_CONFIG_NAME = ALL

    def __init__(self, config_name: str | None = None, **kwargs: Any) -> None:
        """Take a source's name or `all`, and the fields of `S1MMAlignConfig` (`papers=` is the one that is needed)."""
        if (config_name or ALL).partition("-")[0] == RELEASE:
            kwargs["papers"] = kwargs.get("papers") or [REPOSITORY]
        # Without a hash, `datasets` would serve the cache that an older version of this code made of other papers.
        if "hash" not in kwargs:
            kwargs["hash"] = _state_of(config_name or ALL, kwargs.get("papers", ()), kwargs.get("metadata", ()))
        super().__init__(config_name=config_name or ALL, **kwargs)

    def _info(self) -> datasets.DatasetInfo:
        return datasets.DatasetInfo(
            description="Figures of open-access papers with captions, citing paragraphs and recaptions.",
            features=FEATURES,
        )

    def _split_generators(self, dl_manager: datasets.DownloadManager) -> list[datasets.SplitGenerator]:
        config: S1MMAlignConfig = self.config
        if not config.papers:
            raise ValueError('papers: name the files or folders to read, as in S1MMAlign("arxiv", papers=["papers/"])')
        release, source = _release_source(config.name)
        options = BuildOptions(
            papers=tuple(Path(path) for path in config.papers),
            metadata=tuple(Path(path) for path in config.metadata),
            extract=replace(config.extract, source=source) if release else config.extract,
            release=release,
            workers=config.workers or dl_manager.download_config.num_proc or 0,
        )
        folder = Path(self._cache_dir_root) / self.dataset_name / "units"
        extracted = extract_papers(options, folder)
        slices: dict[str, list[Slice]] = {split: [] for split in SPLITS}
        for unit in extracted.units:
            for piece in unit.slices:
                if release or config.name in (ALL, piece.source):
                    slices[piece.split].append(piece)
        if not any(slices.values()):
            raise ValueError(f"no row of source {config.name!r} in {', '.join(map(str, config.papers))}")
        return [
            datasets.SplitGenerator(name=split, gen_kwargs={"slices": pieces, "folder": folder})
            for split, pieces in slices.items()
            if pieces
        ]

    def _generate_examples(self, slices: list[Slice], folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        seen: set[str] = set()
        for piece in slices:
            for table in read_slice(piece, folder):
                for row in table.to_pylist():
                    key = row["image_path"]
                    if key in seen:  # `datasets` itself lets duplicates pass
                        raise DuplicateKeyError(f"image_path {key!r} comes twice")
                    seen.add(key)
                    yield key, row


def _release_source(config_name: str) -> tuple[bool, str | None]:
    """Whether a config reads the published layout, and the one source of it that is meant (None: all)."""
    kind, _, source = config_name.partition("-")
    return kind == RELEASE, source or None


def _state_of(config_name: str, papers: Sequence[str | Path], metadata: Sequence[str | Path]) -> str:
    """A hash of the code and of the names, sizes and times of what is read."""
    digest = hashlib.sha256(code_version().encode())
    release, source = _release_source(config_name)
    if release:
        digest.update(repr([describe(find_parts(open_root(path), source)) for path in papers]).encode())
        papers = ()
    paths = [Path(path) for path in (*papers, *metadata)]
    for package in find_packages(paths).packages if paths else ():
        digest.update(f"{package.key} {package.bytes} {package.mtime_ns}\n".encode())
    return digest.hexdigest()[:16]
