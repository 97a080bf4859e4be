"""The card's YAML: configs, features, split sizes, licence and tags, as the Hub and `datasets` read them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml
from datasets import DatasetInfo, SplitDict, SplitInfo

from s1_mmalign.builder.caption_columns import features_with, names_in
from s1_mmalign.builder.records import SOURCES, SPLITS
from s1_mmalign.builder.shards import Manifest, Shard
from s1_mmalign.dataset_card.statistics import Statistics

DEFAULT = "default"
OPEN = "open"
TAGS: tuple[str, ...] = ("science", "scientific-figures", "image-captioning", "multimodal", "s1-mmalign")
TASKS: tuple[str, ...] = ("image-to-text", "text-to-image")

# The Hub's size categories: https://huggingface.co/docs/hub/datasets-cards
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
          (10**7, "1M<n<10M"), (10**8, "10M<n<100M"), (10**9, "100M<n<1B"))  # fmt: skip

# Creative Commons licences that the Hub has an identifier for: https://huggingface.co/docs/hub/repositories-licenses
_HUB_LICENCES = frozenset({
    "cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0",
    "cc-by-nc-2.0", "cc-by-nc-3.0", "cc-by-nc-4.0", "cc-by-nd-4.0", "cc-by-nc-nd-3.0", "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0", "cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0",
})  # fmt: skip
_CC_ADDRESS = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/licen[sc]es/([a-z-]+)/(\d\.\d)(?:/[a-z]*)*", re.IGNORECASE
)
_CC_ZERO = re.compile(
    r"(?:https?://)?(?:www\.)?creativecommons\.org/publicdomain/zero/1\.0(?:/[a-z]*)*|cc[ _-]?0(?:[ _-]1\.0)?",
    re.IGNORECASE,
)
_CC_SHORT = re.compile(r"(cc[ _-]by(?:[ _-](?:nc|nd|sa))*)[ _-](\d\.\d)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Config:
    """A named part of the dataset: what `load_dataset(repo, name)` gives."""

    name: str
    shards: tuple[Shard, ...]
    prefix: str
    """Glob of the folders that hold its shards."""

    @property
    def splits(self) -> list[str]:
        """The splits that have rows, train first."""
        present = {shard.split for shard in self.shards}
        return [split for split in SPLITS if split in present]

    @property
    def rows(self) -> int:
        """Rows of all its splits."""
        return sum(shard.rows for shard in self.shards)


def configs(manifest: Manifest) -> list[Config]:
    """Return `default` (everything), one config for each source that has rows, and `open` where there is any."""
    shards = [shard for shard in manifest.shards if shard.rows]
    found = [Config(DEFAULT, tuple(shards), "data/*/*")]
    for source in SOURCES:
        own = tuple(shard for shard in shards if shard.source == source)
        found.append(Config(source, own, f"data/{source}/*"))
    free = tuple(shard for shard in shards if shard.licence_class == OPEN)
    found.append(Config(OPEN, free, f"data/*/{OPEN}"))
    return [config for config in found if config.shards]


def front_matter(manifest: Manifest, statistics: Statistics, pretty_name: str) -> str:
    """Return the YAML between the card's `---` lines."""
    known = configs(manifest)
    content: dict[str, Any] = {
        "pretty_name": pretty_name,
        **licence_fields(statistics),
        "language": ["en"],
        "task_categories": list(TASKS),
        "size_categories": [size_category(manifest.rows)],
        "tags": tags(statistics),
    }
    if known:
        content["configs"] = [_data_files(config) for config in known]
        content["dataset_info"] = [_dataset_info(config, statistics) for config in known]
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)


def licence_fields(statistics: Statistics) -> dict[str, str]:
    """Return the Hub's licence id where all rows share one, else `other` with the classes that occur."""
    ids = {hub_licence(licence) for _, licence in statistics.licences}
    if len(ids) == 1 and None not in ids:
        return {"license": str(next(iter(ids)))}
    classes = [name for name, count in sorted(statistics.licence_classes.items()) if count]
    return {"license": "other", "license_name": "-".join(["per-row", *classes])}


def hub_licence(licence: str | None) -> str | None:
    """Return the Hub's identifier of a Creative Commons licence, None for any other.

    >>> hub_licence("http://creativecommons.org/licenses/by-nc/4.0/"), hub_licence("CC-BY-4.0"), hub_licence("MIT")
    ('cc-by-nc-4.0', 'cc-by-4.0', None)
    """
    text = (licence or "").strip()
    if _CC_ZERO.fullmatch(text):
        return "cc0-1.0"
    if match := _CC_ADDRESS.fullmatch(text):
        name = f"cc-{match[1]}-{match[2]}".lower()
    elif match := _CC_SHORT.fullmatch(text):
        name = f"{re.sub('[ _]', '-', match[1])}-{match[2]}".lower()
    else:
        return None
    return name if name in _HUB_LICENCES else None


def size_category(rows: int) -> str:
    """Return the Hub's size category for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "n>1B")


def tags(statistics: Statistics) -> list[str]:
    """Return the card's tags: what the dataset is, `synthetic` where a model wrote captions, its disciplines."""
    written = any(model not in (None, "extractive") for model, _ in statistics.captioners)
    disciplines = sorted(name.lower().replace(" ", "-") for name in statistics.disciplines if name)
    return [*TAGS, *(["synthetic"] if written else []), *disciplines]


def _data_files(config: Config) -> dict[str, Any]:
    files = [{"split": split, "path": f"{config.prefix}/{split}-*.parquet"} for split in config.splits]
    default = {"default": True} if config.name == DEFAULT else {}
    return {"config_name": config.name, **default, "data_files": files}


def _dataset_info(config: Config, statistics: Statistics) -> dict[str, Any]:
    """The `dataset_info` of one config: `num_bytes` is the data's size before compression.

    The features stand once, under `default`: every config has the same, and every Parquet file carries them.
    """
    splits = SplitDict()
    for split in config.splits:
        shards = [shard for shard in config.shards if shard.split == split]
        num_bytes = sum(statistics.uncompressed[shard.path] for shard in shards)
        splits.add(SplitInfo(split, num_bytes=num_bytes, num_examples=sum(shard.rows for shard in shards)))
    info = DatasetInfo(
        features=features_with(names_in(statistics.filled)) if config.name == DEFAULT else None,
        splits=splits,
        download_size=sum(shard.bytes for shard in config.shards),
        dataset_size=sum(split.num_bytes for split in splits.values()),
    )
    return {"config_name": config.name, **_without_none(info._to_yaml_dict())}


def _without_none(items: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in items.items() if value is not None}
