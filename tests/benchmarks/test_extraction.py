"""The benchmark itself: it still runs on the shipped papers, and its judge counts what it says."""

import json
import subprocess
import sys
from pathlib import Path

from s1_mmalign.samples import papers_folder
from tests.benchmarks.judge import judge
from tests.benchmarks.papers import BenchmarkPaper, TrueFigure

ROOT = Path(__file__).resolve().parents[2]


def paper(*figures: TrueFigure) -> BenchmarkPaper:
    return BenchmarkPaper("p", "latex", Path("p.tar.gz"), list(figures))


def extracted(caption: str, images: list[str], contexts: list[str]) -> dict:
    return {"caption": caption, "images": images, "contexts": contexts}


def test_every_reader_is_judged_on_what_is_true_not_on_what_it_found():
    true = paper(
        TrueFigure("A long caption of the first figure.", ["figs/one.pdf", "figs/two.eps"], mentions=2),
        TrueFigure("Quite another text below the second one.", ["three.png"], mentions=2),
    )
    found = [extracted("A long caption of the first figure", ["one", "wrong.pdf"], ["x"]), extracted("Nothing", [], [])]
    assert judge(true, found).shares() == {"figures": 0.5, "precise": 0.5, "images": 1 / 3, "mentions": 0.25}
    assert judge(true, []).shares() == {"figures": 0.0, "precise": None, "images": 0.0, "mentions": 0.0}


def test_a_figure_that_nobody_can_give_counts_neither_way():
    drawn = paper(TrueFigure("Drawn by TikZ in the source itself.", [], mentions=3))
    assert judge(drawn, []).shares()["figures"] is None
    assert judge(drawn, [extracted("Drawn by TikZ in the source itself.", [], [])]).shares()["precise"] == 1.0


def test_a_pdf_figure_is_right_by_its_page():
    true = paper(TrueFigure("The only caption of this paper.", [], page=3))
    assert judge(true, [extracted("The only caption of this paper.", ["page:3#2"], [])]).shares()["images"] == 1.0
    assert judge(true, [extracted("The only caption of this paper.", ["page:4"], [])]).shares()["images"] == 0.0


def test_the_benchmark_runs_on_the_shipped_papers(tmp_path):
    out = tmp_path / "result.json"
    command = [sys.executable, "-m", "tests.benchmarks.extraction", "--only", "ours", "--rounds", "1"]
    command += ["--papers", str(papers_folder()), "--truth", str(papers_folder().parent / "expected.json")]
    done = subprocess.run([*command, "--json", str(out)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert {row["kind"]: row["failed"] for row in result["rows"]} == {"latex": 0, "jats": 0, "pdf": 0}
    assert all(row["figures"] > 0.5 for row in result["rows"])
    assert all(paper["stages"]["open the package"] > 0 for paper in result["stages"])
    assert all(paper["floors"]["open"] > 0 for paper in result["floors"])
    assert "where our time goes" in done.stdout
    assert "times the floor" in done.stdout
