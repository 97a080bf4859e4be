"""Tiny random checkpoints, made once for all tests of this folder; nothing is downloaded."""

from __future__ import annotations

import os

import pytest

from tests.models.tiny_bert import make_tiny_bert
from tests.models.tiny_clip import make_tiny_clip


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory) -> str:
    """A CLIP that reads 77 tokens."""
    return str(make_tiny_clip(tmp_path_factory.mktemp("models") / "clip"))


@pytest.fixture(scope="session")
def tiny_siglip(tmp_path_factory) -> str:
    """A SigLIP that reads 24 tokens."""
    return str(make_tiny_clip(tmp_path_factory.mktemp("models") / "siglip", "siglip", 24))


@pytest.fixture(scope="session")
def tiny_siglip2(tmp_path_factory) -> str:
    """A SigLIP 2 (NaFlex) that reads 24 tokens."""
    return str(make_tiny_clip(tmp_path_factory.mktemp("models") / "siglip2", "siglip2", 24))


@pytest.fixture(scope="session")
def tiny_long_clip(tmp_path_factory) -> str:
    """A CLIP that reads 248 tokens, as Long-CLIP does."""
    return str(make_tiny_clip(tmp_path_factory.mktemp("models") / "long-clip", max_tokens=248))


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> str:
    """A BERT that reads 48 tokens."""
    return str(make_tiny_bert(tmp_path_factory.mktemp("models") / "bert", max_tokens=48))


@pytest.fixture(scope="session")
def make_masked_model(tmp_path_factory):
    """Make a masked language model of another architecture."""
    return lambda kind: str(make_tiny_bert(tmp_path_factory.mktemp(kind), kind, 48))


@pytest.fixture
def offline(tmp_path) -> dict[str, str]:
    """An environment without network and with an empty cache, for programs run by a test."""
    return {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
