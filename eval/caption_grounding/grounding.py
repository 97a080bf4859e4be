"""How much of a caption the paper bears out, and how much of it is copied: no model, no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .claims import find_claims, find_sources
from .plain import words

NGRAMS = (1, 2, 3, 4)


@dataclass(frozen=True, slots=True)
class Grounding:
    """One caption against its sources. A share is None where there is nothing to share out."""

    numbers: int
    numbers_found: int
    entities: int
    entities_found: int
    symbols: int
    symbols_found: int
    words: int
    copied_run: int
    """Words of the longest run that stands in a source word by word."""
    novelty: tuple[float | None, ...]
    """Share of the caption's n-grams, n as in `NGRAMS`, that no source has."""
    missing: tuple[str, ...]
    """What was not found, for a reader to check."""

    @property
    def claims(self) -> int:
        """Numbers, entities and symbols together."""
        return self.numbers + self.entities + self.symbols

    @property
    def support(self) -> float | None:
        """Share of the claims that were found."""
        found = self.numbers_found + self.entities_found + self.symbols_found
        return found / self.claims if self.claims else None

    @property
    def number_support(self) -> float | None:
        """Share of the numbers that were found, with their units."""
        return self.numbers_found / self.numbers if self.numbers else None

    @property
    def entity_support(self) -> float | None:
        """Share of the named entities that were found."""
        return self.entities_found / self.entities if self.entities else None

    @property
    def symbol_support(self) -> float | None:
        """Share of the symbols that were found."""
        return self.symbols_found / self.symbols if self.symbols else None

    @property
    def copied_share(self) -> float:
        """Longest copied run as a share of the caption's words."""
        return self.copied_run / self.words if self.words else 0.0

    def row(self) -> dict[str, Any]:
        """Return all of it as plain values."""
        row = asdict(self) | {"missing": list(self.missing)}
        novelty = row.pop("novelty")
        row |= {f"novelty_{n}": value for n, value in zip(NGRAMS, novelty, strict=True)}
        names = ("support", "number_support", "entity_support", "symbol_support", "copied_share")
        return row | {name: getattr(self, name) for name in names}


def ground(caption: str, sources: Sequence[str]) -> Grounding:
    """Compare a caption with what the paper says: its raw caption, citing paragraphs, title, text in the figure."""
    claims = find_claims(caption)
    paper = find_sources([source for source in sources if source])
    numbers = [number for number in claims.numbers if not paper.bear_out_number(number)]
    entities = [entity for entity in claims.entities if not paper.bear_out_entity(entity)]
    symbols = [symbol for symbol in claims.symbols if symbol not in paper.symbols]
    own = words(caption)
    given = [words(source) for source in sources if source]
    return Grounding(
        numbers=len(claims.numbers),
        numbers_found=len(claims.numbers) - len(numbers),
        entities=len(claims.entities),
        entities_found=len(claims.entities) - len(entities),
        symbols=len(claims.symbols),
        symbols_found=len(claims.symbols) - len(symbols),
        words=len(own),
        copied_run=longest_run(own, given),
        novelty=tuple(_novelty(own, given, n) for n in NGRAMS),
        missing=tuple(
            sorted([f"{value:g} {unit}".strip() for value, unit in numbers]) + sorted(entities) + sorted(symbols)
        ),
    )


def longest_run(own: Sequence[str], sources: Sequence[Sequence[str]]) -> int:
    """Length in words of the longest run of `own` that stands in one of the sources.

    A run of n + 1 holds runs of n, so the length is found by bisection over sets of n-grams.
    """
    low, high = 0, max((min(len(own), len(source)) for source in sources), default=0)
    while low < high:
        middle = (low + high + 1) // 2
        mine = _ngrams(own, middle)
        if any(not mine.isdisjoint(_ngrams(source, middle)) for source in sources):
            low = middle
        else:
            high = middle - 1
    return low


def _novelty(own: Sequence[str], sources: Sequence[Sequence[str]], n: int) -> float | None:
    """Share of the distinct n-grams that no source has (as in Narayan et al. 2018, table 1)."""
    mine = _ngrams(own, n)
    if not mine:
        return None
    known = set().union(*(_ngrams(source, n) for source in sources))
    return len(mine - known) / len(mine)


def _ngrams(tokens: Sequence[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)}
