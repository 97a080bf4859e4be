"""Long files of tests go first, so that two processes end at about the same time."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("any machine", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

LONG = (
    "test_captioners_models", "test_crash_short", "test_secrets", "test_reproduce", "test_recaption_crash",
    "test_distributed", "test_hostile_papers", "test_build", "test_ray_engine", "test_corpus",
)  # fmt: skip
"""Beginnings of the names of files that take half a minute or more."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in front, otherwise in order."""
    items.sort(key=lambda item: not item.path.name.startswith(LONG))
