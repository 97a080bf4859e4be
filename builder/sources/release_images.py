"""Decode the images of a release in confined processes, several at a time, and give them back in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from s1_mmalign.builder.confined_pool import ConfinedPool
from s1_mmalign.builder.images import EncodedImage, ImageOptions
from s1_mmalign.builder.records import Drop
from s1_mmalign.builder.workers import convert_image

LARGEST_SIDE = 65_500
"""Pixels. Published images stay as they are: none is shrunk, or dropped for being small."""
AHEAD = 8
"""Images that wait for an earlier one, a process."""
AHEAD_BYTES = 64 << 20

Tag = TypeVar("Tag")


@dataclass(slots=True)
class _Waiting(Generic[Tag]):
    tag: Tag
    found: Drop | Future[EncodedImage | Drop]
    bytes: int = 0


class ImageQueue(Generic[Tag]):
    """Images in, and the same in the same order out, each with the tag that it came with; a context manager.

    Args:
        pool: the processes that decode.
        options: of the images; what they say of sizes is replaced, see LARGEST_SIDE.
    """

    def __init__(self, pool: ConfinedPool, options: ImageOptions) -> None:
        self._pool = pool
        self._options = replace(options, min_bytes=0, min_side=1, max_side=LARGEST_SIDE)
        self._waiting: deque[_Waiting[Tag]] = deque()
        self._bytes = 0
        self._threads = ThreadPoolExecutor(pool.processes + 1)  # one ahead, so that no process waits for this one

    def __enter__(self) -> ImageQueue[Tag]:
        return self

    def __exit__(self, *exc: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def put(self, tag: Tag, paper_id: str, path: str, data: bytes) -> None:
        """Add an image file: its bytes, and what a drop would name."""
        found = self._threads.submit(convert_image, self._pool, paper_id, path, data, self._options)
        self._waiting.append(_Waiting(tag, found, len(data)))
        self._bytes += len(data)

    def put_drop(self, tag: Tag, drop: Drop) -> None:
        """Add something that is no image, to come out in its turn."""
        self._waiting.append(_Waiting(tag, drop))

    def ready(self) -> Iterator[tuple[Tag, EncodedImage | Drop]]:
        """Return what is done of the front; waits only where too much is on its way."""
        while self._waiting:
            first = self._waiting[0].found
            full = len(self._waiting) > AHEAD * self._pool.processes or self._bytes > AHEAD_BYTES
            if isinstance(first, Future) and not first.done() and not full:
                return
            yield self._pop()

    def rest(self) -> Iterator[tuple[Tag, EncodedImage | Drop]]:
        """Return all that is left."""
        while self._waiting:
            yield self._pop()

    def _pop(self) -> tuple[Tag, EncodedImage | Drop]:
        first = self._waiting.popleft()
        self._bytes -= first.bytes
        return first.tag, first.found.result() if isinstance(first.found, Future) else first.found
