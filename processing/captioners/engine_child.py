"""The other side of `engine_process`: runs a captioner, as long as there is somebody to answer to."""

from __future__ import annotations

import importlib
import os
import signal
import threading
import time
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue

from s1_mmalign.processing.captioners.base import Captioner, CaptionerError, CaptionRequest, EngineDied
from s1_mmalign.processing.captioners.pipeline import Pipeline

ALIVE_SECONDS = 0.5
"""A sign of life (an empty list of captions) is sent at most so often."""


def main(descriptor: int) -> None:
    """Serve requests that come over a connection until None comes, or until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    connection = Connection(descriptor)
    module, name, options, identity = connection.recv()
    try:
        captioner: Captioner = getattr(importlib.import_module(module), name)(options, identity)
    except CaptionerError as error:
        connection.send(str(error))
        return
    connection.send(captioner.capacity)
    server = _Server(connection, captioner)
    try:
        server.run()
    except (EngineDied, CaptionerError) as error:
        connection.send(str(error))
    server.close()


class _Server:
    def __init__(self, connection: Connection, captioner: Captioner) -> None:
        self._connection = connection
        self._captioner = captioner
        self._pipeline = Pipeline(captioner)
        self._inbox: SimpleQueue[CaptionRequest | None] = SimpleQueue()
        self._told = 0.0
        captioner.alive = self._tell_alive
        threading.Thread(target=self._receive, name="receive", daemon=True).start()

    def run(self) -> None:
        while self._take_in():
            if captions := self._pipeline.step():
                self._connection.send(captions)
                self._told = time.monotonic()
            else:
                self._tell_alive()

    def close(self) -> None:
        self._pipeline.close()
        self._captioner.close()

    def _receive(self) -> None:
        """Take requests off the line at once, so that the other side never waits to send one."""
        try:
            while True:
                self._inbox.put(self._connection.recv())
        except (EOFError, OSError):
            os._exit(1)  # nobody is left to answer to; what this process started ends with it (`Reaper`)

    def _take_in(self) -> bool:
        """Put all requests that have come into the pipeline; wait for one where there is nothing to do."""
        try:
            while True:
                request = self._inbox.get(block=not len(self._pipeline))
                if request is None:
                    return False
                self._pipeline.put(request)
        except Empty:
            return True

    def _tell_alive(self) -> None:
        now = time.monotonic()
        if now - self._told >= ALIVE_SECONDS:
            self._told = now
            self._connection.send([])
