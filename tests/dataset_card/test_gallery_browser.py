"""The gallery in a real browser: rows, filters, keys, judgements, phone; no request leaves the page."""

import json
import shutil

import pytest

from s1_mmalign.dataset_card.gallery.page import GalleryOptions, write_gallery
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on the PATH (apt-get install chromium)")

EVIL = "<img src=x onerror=\"document.title='run'\"><script>document.title='run'</script>"


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as driver:
        running = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def gallery(tmp_path):
    rows = [
        recaptioned(one, recaption_flags=["repetition"] if n == 3 else [], recaption=f"{EVIL} Number {n} is 77 nm.")
        for n, one in enumerate(default_rows())
    ]
    folder = make_folder(tmp_path / "d", rows)
    write_gallery(folder, tmp_path / "gallery.html", GalleryOptions())
    return tmp_path / "gallery.html"


@pytest.fixture
def page(browser, gallery):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    opened.problems = []
    opened.on("pageerror", lambda error: opened.problems.append(str(error)))
    opened.on(
        "request", lambda request: opened.problems.append(request.url) if request.url.startswith("http") else None
    )
    opened.goto(gallery.as_uri())
    opened.wait_for_selector("article")
    yield opened
    assert opened.problems == []
    assert opened.title() == "d · gallery"  # no text of a paper ran
    context.close()


def count(page) -> str:
    return page.inner_text("#count")


def test_rows_show_as_text_with_their_marks_and_pictures(page) -> None:
    assert count(page) == "20 of 20"
    first = page.locator("article").first
    assert EVIL in first.inner_text()
    assert "77" in first.locator("mark.missing").all_inner_texts()
    assert page.evaluate("document.querySelector('article img').naturalWidth") > 0


def test_what_no_row_has_is_no_filter(page) -> None:
    assert page.locator("#flag").is_visible()
    assert not page.locator("#score").is_visible()


def test_filters_and_search_leave_the_rows_that_fit(page) -> None:
    page.select_option("#source", "biorxiv")
    assert count(page) == "8 of 20"
    page.select_option("#source", "")
    page.select_option("#flag", "repetition")
    assert count(page) == "1 of 20"
    page.select_option("#flag", "")
    page.fill("#search", "number 17 is")
    page.get_by_text("1 of 20").wait_for()
    page.fill("#search", "no such words")
    page.wait_for_selector("#none:not([hidden])")


def test_keys_judge_rows_and_the_file_holds_the_judgements(page, tmp_path) -> None:
    page.fill("#judge", "ann")
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    for key in ("j", "g", "b", "n"):
        page.keyboard.press(key)
    page.keyboard.type("axis cut off")
    page.keyboard.press("Enter")
    assert page.inner_text("#judged") == "1 good, 1 bad"
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(tmp_path / "judgements.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "judgements.jsonl").read_text("utf-8").splitlines()]
    assert [(line["verdict"], line["note"], line["judge"]) for line in lines] == [
        ("good", "", "ann"),
        ("bad", "", "ann"),
        (None, "axis cut off", "ann"),
    ]
    assert all(len(line["texts"]["recaption"]) == 16 for line in lines)  # which text it was
    page.reload()
    page.wait_for_selector("article.good")  # kept by the browser


def test_two_columns_are_compared_blind(browser, tmp_path) -> None:
    folder = make_folder(tmp_path / "d", [recaptioned(one) for one in default_rows()])
    write_gallery(folder, tmp_path / "g.html", GalleryOptions(columns=("recaption", "caption"), blind=True))
    page = browser.new_page()
    page.goto((tmp_path / "g.html").as_uri())
    page.wait_for_selector("article")
    assert "tiny/model" not in page.inner_text("main")
    assert page.locator("article").first.locator("h3", has_text="Recaption").count() == 2
    sides = page.evaluate("about.index.map((item) => sidesOf(item.id)[0])")
    assert set(sides) == {"recaption", "caption"}
    page.keyboard.press("j")
    page.keyboard.press("1")
    assert page.inner_text("#judged") == "1 judged"
    assert page.evaluate("[...judgements.values()][0].prefers") == sides[0]
    page.close()


def test_it_fits_a_phone(browser, gallery) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(gallery.as_uri())
    page.wait_for_selector("article")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.click("#more")
    assert page.locator("#search").is_visible()
    page.close()
