"""Requests on their way into a captioner: images are prepared in threads ahead of it, and go in as there is room."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from s1_mmalign.processing.captioners.base import Caption, Captioner, CaptionRequest, RequestError

THREADS = 4
MOST_AHEAD = 64
"""Requests that are prepared beyond those in the engine: an image of 1.3 megapixels is 4 MB when it is decoded."""
LOOK_SECONDS = 0.01
"""While an image is being prepared and the captioner has room for it, it is looked after so often."""


class Pipeline:
    """A captioner and the requests that it has, or will have as soon as they are prepared."""

    def __init__(self, captioner: Captioner) -> None:
        self.captioner = captioner
        self._threads = ThreadPoolExecutor(THREADS, "prepare") if captioner.prepares_images else None
        self._preparing: deque[tuple[str, Future[Any]]] = deque()
        self._failed: list[Caption] = []

    def __len__(self) -> int:
        """How many requests are held."""
        return len(self._preparing) + len(self._failed) + self.captioner.in_flight

    @property
    def room(self) -> int:
        """How many more requests may be put in."""
        capacity = self.captioner.capacity
        return capacity + min(capacity, MOST_AHEAD) - len(self)

    def put(self, request: CaptionRequest) -> None:
        """Begin to prepare a request."""
        if self._threads is not None:
            self._preparing.append((request.key, self._threads.submit(self.captioner.prepare, request)))
            return
        done: Future[Any] = Future()
        done.set_result(self.captioner.prepare(request))
        self._preparing.append((request.key, done))

    def step(self) -> list[Caption]:
        """Hand over what is prepared, let the captioner work, and return the requests that are done, perhaps none.

        Raises:
            EngineDied, CaptionerError: see `Captioner.poll`.
        """
        self._hand_over()
        failed, self._failed = self._failed, []
        if failed:
            return failed
        more = self._preparing and self.captioner.in_flight < self.captioner.capacity
        return self.captioner.poll(LOOK_SECONDS if more else None)

    def close(self) -> None:
        """Drop what is being prepared. The captioner stays open."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)
        self._preparing.clear()

    def _hand_over(self) -> None:
        captioner = self.captioner
        while self._preparing and captioner.in_flight < captioner.capacity:
            key, prepared = self._preparing[0]
            if captioner.in_flight and not captioner.in_batches and not prepared.done():
                return  # the engine has work: it shall not wait for this image
            self._preparing.popleft()
            try:
                captioner.submit(key, prepared.result())
            except RequestError as error:
                self._failed.append(Caption.failed(key, error))
