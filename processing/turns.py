"""A lock whose waiters get it in the order in which they came: who works with it in a loop starves nobody."""

from __future__ import annotations

import threading
from collections import deque


class Turns:
    """Use as a context manager; not to be taken twice by one thread."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._taken = False
        self._waiting: deque[threading.Event] = deque()

    def __enter__(self) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            mine = threading.Event()
            self._waiting.append(mine)
        mine.wait()

    def __exit__(self, *exc: object) -> None:
        with self._guard:
            if self._waiting:
                self._waiting.popleft().set()  # it stays taken: by the one that came first
            else:
                self._taken = False
