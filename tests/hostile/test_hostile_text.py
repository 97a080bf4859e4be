"""What a paper says stays text: in a prompt, on a card, in the gallery, on a terminal, in a path."""

import ast
import html.parser
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from s1_mmalign.builder.explain import explain
from s1_mmalign.builder.extraction import Extraction
from s1_mmalign.builder.printable import printable
from s1_mmalign.builder.records import Drop, Figure, Graphic
from s1_mmalign.builder.shards import FolderError
from s1_mmalign.builder.sources.packages import find_packages
from s1_mmalign.builder.sources.release_rows import _parse
from s1_mmalign.dataset_card.card import write_card
from s1_mmalign.dataset_card.gallery.page import GalleryOptions, write_gallery
from s1_mmalign.processing.export_rows import add_member
from s1_mmalign.processing.figure_text import FigureText
from s1_mmalign.processing.prompt import load_template, names
from s1_mmalign.processing.prompt_safety import clean
from tests.dataset_card.small_dataset import default_rows, make_folder, recaptioned
from tests.hostile.packages import PAPER, tar

QWEN = """
<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> <|quad_start|>
<|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|> <tool_call> </tool_call>
<|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> <|file_sep|> <tool_response> </tool_response>
<think> </think>
"""
"""Every added token of Qwen3-VL's tokenizer (`added_tokens_decoder`, ids 151643 to 151668)."""
OTHERS = """
<s> </s> <bos> <eos> <pad> <unk> [INST] [/INST] [IMG] [IMG_END] <<SYS>> <</SYS>> <|begin_of_text|> <|eot_id|> <video>
<|start_header_id|> <start_of_turn> <end_of_turn> <start_of_image> <image_soft_token> <image> <img> </img> <|system|>
<IMG_CONTEXT> <fim_prefix> <｜User｜> <｜Assistant｜> <｜end▁of▁sentence｜> <|user|> <|assistant|> [CLS] [SEP]
"""
TOKENS = [*QWEN.split(), *OTHERS.split()]
SCRIPT = "<script>document.title='run'</script>"
TRAPS = [
    SCRIPT,
    "</script><script>document.title='run'</script>",
    "<img src=x onerror=\"document.title='run'\">",
    "</title><svg/onload=document.title='run'>",
    "javascript:document.title='run'",
    "--><script>document.title='run'",
    "\u2028</script>",
    "]]></textarea>" + SCRIPT,
    "[x](javascript:document.title='run')",
    "![x](http://127.0.0.1:9/x.png)",
    "---\nlicense: mit\n---",
    "| a | b |\n|---|---|",
    "`` ` ```",
    "{{ 7 * 7 }} {% raw %}",
    "a: !!python/object/apply:os.system [x]",
    "\x1b]0;title\x07\x1b[2J\x9b31m",
    "\u202egnp.exe",
    '=HYPERLINK("http://127.0.0.1:9")',
    "@SUM(1)",
    "../../../etc/passwd",
]


@pytest.mark.parametrize("token", TOKENS)
@pytest.mark.parametrize("template", names())
def test_no_token_of_a_chat_template_comes_through_a_prompt(template, token) -> None:
    words = FigureText(*[f"before {token} after"] * 3, (f"before {token} after",), token, token, token)
    rendered = load_template(template).render(words).rendered
    harmless = load_template(template).render(FigureText("x", "x", "x", ("x",), "x", "x", "x")).rendered
    assert rendered.count(token) == harmless.count(token)


@pytest.mark.parametrize("hidden", ["\u200b", "\x00", "\u00ad", "\u2060", "\ufe0f", "\U000e0041", "\x1b", "\ud800"])
def test_characters_that_nobody_sees_do_not_hide_a_token(hidden) -> None:
    for token in TOKENS:
        assert token not in clean(hidden.join(token))


def test_the_tokens_that_the_tokenizer_takes_for_special_are_none_in_a_prompt(tmp_path) -> None:
    pytest.importorskip("transformers")
    from tests.models.tiny_qwen3_vl import SPECIAL_TOKENS

    text = clean(" ".join(SPECIAL_TOKENS))
    assert not any(token in text for token in SPECIAL_TOKENS)


@given(st.lists(st.sampled_from([*TOKENS, "<", "|", ">", "[", "＜", "｜", "im_end", " "]), max_size=8).map("".join))
@settings(max_examples=200, deadline=None)
def test_tokens_do_not_come_together_where_one_is_taken_out(text) -> None:
    cleaned = clean(text)
    assert not any(token in cleaned for token in TOKENS)


@pytest.fixture(scope="module")
def trapped(tmp_path_factory):
    """A dataset whose every text is a trap, with card and gallery."""
    rows = []
    for number, row in enumerate(default_rows()):
        trap = TRAPS[number % len(TRAPS)]
        texts = {"caption": trap, "subcaption": trap, "title": trap, "abstract": trap, "paper_id": f"{trap} {number}"}
        more = {
            "categories": [trap],
            "licence": trap,
            "url": trap,
            "figure_id": trap,
            "figure_number": trap,
            "panel": trap,
        }
        row = {**row, **texts, **more, "citation_contexts": [trap], "image_source": trap, "doi": trap}
        rows.append(recaptioned(row, recaption=trap + " words", recaption_model=trap, recaption_flags=[trap]))
    drops = [Drop(trap, trap, "no_caption", trap) for trap in TRAPS]
    folder = make_folder(tmp_path_factory.mktemp("trapped") / "d", rows, drops)
    write_card(folder)
    write_gallery(folder, folder / "gallery.html", GalleryOptions())
    return folder


