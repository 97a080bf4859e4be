"""Do the card's configs say what the manifest says? They are what `load_dataset` goes by."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

import yaml

from s1_mmalign.builder.shards import Manifest
from s1_mmalign.dataset_card.card import CARD_NAME
from s1_mmalign.dataset_card.metadata import configs
from s1_mmalign.processing.verify_report import VerifyReport


def check_card(card: str | None, manifest: Manifest, report: VerifyReport) -> None:
    """Check that each config is there, that its globs give its shards, and that its splits have its rows.

    Args:
        card: text of the card, None where there is none.
        manifest: of the dataset.
        report: where problems go.
    """
    content = _front_matter(card)
    if content is None:
        report.add(CARD_NAME, "is missing, or has no YAML that can be read; `load_dataset` would not find the configs")
        return
    files = {one.get("config_name"): one.get("data_files", []) for one in _dicts(content.get("configs"))}
    infos = {one.get("config_name"): one.get("splits", []) for one in _dicts(content.get("dataset_info"))}
    for config in configs(manifest):
        if config.name not in files:
            report.add(CARD_NAME, f"has no config {config.name}")
            continue
        found = {(split["split"], shard.path) for split in _dicts(files[config.name]) for shard in manifest.shards
                 if _matches(shard.path, split.get("path"))}  # fmt: skip
        if found != {(shard.split, shard.path) for shard in config.shards}:
            report.add(CARD_NAME, f"the globs of config {config.name} do not give its shards")
        rows = {split.get("name"): split.get("num_examples") for split in _dicts(infos.get(config.name))}
        for split in config.splits:
            expected = sum(shard.rows for shard in config.shards if shard.split == split)
            if rows.get(split) != expected:
                report.add(CARD_NAME, f"config {config.name}, {split}: not the {expected:,} rows of the manifest")


def _front_matter(card: str | None) -> dict[str, Any] | None:
    if card is None or not card.startswith("---\n"):
        return None
    try:
        content = yaml.safe_load(card.split("\n---", 1)[0][4:])
    except yaml.YAMLError:
        return None
    return content if isinstance(content, dict) else None


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _matches(path: str, glob: Any) -> bool:
    """Whether a path matches a glob whose `*` stays within a name."""
    return isinstance(glob, str) and path.count("/") == glob.count("/") and PurePosixPath(path).match(glob)
