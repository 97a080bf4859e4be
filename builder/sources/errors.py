"""The one error of input that is the user's to mend."""

from __future__ import annotations


class InputError(Exception):
    """The user's own mistake in naming the input, or input that is not whole; the text says what to do."""
