"""Which source a paper comes from, told by its identifiers."""

from __future__ import annotations

import re

# Registrants' DOI prefixes, and Nature Communications' journal code within Springer Nature's.
_DOI_PREFIXES = {
    "10.48550/arxiv": "arxiv",
    "10.26434/": "chemrxiv",
    "10.31224/": "engrxiv",
    "10.31234/": "psyarxiv",
    "10.35542/": "edrxiv",
    "10.31222/": "metarxiv",
    "10.1038/s41467": "nature_communications",
    "10.1038/ncomms": "nature_communications",
}

_ARXIV_NEW = re.compile(r"(\d{2}(?:0[1-9]|1[0-2])\.\d{4,5})(v\d+)?$")  # since April 2007
_ARXIV_OLD = re.compile(r"([a-z]+(?:-[a-z]+)?)(?:\.[A-Z]{2})?/?(\d{2}(?:0[1-9]|1[0-2])\d{3})(v\d+)?$")
_DOI = re.compile(r"10\.\d{4,9}/\S+", re.IGNORECASE)


def normalise_doi(text: str | None) -> str | None:
    """Return a DOI in lower case without resolver or `doi:`, None where `text` holds none."""
    match = _DOI.search(text or "")
    return match.group().rstrip(".,;)").lower() if match else None


def source_of_doi(doi: str | None) -> str | None:
    """Return the source that a DOI's prefix belongs to, None for others (bioRxiv and medRxiv share one prefix)."""
    if not doi:
        return None
    return next((source for prefix, source in _DOI_PREFIXES.items() if doi.lower().startswith(prefix)), None)


def arxiv_id_of(name: str) -> str | None:
    """Return the arXiv id without version that a file's or paper's name spells, old ids with their slash.

    `2301.00001v2` -> `2301.00001`; `math0106220` and `math/0106220` -> `math/0106220`; else None.
    """
    if match := _ARXIV_NEW.match(name):
        return match.group(1)
    if match := _ARXIV_OLD.match(name):
        return f"{match.group(1)}/{match.group(2)}"
    return None
