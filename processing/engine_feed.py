"""What keeps an engine busy: images are prepared in threads ahead of it, requests go in as there is room."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from s1_mmalign.processing.caption_rows import Row
from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionRequest, RequestError
from s1_mmalign.processing.prompt import Prompt, Template

PREPARING_THREADS = 4


class EngineFeed:
    """An engine, made when the first row needs it, and the rows that are on their way into it.

    Args:
        make: makes the captioner.
        template: what rows are asked with.
        more: called with the number of rows that may be held; returns the next row that wants a caption, or None.
    """

    def __init__(
        self, make: Callable[[], Captioner], template: Template, more: Callable[[int], Row | None], batch_size: int
    ) -> None:
        self._make = make
        self._template = template
        self._more = more
        self._batch_size = batch_size
        self._captioner: Captioner | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._preparing: deque[tuple[str, Future[Any]]] = deque()
        self._open: dict[str, list[Row]] = {}
        self._failed: list[Caption] = []

    def step(self) -> list[tuple[list[Row], Caption]]:
        """Feed the engine, then wait for some answers; return them with their rows (more than one: the same row twice).

        Raises:
            CaptionerError: the engine cannot start or go on.
        """
        if self._captioner is None:
            self._captioner = self._make()
            self._threads = ThreadPoolExecutor(PREPARING_THREADS, "prepare")
        self._feed(self._captioner)
        captions = self._failed + self._captioner.poll()
        self._failed = []
        return [(self._open.pop(caption.key), caption) for caption in captions]

    def close(self) -> None:
        """Drop what is on its way and let go of the engine."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._threads = None
        if self._captioner is not None:
            self._captioner.close()
            self._captioner = None
        self._preparing.clear()
        self._open.clear()

    def _feed(self, captioner: Captioner) -> None:
        """Prepare as many requests as the engine holds, and hand over those that it has room for."""
        room = 4 * (captioner.capacity + self._batch_size)
        while True:
            while len(self._preparing) < captioner.capacity and (row := self._more(room)) is not None:
                self._prepare(captioner, row)
            if not self._preparing or captioner.in_flight >= captioner.capacity:
                return
            key, prepared = self._preparing[0]
            if captioner.in_flight and not prepared.done():
                return  # the engine has work: its answers shall not wait for this image
            self._preparing.popleft()
            try:
                captioner.submit(key, prepared.result())
            except RequestError as error:
                self._failed.append(Caption.failed(key, error))

    def _prepare(self, captioner: Captioner, row: Row) -> None:
        if row.key in self._open:
            self._open[row.key].append(row)
            return
        self._open[row.key] = [row]
        try:
            image = (row.image() or b"") if captioner.needs_image else b""
        except (OSError, ValueError, IndexError) as error:
            self._failed.append(Caption.failed(row.key, RequestError(str(error), "image_unreadable")))
            return
        prompt = self._template.render(row.text) if captioner.uses_prompt else Prompt("", "", "")
        request = CaptionRequest(row.key, prompt, row.text, image)
        if captioner.needs_image and self._threads is not None:
            self._preparing.append((row.key, self._threads.submit(captioner.prepare, request)))
        else:
            done: Future[Any] = Future()
            done.set_result(captioner.prepare(request))
            self._preparing.append((row.key, done))
