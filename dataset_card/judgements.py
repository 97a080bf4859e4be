"""What people said of rows: a JSONL file that the gallery writes and that selection and the report read.

    {"row": image_path, "columns": ["recaption"], "verdict": "good" | "bad" | null, "prefers": column | "tie" | null,
     "note": text, "judge": name, "time": ISO 8601, "blind": bool, "texts": {column: mark of the text}}

Lines are only ever added; of one judge, row and set of columns the last one counts, as long as the captions are those
that were judged. The file has people's names and notes in it: it is never published, only what it adds up to.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from s1_mmalign.builder.shards import FolderError

JUDGEMENTS_NAME = "judgements.jsonl"
VERDICTS = ("good", "bad")
_Z = 1.959963984540054
"""The normal quantile of a two-sided 95 % interval."""


def check_judgement(item: Any) -> dict[str, Any]:
    """Return the judgement with the fields that are known, and only those.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(item, dict) or not isinstance(item.get("row"), str) or not item["row"]:
        raise ValueError('a judgement is an object with the row\'s image_path as "row"')
    columns = item.get("columns", ["recaption"])
    if not isinstance(columns, list) or not columns or not all(isinstance(name, str) for name in columns):
        raise ValueError(f'{item["row"]}: "columns" lists the caption columns that were shown')
    if item.get("verdict") not in (*VERDICTS, None):
        raise ValueError(f"{item['row']}: verdict {item.get('verdict')!r}: good, bad or null is expected")
    if item.get("prefers") not in (*columns, "tie", None):
        raise ValueError(f"{item['row']}: prefers {item.get('prefers')!r}: one of {columns}, tie or null is expected")
    return {
        "row": item["row"],
        "columns": columns,
        "verdict": item.get("verdict"),
        "prefers": item.get("prefers"),
        "note": str(item.get("note") or "")[:10_000],
        "judge": str(item.get("judge") or "anonymous")[:100],
        "time": str(item.get("time") or "")[:40],
        "blind": bool(item.get("blind")),
        "texts": _marks(item.get("texts"), columns),
    }


def text_mark(text: str | None) -> str:
    """Return 16 hexadecimal digits that stand for a caption: a judgement is of this text, and of no later one."""
    return hashlib.sha256((text or "").encode("utf-8", "replace")).hexdigest()[:16]


def is_current(judgement: Mapping[str, Any], marks: Mapping[str, str]) -> bool:
    """Say whether a judgement is of the captions that the row has now, `marks` being those of its columns."""
    return all(marks.get(column) == mark for column, mark in judgement["texts"].items())


def append_judgement(path: Path, judgement: Mapping[str, Any]) -> None:
    """Add one line, on disk when this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(judgement, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())


def load_judgements(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what counts: the last judgement of each judge, row and set of columns; a torn last line is left out.

    Raises:
        FolderError: the file cannot be read, or a line in it is no judgement.
    """
    last: dict[tuple[str, str, tuple[str, ...]], dict[str, Any]] = {}
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise FolderError(f"{path}: cannot be read ({error})") from error
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            item = check_judgement(json.loads(line))
        except ValueError as error:
            if number == len(lines):
                continue
            raise FolderError(f"{path}, line {number}: {error}") from error
        last[item["judge"], item["row"], tuple(item["columns"])] = item
    yield from last.values()


