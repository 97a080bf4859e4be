"""What is known of a paper beside its package: a record of a source's own form, or the JSON beside a PDF."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Collection
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from s1_mmalign.builder.records import DISCIPLINES, SOURCES, Metadata
from s1_mmalign.builder.sources.identify import arxiv_id_of, normalise_doi
from s1_mmalign.builder.sources.record_forms import plain_record


def metadata_of_record(record: dict[str, Any]) -> Metadata:
    """Read one record: of any form of `record_forms`, or the JSON object beside a PDF.

    Keys read, once it has the form of arXiv's snapshot: title, abstract, doi, categories (list, or a string with
    blanks as arXiv writes it), license or licence, discipline, source, url, published / update_date /
    versions[0].created. Others are ignored.
    """
    record = plain_record(record)
    text = {key: _clean(record.get(key)) for key in ("title", "abstract", "url", "discipline", "source")}
    categories = record.get("categories") or record.get("subjects")
    if isinstance(categories, str):
        categories = categories.split() if re.fullmatch(r"[\w.\- ]+", categories) else categories.split(";")
    elif not isinstance(categories, list):
        categories = []
    arxiv_id = arxiv_id_of(str(record.get("arxiv_id") or record.get("id") or ""))
    return Metadata(
        title=text["title"],
        abstract=text["abstract"],
        doi=normalise_doi(_clean(record.get("doi"))),
        arxiv_id=arxiv_id,
        categories=[name for category in categories if (name := _clean(category))],
        discipline=text["discipline"] if text["discipline"] in DISCIPLINES else None,
        published=_date(record),
        url=text["url"] or (f"https://arxiv.org/abs/{arxiv_id}" if arxiv_id else None),
        licence=_clean(record.get("license") or record.get("licence")),
        source=text["source"] if text["source"] in SOURCES else None,
    )


def join_metadata(files: Collection[Path], ids: Collection[str]) -> dict[str, Metadata]:
    """Return the metadata of those papers in `ids` that the files know; see `metadata_index.MetadataIndex`.

    Raises:
        InputError: a file that cannot be read, or a line that is no JSON object (file and line named).
    """
    from s1_mmalign.builder.sources.metadata_index import MetadataIndex

    with tempfile.TemporaryDirectory() as folder:
        index = MetadataIndex(list(files), Path(folder))
        try:
            return {paper_id: index[paper_id] for paper_id in ids if index.digest(paper_id)}
        finally:
            index.close()


def metadata_beside(pdf: Path) -> Metadata:
    """Read the `.json` beside a PDF, empty where there is none or it holds no JSON object."""
    path = pdf.with_suffix(".json")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return Metadata()
    return metadata_of_record(record) if isinstance(record, dict) else Metadata()


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
            except (ValueError, OverflowError, TypeError, IndexError):  # the second knows no word for a bad date
                continue
    return None
