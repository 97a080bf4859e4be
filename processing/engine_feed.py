"""What keeps an engine busy, and what survives its death.

Rows are drawn ahead of the batch that `map` asks for, noted on disk, and put into the engine's pipeline as there is
room. When the engine dies, another one is made and the rows that were open are given to it in parts, until the one
that kills engines is found (`suspects`), is quarantined, and the run goes on.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from s1_mmalign.processing.caption_rows import Row
from s1_mmalign.processing.captioners.base import (
    Caption,
    Captioner,
    CaptionerError,
    CaptionRequest,
    EngineDied,
    RequestError,
)
from s1_mmalign.processing.captioners.pictures import decode_image
from s1_mmalign.processing.captioners.pipeline import Pipeline
from s1_mmalign.processing.in_flight import InFlightLog, read_suspects
from s1_mmalign.processing.prompt import Prompt, Template
from s1_mmalign.processing.quarantine import FLAG, Quarantine
from s1_mmalign.processing.suspects import Suspects

NOTED_AT_ONCE = 32
"""Rows whose keys go to disk together, the next to be submitted first: one fsync for all of them."""
CONDEMNED_IN_A_ROW = 3
"""So many rows killed the engine and none was answered between them: it is not the rows."""
DEATHS_IN_A_ROW = 40
"""Without one answer between them; the search for a row among 256 takes about 10."""
STARTS = 4
START_PAUSE_SECONDS = 5.0
"""Between tries to start an engine again: the memory of the one that was killed may not be free at once."""

Answers = list[tuple[list[Row], Caption]]


class EngineFeed:
    """An engine, made when the first row needs it, and the rows that are on their way into it.

    Args:
        kind: class of the captioner: what requests must carry.
        make: makes the captioner.
        template: what rows are asked with.
        more: called with the number of rows that may be held; returns the next row that wants a caption, or None.
        batch_size: rows of one batch of `map`, which `more` reads beyond what the engine holds.
        max_pixels: limit of the images.
        journal: folder of the notes on disk; None: nothing is noted.
        worker: number of this process.
    """

    def __init__(
        self,
        kind: type[Captioner],
        make: Callable[[], Captioner],
        template: Template,
        more: Callable[[int], Row | None],
        batch_size: int,
        max_pixels: int,
        journal: Path | None = None,
        worker: int = 0,
    ) -> None:
        self._kind = kind
        self._make = make
        self._template = template
        self._more = more
        self._batch_size = batch_size
        self._max_pixels = max_pixels
        self._pipeline: Pipeline | None = None
        self._quarantine = Quarantine(journal if kind.can_die else None, worker)
        self._log = InFlightLog(journal, worker) if journal is not None and kind.can_die else None
        self._accused = read_suspects(journal) if journal is not None and kind.can_die else frozenset()
        self._suspects = Suspects()
        self._waiting: deque[CaptionRequest] = deque()
        """Drawn and noted, not with the engine yet."""
        self._set_apart: list[CaptionRequest] = []
        """Accused of the death of earlier runs."""
        self._open: dict[str, CaptionRequest] = {}
        """With the engine."""
        self._rows: dict[str, list[Row]] = {}
        """All that is drawn and not answered."""
        self._failed: list[Caption] = []
        self._deaths = 0

    def step(self) -> Answers:
        """Feed the engine and let it work; return the rows that were answered, perhaps none.

        A caption has several rows where the same row came twice.

        Raises:
            CaptionerError: the engine cannot start or go on.
            JournalError: the notes cannot be written.
        """
        try:
            self._fill()
            captions = self._take_failed()
            if self._pipeline is not None and not captions:
                captions = self._pipeline.step()
        except EngineDied as error:
            captions = self._mourn(error)
        for caption in captions:
            self._answered(caption)
        return [(self._rows.pop(caption.key), caption) for caption in captions]

    def close(self) -> None:
        """Drop what is on its way and let go of the engine."""
        done = not self._rows
        self._let_go()
        if done:
            self._quarantine.confirm()
        self._quarantine.close()
        if self._log is not None:
            self._log.close(done)
        self._waiting.clear()
        self._open.clear()
        self._rows.clear()

    # ---- rows to the engine

    def _fill(self) -> None:
        """Put rows into the pipeline while it has room."""
        while self._pipeline is None or self._pipeline.room > 0:
            request = self._next()
            if request is None:
                return
            if self._pipeline is None:
                if not self._decodable(request):
                    continue
                self._pipeline = self._start()
            self._open[request.key] = request
            self._pipeline.put(request)

    def _next(self) -> CaptionRequest | None:
        """Return the next request that the engine may be given now."""
        if self._suspects:
            part = self._suspects.part
            return self._take(next((request for request in self._waiting if request.key in part), None))
        if not self._waiting:
            self._draw()
        if not self._waiting and self._set_apart and not self._open:
            self._waiting.extend(self._set_apart)
            self._suspects.accuse([request.key for request in self._set_apart])
            self._set_apart = []
            return self._next()
        return self._waiting.popleft() if self._waiting else None

    def _take(self, request: CaptionRequest | None) -> CaptionRequest | None:
        if request is not None:
            self._waiting.remove(request)
        return request

    def _draw(self) -> None:
        """Draw some rows, and have their keys on disk before the engine sees any of them."""
        capacity = self._pipeline.captioner.capacity if self._pipeline is not None else self._batch_size
        room = 4 * (capacity + self._batch_size)
        drawn: list[str] = []
        while len(self._waiting) < NOTED_AT_ONCE and (row := self._more(room)) is not None:
            if row.key in self._rows:
                self._rows[row.key].append(row)
                continue
            self._rows[row.key] = [row]
            try:
                request = self._request(row)
            except RequestError as error:
                self._failed.append(Caption.failed(row.key, error))
                continue
            (self._set_apart if row.key in self._accused else self._waiting).append(request)
            drawn.append(row.key)
        if self._log is not None and drawn:
            self._log.opened(drawn)

    def _request(self, row: Row) -> CaptionRequest:
        if why := self._quarantine.why(row.key):
            raise RequestError(why, FLAG)
        try:
            image = (row.image() or b"") if self._kind.needs_image else b""
        except (OSError, ValueError, IndexError) as error:
            raise RequestError(str(error), "image_unreadable") from error
        prompt = self._template.render(row.text) if self._kind.uses_prompt else Prompt("", "", "")
        return CaptionRequest(row.key, prompt, row.text, image, row.sampling)

    def _decodable(self, request: CaptionRequest) -> bool:
        """Say whether a request is worth starting an engine: a picture that cannot be read is not."""
        try:
            if self._kind.needs_image:
                decode_image(request.image, self._max_pixels)
        except RequestError as error:
            self._failed.append(Caption.failed(request.key, error))
            return False
        return True

    # ---- answers, and deaths

    def _take_failed(self) -> list[Caption]:
        failed, self._failed = self._failed, []
        return failed

    def _answered(self, caption: Caption) -> None:
        was_open = self._open.pop(caption.key, None) is not None
        self._suspects.answered(caption.key)
        if caption.error is None:
            self._deaths = 0
            self._quarantine.confirm()
        elif self._log is not None and was_open:
            self._log.refused(caption.key)

    def _mourn(self, error: EngineDied) -> list[Caption]:
        """Put the rows that were open back, make another engine, and return the row that is found guilty, if any."""
        self._deaths += 1
        requests = list(self._open.values())
        print(f"engine died with {len(requests)} rows open: {error}. Starting another.", file=sys.stderr, flush=True)
        condemned = self._suspects.died(list(self._open))
        self._open.clear()
        failed = self._take_failed()
        for request in requests:
            if request.key == condemned:
                failed.append(self._condemn(request, error))
        self._waiting.extendleft(request for request in reversed(requests) if request.key != condemned)
        if self._deaths >= DEATHS_IN_A_ROW:
            raise CaptionerError(f"the engine died {self._deaths} times without an answer between: {error}")
        if self._waiting or self._set_apart:
            self._restart(error)
        else:
            self._let_go()
        return failed

    def _condemn(self, request: CaptionRequest, error: EngineDied) -> Caption:
        name = self._rows[request.key][0].name
        why = f"the engine dies on it ({error})"
        if self._quarantine.add(request.key, name, why) >= CONDEMNED_IN_A_ROW:
            raise CaptionerError(
                f"the engine died on {CONDEMNED_IN_A_ROW} rows one after another, the last time on {name}, and "
                f"answered none between them: {error}. It is likely the engine or the machine, not the rows. "
                "What was captioned before is in the journal: run the same command again."
            )
        return Caption.failed(request.key, RequestError(why, FLAG))

    def _restart(self, death: EngineDied) -> None:
        """Make another engine in the place of one that died."""
        if self._pipeline is not None:
            self._pipeline.captioner.wait_until_ready()
        self._let_go()
        self._pipeline = self._start(death)

    def _start(self, death: EngineDied | None = None) -> Pipeline:
        """Make an engine; one that is killed while it starts, or finds no memory after a death, is tried again."""
        for _ in range(STARTS - 1):
            try:
                return Pipeline(self._make())
            except EngineDied as error:
                death = error
            except CaptionerError:
                if death is None:
                    raise  # what the user asked for cannot be had
            time.sleep(START_PAUSE_SECONDS)
        try:
            return Pipeline(self._make())
        except (EngineDied, CaptionerError) as error:
            raise CaptionerError(f"the engine died ({death}) and cannot be started again: {error}") from error

    def _let_go(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close()
            self._pipeline.captioner.close()
            self._pipeline = None
