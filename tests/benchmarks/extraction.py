"""Measure extraction: this project beside its peers, in one run, on the same papers, by one rule. See README.md here.

python -m tests.benchmarks.extraction [--cache FOLDER] [--kinds latex,jats,pdf] [--only ours,pandoc] [--repeat 400]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from s1_mmalign.samples import papers_folder
from tests.benchmarks import tables
from tests.benchmarks.judge import Score, judge
from tests.benchmarks.papers import KINDS, BenchmarkPaper, load_papers
from tests.benchmarks.processes import ReaderProcess, peers_python

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT.parent / "shared" / "corpus"
SLOW_SECONDS = 10.0
"""A paper that took longer is not read again for a better time."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Something that reads papers of some kinds. `module` is in `extraction_readers/`."""

    name: str
    title: str
    module: str
    kinds: tuple[str, ...]
    variant: str = "read"

    @property
    def is_ours(self) -> bool:
        """Whether it runs in the environment of this benchmark."""
        return self.module.startswith("ours")


READERS = (
    Reader("ours", "ours", "ours", KINDS),
    Reader("ours-rows", "ours, to finished rows", "ours", KINDS, "rows"),
    Reader("pandoc", "pandoc", "pandoc", ("latex", "jats")),
    Reader("pylatexenc", "pylatexenc", "pylatexenc_walk", ("latex",)),
    Reader("texsoup", "TexSoup", "texsoup_walk", ("latex",)),
    Reader("heuristic", "caption heuristic on", "caption_blocks", ("pdf",)),
    Reader("poppler", "poppler", "poppler", ("pdf",)),
    Reader("pymupdf4llm", "pymupdf4llm", "pymupdf4llm_markdown", ("pdf",)),
)


def main() -> None:
    """Measure, print Markdown, write JSON."""
    args = _arguments()
    with tempfile.TemporaryDirectory(prefix="extraction-") as scratch:
        papers = load_papers(args.papers, args.truth, args.kinds, Path(scratch) / "papers")
        if not papers:
            sys.exit(f"none of the papers in {', '.join(map(str, args.papers))} is known to {args.truth}")
        bench = Benchmark(papers, args, Path(scratch))
        result = {"machine": _machine(), "rounds": args.rounds, "limit_s": args.limit} | bench.run()
    print(_markdown(result, args.kinds))
    args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"written: {args.json}", file=sys.stderr)


