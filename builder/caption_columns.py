"""Captions of a second model beside the first: further columns of the same kinds, named after it.

    recaption        recaption_model        recaption_prompt        …     the dataset's own
    recaption_NAME   recaption_NAME_model   recaption_NAME_prompt   …     one such set for each NAME, at the end

All shards of a dataset have the same sets, or `load_dataset` could not read them as one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

import pyarrow as pa
from datasets import Features

from s1_mmalign.builder.records import FEATURES, RECAPTION_COLUMNS

_PREFIX = "recaption"
_ENDINGS = tuple(name.removeprefix(_PREFIX) for name in RECAPTION_COLUMNS)
"""What follows the name: "", "_model", "_prompt", …"""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def check_column(name: str) -> None:
    """Reject a name that could not be told from others.

    Raises:
        ValueError: it is no plain word, or "model", "x_flags" and the like.
    """
    taken = [ending for ending in _ENDINGS if ending and f"_{name}".endswith(ending)]
    if taken or not _NAME.fullmatch(name):
        why = f"the columns' own ending {taken[0]!r}" if taken else "lower-case letters, digits and _ are expected"
        raise ValueError(f"column={name!r}: {why}; for example qwen8b gives recaption_qwen8b")
    if used := set(FEATURES).intersection(caption_columns(name).values()):
        raise ValueError(f"column={name!r}: there is a column {min(used)} already")


def caption_columns(name: str | None) -> dict[str, str]:
    """Return for each of RECAPTION_COLUMNS the column that takes its place in the set of this name (None: itself)."""
    first = f"{_PREFIX}_{name}" if name else _PREFIX
    return {column: first + ending for column, ending in zip(RECAPTION_COLUMNS, _ENDINGS, strict=True)}


def names_in(columns: Collection[str]) -> list[str]:
    """Return the names of the sets that are among columns, the dataset's own left out."""
    columns = set(columns)
    found = []
    for column in columns - set(RECAPTION_COLUMNS):
        name = column.removeprefix(f"{_PREFIX}_")
        if name != column and _NAME.fullmatch(name) and columns.issuperset(caption_columns(name).values()):
            found.append(name)
    return sorted(found)


def features_with(names: Iterable[str]) -> Features:
    """Return the dataset's features with the sets of these names."""
    added = {new: FEATURES[old] for name in sorted(names) for old, new in caption_columns(name).items()}
    return Features(FEATURES | added)


def schema_with(names: Iterable[str]) -> pa.Schema:
    """Return the Arrow schema of a shard with the sets of these names, the features in its metadata."""
    return features_with(names).arrow_schema
