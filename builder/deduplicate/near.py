"""Near copies among millions of 64-bit perceptual hashes, in bounded memory.

Two hashes that differ in at most d bits agree wholly in at least 2 of d + 2 bands of bits (d flips spoil at most d of
them). So for each pair of bands the hashes are brought together by the bits of the two, and only those that agree there
are compared: 26 of 64 bits for d = 3, which leaves few. The same pigeonhole argument with one band is Manku, Jain and
Das Sarma, *Detecting near-duplicates for web crawling*, WWW 2007. Hashes lie on disk and are taken a part at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

PART = 4_000_000
"""Hashes that are sorted and compared in memory at once: about 300 MB."""
BITS = 64

Hashes = NDArray[np.uint64]
Indices = NDArray[np.int64]


def near_leaders(hashes: Hashes, bits: int, kinds: NDArray[np.int16], folder: Path) -> Indices:
    """Return for each hash the index of the one that stands for it, its own where it stays.

    In order of index, a hash stays unless one that stays differs from it in at most `bits` bits. So what is added
    at the end changes nothing before it, and no chain of small steps joins what is far apart.

    Args:
        hashes: perceptual hashes, shape (n,); may be a memory map.
        bits: greatest number of bits in which two near ones differ.
        kinds: what else must agree to within 1 (the logarithm of the aspect ratio in steps), shape (n,).
        folder: where parts are laid down that do not fit into memory.
    """
    leaders = np.arange(len(hashes), dtype=np.int64)
    firsts = _first_of_equals(hashes, kinds, leaders)
    unique, unique_kinds = np.asarray(hashes)[firsts], kinds[firsts]
    with TemporaryDirectory(dir=folder) as scratch:
        pairs = near_pairs(unique, bits, Path(scratch))
    pairs = pairs[np.abs(unique_kinds[pairs[:, 0]] - unique_kinds[pairs[:, 1]]) <= 1]
    for first, second in pairs.tolist():  # in order of `first`, whose own fate is known by then
        i, j = firsts[first], firsts[second]
        if leaders[i] == i and leaders[j] == j:
            leaders[j] = i
    return leaders[leaders]


def near_pairs(hashes: Hashes, bits: int, folder: Path) -> Indices:
    """Return the pairs (i < j) of hashes that differ in at most `bits` bits, in order; shape (pairs, 2)."""
    found = [np.empty((0, 2), np.int64)]
    for mask in band_masks(bits):
        for indices in _parts(hashes, mask, folder):
            found.append(_pairs_within(hashes[indices], indices, mask, bits))
    return np.unique(np.concatenate(found), axis=0)


def pairs_within_groups(groups: NDArray[np.uint32], hashes: Hashes, bits: int) -> Indices:
    """Return the pairs (i < j) of near hashes in runs of equal `groups` (the rows of a paper); shape (pairs, 2)."""
    return _pairs_in_runs(groups, np.asarray(hashes), np.arange(len(hashes), dtype=np.int64), bits)


def band_masks(bits: int) -> Iterator[np.uint64]:
    """Yield for each pair of the bits + 2 bands the mask of their bits."""
    edges = np.linspace(0, BITS, bits + 3).round().astype(int)
    bands = [((1 << int(end)) - 1) ^ ((1 << int(start)) - 1) for start, end in pairwise(edges)]
    for one, other in combinations(bands, 2):
        yield np.uint64(one | other)


def _first_of_equals(hashes: Hashes, kinds: NDArray[np.int16], leaders: Indices) -> Indices:
    """Lead equal hashes of one kind by their first; return the firsts."""
    order = np.lexsort((kinds, hashes))  # stable: of equals the lower index comes first
    same = (hashes[order[1:]] == hashes[order[:-1]]) & (kinds[order[1:]] == kinds[order[:-1]])
    starts = np.concatenate(([True], ~same)) if len(order) else np.empty(0, bool)
    run = np.cumsum(starts) - 1
    leaders[order] = order[starts][run] if len(order) else order
    return np.sort(order[starts])


def _parts(hashes: Hashes, mask: np.uint64, folder: Path) -> Iterator[Indices]:
    """Yield indices of hashes so that those alike under `mask` come together, at most about `PART` at once."""
    count = -(-len(hashes) // PART)
    if count <= 1:
        yield np.arange(len(hashes), dtype=np.int64)
        return
    files = [(folder / f"{number:03d}.part").open("w+b") for number in range(count)]
    try:
        for start in range(0, len(hashes), PART):
            block = np.asarray(hashes[start : start + PART])
            part = _mixed(block & mask) % np.uint64(count)
            for number, file in enumerate(files):
                (np.flatnonzero(part == number) + start).astype(np.int64).tofile(file)
        for file in files:
            file.seek(0)
            yield np.fromfile(file, np.int64)
    finally:
        for file in files:
            file.close()


def _mixed(values: Hashes) -> Hashes:
    """Spread values over all bits (Fibonacci hashing), so that parts are of like size."""
    return (values * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(40)


def _pairs_within(hashes: Hashes, indices: Indices, mask: np.uint64, bits: int) -> Indices:
    keys = hashes & mask
    order = np.argsort(keys, kind="stable")
    return _pairs_in_runs(keys[order], hashes[order], indices[order], bits)


def _pairs_in_runs(keys: NDArray[np.generic], hashes: Hashes, indices: Indices, bits: int) -> Indices:
    """Compare each with the 1st, 2nd, … after it, as long as any has the same key."""
    found = [np.empty((0, 2), np.int64)]
    left = np.arange(len(keys), dtype=np.int64)
    step = 0
    while len(left):
        step += 1
        left = left[left + step < len(keys)]
        left = left[keys[left] == keys[left + step]]
        near = left[np.bitwise_count(hashes[left] ^ hashes[left + step]) <= bits]
        found.append(np.sort(np.stack([indices[near], indices[near + step]], axis=1), axis=1))
    return np.concatenate(found)
