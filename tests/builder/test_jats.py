"""JATS packages: the article among the members, broken and hostile XML, citing paragraphs, real papers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.archives import MemoryArchive, open_archive
from s1_mmalign.builder.formats import jats
from s1_mmalign.builder.formats.jats import read_jats
from s1_mmalign.builder.records import PackageError
from tests.builder.jats_papers import article, fig, only, read, sources

SHARED = Path(__file__).parents[3] / "shared"


# --- the article among the members


def test_the_article_is_found_beside_the_other_xml_of_a_meca_package() -> None:
    members = {
        "manifest.xml": b'<manifest xmlns="http://manuscriptexchange.org"><item><title>x</title></item></manifest>',
        "transfer.xml": b"<transfer/>",
        "content/data.xml": b"<data>" + b"<row/>" * 1000 + b"</data>",
        "content/1v1.xml": article(fig()),
        "content/f1.tif": b"picture",
    }
    assert sources(only(read_jats(MemoryArchive(members)))) == ["content/f1.tif"]


def test_a_package_without_article_has_no_source() -> None:
    with pytest.raises(PackageError) as error:
        read_jats(MemoryArchive({"manifest.xml": b"<manifest/>", "f1.tif": b""}))
    assert error.value.reason == "no_source"


def test_a_truncated_article_is_unreadable_and_its_name_is_told() -> None:
    with pytest.raises(PackageError, match=r"paper\.xml") as error:
        read(article(fig())[:-20], "f1.tif")
    assert error.value.reason == "source_unreadable"


def test_an_oversized_article_is_refused_before_it_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jats, "MAX_XML_BYTES", 100)
    with pytest.raises(PackageError, match="larger"):
        read(article(fig()), "f1.tif")


def test_an_article_in_a_namespace_and_inside_a_wrapper_is_read_like_any_other() -> None:
    inner = article(fig()).decode().replace("<article ", '<article xmlns="https://jats.nlm.nih.gov/ns/archiving/1.3/" ')
    assert only(read(f"<OAI-PMH><record>{inner}</record></OAI-PMH>".encode(), "f1.tif")).caption == "A cell."


# --- hostile and broken XML


def test_prefixes_that_nothing_declares_are_taken_off_however_much_else_is_wrong() -> None:
    """The parser's list of errors has 100 places: what comes after them is not told."""
    data = article(fig(caption="&zz;" * 300 + "A <mml:math><mm:mi>c</mm:mi></mml:math>ell."))
    assert only(read(data, "f1.tif")).caption == "A $c$ell."


def test_external_entities_are_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("password")
    doctype = f'<!DOCTYPE article [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'.encode()
    assert only(read(doctype + article(fig(caption="Seen: &x;.")), "f1.tif")).caption == "Seen: ."


def test_an_entity_bomb_ends_as_unreadable_or_unexpanded() -> None:
    entities = '<!ENTITY e0 "aaaaaaaaaa">' + "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f"<!DOCTYPE article [{entities}]>".encode() + article(fig(caption="Boom &e11;", href="&e9;"))
    try:
        paper = read(bomb, "f1.tif")
    except PackageError as error:
        assert error.reason == "source_unreadable"
    else:
        assert all(len(figure.caption) < 100 for figure in paper.figures)


@pytest.mark.parametrize(
    ("broken", "caption"),
    [(b"5&nbsp;nm &alpha;", "5 nm α"), (b"5\x01 nm", "5 nm"), (b"5 \xb5m", "5 µm")],
    ids=["undeclared entities", "a control character", "latin-1 under a UTF-8 declaration"],
)
def test_a_slip_in_the_xml_is_repaired(broken: bytes, caption: str) -> None:
    xml = article(fig(caption="SLIP")).replace(b"SLIP", broken)
    assert only(read(xml, "f1.tif")).caption == caption


def test_entities_of_a_dtd_that_is_not_loaded_are_characters() -> None:
    doctype = b'<!DOCTYPE article PUBLIC "-//NLM//DTD JATS//EN" "JATS-archivearticle1.dtd">'
    assert only(read(doctype + article(fig(caption="5&thinsp;&micro;m")), "f1.tif")).caption == "5 µm"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_tree_gives_figures_or_drops(data: st.DataObject) -> None:
    names = (
        "fig", "fig-group", "p", "caption", "label", "title", "graphic", "alternatives", "xref", "sec", "sub",
        "sup", "table-wrap", "mml:math", "mml:mfrac", "mml:msub", "tex-math", "inline-formula", "media",
        "boxed-text", "body", "abstract",
    )  # fmt: skip
    parts: list[str] = []
    for _ in range(data.draw(st.integers(1, 25))):
        name = data.draw(st.sampled_from(names))
        text = data.draw(st.sampled_from(["", "Figure 1. ", "(a)", "x &amp; y", "[", "13", "$"]))
        attributes = data.draw(
            st.sampled_from(["", ' id="a"', ' rid="a b"', ' xlink:href="http://[x"', ' href="a.tif"'])
        )
        inner = "".join(parts[-3:])
        parts = [*parts[:-3], f"<{name}{attributes}>{text}{inner}</{name}>"]
    paper = read(article("".join(parts)), "a.tif", "b.jpg")
    assert len({figure.figure_id for figure in paper.figures}) == len(paper.figures)
    assert all(figure.graphics for figure in paper.figures)


# --- citing paragraphs


