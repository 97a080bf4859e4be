"""What goes wrong with a stream."""

from __future__ import annotations


class StreamError(Exception):
    """A dataset that cannot be streamed as asked; the text names the file or the option, and the way out."""
