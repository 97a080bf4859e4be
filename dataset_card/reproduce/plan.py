"""`--plan`: what `reproduce` would do, with which options, on how much. Nothing is run or written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card.reproduce.inputs import find_places
from s1_mmalign.dataset_card.reproduce.options import changed_options
from s1_mmalign.dataset_card.reproduce.recorded import Recorded
from s1_mmalign.dataset_card.reproduce.run import ReproduceOptions, stages_of
from s1_mmalign.dataset_card.reproduce.versions import version_lines


def plan_lines(recorded: Recorded, options: ReproduceOptions) -> Iterator[str]:
    """Yield the plan.

    Raises:
        ValueError: an option that does not exist.
    """
    values, changes = changed_options(recorded.stages, options.changes)
    yield f"{recorded.name}: {', '.join(stage['stage'] for stage in recorded.stages)} are recorded"
    yield from [*version_lines(recorded.stages)] or ["versions: those of the recipe"]
    yield from map(str, changes)
    for name in stages_of(recorded, options.start):
        yield f"would run {name}: {_what(recorded, name)}"
        if name in values:
            yield from (f"  {line}" for line in _flat(values[name]))
    if options.start == "build":
        yield _inputs(recorded, options, values["build"])


def _what(recorded: Recorded, name: str) -> str:
    stage = recorded.stage(name)
    results = stage["results"] if stage else {}
    if name == "build":
        inputs = results.get("inputs", {})
        packages, size = inputs.get("packages"), inputs.get("bytes")
        read = f"{packages:,} packages, {size / 1e6:,.1f} MB" if packages is not None else "inputs of unknown number"
        return f"{read} -> {results.get('rows', 0):,} rows"
    if name.startswith("recaption"):
        return f"{results.get('captioned', 0):,} of {results.get('rows', 0):,} captions by {results.get('model')}"
    if name == "evaluate":
        return f"{results.get('sample', 0):,} rows; {', '.join(results.get('measured', ())) or 'lengths alone'}"
    return "README.md"


def _inputs(recorded: Recorded, options: ReproduceOptions, values: Mapping[str, Any]) -> str:
    try:
        places = find_places(values, options.inputs, recorded)
    except FolderError as error:
        return f"inputs: {error}"
    return f"inputs: {', '.join(map(str, places.papers))} (not looked at; --check-only holds them against their hashes)"


def _flat(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Options as `group.option = value`."""
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{before}{name}.")
        else:
            yield f"{before}{name} = {json.dumps(value, ensure_ascii=False)}"
