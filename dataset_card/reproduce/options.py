"""Recorded options as the stages' dataclasses again, with what the user changes for this run."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, TypeVar, get_origin, get_type_hints

from s1_mmalign.builder.options import BuildOptions
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.dataset_card.card import CardOptions
from s1_mmalign.dataset_card.reproduce.versions import written_by
from s1_mmalign.eval.options import EvaluateOptions
from s1_mmalign.processing.captioners.options import RUN_ONLY, RecaptionOptions

Options = TypeVar("Options")

CLASSES: dict[str, type[Any]] = {
    "build": BuildOptions, "recaption": RecaptionOptions, "evaluate": EvaluateOptions, "card": CardOptions,
}  # fmt: skip
ONLY_THIS_RUN: dict[str, tuple[str, ...]] = {
    "build": ("workers", "engine", "storage"), "recaption": RUN_ONLY, "evaluate": ("engine", "num_proc"), "card": (),
}  # fmt: skip
"""Options of which the result does not depend: they are not recorded, and setting them changes nothing."""
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class OptionChange:
    """An option that this run has otherwise than the recipe."""

    stage: str
    name: str
    before: Any
    after: Any
    shapes: bool
    """Whether the result depends on it."""

    def __str__(self) -> str:
        """In one line."""
        name = f"{self.stage}.{self.name}"
        if not self.shapes:
            return f"for this run: {name} = {json.dumps(self.after)}"
        before = "default" if self.before is _ABSENT else json.dumps(self.before)
        return f"option changed: {name}: {before} -> {json.dumps(self.after)}"


def kind_of(stage: str) -> str:
    """Return the command of a stage: `recaption_qwen` is one of `recaption`."""
    return stage.partition("_")[0]


def changed_options(
    stages: Iterable[Mapping[str, Any]], changes: Iterable[str]
) -> tuple[dict[str, dict[str, Any]], list[OptionChange]]:
    """Return each stage's options with the changes in them, and the changes.

    Args:
        stages: of the recipe.
        changes: `stage.option=value`, `stage.group.option=value`; a value that is JSON is taken as such.

    Raises:
        ValueError: no such stage or option.
    """
    options = {stage["stage"]: deepcopy(stage["options"]) for stage in stages if kind_of(stage["stage"]) in CLASSES}
    made = []
    for change in changes:
        path, equals, text = change.partition("=")
        stage, _, name = path.partition(".")
        if not (equals and name):
            raise ValueError(f"--option {change!r}: STAGE.OPTION=VALUE is expected")
        if stage not in options:
            raise ValueError(f"--option {change!r}: the recipe has no stage {stage!r}, but {', '.join(options)}")
        made.append(_change(options[stage], stage, name, _value(text)))
    return options, made


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _change(options: dict[str, Any], stage: str, name: str, value: Any) -> OptionChange:
    kind: Any = CLASSES[kind_of(stage)]
    *groups, last = name.split(".")
    target = options
    for group in groups:
        kind = get_type_hints(kind).get(group) if is_dataclass(kind) else None
        target = target.setdefault(group, {})
    known = [item.name for item in fields(kind)] if is_dataclass(kind) else []
    if last not in known:
        where = f"{stage}.{'.'.join(groups)}" if groups else stage
        raise ValueError(f"--option {stage}.{name}: {where} has no such option; it has {', '.join(known) or 'none'}")
    before = target.get(last, _ABSENT)
    target[last] = value
    return OptionChange(stage, name, before, value, groups != [] or last not in ONLY_THIS_RUN[kind_of(stage)])


def rebuilt(kind: type[Options], recorded: Mapping[str, Any], stage: Mapping[str, Any]) -> Options:
    """Return recorded options as an object of their dataclass; those that were not recorded are at their default.

    Raises:
        FolderError: an option that this version does not know, or a value that it does not take; the text names the
            version that wrote it.
    """
    try:
        return _made(kind, recorded, "")
    except (ValueError, TypeError) as error:
        raise FolderError(
            f"recipe, stage {stage['stage']}: {error}. It was written by {written_by(stage)}; reproduce with that."
        ) from error


def _made(kind: Any, values: Mapping[str, Any], where: str) -> Any:
    hints = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    if unknown := sorted(set(values) - names):
        raise ValueError(f"unknown options {', '.join(where + name for name in unknown)}")
    made = {}
    for name, value in values.items():
        if is_dataclass(hints[name]) and isinstance(value, Mapping):
            value = _made(hints[name], value, f"{where}{name}.")
        elif get_origin(hints[name]) is tuple and isinstance(value, list):
            value = tuple(value)
        made[name] = value
    return kind(**made)
