"""The gallery's page: which rows, what is marked, and that nothing of a paper can act in it."""

import base64
import io
import json
import re

import pytest
from PIL import Image

from s1_mmalign.builder.shards import FolderError, Manifest
from s1_mmalign.dataset_card.gallery.entries import choose_rows, thumbnail
from s1_mmalign.dataset_card.gallery.marks import mark_claims, mark_references
from s1_mmalign.dataset_card.gallery.page import GalleryOptions, write_gallery
from tests.dataset_card.small_dataset import default_rows, make_folder, picture, recaptioned, row

HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(2)>\u2028"; alert(3); //'


def data_of(page: str, name: str) -> list:
    blocks = re.findall(rf'<script type="application/json" class="{name}">(.*?)</script>', page, re.DOTALL)
    return [item for block in blocks for item in json.loads(block)] if name != "index" else [json.loads(blocks[0])]


def marked(text: str, marks) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for start, end, kind in marks]


def test_claims_are_marked_by_whether_the_paper_bears_them_out() -> None:
    text = "XRT light curve of RS Oph over 400 days; a dashed line at 7 nm marks the Hubble limit."
    found = marked(text, mark_claims(text, ["Swift/XRT X-ray light curves of RS Oph over 400 days", None or ""]))
    assert ("borne", "XRT") in found
    assert ("borne", "RS Oph") in found
    assert ("borne", "400") in found
    assert ("missing", "7") in found
    assert ("missing", "Hubble") in found
    assert any(kind == "new" and "dashed" in words for kind, words in found)
    assert not any(words == "of" for _, words in found)


@pytest.mark.parametrize(
    ("text", "lit"),
    [
        ("As Fig. 3(b) shows", ["Fig. 3(b)"]),
        ("see Figs. 2–4 and", ["Figs. 2–4"]),
        ("figures 1, 2 and 3.", ["figures 1, 2 and 3"]),
        ("Figure 13 and Fig. 3.2 and Fig. A3", []),
        ("(Figure 3)", ["Figure 3"]),
        ("Table 3 and Eq. 3", []),
    ],
)
def test_references_to_the_figure_are_lit(text, lit) -> None:
    assert [words for _, words in marked(text, mark_references(text, "3"))] == lit


def test_rows_are_drawn_over_all_shards_by_seed(tmp_path) -> None:
    manifest = Manifest.load(make_folder(tmp_path / "d"))
    places = choose_rows(manifest, 7, 0)
    assert places == choose_rows(manifest, 7, 0) != choose_rows(manifest, 7, 1)
    assert len({place.shard for place in places}) > 1
    assert len(choose_rows(manifest, 1000, 0)) == manifest.rows


def test_the_page_holds_rows_pictures_and_index_in_order(tmp_path) -> None:
    rows = [recaptioned(one, recaption_flags=["too_short"]) for one in default_rows()]
    folder = make_folder(tmp_path / "d", rows)
    assert write_gallery(folder, tmp_path / "g.html", GalleryOptions(limit=15)) == 15
    page = (tmp_path / "g.html").read_text("utf-8")
    shown, pictures, (about,) = data_of(page, "rows"), data_of(page, "pictures"), data_of(page, "index")
    assert len(shown) == len(pictures) == len(about["index"]) == 15
    assert [item["id"] for item in about["index"]] == [item["id"] for item in shown]
    assert all(item.startswith("data:image/webp;base64,") for item in pictures)
    assert about["index"][0]["f"] == ["too_short"]
    assert about["rows"] == 20


def test_a_papers_text_cannot_end_its_data_or_run(tmp_path) -> None:
    hostile = recaptioned(row(1, title=HOSTILE, caption=HOSTILE, citation_contexts=[HOSTILE]), recaption=HOSTILE)
    folder = make_folder(tmp_path / "d", [hostile])
    write_gallery(folder, tmp_path / "g.html", GalleryOptions())
    page = (tmp_path / "g.html").read_text("utf-8")
    assert page.count("</script>") == 4  # rows, pictures, index, and the page's own program
    assert "<img src=x" not in page
    assert data_of(page, "rows")[0]["caption"] == HOSTILE
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src &#x27;none&#x27;" in policy
    assert "unsafe" not in policy


def test_the_page_asks_nothing_of_the_network(tmp_path) -> None:
    write_gallery(make_folder(tmp_path / "d"), tmp_path / "g.html", GalleryOptions())
    page = (tmp_path / "g.html").read_text("utf-8")
    assert not re.findall(r'(?:src|href)="(?!data:)[^"]+"|@import|url\(', page)


def test_an_image_that_cannot_be_read_leaves_its_row_on_the_page(tmp_path) -> None:
    assert thumbnail(b"no image", 100) == thumbnail(None, 100) == ""
    assert thumbnail(picture(1), 100).startswith("data:image/webp")
    broken = row(1, image={"bytes": picture(1)[:60], "path": "a.png"})
    write_gallery(make_folder(tmp_path / "d", [broken]), tmp_path / "g.html", GalleryOptions())
    assert data_of((tmp_path / "g.html").read_text("utf-8"), "pictures") == [""]


def test_a_transparent_figure_is_shown_on_white() -> None:
    stream = io.BytesIO()
    figure = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    figure.paste((0, 0, 0, 255), (10, 10, 20, 20))
    figure.save(stream, "PNG")
    with Image.open(io.BytesIO(base64.b64decode(thumbnail(stream.getvalue(), 40).partition(",")[2]))) as shown:
        assert min(shown.convert("L").getpixel((35, 35)), 255 - shown.convert("L").getpixel((15, 15))) > 200


def test_a_column_that_is_not_there_is_named(tmp_path) -> None:
    folder = make_folder(tmp_path / "d")
    with pytest.raises(FolderError, match="no column 'recaption_b'"):
        write_gallery(folder, tmp_path / "g.html", GalleryOptions(columns=("recaption", "recaption_b")))
    assert not list(tmp_path.glob("*.html"))
    assert not list(tmp_path.glob(".*.tmp"))


def test_options_that_cannot_be_meant_are_refused() -> None:
    for wrong in (
        {"limit": 0},
        {"columns": ()},
        {"columns": ("a", "a")},
        {"columns": ("a", "b", "c")},
        {"blind": True},
    ):
        with pytest.raises(ValueError):
            GalleryOptions(**wrong)
