"""Code and libraries that made a dataset, held against those that are here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from s1_mmalign.dataset_card.recipe import code_sha256, libraries_of, library_versions

CODE = "s1-mmalign"


def written_by(stage: Mapping[str, Any]) -> str:
    """Return the version of this program that wrote a stage's entry."""
    return f"{CODE} {stage['code'].get(CODE) or 'of unknown version'}"


def version_lines(stages: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what differs between then and now, a line each; nothing where all is the same."""
    now = library_versions({CODE})
    for stage in stages:
        then = stage["code"]
        if then.get("sha256") != code_sha256():
            digests = f"sha256 {str(then.get('sha256'))[:8]} then, {code_sha256()[:8]} now"
            yield f"{stage['stage']}: code {then.get(CODE)} then, {now.get(CODE)} now ({digests})"
        here = library_versions(libraries_of(stage["stage"]))
        for name in sorted({*stage["libraries"], *here}):
            before, after = stage["libraries"].get(name), here.get(name)
            if before != after:
                yield f"{stage['stage']}: {name} {before or 'not there'} then, {after or 'not there'} now"
