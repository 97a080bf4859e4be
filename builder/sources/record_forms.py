"""The forms in which sources hand out metadata, each brought to that of arXiv's snapshot.

| form | told by | documented at |
|---|---|---|
| arXiv snapshot | `id`, `categories` | https://www.kaggle.com/datasets/Cornell-University/arxiv |
| ChemRxiv API | `item` | https://chemrxiv.org/engage/chemrxiv/public-api/documentation |
| OSF API (PsyArXiv, EdArXiv, MetaArXiv, …) | `attributes` | https://developer.osf.io/#tag/Preprints |
| bioRxiv and medRxiv API | `server`, `jatsxml` | https://api.biorxiv.org |
| Crossref (engRxiv) | `DOI` | https://api.crossref.org |
| PMC's OA file list, a CSV | its heading | https://pmc.ncbi.nlm.nih.gov/tools/ftp/ |
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]

_OSF_SOURCES = {"psyarxiv": "psyarxiv", "engrxiv": "engrxiv", "edarxiv": "edrxiv", "metaarxiv": "metarxiv"}
_NATURE_COMMUNICATIONS = re.compile(r"\s*nat(ure)?\.? commun(ications)?\b", re.IGNORECASE)


def plain_record(record: Record) -> Record:
    """Return a record of any known form with the keys of arXiv's snapshot, and `names`: what a package may be called.

    A record of no known form comes back as it is.
    """
    if isinstance(record.get("item"), dict):
        return _chemrxiv(record["item"])
    if isinstance(record.get("attributes"), dict):
        return _osf(record)
    if isinstance(record.get("DOI"), str):
        return _crossref(record)
    if "jatsxml" in record or str(record.get("server", "")).lower() in ("biorxiv", "medrxiv"):
        return _biorxiv(record)
    return record


def oa_list_record(line: Mapping[str, str]) -> Record:
    """Return a line of PMC's OA file list (its columns were spelt in several ways over the years)."""
    columns = {re.sub(r"[^a-z]", "", (name or "").lower()): value for name, value in line.items()}
    file = columns.get("file") or columns.get("articlefile") or columns.get("key") or ""
    accession = columns.get("accessionid") or ""
    citation = columns.get("articlecitation") or ""
    return {
        "id": accession,
        "names": [file.rpartition("/")[2].removesuffix(".tar.gz"), accession],
        "license": columns.get("license"),
        "source": "nature_communications" if _NATURE_COMMUNICATIONS.match(citation) else None,
    }


def _chemrxiv(item: Record) -> Record:
    asset = _dict(_dict(item.get("asset")).get("original"))
    licence = _dict(item.get("license"))
    return {
        "id": item.get("doi") or item.get("id"),
        "names": [item.get("id"), str(asset.get("fileName") or "").removesuffix(".pdf")],
        "title": item.get("title"),
        "abstract": item.get("abstract"),
        "doi": item.get("doi"),
        "subjects": _names(item.get("categories"), "name") or _names([item.get("subject")], "name"),
        "license": licence.get("url") or licence.get("name"),
        "published": item.get("publishedDate") or item.get("submittedDate"),
        "source": "chemrxiv",
    }


def _osf(record: Record) -> Record:
    fields = record["attributes"]
    related, embedded = _dict(record.get("relationships")), _dict(record.get("embeds"))
    provider = str(_dict(_dict(related.get("provider")).get("data")).get("id") or "").lower()
    licence = _dict(_dict(_dict(embedded.get("license")).get("data")).get("attributes"))
    subjects = _list(fields.get("subjects"))
    paths = subjects if subjects and isinstance(subjects[0], list) else [subjects]
    return {
        "id": record.get("id"),
        "names": [re.sub(r"_v\d+$", "", str(record.get("id") or ""))],
        "title": fields.get("title"),
        "abstract": fields.get("description"),
        "doi": _dict(record.get("links")).get("preprint_doi") or fields.get("doi"),
        # Each subject is a path from the general to the special: the special ones say more, the general are known.
        "subjects": [name for path in paths for name in reversed(_names(path, "text"))],
        "license": licence.get("url") or licence.get("name"),
        "published": fields.get("date_published"),
        "source": _OSF_SOURCES.get(provider),
    }


def _crossref(record: Record) -> Record:
    posted = _dict(record.get("posted") or record.get("published") or record.get("issued")).get("date-parts")
    parts = _list(_first(_list(posted)))
    day = "-".join(f"{part:02d}" for part in parts) if [type(part) for part in parts] == [int] * 3 else None
    licences = [entry.get("URL") for entry in _list(record.get("license")) if isinstance(entry, dict)]
    abstract = record.get("abstract")
    return {
        "id": record["DOI"],
        "title": _first(record.get("title")),
        "abstract": re.sub(r"<[^>]*>", " ", abstract) if isinstance(abstract, str) else None,
        "doi": record["DOI"],
        "subjects": record.get("subject") or ([record["group-title"]] if record.get("group-title") else []),
        "license": _first(licences),
        "published": day,
    }


def _biorxiv(record: Record) -> Record:
    server = str(record.get("server") or "").lower()
    doi = str(record.get("doi") or "")
    return {
        "id": doi,
        "names": [doi.rpartition("/")[2], str(record.get("jatsxml") or "").rpartition("/")[2].split(".source")[0]],
        "title": record.get("title"),
        "abstract": record.get("abstract"),
        "doi": doi,
        "subjects": [record.get("category")],
        "license": record.get("license"),
        "published": record.get("date"),
        "source": server if server in ("biorxiv", "medrxiv") else None,
    }


def _names(entries: object, key: str) -> list[str]:
    if not isinstance(entries, list):
        return []
    return [entry[key] for entry in entries if isinstance(entry, dict) and isinstance(entry.get(key), str)]


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: object) -> Record:
    return value if isinstance(value, dict) else {}


def _first(value: object) -> Any:
    return value[0] if isinstance(value, list) and value else (value if isinstance(value, str) else None)
