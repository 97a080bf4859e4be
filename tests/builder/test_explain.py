"""`build --explain`: a person sees each figure of a paper, and what became of it."""

from pathlib import Path

from s1_mmalign.builder.explain import explain_package
from s1_mmalign.builder.options import ExtractOptions
from s1_mmalign.builder.sources.packages import find_packages
from tests.builder.small_papers import TEX, write_latex_package


def explained(path: Path) -> str:
    (package,) = find_packages([path]).packages
    return "\n".join(explain_package(package, ExtractOptions()))


def test_each_figure_is_told_with_its_row_and_what_cites_it(tmp_path):
    write_latex_package(tmp_path / "2301.00001.tar.gz", "one thing")
    text = explained(tmp_path / "2301.00001.tar.gz")
    assert "Figure 1  [fig1, label fig:one]" in text
    assert "cited by  1 paragraphs: Figure 1 shows the first result." in text
    assert "one.png -> arxiv/2301.00001/fig001.png 64 x 64" in text
    assert text.endswith("2 figures, 2 of them with rows; 2 rows, 0 drops.")


def test_what_gives_no_row_is_told_with_the_reason(tmp_path):
    tex = TEX.replace("two.png", "three.png")
    write_latex_package(tmp_path / "2301.00001.tar.gz", "one thing", tex=tex)
    text = explained(tmp_path / "2301.00001.tar.gz")
    second = text.index("Figure 2  [fig2")
    assert text.index("caption   ", second) < text.index("drop      fig2 three.png: image_missing")
    assert text.endswith("2 figures, 1 of them with rows; 1 rows, 1 drops.")


def test_pictures_that_are_no_figures_are_told_beside_them(tmp_path):
    table = "\\begin{table}\\includegraphics{two.png}\\caption{Numbers.}\\end{table}\n\\end{document}"
    tex = TEX.replace("\\end{document}", table)
    write_latex_package(tmp_path / "2301.00001.tar.gz", "one thing", tex=tex)
    beside = explained(tmp_path / "2301.00001.tar.gz").partition("Beside the figures:")[2]
    assert "drop      two.png: table_as_image (in a float table)" in beside


def test_a_paper_that_cannot_be_read_is_told_too(tmp_path):
    (tmp_path / "broken.tar.gz").write_bytes(b"\x1f\x8bnothing")
    assert "the whole paper: package_unreadable" in explained(tmp_path / "broken.tar.gz")


def test_control_characters_of_a_paper_do_not_reach_the_terminal(tmp_path):
    write_latex_package(tmp_path / "2301.00001.tar.gz", "red \x1b[31m alert")
    assert "\x1b" not in explained(tmp_path / "2301.00001.tar.gz")
