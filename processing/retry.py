"""Requests to a Hub that is busy, throttles, or loses a connection: wait and ask again."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from huggingface_hub.errors import HfHubHTTPError, HTTPError

Result = TypeVar("Result")

RETRIED_STATUSES = frozenset({408, 409, 412, 429, 500, 502, 503, 504})
"""409 and 412: somebody else committed meanwhile; 429: too many requests; 5xx: the server's own trouble."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often a request is tried, and how long the waits between are."""

    tries: int = 8
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def __post_init__(self) -> None:
        """Reject what cannot be meant."""
        if self.tries < 1:
            raise ValueError(f"tries={self.tries!r}: 1 or more is expected")
        if self.first_wait_s < 0 or self.longest_wait_s < self.first_wait_s:
            raise ValueError(f"first_wait_s={self.first_wait_s!r}: at least 0 and at most longest_wait_s is expected")


def with_retries(call: Callable[[], Result], policy: RetryPolicy) -> Result:
    """Return what `call` returns; a failure that may pass is tried again, any other is raised at once.

    Waits double from try to try, with up to a quarter of chance added so that parallel pushes part; a
    `Retry-After` of the server counts where it is longer.
    """
    for attempt in range(1, policy.tries):
        try:
            return call()
        except (HTTPError, OSError, RuntimeError) as error:
            if not is_transient(error):
                raise
            wait = min(policy.first_wait_s * 2 ** (attempt - 1), policy.longest_wait_s)
            wait *= 1 + random.random() / 4
            time.sleep(max(wait, min(_retry_after(error), policy.longest_wait_s)))
    return call()


def is_transient(error: BaseException) -> bool:
    """Whether the same request may succeed later: told by the HTTP status, or by the kind of the lost connection."""
    for cause in error_chain(error):
        if isinstance(cause, HfHubHTTPError):
            return cause.response.status_code in RETRIED_STATUSES
        if isinstance(cause, (HTTPError, ConnectionError, TimeoutError)):
            return True
    return False


def _retry_after(error: BaseException) -> float:
    """Seconds that the server asks to wait, 0 where it says nothing (or gives a date)."""
    for cause in error_chain(error):
        if isinstance(cause, HfHubHTTPError):
            value = cause.response.headers.get("Retry-After", "")
            return float(value) if value.isdigit() else 0.0
    return 0.0


def error_chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield the error and what caused it: uploads in threads wrap the HTTP error in another."""
    while error is not None:
        yield error
        error = error.__cause__