def test_each_citing_paragraph_stands_once_and_in_reading_order() -> None:
    one = '<p>First <xref ref-type="fig" rid="f1">Fig. 1A</xref> and <xref ref-type="fig" rid="f1">B</xref>.</p>'
    two = '<sec><p>Second (<xref ref-type="fig" rid="f1">Fig. 1</xref>).</p></sec>'
    appendix = '<back><app><p>Third <xref ref-type="fig" rid="f1">Fig. 1</xref>.</p></app></back>'
    figure = only(read(article(one + fig() + "<p>Not this, Fig. 1.</p>" + two, rest=appendix), "f1.tif"))
    assert figure.contexts == ["First Fig. 1A and B.", "Second (Fig. 1).", "Third Fig. 1."]


def test_captions_tables_abstracts_and_reviews_cite_nothing() -> None:
    cite = '<xref ref-type="fig" rid="f1">Fig. 1</xref>'
    front = f"<front><article-meta><abstract><p>{cite}</p></abstract></article-meta></front>"
    body = (
        fig()
        + fig("f2", "Figure 2", f"As {cite}.", "f2.tif")
        + f"<table-wrap><table><td><p>{cite}</p></td></table></table-wrap>"
    )
    rest = f"<sub-article><body><p>{cite}</p></body></sub-article>"
    paper = read(article(body, front, rest), "f1.tif", "f2.tif")
    assert [figure.contexts for figure in paper.figures] == [[], []]


def test_one_reference_may_name_several_figures_and_a_range_counts_its_ends() -> None:
    body = "".join(fig(f"f{n}", f"Figure {n}", href=f"f{n}.tif") for n in (1, 2, 3)) + (
        '<p>Figures <xref ref-type="fig" rid="f1">1</xref>–<xref ref-type="fig" rid="f3">3</xref>.</p>'
        '<p>Both <xref ref-type="fig" rid="f1 f2">Figs 1, 2</xref>.</p>'
    )
    paper = read(article(body), "f1.tif", "f2.tif", "f3.tif")
    assert [figure.contexts for figure in paper.figures] == [
        ["Figures 1–3.", "Both Figs 1, 2."],
        ["Both Figs 1, 2."],
        ["Figures 1–3."],
    ]


def test_typed_mentions_count_for_figures_that_no_reference_points_to() -> None:
    body = (
        fig()
        + fig("f2", "Figure 2", "Another.", "f2.tif")
        + '<p>By link <xref rid="f1">Fig. 1</xref>.</p><p>Typed: Figs 1-2.</p><p>Not Supplementary Figure 2.</p>'
    )
    paper = read(article(body), "f1.tif", "f2.tif")
    assert [figure.contexts for figure in paper.figures] == [["By link Fig. 1."], ["Typed: Figs 1-2."]]


def test_a_figure_inside_the_paragraph_that_cites_it_is_not_in_the_context() -> None:
    body = f'<p>Look at <xref ref-type="fig" rid="f1">Fig. 1</xref>: {fig()} nice.</p>'
    assert only(read(article(body), "f1.tif")).contexts == ["Look at Fig. 1: nice."]


def test_an_empty_reference_reads_as_the_label_that_it_points_to() -> None:
    body = fig(label="Figure 1.") + '<p>See <xref ref-type="fig" rid="f1"/>.</p>'
    assert only(read(article(body), "f1.tif")).contexts == ["See Figure 1."]


def test_a_figure_without_caption_gets_its_legend_from_the_list_of_legends() -> None:
    body = (
        '<p>See <xref ref-type="fig" rid="f1">Fig. 1</xref>.</p>'
        '<sec><p><xref ref-type="fig" rid="f1">Figure 1</xref>. A cell.</p><p>Figure 2: A dish.</p></sec>'
        '<fig id="f1"><label>Figure 1</label><graphic xlink:href="f1.tif"/></fig>'
    )
    figure = only(read(article(body), "f1.tif"))
    assert figure.caption == "A cell."
    assert figure.contexts == ["See Fig. 1."]


# --- real papers


@pytest.mark.skipif(not (SHARED / "corpus" / "jats").is_dir(), reason="the corpus of real papers is not here")
def test_real_papers_reach_the_promised_accuracy(tmp_path: Path) -> None:
    rows = []
    for package in sorted((SHARED / "corpus" / "jats").iterdir()):
        paper_id = package.name.removesuffix(".tar.gz").removesuffix(".meca")
        for figure in read_jats(open_archive(package)).figures:
            rows += [
                {
                    "paper_id": paper_id,
                    "figure_id": figure.figure_id,
                    "caption": figure.caption,
                    "subcaption": graphic.subcaption,
                    "image_source": graphic.source,
                    "citation_contexts": figure.contexts,
                }
                for graphic in figure.graphics
            ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    command = [
        sys.executable,
        SHARED / "score/score_extraction.py",
        "--truth",
        SHARED / "corpus/truth",
        "--kind",
        "jats",
    ]
    subprocess.run([*command, "--rows", tmp_path / "rows.jsonl", "--json", tmp_path / "score.json"], check=True)
    score = json.loads((tmp_path / "score.json").read_text())["jats"]
    assert (score["found"], score["precise"], score["images"]) == (1, 1, 1)
    assert score["caption"] >= 0.99
    assert score["contexts"] >= 0.98
    assert score["mentions"] >= 0.95
