"""The whole reader: contexts, metadata, broken files, and the real papers where they are at hand."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pymupdf
import pytest
from PIL import Image
from rapidfuzz import fuzz

from s1_mmalign.builder.formats.pdf import PdfOptions, read_pdf
from s1_mmalign.builder.records import PackageError

CORPUS = Path(__file__).parents[4] / "shared" / "corpus"


def cited_figure(press, words) -> None:
    press.plot((54, 60, 558, 300))
    press.text(54, 558, 320, words(20, 3), size=8, lead="Fig. 1.")


def test_citing_paragraphs_are_whole_over_columns_and_hyphens(press, words):
    cited_figure(press, words)
    y = press.text(54, 297, 380, words(60, 1), indent=12)
    press.text(
        54,
        297,
        y,
        "The first half of this paragraph stands at the foot of the left column and ends in a cut simu-",
        indent=12,
    )
    y = press.text(315, 558, 380, "lation that Fig. 1 shows in its upper part.")
    press.text(315, 558, y, words(100, 2), indent=12)
    contexts = read_pdf(press.bytes()).figures[0].contexts
    assert contexts == [
        "The first half of this paragraph stands at the foot of the left column and ends in a cut simulation that "
        "Fig. 1 shows in its upper part."
    ]


def test_citing_paragraph_is_whole_over_a_page_break_before_a_symbol(press, words):
    cited_figure(press, words)
    press.text(
        54, 558, 690, "The slope in Fig. 1 was fitted together with the intercept and both lie on the line where"
    )
    press.page()
    y = press.text(54, 558, 70, "T = 319 K is the harmonic mean of all temperatures that were used here.")
    press.text(54, 558, y, words(160, 1), indent=12)
    contexts = read_pdf(press.bytes()).figures[0].contexts
    assert len(contexts) == 1
    assert contexts[0].startswith("The slope in Fig. 1 was fitted")
    assert "the line where T = 319 K is the harmonic mean" in contexts[0]


def test_supplement_that_cites_its_figures_without_the_prefix_has_its_contexts(press, words):
    press.text(72, 540, 70, "The counts in Figure 1 are raw. " + words(40, 1), indent=12)
    press.plot((120, 160, 480, 320))
    y = press.text(72, 540, 340, words(12, 3), size=9, lead="Supplementary Figure 1.")
    press.text(72, 540, y + 20, words(150, 2), indent=12)
    figure = read_pdf(press.bytes()).figures[0]
    assert [text[:24] for text in figure.contexts] == ["The counts in Figure 1 a"]


def test_caption_and_other_figures_are_no_context(press, words):
    cited_figure(press, words)
    press.text(54, 297, 380, "As in Fig. 2 and Table 1. " + words(60, 1), indent=12)
    press.text(315, 558, 380, words(100, 2), indent=12)
    assert read_pdf(press.bytes()).figures[0].contexts == []


def test_running_heads_and_line_numbers_get_into_neither_caption_nor_context(press, words):
    number = 1
    for page in range(4):
        press.line(250, 40, "Smith et al. preprint", 8)
        press.line(300, 770, str(page + 1), 8)
        press.plot((90, 80, 520, 250))
        y = press.text(90, 520, 275, words(40, page), size=10, lead=f"Figure {page + 1}.", leading=1.5, numbers=number)
        y = press.text(
            90,
            520,
            y + 20,
            f"We see in Figure {page + 1} that " + words(80, 5),
            size=12,
            leading=2,
            indent=20,
            numbers=press.next_number,
        )
        number = press.next_number
        if page < 3:
            press.page()
    paper = read_pdf(press.bytes())
    assert [f.caption for f in paper.figures] == [words(40, page) for page in range(4)]
    assert all(len(f.contexts) == 1 and f.contexts[0].endswith(words(80, 5)) for f in paper.figures)


def test_title_and_abstract_are_read_where_they_are_plain(press, words):
    press.text(72, 540, 80, "A Study of Something That Matters", size=20, flush=False)
    press.line(72, 120, "A. Author and B. Writer", 11)
    press.line(72, 150, "Abstract", 11, "tibo")
    y = press.text(72, 540, 168, words(70, 4))
    press.line(72, y + 16, "1 Introduction", 12, "tibo")
    press.text(72, 540, y + 34, words(250, 2), indent=12)
    metadata = read_pdf(press.bytes()).metadata
    assert metadata.title == "A Study of Something That Matters"
    assert metadata.abstract == words(70, 4)


def test_plain_text_without_title_or_abstract_gives_none(press, words):
    press.text(72, 540, 80, words(300, 1), indent=12)
    metadata = read_pdf(press.bytes()).metadata
    assert (metadata.title, metadata.abstract, metadata.arxiv_id) == (None, None, None)


def test_arxiv_stamp_gives_the_id(press, words):
    press.line(30, 500, "arXiv:2101.01234v2 [astro-ph.GA] 4 Jan 2021", 18, rotate=90)
    press.text(72, 540, 80, words(300, 1), indent=12)
    metadata = read_pdf(press.bytes()).metadata
    assert (metadata.arxiv_id, metadata.categories) == ("2101.01234", ["astro-ph.GA"])


def encrypted() -> bytes:
    document = pymupdf.open()
    document.new_page()
    return document.tobytes(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="secret", owner_pw="secret")


def picture() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (40, 40)).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"", b"no PDF at all", b"%PDF-1.4\n%%EOF", picture(), encrypted()],
    ids=["empty", "text", "stub", "png", "encrypted"],
)
def test_what_is_no_readable_pdf_is_one_clear_error(data):
    with pytest.raises(PackageError) as error:
        read_pdf(data)
    assert error.value.reason == "source_unreadable"


def test_truncated_file_gives_a_paper_or_a_package_error(press, words):
    cited_figure(press, words)
    data = press.bytes()
    for cut in (len(data) // 4, len(data) // 2, len(data) - 20):
        try:
            read_pdf(data[:cut])
        except PackageError as error:
            assert error.reason == "source_unreadable"


def test_pages_beyond_the_limit_are_not_read(press, words):
    for n in range(3):
        press.plot((72, 80, 540, 300))
        press.text(72, 540, 320, words(20, n), size=9, lead=f"Figure {n + 1}.")
        press.text(72, 540, 360, words(160, 2), indent=12)
        if n < 2:
            press.page()
    data = press.bytes()
    assert len(read_pdf(data, PdfOptions(max_pages=2)).figures) == 2
    assert len(read_pdf(data, PdfOptions(max_figures=1)).figures) == 1


@pytest.mark.parametrize(
    "wrong", [{"longest_side": 10}, {"max_dpi": 0}, {"max_pages": 0}, {"max_figures": -1}, {"use_layout": "sometimes"}]
)
def test_options_refuse_nonsense_and_name_it(wrong):
    (name, value) = next(iter(wrong.items()))
    with pytest.raises(ValueError, match=name) as error:
        PdfOptions(**wrong)
    assert repr(value) in str(error.value)


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of real papers is not here")
def test_real_papers_give_every_figure_with_its_caption_on_its_page():
    for path in sorted((CORPUS / "pdf").glob("*.pdf")):
        truth = json.loads((CORPUS / "truth" / f"{path.stem}.json").read_text(encoding="utf-8"))["figures"]
        paper = read_pdf(path.read_bytes())
        assert len(paper.figures) == len(truth), path.name
        for expected in truth:
            best = max(paper.figures, key=lambda f: fuzz.ratio(f.caption, expected["caption"]))
            assert fuzz.ratio(best.caption, expected["caption"]) > 85, (path.name, expected["number"])
            assert best.graphics[0].source.split("#")[0] == f"page:{expected['page']}"
            assert best.number == expected["number"]


@pytest.mark.skipif(not CORPUS.exists(), reason="the corpus of broken files is not here")
def test_broken_files_of_other_test_suites_never_raise_anything_else():
    for path in sorted((CORPUS / "nasty").glob("*.pdf")):
        try:
            read_pdf(path.read_bytes())
        except PackageError as error:
            assert error.reason == "source_unreadable", path.name
