"""The stage `recaption` run again. Captions by a model are compared as text, and told as a share: no engine promises
the same words on another machine, so that they differ is no failure by itself.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from s1_mmalign.builder.caption_columns import caption_columns
from s1_mmalign.builder.shards import WORK_FOLDER, write_atomically
from s1_mmalign.dataset_card.compare import Comparison, compare_datasets
from s1_mmalign.dataset_card.recipe import record_stage, shard_hashes
from s1_mmalign.dataset_card.reproduce.options import rebuilt
from s1_mmalign.dataset_card.reproduce.outcome import Outcome, shown
from s1_mmalign.dataset_card.reproduce.recorded import Recorded
from s1_mmalign.processing.captioners.base import CaptionerError
from s1_mmalign.processing.captioners.options import RecaptionOptions
from s1_mmalign.processing.captioners.registry import captioner_class
from s1_mmalign.processing.prompt import PromptError, load_template

EXTRACTIVE = "extractive"
"""The captioner that needs no model: its captions come out the same, byte for byte."""
PROMPT_NAME = "recorded-prompt.toml"

Progress = Callable[[str, int, int], None]


class NotAvailableError(Exception):
    """The stage cannot run here; the text says why, and the way out."""


def run_captions(stage: Mapping[str, Any], values: Mapping[str, Any], out: Path, progress: Progress) -> None:
    """Caption the rows in `out` as the recipe says.

    Raises:
        NotAvailableError: the model or what runs it is not here.
        FolderError: an option that this version does not know.
    """
    from s1_mmalign.processing.commands.recaption import recaption_results
    from s1_mmalign.processing.recaption import recaption_dataset

    options = rebuilt(RecaptionOptions, _for_here(stage, values, out), dict(stage))
    try:
        identity = captioner_class(options.captioner).identify(options)
        recorded = stage["results"].get("model")
        if recorded and identity.label != recorded and values.get("model") == stage["options"].get("model"):
            raise NotAvailableError(
                f"the model here is {identity.label}, the recorded one {recorded}. {_way_out(stage)}"
            )
        summary = recaption_dataset(out, options, progress, say=lambda notice: None)
    except CaptionerError as error:
        raise NotAvailableError(f"{error} {_way_out(stage)}") from error
    names = {name: values[name] for name in ("model", "revision", "prompt") if name in values}
    record_stage(out, stage["stage"], options.recipe() | names, recaption_results(out, options, summary))


def _way_out(stage: Mapping[str, Any]) -> str:
    name = stage["stage"]
    if stage["options"]["captioner"] == "openai":
        return f"(A server that has it: --option '{name}.base_url=[\"http://…/v1\"]'.)"
    return f"(A folder that has it: --option {name}.model=PATH; on a machine without it the captions given are taken.)"


def _for_here(stage: Mapping[str, Any], values: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """The options with the recorded commit of the model, and the recorded text of the prompt."""
    here = dict(values)
    _, _, revision = str(stage["results"].get("model") or "").partition("@")
    if revision and not revision.startswith("local-") and values.get("model") == stage["options"].get("model"):
        here["revision"] = revision
    template = stage["results"].get("template")
    if template and values.get("prompt") == stage["options"].get("prompt"):
        try:
            same = load_template(values["prompt"], values.get("context_tokens")).prompt_hash == template["sha256"]
        except PromptError:
            same = False
        if not same:
            path = out / WORK_FOLDER / PROMPT_NAME
            lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in template.items()]
            write_atomically(path, "\n".join(line for line in lines if not line.startswith("sha256 ")) + "\n")
            here["prompt"] = str(path)
    return here


def compare_captions(
    recorded: Recorded, stage: Mapping[str, Any], build: Outcome | None, out: Path, progress: Progress
) -> Outcome:
    """Say what the captions in `out` have in common with the dataset's.

    Args:
        recorded: the dataset.
        stage: the recipe's entry.
        build: what was said of the build before; rows that differ in that are told from others.
        out: the reproduction.
        progress: called with ("shards", done, of all).
    """
    name = stage["stage"]
    then, now, there = stage["results"].get("sha256"), shard_hashes(out), recorded.hashes(progress)
    identical = Outcome(name, "identical", f"all {len(now):,} shards have the recorded bytes")
    if then and then == now and there in ({}, now):
        return identical
    if recorded.manifest is None or not recorded.has_rows():
        why = "the shards have other bytes; the dataset's are not here, so the captions cannot be compared"
        return Outcome(name, "different", why, counts=_by_rule(stage))
    columns = list(caption_columns(stage["options"].get("column")).values())
    equal = {path for path, digest in now.items() if there.get(path) == digest}
    found = compare_datasets(recorded.folder, out, columns, progress, equal)
    if then and then == now and not found.changed:
        if not _written_later(recorded, name):
            identical.verdict = "equivalent"
            identical.lines.append("the dataset's own shards have other bytes by now: `s1-mmalign verify` tells more")
        return identical
    return _by_rules(name, found, build) if _by_rule(stage) else _by_model(name, found, columns[0])


def _written_later(recorded: Recorded, name: str) -> bool:
    """Whether the dataset's shards were written after this stage: further captions, scores, removed papers."""
    evaluate = recorded.stage("evaluate")
    scored = evaluate is not None and evaluate["options"].get("write_columns")
    manifest = recorded.manifest
    return bool(recorded.caption_stages[-1] != name or scored or (manifest and "removed" in manifest.drops))


def _by_rule(stage: Mapping[str, Any]) -> bool:
    return stage["options"].get("captioner") == EXTRACTIVE


def _by_rules(name: str, found: Comparison, build: Outcome | None) -> Outcome:
    both = found.rows - len(found.missing)
    if not found.changed:
        return Outcome(name, "equivalent", f"the captions of all {both:,} rows that came out again are the same")
    known = set(build.rows) if build else set()
    follows = [row for row in found.changed if row in known]
    outcome = Outcome(name, "different", f"{len(found.changed):,} of {both:,} rows", rows=found.changed)
    if follows:
        outcome.lines.append(f"{len(follows):,} of them are rows that the build made otherwise")
    if keys := sum("recaption_key" in columns and len(columns) == 1 for columns in found.changed.values()):
        outcome.lines.append(f"{keys:,} of them have the same text; its key tells of another image")
    outcome.lines += shown([
        f"{row}: {', '.join(columns)}" + ("  (made otherwise by the build)" if row in known else "")
        for row, columns in found.changed.items()
    ])  # fmt: skip
    return outcome


def _by_model(name: str, found: Comparison, text: str) -> Outcome:
    both = found.rows - len(found.missing)
    other = {row: columns for row, columns in found.changed.items() if text in columns}
    share = (both - len(other)) / both if both else 1.0
    said = f"{both - len(other):,} of {both:,} captions ({share:.1%}) have the same text"
    if not other:
        return Outcome(name, "equivalent", said)
    lines = ["a model wrote them; no engine promises the same words again", *shown(list(other))]
    return Outcome(name, "different", said, lines, counts=False, rows=found.changed)