def test_a_card_keeps_traps_in_code_and_its_yaml_its_own(trapped) -> None:
    card = (trapped / "README.md").read_text()
    _, front, body = card.split("---\n", 2)
    assert yaml.safe_load(front)["license"] == "other"
    outside = re.sub(r"```.*?```|`[^`\n]*`", "", body, flags=re.DOTALL)
    tags = set(re.findall(r"<(/?\w+)", outside))
    assert tags <= {"details", "/details", "summary", "/summary", "br"}
    assert "javascript:" not in outside and "127.0.0.1" not in outside
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", card)


class _Tags(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag, attrs) -> None:
        self.seen.append((tag, dict(attrs)))


def test_a_gallery_holds_no_element_of_a_paper_and_a_policy_that_runs_its_own_program_alone(trapped) -> None:
    parser = _Tags()
    parser.feed((trapped / "gallery.html").read_text())
    scripts = [attributes for tag, attributes in parser.seen if tag == "script"]
    assert [attributes for attributes in scripts if attributes.get("type") != "application/json"] == [{}]
    assert not any(name.startswith("on") for _, attributes in parser.seen for name in attributes)
    policy = next(one["content"] for tag, one in parser.seen if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy and "http" not in policy


def test_no_trap_runs_or_loads_anything_in_a_real_browser(trapped) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on the PATH (apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        asked, errors = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: errors.append(dialog.message))
        page.goto((trapped / "gallery.html").as_uri())
        page.wait_for_selector("article")
        page.mouse.wheel(0, 100_000)
        page.locator("article").nth(19).wait_for(state="attached")
        shown, links = page.text_content("main"), page.locator("main a").count()
        title, scripts = page.title(), page.locator("article script, article img[onerror], article svg").count()
        browser.close()
    assert (title, scripts, links, errors) == ("d · gallery", 0, 0, [])
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    assert "<script>document.title='run'" in shown


@given(st.text())
@settings(deadline=None)
def test_printable_text_holds_nothing_that_a_terminal_obeys(text) -> None:
    shown = printable(text)
    assert shown.isprintable() and printable(shown) == shown
    shown.encode("utf-8")


def test_names_and_captions_reach_the_terminal_as_text(tmp_path) -> None:
    name = "a\x1b]0;t\x07\u202eb\nc.tar.gz"
    (tmp_path / name).write_bytes(tar({"main.tex": PAPER % b""}))
    (package,) = find_packages([tmp_path]).packages
    figure = Figure(name, name, name, name, [Graphic(name, name, name)], [name])
    row = dict.fromkeys(
        ["figure_id", "panel", "subcaption", "image_source", "image_path", "title", "abstract", "licence"], name
    )
    row |= {"panels": 2, "width": 1, "height": 1, "discipline": None, "licence_class": 0, "source": 0}
    told = list(explain(package, Extraction([row], [Drop(name, name, "no_caption", name)], figures=[figure])))
    assert all(line.isprintable() for line in told)
    run = [sys.executable, "-m", "s1_mmalign.processing.process", "build", str(tmp_path), "--explain"]
    done = subprocess.run(run, capture_output=True, check=True)
    assert b"\x1b" not in done.stdout + done.stderr and "\u202e".encode() not in done.stdout
    missing = subprocess.run([*run[:4], "gone\x1b[2J", "--explain"], capture_output=True)
    assert missing.returncode == 2 and b"\x1b" not in missing.stderr and b"gone\\x1b" in missing.stderr


def test_a_file_name_that_is_no_text_costs_nothing(tmp_path) -> None:
    (tmp_path / "papers").mkdir()
    name = os.fsdecode(b"\xff\xfe.tar.gz")
    (tmp_path / "papers" / name).write_bytes(tar({"main.tex": PAPER % b""}))
    out = tmp_path / "out"
    run = [sys.executable, "-m", "s1_mmalign.processing.process", "build", str(tmp_path / "papers"), "--out", str(out)]
    subprocess.run(run, capture_output=True, check=True)
    (drop,) = map(json.loads, (out / "drops.jsonl").read_text().splitlines())
    assert (drop["paper_id"], drop["reason"]) == ("\\udcff\\udcfe", "no_figures")


def test_folders_however_deep_are_searched(tmp_path) -> None:
    deep = tmp_path / "d"
    for _ in range(1_200):
        deep.mkdir()
        deep = deep / "d"
    deep.parent.joinpath("a.tar.gz").write_bytes(b"x")
    try:
        assert [package.paper_id for package in find_packages([tmp_path]).packages] == ["a"]
    finally:
        for folder in [deep.parent / "a.tar.gz", *deep.parents]:
            if folder == tmp_path:
                break
            folder.unlink() if folder.is_file() else folder.rmdir()


@pytest.mark.parametrize("path", ["../a.png", "x/../../a.png", "/etc/a.png"])
def test_a_path_that_leads_out_of_its_folder_is_neither_taken_from_a_release_nor_exported(path) -> None:
    assert _parse(json.dumps({"image_path": path}).encode()) is None
    with tarfile.open(fileobj=io.BytesIO(), mode="w") as archive, pytest.raises(FolderError, match="leads out"):
        add_member(archive, path, b"x")
    assert _parse(b'{"image_path": "images/a..b/c.png"}') is not None


def test_no_spreadsheet_is_written_that_could_hold_a_formula() -> None:
    """Nothing writes CSV, TSV or XLSX; whoever comes to do so has to deal with cells that begin with `=`."""
    root = Path(__file__).parents[2]
    writers = {"writer", "DictWriter", "to_csv", "to_excel", "write_csv"}
    for room in ("api", "builder", "processing", "eval", "dataset_card"):
        for path in (root / room).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Attribute) and node.attr in writers:
                    assert not (isinstance(node.value, ast.Name) and node.value.id == "csv"), path
                    assert node.attr not in ("to_csv", "to_excel", "write_csv"), path
