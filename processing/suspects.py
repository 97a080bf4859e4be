"""Which of the requests that were open killed the engine: found by giving them back in parts.

1. The engine dies: all that it had open are suspects. The older half of them is given to the next engine, alone.
2. It lives: they are answered, and the search goes on in the rest. It dies: those of the half that are still open
   are the suspects now, and the rest is free.
3. A request that is the last suspect is tried by itself. It is condemned when the engine dies on it twice: once
   may be chance (somebody killed the process, the memory ran out).

So one request in n costs about log2(n) rounds, and a death by chance costs no request at all.
"""

from __future__ import annotations

from collections.abc import Sequence

DEATHS_ALONE = 2


class Suspects:
    """Keys of requests, one of which seems to kill the engine; empty most of the time."""

    def __init__(self) -> None:
        self._keys: list[str] = []
        self._part: list[str] = []
        self._deaths_alone = 0

    def __bool__(self) -> bool:
        return bool(self._keys)

    @property
    def part(self) -> tuple[str, ...]:
        """Those that the engine is to be given now, and no others; () where anything may go."""
        return tuple(self._part)

    def accuse(self, keys: Sequence[str]) -> None:
        """Begin with these, oldest first."""
        self._keys = list(keys)
        self._deaths_alone = 0
        self._part = self._keys[: (len(self._keys) + 1) // 2]

    def answered(self, key: str) -> None:
        """A request had an answer: it did no harm."""
        if key in self._part:
            self._part.remove(key)
            self._keys.remove(key)
            if not self._part:
                self.accuse(self._keys)

    def died(self, open_keys: Sequence[str]) -> str | None:
        """The engine died with these open; return the one that is condemned, or None."""
        if not open_keys:
            return None  # it died of itself
        if not self._keys:
            self.accuse(open_keys)
        elif len(self._part) > 1:
            self.accuse(self._part)
        else:
            self._deaths_alone += 1
            if self._deaths_alone >= DEATHS_ALONE:
                (condemned,) = self._part
                self.accuse([])
                return condemned
        return None
