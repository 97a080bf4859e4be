"""Train, validation or test: decided by a hash of the paper's group, so it never changes as the dataset grows."""

from __future__ import annotations

import hashlib
import unicodedata

from s1_mmalign.builder.records import SPLITS

MIN_TITLE_LETTERS = 15
"""Shorter titles ("Introduction", "Erratum") are no ground to call two papers one."""


def group_of(title: str | None, paper_id: str) -> str:
    """Return the key that versions of one paper share: its title's letters and digits, else its own id."""
    plain = unicodedata.normalize("NFKD", title or "").lower()
    letters = "".join(character for character in plain if character.isalnum())
    return letters if len(letters) >= MIN_TITLE_LETTERS else f"id:{paper_id}"


def split_of(group: str, shares: tuple[float, float, float]) -> str:
    """Return the split of a paper group; `shares` are those of train, validation and test, adding up to 1."""
    point = int.from_bytes(hashlib.sha256(group.encode()).digest()[:8], "big") / 2**64
    if point < shares[0]:
        return SPLITS[0]
    return SPLITS[1] if point < shares[0] + shares[1] else SPLITS[2]