def judgement_summary(judgements: Iterable[Mapping[str, Any]], stale: int = 0) -> dict[str, Any]:
    """Return counts, shares with 95 % Wilson intervals, and the judges' agreement; judges are numbered, not named.

    Args:
        judgements: what counts.
        stale: how many were left out, being of captions that were replaced since.

    Returns:
        `judges`, `rows`, `notes`, `stale`: counts; `verdicts` by column: good, bad, good_share, interval;
        `preferences` by pair of columns: wins by column, ties, blind, interval of the first column's share of the
        decided ones; `agreement`: by pair of judges: rows, kappa; `alpha`: Krippendorff's, of all judges.
    """
    items = list(judgements)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    preferences: dict[tuple[str, ...], list[Mapping[str, Any]]] = defaultdict(list)
    for item in items:
        if item["verdict"]:
            verdicts[item["columns"][0]][item["verdict"]] += 1
        if item["prefers"]:
            preferences[tuple(sorted(item["columns"]))].append(item)
    said = _said(items)
    return {
        "judges": len({item["judge"] for item in items}),
        "rows": len({item["row"] for item in items}),
        "notes": sum(bool(item["note"]) for item in items),
        "stale": stale,
        "verdicts": {column: _verdicts(counts) for column, counts in sorted(verdicts.items())},
        "preferences": [_preferences(columns, some) for columns, some in sorted(preferences.items())],
        "agreement": _agreement(said),
        "alpha": krippendorff_alpha(_units(said)),
    }


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share (Wilson 1927); (0, 1) where there are no trials."""
    if not trials:
        return 0.0, 1.0
    share, z2 = successes / trials, _Z**2
    centre = share + z2 / (2 * trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, (centre - half) / (1 + z2 / trials)), min(1.0, (centre + half) / (1 + z2 / trials))


def cohen_kappa(pairs: Iterable[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of two judges' verdicts on the same rows; None where chance alone explains all.

    Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20(1).
    """
    pairs = list(pairs)
    if not pairs:
        return None
    agreed = sum(one == other for one, other in pairs) / len(pairs)
    first, second = Counter(one for one, _ in pairs), Counter(other for _, other in pairs)
    chance = sum(first[word] * second[word] for word in first) / len(pairs) ** 2
    return None if chance == 1 else (agreed - chance) / (1 - chance)


def krippendorff_alpha(units: Iterable[Iterable[str]]) -> float | None:
    """Return Krippendorff's alpha of any number of judges, of whom not each has judged each row; nominal values.

    Krippendorff, K. (2011). Computing Krippendorff's Alpha-Reliability, section C: alpha = 1 - observed / expected
    disagreement, from the matrix of coincidences; a value counts 1 / (m - 1) with each of the m - 1 others of its unit.

    Args:
        units: for each row what its judges said.

    Returns:
        1 for agreement, 0 for chance; None where no row has two judges, or all said the same.
    """
    totals: Counter[str] = Counter()
    agreed = 0.0
    for unit in units:
        counts = Counter(unit)
        judges = counts.total()
        if judges > 1:
            totals.update(counts)
            agreed += sum(count * (count - 1) for count in counts.values()) / (judges - 1)
    n = totals.total()
    expected = n * n - sum(count * count for count in totals.values())
    return 1 - (n - 1) * (n - agreed) / expected if expected else None


def _marks(texts: Any, columns: Sequence[str]) -> dict[str, str]:
    if not isinstance(texts, dict):
        return {}
    return {name: texts[name] for name in columns if isinstance(texts.get(name), str) and len(texts[name]) == 16}


def _verdicts(counts: Counter[str]) -> dict[str, Any]:
    judged = counts["good"] + counts["bad"]
    return {
        "good": counts["good"],
        "bad": counts["bad"],
        "good_share": counts["good"] / judged,
        "interval": list(wilson_interval(counts["good"], judged)),
    }


def _preferences(columns: tuple[str, ...], items: list[Mapping[str, Any]]) -> dict[str, Any]:
    counts = Counter(item["prefers"] for item in items)
    decided = sum(counts[name] for name in columns)
    return {
        "columns": list(columns),
        "wins": {name: counts[name] for name in columns},
        "ties": counts["tie"],
        "blind": sum(item["blind"] for item in items),
        "interval": list(wilson_interval(counts[columns[0]], decided)),
    }


Said = dict[str, dict[tuple[str, tuple[str, ...]], str]]
"""By judge: what was said of each row and set of columns."""


def _said(items: list[Mapping[str, Any]]) -> Said:
    said: Said = defaultdict(dict)
    for item in items:
        if word := item["verdict"] or item["prefers"]:
            said[item["judge"]][item["row"], tuple(sorted(item["columns"]))] = word
    return said


def _units(said: Said) -> list[list[str]]:
    units: dict[Any, list[str]] = defaultdict(list)
    for words in said.values():
        for row, word in words.items():
            units[row].append(word)
    return list(units.values())


def _agreement(said: Said) -> list[dict[str, Any]]:
    found = []
    judges = sorted(said)
    for one, other in combinations(range(len(judges)), 2):
        first, second = said[judges[one]], said[judges[other]]
        both = sorted(first.keys() & second.keys())
        if both:
            kappa = cohen_kappa((first[row], second[row]) for row in both)
            found.append({"judges": [one + 1, other + 1], "rows": len(both), "kappa": kappa})
    return found
