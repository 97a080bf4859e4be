"""What must not be in the dataset because models are judged by it: a list of papers and images."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from s1_mmalign.builder.deduplicate.rows import key_of
from s1_mmalign.builder.sources.errors import InputError
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi

_HEX = re.compile(r"[0-9a-f]+")


@dataclass(slots=True)
class EvaluationSets:
    """Keys of papers and images as `rows` has them."""

    dois: set[int] = field(default_factory=set)
    arxiv_ids: set[int] = field(default_factory=set)
    sha256: set[int] = field(default_factory=set)
    phash: set[int] = field(default_factory=set)

    def __bool__(self) -> bool:
        """Whether anything is listed."""
        return bool(self.dois or self.arxiv_ids or self.sha256 or self.phash)

    def hashes(self) -> np.ndarray:
        """Return the listed perceptual hashes."""
        return np.array(sorted(self.phash), np.uint64)


def read_evaluation_sets(files: Iterable[Path]) -> EvaluationSets:
    """Read lists: on each line an arXiv id, a DOI, a sha256 (64 hexadecimal digits) or a perceptual hash (16).

    What follows a `#`, and empty lines, are not read. An arXiv id stands for all its versions.

    Raises:
        InputError: a file that cannot be read, or a line that is none of these.
    """
    sets = EvaluationSets()
    for path in files:
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path}: cannot be read as a list of evaluation sets ({error}).") from error
        for number, line in enumerate(lines, 1):
            entry = line.partition("#")[0].strip()
            if entry and not _add(entry, sets):
                raise InputError(
                    f"{path}, line {number}: {entry[:60]!r} is no arXiv id, DOI, sha256 (64 hexadecimal digits) or "
                    "perceptual hash (16)."
                )
    return sets


def _add(entry: str, sets: EvaluationSets) -> bool:
    plain = re.sub(r"^(arxiv:|https?://arxiv\.org/(abs|pdf)/)", "", entry, flags=re.IGNORECASE)
    if _HEX.fullmatch(plain.lower()) and len(plain) in (16, 64):
        (sets.phash if len(plain) == 16 else sets.sha256).add(int(plain[:16], 16))
    elif arxiv_id := arxiv_id_of(plain.removesuffix(".pdf")):
        sets.arxiv_ids.add(key_of(arxiv_id))
    elif doi := normalise_doi(entry):
        sets.dois.add(key_of(doi))
    else:
        return False
    return True
