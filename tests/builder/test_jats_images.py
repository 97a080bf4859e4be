"""From the name in the article to the file in the package."""

from __future__ import annotations

import pytest

from s1_mmalign.builder.archives import MemoryArchive
from s1_mmalign.builder.formats.jats import read_jats
from s1_mmalign.builder.formats.jats_images import MemberIndex, picture_key


def find(href: str, *names: str, article: str = "paper/paper.xml") -> str | None:
    return MemberIndex([article, *names], article).find(href)


@pytest.mark.parametrize(
    ("href", "member"),
    [
        ("f1.tif", "paper/f1.tif"),
        ("f1", "paper/f1.jpg"),
        ("1v1_fig1", "paper/1v1_fig1"),
        ("f1.tif", "paper/f1.jpg"),
        ("F1.TIF", "paper/f1.tif"),
        ("images/f1.tif", "paper/images/f1.tif"),
        ("images/f1.tif", "elsewhere/f1.tif"),
        ("./f1.tif", "paper/f1.tif"),
        ("https://example.org/content/f1.large.jpg?width=800", "paper/f1.large.jpg"),
        ("file:/content/vol0/f1.tif", "paper/f1.tif"),
        ("info:doi/10.1371/journal.pntd.0008301.g001", "paper/pntd.0008301.g001.tif"),
        ("urn:x-wiley:12345:media:abc-fig-0001", "paper/abc-fig-0001.png"),
        ("figure%201.png", "paper/figure 1.png"),
        ("pntd.0008301.g001", "paper/pntd.0008301.g001.jpg"),
        ("elife-00353-fig1", "paper/elife-00353-fig1-v1.tif"),
        ("elife-00353-fig1-v2.tif", "paper/elife-00353-fig1.jpg"),
        ("F1", "paper/F1.large.jpg"),
        ("F1.medium.gif", "paper/F1.large.jpg"),
        ("41467_2019_8987_Fig1_HTML", "paper/41467_2019_8987_Fig1_HTML.png"),
        (r"figures\f1.tif", "paper/figures/f1.tif"),
    ],
)
def test_the_member_that_a_name_means_is_found(href: str, member: str) -> None:
    assert find(href, "paper/other.tif", member) == member


@pytest.mark.parametrize("href", ["fig1", "fig1.tif", "", "   ", "http://[", "../", "fig"])
def test_a_name_never_finds_another_figures_file(href: str) -> None:
    assert (
        find(href, "paper/fig10.tif", "paper/fig1a.tif", "paper/fig1.xlsx", "paper/fig1.mp4", "paper/xfig1.tif") is None
    )


def test_the_full_print_goes_before_previews() -> None:
    assert find("F1", "paper/F1.small.gif", "paper/F1.medium.gif", "paper/F1.large.jpg") == "paper/F1.large.jpg"
    assert find("f1", "paper/f1.gif", "paper/f1.jpg", "paper/f1.tif") == "paper/f1.tif"


def test_a_name_in_two_folders_is_the_one_beside_the_article() -> None:
    assert find("f1.tif", "supplement/f1.tif", "paper/f1.tif") == "paper/f1.tif"
    assert find("f1", "supplement/f1.tif", "paper/f1.jpg") == "paper/f1.jpg"


def test_a_name_with_a_traversal_finds_members_only() -> None:
    assert find("../../etc/passwd", "paper/f1.tif") is None
    assert find("../figures/f1.tif", "figures/f1.tif") == "figures/f1.tif"


def test_the_highwire_name_of_a_figure_stands_in_for_a_name_that_finds_nothing() -> None:
    xml = (
        '<article><body><fig id="fig1"><object-id pub-id-type="other">F1</object-id><label>Figure 1</label>'
        '<caption><p>A cell.</p></caption><graphic href="030213v1_fig1"/></fig></body></article>'
    )
    paper = read_jats(MemoryArchive({"p.xml": xml.encode(), "F1.large.jpg": b"", "F2.large.jpg": b""}))
    assert [graphic.source for figure in paper.figures for graphic in figure.graphics] == ["F1.large.jpg"]


def test_forms_of_one_picture_share_a_key_and_panels_do_not() -> None:
    assert picture_key("F1.large.jpg") == picture_key("F1.medium.gif") == picture_key("f1")
    assert len({picture_key(name) for name in ("1v1_fig1.tif", "1v1_fig1a.tif", "1v1_fig10.tif")}) == 3
