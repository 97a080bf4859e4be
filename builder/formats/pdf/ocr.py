"""Text that a program has recognised on scanned pages and laid invisibly over them."""

from __future__ import annotations

from collections import Counter, defaultdict
from statistics import median

from s1_mmalign.builder.formats.pdf.text import Piece

SAME_BLOCK = 0.4
"""Share by which the sizes of lines in one block differ though they are set in one size."""
SAME_SIZE = 0.2
"""The same for the usual sizes of blocks."""


def settle_sizes(pages: list[list[Piece]]) -> None:
    """Give recognised text the few sizes that were printed: recognition guesses a size for every line anew.

    Args:
        pages: the pieces of each page with recognised text; changed in place.
    """
    sizes: dict[int, float] = {}
    weights: Counter[float] = Counter()
    for pieces in pages:
        blocks: defaultdict[int, list[Piece]] = defaultdict(list)
        for piece in pieces:
            blocks[piece.block].append(piece)
        for block in blocks.values():
            usual = median(piece.size for piece in block for _ in range(1 + len(piece.text) // 10))
            for piece in block:
                near = abs(piece.size - usual) <= SAME_BLOCK * usual
                sizes[id(piece)] = usual if near else piece.size
                weights[round(2 * sizes[id(piece)]) / 2] += len(piece.text)
    printed: list[float] = []
    for size, _ in weights.most_common():
        if size and all(abs(size - other) > SAME_SIZE * other for other in printed):
            printed.append(size)
    for pieces in pages:
        for piece in pieces:
            nearest = min(printed, key=lambda size: abs(size - sizes[id(piece)]), default=piece.size)
            piece.spans = [(x, text, nearest, font, flags) for x, text, _, font, flags in piece.spans]
