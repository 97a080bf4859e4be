"""What was recorded of a dataset, wherever it is: a folder, its card or recipe, a repository on the Hub.

Of a repository the small files are fetched at once, shards only when rows have to be looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import DROPS_NAME, MANIFEST_NAME, FolderError, Manifest, sha256_of, write_atomically
from s1_mmalign.builder.tombstones import REMOVED_NAME
from s1_mmalign.dataset_card.card import CARD_NAME
from s1_mmalign.dataset_card.recipe import RECIPE_NAME, load_recipe

REPOSITORY = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+?)(?:@(?P<revision>[^@\s]+))?", re.ASCII)
BUILD_REPORT = "build-report"


def nothing_to_fetch(paths: Iterable[str]) -> None:
    """A folder has what it has."""


@dataclass(slots=True)
class Recorded:
    """A recorded dataset; `folder` holds its files, as far as they are here."""

    name: str
    """How it was named, and what the folder of the reproduction is called after."""
    folder: Path
    stages: list[dict[str, Any]]
    repo_id: str | None = None
    """The repository that its card was written for."""
    part: str | None = None
    """Of a repository that was put together of several: which part this is; its card is that of all."""
    fetch: Callable[[Iterable[str]], None] = field(default=nothing_to_fetch)
    """Brings files of a repository into `folder`."""
    hub_sha256: dict[str, str] = field(default_factory=dict)
    """Of a repository's large files, as the Hub computed it, by path."""
    _hashes: dict[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The last part of the name."""
        return Path(self.name.partition("@")[0]).resolve().name

    def stage(self, name: str) -> dict[str, Any] | None:
        """Return the recipe's entry of a stage, None where it has none."""
        return next((stage for stage in self.stages if stage["stage"] == name), None)

    @property
    def caption_stages(self) -> list[str]:
        """The recaption stages in their order."""
        return [stage["stage"] for stage in self.stages if stage["stage"].partition("_")[0] == "recaption"]

    @property
    def manifest(self) -> Manifest | None:
        """The dataset's manifest, None where only its recipe is here."""
        return Manifest.load(self.folder) if (self.folder / MANIFEST_NAME).is_file() else None

    def hashes(self, progress: Callable[[str, int, int], None]) -> dict[str, str]:
        """Return the sha256 of each shard as it is: read, in a folder; as the Hub computed it, in a repository."""
        manifest = self.manifest
        if manifest is None:
            return {}
        if self.repo_id is not None:
            paths = [shard.path for shard in manifest.shards]
            return {path: self.hub_sha256[path] for path in paths if path in self.hub_sha256}
        for done, shard in enumerate(manifest.shards):
            path = self.folder / shard.path
            if shard.path not in self._hashes and path.is_file():
                self._hashes[shard.path] = sha256_of(path)
                progress("shards", done + 1, len(manifest.shards))
        return self._hashes

    def has_rows(self, paths: Iterable[str] | None = None) -> bool:
        """Say whether the shards (None: all) are here, once they were fetched."""
        manifest = self.manifest
        if manifest is None:
            return False
        wanted = [shard.path for shard in manifest.shards] if paths is None else list(paths)
        self.fetch(path for path in wanted if not (self.folder / path).is_file())
        return all((self.folder / path).is_file() for path in wanted)


def open_recorded(place: str, part: str | None, work: Path) -> Recorded:
    """Find what was recorded.

    Args:
        place: a dataset folder, its README.md or recipe.json, or `owner/name[@revision]` on the Hub.
        part: of a repository that was put together of several folders: the sources of the one that is meant.
        work: where the files of a repository are kept.

    Raises:
        FolderError: nothing is there, or no recipe in it; `part` is needed, or there is none of that name.
    """
    path = Path(place)
    match = None if path.exists() else REPOSITORY.fullmatch(place)
    if match is not None:
        return _on_hub(place, match["repo"], match["revision"], part, work)
    if not path.exists():
        raise FolderError(f"{place}: no such folder or file, and no repository (owner/name or owner/name@revision).")
    if part is not None:
        raise FolderError(
            f"--part {part}: is for repositories that several folders were pushed to; {place} is a folder"
        )
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.name not in (CARD_NAME, RECIPE_NAME):
        raise FolderError(f"{place}: a dataset folder, its {CARD_NAME} or its {RECIPE_NAME} is expected.")
    return _with_recipe(Recorded(str(folder), folder, load_recipe(folder)["stages"]))


def _with_recipe(recorded: Recorded) -> Recorded:
    if recorded.stage("build") is None:
        raise FolderError(
            f"{recorded.name}: its {RECIPE_NAME} does not say how it was built (missing, or not by the command line). "
            "Build it again with `s1-mmalign build`; that records it."
        )
    return recorded


def _on_hub(place: str, repo_id: str, revision: str | None, part: str | None, work: Path) -> Recorded:
    from huggingface_hub import HfApi, hf_hub_download

    from s1_mmalign.processing.publish_parts import PARTS_NAME, PartsError, load_published
    from s1_mmalign.processing.publish_remote import MAIN, Repository, explained
    from s1_mmalign.processing.retry import RetryPolicy, with_retries

    repository = Repository(HfApi(), repo_id, RetryPolicy())
    with explained(repo_id, repository.api.endpoint, FolderError, ""):
        remote = repository.look(revision or MAIN)

        def read(path: str) -> bytes:
            return repository.read(path, remote.commit)

        if RECIPE_NAME not in remote.paths:
            raise FolderError(f"{place}: no dataset that `s1-mmalign push` wrote ({RECIPE_NAME} is missing)")
        try:
            published = load_published(dict.fromkeys(remote.paths), read)
        except PartsError as error:
            raise FolderError(f"{place}: {error}") from error
        parts = published.parts if published else []
        if len(parts) > 1 or part is not None:
            names = [one.name for one in parts]
            if part not in names:
                which = "which one is meant: " if part is None else f"there is no part {part!r}; there are "
                hint = ", ".join(f"--part {name}" for name in names) or f"no parts ({PARTS_NAME} is missing)"
                raise FolderError(f"{place}: was put together of {len(names)} folders; {which}{hint}")
        folder = work / f"recorded-{remote.commit[:12]}{f'-{part}' if part else ''}"
        alone = len(parts) <= 1
        prefix = "" if alone else f"reports/{part}/"
        for path in remote.paths:  # of several parts each has a folder of its own for what is not the shards'
            if path.startswith(prefix) and not path.startswith("data/") and (prefix or not path.startswith("reports/")):
                local = folder / path.removeprefix(prefix)
                local.parent.mkdir(parents=True, exist_ok=True)
                local.write_bytes(read(path))
        stages = load_recipe(folder)["stages"] if alone else []
        if not alone and published is not None:
            chosen = next(one for one in parts if one.name == part)
            stages = chosen.recipe
            shards = [shard for shard in published.shards if shard.source in chosen.sources]
            Manifest(shards, chosen.papers, chosen.drops, chosen.build).save(folder)
            write_atomically(folder / DROPS_NAME, published.ledgers[chosen.name])
            if REMOVED_NAME in remote.paths:
                (folder / REMOVED_NAME).write_bytes(read(REMOVED_NAME))

    def fetch(paths: Iterable[str]) -> None:
        for path in paths:
            download = partial(
                hf_hub_download, repo_id, path, repo_type="dataset", revision=remote.commit, local_dir=folder
            )
            with explained(repo_id, repository.api.endpoint, FolderError, ""):
                with_retries(download, repository.retry)

    return _with_recipe(Recorded(place, folder, stages, repo_id, None if alone else part, fetch, remote.large))
