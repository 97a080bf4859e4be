"""Which file of a package is read as the paper."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.latex import read_latex
from s1_mmalign.builder.records import PackageError

FIGURE = "\\begin{figure}\\includegraphics{a.png}\\caption{%s}\\end{figure}"


def document(caption: str, head: str = "\\documentclass{article}") -> bytes:
    return f"{head}\n\\begin{{document}}\n{FIGURE % caption}\n\\end{{document}}\n".encode()


def captions_of(**members: bytes) -> list[str]:
    files = {name.replace("__", "/").replace("_tex", ".tex"): data for name, data in members.items()}
    return [figure.caption for figure in read_latex(MemoryArchive({**files, "a.png": b""})).figures]


def test_the_only_root_is_found_whatever_its_name() -> None:
    assert captions_of(x17_tex=document("Mine.")) == ["Mine."]


def test_a_latex_209_document_is_a_paper() -> None:
    assert captions_of(x_tex=document("Old.", "\\documentstyle[12pt,epsf]{article}")) == ["Old."]


def test_a_commented_documentclass_makes_no_root() -> None:
    assert captions_of(a_tex=document("No.", "% \\documentclass{article}"), b_tex=document("Yes.")) == ["Yes."]


def test_a_supplement_beside_the_paper_is_not_read_as_the_paper() -> None:
    assert captions_of(supplement_tex=document("S.") + b"%" * 9000, ms_tex=document("Main.")) == ["Main."]


def test_of_several_versions_the_last_is_read() -> None:
    assert captions_of(paper_v2_tex=document("Two."), paper_v1_tex=document("One.") + b"%" * 99) == ["Two."]


def test_a_template_of_the_journal_beside_the_paper_is_not_read() -> None:
    assert captions_of(template_tex=document("T.") + b"%" * 9999, jones2020_tex=document("Mine.")) == ["Mine."]


def test_a_root_that_another_root_includes_is_its_part() -> None:
    main = b"\\documentclass{article}\\begin{document}\\input{aaa}\\end{document}"
    assert captions_of(aaa_tex=document("Inside."), zzz_tex=main) == ["Inside."]


@pytest.mark.parametrize(
    ("name", "listing"),
    [
        ("00README.XXX", "paper2.tex toplevelfile\nother.sty ignore\n"),
        ("00README.json", '{"sources": [{"usage": "toplevel", "filename": "paper2.tex"}, {"filename": ""}]}'),
        (
            "00readme.yaml",
            "sources:\n  - filename: paper2.tex\n    usage: toplevel\n  - usage: ignore\n    filename: main.tex\n",
        ),
    ],
)
def test_the_00readme_decides(name: str, listing: str) -> None:
    files = {"main.tex": document("Not me."), "paper2.tex": document("Me."), name: listing.encode(), "a.png": b""}
    assert [figure.caption for figure in read_latex(MemoryArchive(files)).figures] == ["Me."]


def test_several_files_listed_as_top_level_are_all_read_with_running_ids() -> None:
    listing = b"sources:\n  - filename: one.tex\n  - filename: two.tex\n"
    files = {"one.tex": document("One."), "two.tex": document("Two."), "00readme.yaml": listing, "a.png": b""}
    figures = read_latex(MemoryArchive(files)).figures
    assert [(figure.figure_id, figure.caption) for figure in figures] == [("fig1", "One."), ("fig2", "Two.")]


def test_a_00readme_that_names_missing_files_is_passed_over() -> None:
    assert captions_of(**{"main_tex": document("Here."), "00README.XXX": b"gone.tex toplevelfile"}) == ["Here."]


def test_a_class_loaded_from_a_preamble_file_makes_no_root_of_it() -> None:
    main = b"\\input{preamble}\\begin{document}" + (FIGURE % "Body.").encode() + b"\\end{document}"
    assert captions_of(preamble_tex=b"\\documentclass{article}", paper_v2_tex=main) == ["Body."]


def test_drawings_with_a_class_of_their_own_are_not_the_paper() -> None:
    drawing = b"\\documentclass[tikz]{standalone}\\begin{document}x\\end{document}"
    assert captions_of(a1_tex=drawing, b_tex=document("Paper."), c_tex=drawing) == ["Paper."]


def test_a_subfile_is_not_the_main_file() -> None:
    part = document("Part.", "\\documentclass[main]{subfiles}")
    main = b"\\documentclass{book}\\begin{document}\\subfile{sections/one}\\end{document}"
    assert captions_of(sections__one_tex=part, thesis_tex=main) == ["Part."]


def test_a_single_file_without_ending_is_read() -> None:
    files = {"2401.00001": document("Bare.")}
    paper = read_latex(MemoryArchive(files))
    assert [figure.caption for figure in paper.figures] == ["Bare."]
    assert paper.drops[0].reason == "image_missing"


def test_a_plain_tex_paper_is_read() -> None:
    text = rb"""\magnification=1200
\input epsf
Some words.
\midinsert
\centerline{\epsfbox{a.eps}}
Fig. 1. Energy against time.
\endinsert
\bye"""
    paper = read_latex(MemoryArchive({"paper.tex": text, "a.eps": b""}))
    assert [(figure.number, figure.caption) for figure in paper.figures] == [("1", "Energy against time.")]


@pytest.mark.parametrize("files", [{"a.png": b"x"}, {"notes.txt": b"hello"}, {"a.tex": b"just words"}])
def test_a_package_without_tex_is_no_source(files: dict[str, bytes]) -> None:
    with pytest.raises(PackageError) as caught:
        read_latex(MemoryArchive(files))
    assert caught.value.reason == "no_source"


def test_a_main_file_of_binary_rubbish_is_unreadable() -> None:
    with pytest.raises(PackageError) as caught:
        read_latex(MemoryArchive({"a.tex": b"\\documentclass{article}" + bytes(range(32)) * 400}))
    assert caught.value.reason == "source_unreadable"
