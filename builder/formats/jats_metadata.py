"""What a JATS article says of itself: title, abstract, identifiers, subjects, date, licence, journal."""

from __future__ import annotations

import calendar
import re

from lxml import etree

from s1_mmalign.builder.formats.jats_text import local_name, plain_text
from s1_mmalign.builder.licences import licence_class
from s1_mmalign.builder.records import Metadata
from s1_mmalign.builder.sources.identify import normalise_doi

XLINK_HREF = "{http://www.w3.org/1999/xlink}href"
XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

MAX_SUBJECT_LEVELS = 2
"""Levels of a subject tree that count; PLOS's goes on down to single species and countries."""

_SIDE_ABSTRACTS = frozenset({
    "graphical", "teaser", "toc", "short", "short-abstract", "precis", "web-summary", "plain-language-summary",
    "lay-summary", "key-points", "keypoints", "highlights", "author-highlights", "editor", "executive-summary",
    "author-summary", "synopsis", "video", "significance", "translated", "capsule-summary",
})  # fmt: skip
# What journals print above a title to say what kind of article it is; no subject.
_ARTICLE_KINDS = frozenset({
    "article", "articles", "research article", "research articles", "research", "research paper",
    "original article", "original articles", "original research", "original paper", "original investigation",
    "original contribution", "full paper", "full length article", "regular article", "regular paper",
    "new results", "confirmatory results", "contradictory results", "short report", "short reports",
    "short communication", "brief communication", "brief report", "rapid communication", "communication",
    "letter", "letters", "letter to the editor", "report", "reports", "review", "reviews", "review article",
    "systematic review", "mini review", "minireview", "perspective", "perspectives", "comment", "commentary",
    "correspondence", "editorial", "opinion", "viewpoint", "essay", "feature article", "insight", "news",
    "news and views", "analysis", "resource", "tools and resources", "research advance", "registered report",
    "replication study", "scientific correspondence", "methods", "method", "methods article", "methodology",
    "methodology article", "protocol", "study protocol", "technical note", "technical report",
    "technical advance", "data descriptor", "data note", "dataset", "case report", "clinical trial",
    "database", "software", "matters arising", "author correction", "correction", "erratum", "retraction",
    "research note", "hypothesis", "hypothesis and theory", "preprint", "paper", "papers", "other",
})  # fmt: skip
_SIDE_KEYWORDS = frozenset({
    "research-organism", "organism", "abbr", "abbreviations", "abbreviation", "accession",
})  # fmt: skip
_JOURNALS = {"biorxiv": "biorxiv", "medrxiv": "medrxiv", "nature communications": "nature_communications",
             "nat commun": "nature_communications", "chemrxiv": "chemrxiv"}  # fmt: skip
_UNPUBLISHED = re.compile(r"hwp-|received|accepted|submitted|created|release|retract|correct|rev-|preprint|embargo")


def read_metadata(article: etree._Element) -> Metadata:
    """Return what the front matter of `article` says; what it does not say stays empty.

    `published` is an ISO 8601 date of the precision that the paper gives (`2024`, `2024-01`, `2024-01-24`).
    `source` is None where no journal is named, so that the DOI can still tell it.
    """
    meta = article.find("front/article-meta")
    if meta is None:
        return Metadata()
    doi = normalise_doi(_text_of(meta, "article-id[@pub-id-type='doi']"))
    return Metadata(
        title=_title(meta),
        abstract=_abstract(meta),
        doi=doi,
        categories=_categories(meta),
        published=_published(meta),
        url=f"https://doi.org/{doi}" if doi else None,
        licence=_licence(meta),
        source=_source(article.find("front/journal-meta")),
    )


def href_of(element: etree._Element) -> str | None:
    """Return an element's link, with or without the XLink namespace; None where it has none or an empty one."""
    href = element.get(XLINK_HREF) or element.get("href")
    if not href:
        href = next(
            (str(value) for key, value in element.attrib.items() if str(key).endswith(("}href", ":href"))), None
        )
    return href.strip() if href and href.strip() else None


def _text_of(element: etree._Element | None, path: str) -> str | None:
    found = element.find(path) if element is not None else None
    return plain_text(found) or None if found is not None else None


def _title(meta: etree._Element) -> str | None:
    title = _text_of(meta, "title-group/article-title")
    subtitle = _text_of(meta, "title-group/subtitle")
    return f"{title.rstrip(':')}: {subtitle}" if title and subtitle else title