class Benchmark:
    """One run over one set of papers."""

    def __init__(self, papers: list[BenchmarkPaper], args: argparse.Namespace, scratch: Path) -> None:
        self.papers, self.args, self.scratch = papers, args, scratch
        self._peers = Path(sys.executable)

    def run(self) -> dict[str, Any]:
        """Do what the arguments ask for."""
        args = self.args
        readers = [r for r in READERS if not args.only or r.name in args.only]
        if args.codecs or not all(reader.is_ours for reader in readers):
            self._peers = peers_python(args.cache)
        result: dict[str, Any] = {"rows": [], "papers": {}, "stages": [], "floors": [], "codecs": {}, "memory": []}
        for kind in args.kinds:
            self._compare([reader for reader in readers if kind in reader.kinds], kind, result)
        if not args.only or "ours" in args.only:
            result["stages"] = self._stages()
            result["floors"] = self._stages("ours_floor")
        if args.codecs:
            result["codecs"] = self._codecs()
        if args.repeat:
            result["memory"] = self._memory()
        return result

    def _start(self, module: str) -> ReaderProcess:
        python = Path(sys.executable) if module.startswith("ours") else self._peers
        return ReaderProcess(python, module, self.args.limit)

    def _request(self, paper: BenchmarkPaper, variant: str) -> dict[str, Any]:
        return {
            "id": paper.paper_id,
            "kind": paper.kind,
            "path": str(paper.path),
            "folder": str(paper.folder),
            "main": paper.main,
            "variant": variant,
            "out": str(self.scratch / "out" / variant / paper.paper_id),
        }

    def _compare(self, readers: list[Reader], kind: str, result: dict[str, Any]) -> None:
        """Let all readers read all papers of a kind, round by round, so that a busy moment hits them alike."""
        papers = [paper for paper in self.papers if paper.kind == kind]
        if not papers:
            return
        best: dict[tuple[str, str], dict[str, Any]] = {}
        processes = {reader: self._start(reader.module) for reader in readers}
        for turn in range(self.args.rounds):
            for reader, process in processes.items():
                print(f"{kind}: round {turn + 1} of {self.args.rounds}, {reader.name}", file=sys.stderr)
                for paper in papers:
                    key = reader.name, paper.paper_id
                    if key in best and (best[key].get("error") or best[key]["wall"] > SLOW_SECONDS):
                        continue
                    best[key] = _better(best.get(key), process.ask(self._request(paper, reader.variant)))
        for reader, process in processes.items():
            row, own = _judged(reader, kind, papers, best)
            result["rows"].append(row | {"version": process.version if reader.variant == "read" else ""})
            result["papers"].setdefault(reader.name, []).extend(own)
            process.close()

    def _stages(self, module: str = "ours_stages") -> list[dict[str, Any]]:
        process = self._start(module)
        found = []
        for paper in self.papers:
            answers = [process.ask(self._request(paper, "stages")) for _ in range(self.args.rounds)]
            done = [answer for answer in answers if "error" not in answer]
            if not done:
                sys.exit(f"stages of {paper.paper_id}: {answers[0]['error']}")
            answer = min(done, key=lambda answer: answer["cpu"])
            found.append({"id": paper.paper_id, "kind": paper.kind, "pages": paper.pages} | answer)
        process.close()
        return found

    def _codecs(self) -> dict[str, Any]:
        drawer, codecs = self._start("ours"), self._start("codecs_compared")
        files = []
        for paper in self.papers:
            if paper.kind != "pdf":
                files += drawer.ask(self._request(paper, "drawings")).get("files", [])
        drawer.close()
        totals: dict[str, Any] = {}
        for path in files:
            request = {"id": path, "files": [path], "repeats": self.args.rounds, "out": str(self.scratch / "out")}
            for name, row in codecs.ask(request).get("codecs", {}).items():
                total = totals.setdefault(name, dict.fromkeys(row, 0))
                totals[name] = {key: total[key] + row[key] for key in row}
        totals = {name: row | {"version": codecs.version} for name, row in totals.items()}
        codecs.close()
        return totals

    def _memory(self) -> list[dict[str, Any]]:
        """Read the papers over and over in one process that is never replaced, as the builder's worker does."""
        process = self._start("ours")
        points = []
        begin = time.monotonic()
        marks = {max(1, self.args.repeat * tenth // 10) for tenth in range(11)}
        for turn in range(1, self.args.repeat + 1):
            for paper in self.papers:
                process.ask(self._request(paper, "rows"))
            if turn in marks:
                worker, drawing = process.memory()
                seconds = time.monotonic() - begin
                read = turn * len(self.papers)
                points.append({"papers": read, "worker": worker, "drawing": drawing, "seconds": seconds})
                print(f"{read} papers: {worker / 2**20:.0f} + {drawing / 2**20:.0f} MiB", file=sys.stderr)
        process.close()
        return points


def _better(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    """The better of two measures of one paper: least processor seconds, and least seconds on the wall."""
    if old is None or "error" in new:
        return new
    return new | {"cpu": min(old["cpu"], new["cpu"]), "wall": min(old["wall"], new["wall"])}


def _judged(
    reader: Reader, kind: str, papers: list[BenchmarkPaper], best: dict[tuple[str, str], dict[str, Any]]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    score = Score()
    own = []
    for paper in papers:
        answer = best[reader.name, paper.paper_id]
        one = judge(paper, answer.get("figures", []))
        score.add(one)
        times = {"wall": answer["wall"], "cpu": answer["cpu"], "error": answer.get("error", "")}
        own.append({"id": paper.paper_id, "kind": kind, "pages": paper.pages} | times | one.shares())
    return tables.summary(reader.title, kind, own) | score.shares(), own


def _markdown(result: dict[str, Any], kinds: tuple[str, ...]) -> str:
    parts = [f"{result['machine']}; best of {result['rounds']}; {result['limit_s']:g} s a paper at most.\n"]
    for kind in kinds:
        own = [row for row in result["rows"] if row["kind"] == kind]
        if own:
            parts.append(f"### {kind}: {own[0]['papers']} papers\n\n" + tables.comparison(own, kind))
        if any(paper["kind"] == kind for paper in result["stages"]):
            parts.append(f"#### {kind}: where our time goes\n\n" + tables.stages(result["stages"], kind))
            parts.append(tables.floors(result["stages"], result["floors"], kind))
    if result["codecs"]:
        parts.append("### Codecs, on the vector figures as drawn\n\n" + tables.codecs(result["codecs"]))
    if result["memory"]:
        parts.append("### Memory of one worker that is never replaced\n\n" + tables.memory(result["memory"]))
    return "\n".join(parts)


def _machine() -> str:
    cpus, load = os.cpu_count(), os.getloadavg()[0]
    return f"{platform.system()} {platform.machine()}, {cpus} CPUs, load {load:.1f}, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = CORPUS.is_dir()
    papers = [CORPUS / kind for kind in KINDS] if beside else [papers_folder()]
    truth = CORPUS / "truth" if beside else papers_folder().parent / "expected.json"
    parser.add_argument("--papers", type=Path, nargs="+", default=papers, help="folders of papers")
    parser.add_argument("--truth", type=Path, default=truth, help="folder of JSON files, or one JSON file")
    parser.add_argument("--kinds", type=lambda text: tuple(text.split(",")), default=KINDS)
    names = ",".join(reader.name for reader in READERS)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=f"some of {names}")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds a paper may take")
    parser.add_argument("--repeat", type=int, default=0, help="read all papers so often, and watch memory")
    parser.add_argument("--codecs", action="store_true", help="compare image codecs too")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "s1-mmalign-benchmarks")
    parser.add_argument("--json", type=Path, default=Path("extraction.json"))
    args = parser.parse_args()
    for option, known in (("kinds", KINDS), ("only", names.split(","))):
        unknown = set(getattr(args, option)) - set(known)
        if unknown:
            parser.error(f"--{option} {','.join(sorted(unknown))}: some of {','.join(known)} are expected")
    return args


if __name__ == "__main__":
    main()
