"""What tells one row's caption from all others: the journal's key, and the fingerprint by which it is found quickly.

The key is a hash over the row's name, its image, the rendered prompt, model and sampling. To make it, a prompt must be
rendered, and what an answer is worth must be checked against the paper: together half a millisecond a row, hours over
millions of rows. The fingerprint is a hash over what both are made from: the row's words as they are, and the code and
templates that turn them into a prompt and check the answer. A journal's entry carries the fingerprint under which it
was asked for and checked. Where a row has the same, key and checks need not be made again; where it has not (another
version of this program), they are.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s1_mmalign.processing.captioners.base import Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt import Template

CODE = (
    "eval/caption_grounding/claims.py",
    "eval/caption_grounding/plain.py",
    "processing/captioners/base.py",
    "processing/captioners/extractive.py",
    "processing/check_form.py",
    "processing/check_language.py",
    "processing/check_source.py",
    "processing/checks.py",
    "processing/context_budget.py",
    "processing/figure_text.py",
    "processing/prompt.py",
    "processing/prompt_safety.py",
    "processing/row_answers.py",
    "processing/row_keys.py",
    "processing/sentences.py",
    "processing/token_count.py",
)
"""What renders prompts and checks answers: all of this package that they import, and who calls them."""
_encode = json.JSONEncoder(sort_keys=True).encode


def _read_code() -> str:
    """Return a hash of CODE and of the libraries beside it; of a package without sources one that never comes again."""
    libraries = [*platform.python_version_tuple()[:2], zlib.ZLIB_RUNTIME_VERSION, importlib.metadata.version("jinja2")]
    digest = hashlib.sha256(_encode(libraries).encode())
    try:
        for name in CODE:
            digest.update((Path(__file__).parents[1] / name).read_bytes())
    except OSError:
        digest.update(os.urandom(16))
    return digest.hexdigest()


CODE_HASH = _read_code()
"""As this process has the code: read when it is imported, not when it is needed, by when files may have changed."""


class RowKeys:
    """Keys and fingerprints of the rows of one run.

    Args:
        captioner: who is asked.
        template: what is asked.
        identity: of the model.
        sampling: `Captioner.sampling`.
    """

    def __init__(
        self, captioner: type[Captioner], template: Template, identity: ModelIdentity, sampling: Mapping[str, Any]
    ) -> None:
        self._captioner = captioner
        self._template = template
        self._identity = identity
        self._sampling = sampling
        ours = captioner.key_text.__module__.startswith(f"{__package__}.")
        self._key_text = None if ours else captioner.key_text
        """Of a captioner of the user's own: it may use whatever it likes, so only what it returns can be relied on."""
        asked = [captioner.__module__, captioner.__qualname__, captioner.copies, template.prompt_hash]
        parts = [CODE_HASH, *asked, identity.name, identity.revision, sampling]
        self._same_for_all = hashlib.sha256(_encode(parts).encode())

    def key(self, name: str, image_sha256: str, text: FigureText) -> str:
        """Return the journal's key of a row: 32 hex digits.

        Args:
            name: the row's `image_path`.
            image_sha256: of the image's bytes.
            text: the row's words.
        """
        words = self._captioner.key_text(self._template, text)
        return row_key(name, image_sha256, words, self._identity, self._sampling)

    def fingerprint(self, name: str, image_sha256: str, text: FigureText) -> str:
        """Return the fingerprint of a row (32 hex digits); the arguments are those of `key`."""
        digest = self._same_for_all.copy()
        words = self._key_text(self._template, text) if self._key_text is not None else ""
        digest.update(f"{name}\0{image_sha256}\0{text.as_line()}{words}".encode("utf-8", "surrogatepass"))
        return digest.hexdigest()[:32]


def row_key(name: str, image_sha256: str, words: str, identity: ModelIdentity, sampling: Mapping[str, Any]) -> str:
    """Return the journal's key of one row: 32 hex digits over everything that decides its caption.

    Args:
        name: the row's `image_path`.
        image_sha256: of the image's bytes.
        words: the rendered prompt (`Captioner.key_text`).
        identity: model and revision.
        sampling: `Captioner.sampling`.
    """
    parts = [name, image_sha256, words, identity.name, identity.revision, sampling]
    return hashlib.sha256(_encode(parts).encode()).hexdigest()[:32]


def fingerprint_of_attempt(fingerprint: str, key: str) -> str:
    """Return the fingerprint of a further attempt at a row, given the attempt's key."""
    return hashlib.sha256(f"{fingerprint}{key}".encode()).hexdigest()[:32]
