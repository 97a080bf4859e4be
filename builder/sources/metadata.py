"""What is known of a paper beside its package: arXiv's metadata snapshot, and the JSON beside a PDF."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import DISCIPLINES, SOURCES, Metadata
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi
from s1_mmalign.builder.sources.packages import InputError


def metadata_of_record(record: dict[str, Any]) -> Metadata:
    """Read one record: a line of arXiv's metadata snapshot, or the JSON object beside a PDF.

    Keys read: title, abstract, doi, categories (list, or a string with blanks as arXiv writes it), license or
    licence, discipline, source, url, published / update_date / versions[0].created. Others are ignored.
    """
    text = {key: _clean(record.get(key)) for key in ("title", "abstract", "url", "discipline", "source")}
    categories = record.get("categories") or record.get("subjects") or []
    if isinstance(categories, str):
        categories = categories.split() if re.fullmatch(r"[\w.\- ]+", categories) else categories.split(";")
    arxiv_id = arxiv_id_of(str(record.get("arxiv_id") or record.get("id") or ""))
    return Metadata(
        title=text["title"],
        abstract=text["abstract"],
        doi=normalise_doi(record.get("doi")),
        arxiv_id=arxiv_id,
        categories=[name for category in categories if (name := _clean(category))],
        discipline=text["discipline"] if text["discipline"] in DISCIPLINES else None,
        published=_date(record),
        url=text["url"] or (f"https://arxiv.org/abs/{arxiv_id}" if arxiv_id else None),
        licence=_clean(record.get("license") or record.get("licence")),
        source=text["source"] if text["source"] in SOURCES else None,
    )


def join_metadata(files: Collection[Path], ids: Collection[str]) -> dict[str, Metadata]:
    """Return the metadata of the papers in `ids`, out of JSONL files of any length read line by line.

    A record belongs to the paper whose id is the record's `id` as written, or names the same arXiv id.
    Where two records name one paper, the later one counts.

    Raises:
        InputError: a file that cannot be read, or a line that is no JSON object (file and line named).
    """
    wanted = {name: name for name in ids}
    wanted |= {arxiv_id: name for name in ids if (arxiv_id := arxiv_id_of(name))}
    found: dict[str, Metadata] = {}
    for path in files:
        for record in _records(path):
            identifier = str(record.get("id") or record.get("paper_id") or "")
            paper_id = wanted.get(identifier) or wanted.get(arxiv_id_of(identifier) or "")
            if paper_id is not None:
                found[paper_id] = metadata_of_record(record)
    return found


def metadata_beside(pdf: Path) -> Metadata:
    """Read the `.json` beside a PDF, empty where there is none or it holds no JSON object."""
    path = pdf.with_suffix(".json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Metadata()
    return metadata_of_record(record) if isinstance(record, dict) else Metadata()


def _records(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise InputError(f"{path}, line {number}: not JSON ({error}).") from error
                if not isinstance(record, dict):
                    raise InputError(f"{path}, line {number}: a JSON object is expected.")
                yield record
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as metadata ({error}).") from error


def _clean(value: object) -> str | None:
    """Join the lines of a text, as arXiv breaks and indents them; None for what is no text or empty."""
    return (" ".join(value.split()) or None) if isinstance(value, str) else None


def _date(record: dict[str, Any]) -> str | None:
    """The day of first publication as YYYY-MM-DD."""
    versions = record.get("versions")
    first = (
        versions[0].get("created")
        if isinstance(versions, list) and versions and isinstance(versions[0], dict)
        else None
    )
    for value in (first, record.get("published"), record.get("publishedDate"), record.get("update_date")):
        if not isinstance(value, str):
            continue
        for parse in (datetime.fromisoformat, parsedate_to_datetime):
            try:
                return parse(value).date().isoformat()
            except ValueError:
                continue
    return None
