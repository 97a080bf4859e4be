"""What an article says of itself."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.formats.jats import parse_article
from s1_mmalign.builder.formats.jats_metadata import read_metadata
from s1_mmalign.builder.records import Metadata


def metadata(article_meta: str = "", journal: str = "") -> Metadata:
    journal_meta = f"<journal-meta>{journal}</journal-meta>" if journal else ""
    front = f"<front>{journal_meta}<article-meta>{article_meta}</article-meta></front>"
    return read_metadata(
        parse_article(f'<article xmlns:xlink="http://www.w3.org/1999/xlink">{front}<body/></article>'.encode())
    )


def test_an_article_without_front_matter_says_nothing() -> None:
    assert read_metadata(parse_article(b"<article><body/></article>")) == Metadata()
    assert metadata() == Metadata()


def test_title_and_doi() -> None:
    found = metadata(
        '<article-id pub-id-type="pmid">1</article-id><article-id pub-id-type="doi">10.7554/eLife.00353</article-id>'
        "<title-group><article-title>A <italic>good</italic>\n life<xref ref-type='fn'>*</xref></article-title>"
        "<subtitle>Marder</subtitle></title-group>"
    )
    assert found.title == "A good life: Marder"
    assert (found.doi, found.url) == ("10.7554/elife.00353", "https://doi.org/10.7554/elife.00353")
    assert found.arxiv_id is None


def test_the_main_abstract_is_taken_with_its_sections_named() -> None:
    found = metadata(
        '<abstract abstract-type="graphical"><p>A drawing.</p></abstract>'
        "<abstract><title>Abstract</title><sec><title>Background:</title><p>Why.</p><p>Yet.</p></sec>"
        "<sec><title>Results</title><p>What.</p></sec></abstract>"
        '<abstract abstract-type="teaser"><p>Buy!</p></abstract><trans-abstract><p>Qué.</p></trans-abstract>'
    )
    assert found.abstract == "Background: Why. Yet. Results: What."


def test_an_abstract_that_is_only_a_teaser_is_none() -> None:
    assert metadata('<abstract abstract-type="teaser"><p>Buy!</p></abstract>').abstract is None
    assert metadata('<abstract abstract-type="structured"><p>Why.</p></abstract>').abstract == "Why."


def subjects(*names: str) -> str:
    groups = "".join(f"<subj-group><subject>{name}</subject></subj-group>" for name in names)
    return f"<article-categories>{groups}</article-categories>"


KEYWORDS = "<kwd-group><kwd>axon</kwd><kwd>dye</kwd></kwd-group>"


def test_categories_are_subjects_without_kinds_of_article() -> None:
    found = metadata(subjects("Regular Article", "New Results", "Neuroscience", "Neuroscience") + KEYWORDS)
    assert found.categories == ["Neuroscience"]


def test_keywords_stand_in_where_no_subject_is_given() -> None:
    organism = '<kwd-group kwd-group-type="research-organism"><kwd>Mouse</kwd></kwd-group>'
    assert metadata(subjects("Article", "/639/301") + KEYWORDS + organism).categories == ["axon", "dye"]


def test_a_subject_tree_is_cut_below_its_second_level() -> None:
    tree = (
        "<subj-group><subject>Biology</subject><subj-group><subject>Ecology</subject><subj-group>"
        "<subject>Mosquitoes</subject></subj-group></subj-group></subj-group>"
    )
    assert metadata(f"<article-categories>{tree}</article-categories>").categories == ["Biology", "Ecology"]


@pytest.mark.parametrize(
    ("dates", "published"),
    [
        ("<pub-date pub-type='epub'><day>5</day><month>3</month><year>2022</year></pub-date>", "2022-03-05"),
        ("<pub-date pub-type='ppub'><month>Mar</month><year>2022</year></pub-date>", "2022-03"),
        ("<pub-date pub-type='epub'><year>2024</year></pub-date>", "2024"),
        ("<pub-date pub-type='epub'><day>31</day><month>February</month><year>2022</year></pub-date>", "2022-02"),
        ("<pub-date iso-8601-date='2021-01-02' date-type='pub'><year>2021</year></pub-date>", "2021-01-02"),
        (
            "<pub-date pub-type='collection'><year>2019</year></pub-date>"
            "<pub-date pub-type='hwp-created'><day>1</day><month>1</month><year>2020</year></pub-date>"
            "<pub-date pub-type='ppub'><day>9</day><month>2</month><year>2020</year></pub-date>"
            "<pub-date pub-type='epub'><day>8</day><month>1</month><year>2020</year></pub-date>",
            "2020-01-08",
        ),
        ("<history><date date-type='received'><year>2019</year></date></history>", None),
        ("<pub-date><year>in press</year></pub-date>", None),
    ],
)
def test_published_is_the_earliest_of_the_fullest_dates(dates: str, published: str | None) -> None:
    assert metadata(dates).published == published


BY = "http://creativecommons.org/licenses/by/4.0/"


@pytest.mark.parametrize(
    ("permissions", "licence"),
    [
        (f'<license xlink:href="{BY}"><p>Text.</p></license>', BY),
        (f'<license><ali:license_ref xmlns:ali="http://ali">{BY}</ali:license_ref><p>Text.</p></license>', BY),
        (f'<license><license-p>Under a <ext-link xlink:href="{BY}">licence</ext-link>.</license-p></license>', BY),
        (f'<license xlink:href="http://example.org"><p>See <ext-link xlink:href="{BY}">x</ext-link></p></license>', BY),
        ("<license><license-p>All rights reserved. No reuse.</license-p></license>", "All rights reserved. No reuse."),
        ("<license><p>Ask the editor.</p></license>", "Ask the editor."),
        ("<copyright-statement>© Smith. Creative Commons Attribution License.</copyright-statement>",
         "© Smith. Creative Commons Attribution License."),
        ("<copyright-statement>© 2022, Posted by Cold Spring Harbor Laboratory</copyright-statement>", None),
    ],
)  # fmt: skip
def test_the_licence_is_its_address_or_its_words(permissions: str, licence: str | None) -> None:
    assert metadata(f"<permissions>{permissions}</permissions>").licence == licence


@pytest.mark.parametrize(
    ("journal", "source"),
    [
        ("<journal-title>bioRxiv</journal-title>", "biorxiv"),
        ("<journal-title-group><journal-title>medRxiv</journal-title></journal-title-group>", "medrxiv"),
        ("<journal-id journal-id-type='nlm-ta'>Nat Commun</journal-id>", "nature_communications"),
        ("<journal-title>Nature Communications</journal-title>", "nature_communications"),
        ("<journal-title>eLife</journal-title>", "other"),
        ("<publisher><publisher-name>Cold Spring Harbor Laboratory Press</publisher-name></publisher>", "other"),
        ("", None),
    ],
)
def test_the_source_is_told_by_the_journal(journal: str, source: str | None) -> None:
    assert metadata(journal=journal).source == source
