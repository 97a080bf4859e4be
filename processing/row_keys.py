"""What tells one row's caption from all others: the journal's key, and the fingerprint by which it is found quickly.

The key is a hash over the row, its image, the rendered prompt, model and sampling (DESIGN: the journal is the resume
of recaptioning). To make it, a prompt must be rendered, and what an answer is worth must be checked against the
paper: together half a millisecond a row, hours over millions of rows. The fingerprint is a hash over what both are
made from: the row's words as they are, and the code and templates that turn them into a prompt and check the answer.
A journal's entry carries the fingerprint under which it was asked for and checked. Where a row has the same, key and
checks need not be made again; where it has not (another version of this program), they are.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import inspect
import json
import platform
import zlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from s1_mmalign.processing.captioners.base import Captioner
from s1_mmalign.processing.captioners.identity import ModelIdentity
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt import Template

CODE = (
    "eval/caption_grounding/claims.py",
    "eval/caption_grounding/plain.py",
    "processing/check_form.py",
    "processing/check_language.py",
    "processing/check_source.py",
    "processing/checks.py",
    "processing/context_budget.py",
    "processing/figure_text.py",
    "processing/prompt.py",
    "processing/prompt_safety.py",
    "processing/sentences.py",
    "processing/token_count.py",
)
"""What renders prompts and checks answers: the two modules, and all of this package that they import."""
_encode = json.JSONEncoder(sort_keys=True).encode


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
        parts = [code_hash(captioner), template.prompt_hash, identity.name, identity.revision, sampling]
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
        digest.update(f"{name}\0{image_sha256}\0{text.as_json()}".encode("utf-8", "surrogatepass"))
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


@cache
def code_hash(captioner: type[Captioner]) -> str:
    """Return a hash of all code that decides a prompt and the checks of its answer, a user's captioner included."""
    libraries = [platform.python_version(), zlib.ZLIB_RUNTIME_VERSION, importlib.metadata.version("jinja2")]
    digest = hashlib.sha256(_encode([captioner.__qualname__, *libraries]).encode())
    files = {Path(__file__).parents[1] / name for name in CODE}
    files |= {Path(file) for kind in captioner.__mro__ if (file := _source_file(kind))}
    for path in sorted(files):
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _source_file(kind: type) -> str | None:
    try:
        return inspect.getsourcefile(kind)
    except (TypeError, OSError):  # built in, or typed in at a prompt
        return None