def _abstract(meta: etree._Element) -> str | None:
    """The main abstract: the one without a type, else the first that is no summary beside it."""
    abstracts = meta.findall("abstract")
    main = [one for one in abstracts if not one.get("abstract-type")]
    main += [one for one in abstracts if (one.get("abstract-type") or "side").lower() not in _SIDE_ABSTRACTS | {"side"}]
    for abstract in main:
        if text := " ".join(_abstract_parts(abstract)):
            return text
    return None


def _abstract_parts(section: etree._Element) -> list[str]:
    """The paragraphs of an abstract, the first of each section after the section's title."""
    parts: list[str] = []
    for child in section:
        name = local_name(child)
        if name == "sec":
            inner = _abstract_parts(child)
            title = (_text_of(child, "title") or "").rstrip(".: ")
            if inner and title:
                inner[0] = f"{title}: {inner[0]}"
            parts += inner
        elif name and name not in ("title", "label") and (text := plain_text(child)):
            parts.append(text)
    return parts


def _categories(meta: etree._Element) -> list[str]:
    """The paper's subjects in order; its keywords where it has no subject."""
    subjects = [
        plain_text(subject)
        for subject in meta.iterfind("article-categories//subject")
        if len(list(subject.iterancestors("subj-group"))) <= MAX_SUBJECT_LEVELS
    ]
    subjects = [subject for subject in subjects if _is_subject(subject)]
    if not subjects:
        groups = [group for group in meta.iterfind("kwd-group") if group.get("kwd-group-type") not in _SIDE_KEYWORDS]
        subjects = [plain_text(keyword) for group in groups for keyword in group.iter("kwd")]
    return list(dict.fromkeys(filter(None, subjects)))


def _is_subject(text: str) -> bool:
    """Whether a `<subject>` is one, not a kind of article or a path of codes (Nature's `/639/301`)."""
    return bool(text) and not text.startswith("/") and not text.isdigit() and text.lower() not in _ARTICLE_KINDS


def _published(meta: etree._Element) -> str | None:
    """The earliest of the fullest publication dates."""
    dates = []
    for date in meta.iterfind("pub-date"):
        kind = f"{date.get('pub-type', '')} {date.get('date-type', '')}"
        if not _UNPUBLISHED.search(kind) and (iso := _iso_date(date)):
            dates.append(iso)
    return min(dates, key=lambda iso: (-len(iso), iso)) if dates else None


def _iso_date(date: etree._Element) -> str | None:
    if match := re.match(r"\d{4}-\d\d-\d\d", date.get("iso-8601-date") or ""):
        return match.group()
    year, month, day = (_text_of(date, name) or "" for name in ("year", "month", "day"))
    if not re.fullmatch(r"[12]\d{3}", year):
        return None
    month_number = _month(month)
    if not month_number:
        return year
    if not day.isdecimal() or not 1 <= int(day) <= calendar.monthrange(int(year), month_number)[1]:
        return f"{year}-{month_number:02}"
    return f"{year}-{month_number:02}-{int(day):02}"


def _month(text: str) -> int:
    """Return 1 to 12 for a month by number or English name, 0 for what is none."""
    if text.isdecimal():
        return int(text) if 1 <= int(text) <= 12 else 0
    names = [name.lower() for name in calendar.month_abbr]
    return names.index(text[:3].lower()) if len(text) >= 3 and text[:3].lower() in names else 0


def _licence(meta: etree._Element) -> str | None:
    """The licence's address, else its text: the first whose class is known, else the first."""
    candidates: list[str | None] = []
    for licence in meta.iterfind("permissions//license"):
        candidates.append(href_of(licence))
        candidates += [_text_of(reference, ".") for reference in licence.iter("{*}license_ref")]
        candidates += [
            href for link in licence.iter("ext-link", "uri") if "creativecommons" in (href := href_of(link) or "")
        ]
        candidates.append(plain_text(licence))
    candidates += [_text_of(reference, ".") for reference in meta.iterfind("permissions/{*}license_ref")]
    stated = [candidate for candidate in candidates if candidate]
    known = [candidate for candidate in stated if licence_class(candidate) != "unknown"]
    if not known:  # journals of the 2000s state the licence in the copyright line
        copyright_line = _text_of(meta, "permissions/copyright-statement") or _text_of(meta, "copyright-statement")
        known = [copyright_line] if copyright_line and licence_class(copyright_line) != "unknown" else []
    return next(iter(known + stated), None)


def _source(journal: etree._Element | None) -> str | None:
    if journal is None:
        return None
    names = [plain_text(name).lower() for name in journal.iter("journal-title", "journal-id", "publisher-name")]
    for name in names:
        if name.strip(". ") in _JOURNALS:
            return _JOURNALS[name.strip(". ")]
    return "other" if any(names) else None
