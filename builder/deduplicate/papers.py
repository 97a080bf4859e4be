"""The same paper twice: by DOI, arXiv id or title. Which one stays, and that a group has one split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from s1_mmalign.builder.records import SOURCES

PREPRINTS = ("arxiv", "biorxiv", "medrxiv", "chemrxiv", "engrxiv", "psyarxiv", "edrxiv", "metarxiv")

Numbers = NDArray[np.int64]


def choose_papers(papers: NDArray[Any], policy: str) -> Numbers:
    """Return for each paper the one that stays instead of it, itself where it stays; shape (papers,).

    `first`: a paper stays unless an earlier one has its DOI, arXiv id or long title; so papers that are added at the
    end change nothing before them. Else of all that a chain of these joins one stays: `latest` by date, or of the
    `journal`, which is no preprint server (the latest, if there are several).
    """
    chosen = np.arange(len(papers), dtype=np.int64)
    names = ("doi", "arxiv", "long_title")
    if policy == "first":
        kept: dict[tuple[str, int], int] = {}
        for paper in _candidates(papers, names):
            keys = [(name, int(papers[name][paper])) for name in names if papers[name][paper]]
            chosen[paper] = next((kept[key] for key in keys if key in kept), paper)
            for key in keys:
                kept.setdefault(key, int(chosen[paper]))
    elif policy != "all":
        roots = _joined(papers, names)
        best: dict[int, int] = {}
        for paper in sorted(roots, key=lambda paper: _preference(papers[paper], policy)):
            best.setdefault(roots[paper], paper)
        for paper, root in roots.items():
            chosen[paper] = best[root]
    return chosen


def splits_of_groups(papers: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the split (number in `records.SPLITS`) of each paper: that of the first of its group.

    A group is what a chain of equal DOIs, arXiv ids or titles joins.
    """
    splits = np.array(papers["split"])
    for paper, root in _joined(papers, ("doi", "arxiv", "title")).items():
        splits[paper] = splits[root]
    return splits


def _candidates(papers: NDArray[Any], names: Sequence[str]) -> list[int]:
    """Papers that share a key with another one, in order."""
    return np.flatnonzero(np.any([_repeated(papers[name]) for name in names], axis=0)).tolist()


def _joined(papers: NDArray[Any], names: Sequence[str]) -> dict[int, int]:
    """Return the first paper of each candidate's group: of all that a chain of equal keys joins."""
    candidates = _candidates(papers, names)
    parent = {paper: paper for paper in candidates}

    def root(paper: int) -> int:
        while parent[paper] != paper:
            parent[paper] = parent[parent[paper]]
            paper = parent[paper]
        return paper

    seen: dict[tuple[str, int], int] = {}
    for paper in candidates:
        for name in names:
            if key := int(papers[name][paper]):
                one, other = sorted((root(seen.setdefault((name, key), paper)), root(paper)))
                parent[other] = one
    return {paper: root(paper) for paper in candidates}


def _repeated(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether another paper has the same key (0 is none)."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = ordered[1:] == ordered[:-1]
    out = np.zeros(len(keys), bool)
    out[order] = (np.append(same, False) | np.insert(same, 0, False)) & (ordered != 0) if len(keys) else False
    return out


def _preference(paper: Any, policy: str) -> tuple[bool, int]:
    """What sorts the papers of a group, the one that stays first; of equals the earlier one comes first."""
    return policy == "journal" and SOURCES[paper["source"]] in PREPRINTS, -int(paper["published"])
