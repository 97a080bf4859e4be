"""Rows that are left out: counted, and named in the log, ever more rarely."""

from __future__ import annotations

import logging
from typing import Literal

from s1_mmalign.processing.streaming.errors import StreamError

logger = logging.getLogger(__name__)


class Skipped:
    """Counts rows whose image cannot be decoded; with `on_error="error"` the first one raises."""

    def __init__(self, on_error: Literal["skip", "error"]) -> None:
        self._on_error = on_error
        self.count = 0

    def note(self, image_path: str, error: BaseException) -> None:
        """Count a row.

        Raises:
            StreamError: rows are not to be skipped.
        """
        if self._on_error == "error":
            raise StreamError(
                f'{image_path}: {error}. on_error="skip" leaves such rows out and counts them.'
            ) from error
        self.count += 1
        if self.count & (self.count - 1) == 0:  # the 1st, 2nd, 4th, 8th, …: a bad disk must not fill the log
            logger.warning("%s: left out (%s); %d so far in this worker", image_path, error, self.count)
