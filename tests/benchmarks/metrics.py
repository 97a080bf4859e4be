"""Measure the metrics: this project's beside their peers', in one run, with the same weights. See README.md here.

python -m tests.benchmarks.metrics [--cache FOLDER] [--captions 2] [--figures 16] [--rounds 3] [--only ours,minicons]
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from s1_mmalign.samples import papers_folder

PEERS = Path(__file__).parent / "metrics_peers"
PACKAGES = (
    "torch==2.13.0",
    "transformers<5",  # minicons, lmppl and torchmetrics' CLIPScore break on 5
    "minicons==0.3.39",
    "lmppl==0.3.2",
    "torchmetrics==1.9.0",
    "pillow",
)
CHARACTERS = 758
"""Length of a text: the mean of the recaptions that the first measurements were made with."""
STRIDE = 7


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to compute a metric; `module` is in `metrics_peers/`. Others are held to the first of a metric."""

    name: str
    metric: str
    module: str
    variant: str
    slow: bool = False
    """Whether it gets one item, once."""

    @property
    def is_ours(self) -> bool:
        """Whether it runs in the environment of this benchmark."""
        return self.module.startswith("ours")


CONTENDERS = (
    Contender("minicons fp32", "perplexity", "minicons_pll", "float32"),
    Contender("minicons bf16", "perplexity", "minicons_pll", "bfloat16"),
    Contender("lmppl fp32", "perplexity", "lmppl_ppl", "float32", slow=True),
    Contender("ours fp32", "perplexity", "ours_metrics", "perplexity,float32,1"),
    Contender("ours bf16", "perplexity", "ours_metrics", "perplexity,bfloat16,1"),
    Contender(f"ours fp32, stride={STRIDE}", "perplexity", "ours_metrics", f"perplexity,float32,{STRIDE}"),
    Contender(f"ours bf16, stride={STRIDE}", "perplexity", "ours_metrics", f"perplexity,bfloat16,{STRIDE}"),
    Contender("floor fp32", "perplexity", "ours_floor", "float32"),
    Contender("floor bf16", "perplexity", "ours_floor", "bfloat16"),
    Contender("torchmetrics fp32", "clip_score", "torchmetrics_clip", "float32"),
    Contender("torchmetrics bf16", "clip_score", "torchmetrics_clip", "bfloat16"),
    Contender("ours fp32", "clip_score", "ours_metrics", "clip,float32"),
    Contender("ours bf16", "clip_score", "ours_metrics", "clip,bfloat16"),
)


class Scoring:
    """A contender in a process of its own."""

    def __init__(self, contender: Contender, peers: Path, models: Path, threads: int = 0) -> None:
        python = sys.executable if contender.is_ours else str(peers)
        command = [python, "-u", str(PEERS / "serve.py"), contender.module, contender.variant, str(models)]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        environment |= {"OMP_WAIT_POLICY": "PASSIVE"}  # threads that wait by spinning cost processor seconds
        if threads:
            environment |= {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True
        )
        self.version = self._answer()["version"]

    def ask(self, items: list[Any]) -> dict[str, Any]:
        """Return the scores of items, and what they cost."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"items": items}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            errors = self._process.communicate()[1].strip().splitlines()
            raise RuntimeError(errors[-1] if errors else "the process died")
        return json.loads(line)


def main() -> None:
    """Measure, print Markdown, write JSON."""
    args = _arguments()
    peers = peers_python(args.cache)
    models = make_models(peers, args.cache)
    with tempfile.TemporaryDirectory(prefix="metrics-") as scratch:
        texts = long_texts(args.captions, args.seed)
        figures = draw_figures(Path(scratch), args.figures, args.seed)
        result: dict[str, Any] = {"machine": _machine(), "captions": texts, "rows": []}
        result["rows"] += compare("perplexity", texts, args, peers, models)
        result["rows"] += compare("clip_score", figures, args, peers, models)
    result["stride"] = stride_agreement(args, peers, models)
    print(markdown(result, args))
    args.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def compare(metric: str, items: list[Any], args: argparse.Namespace, peers: Path, models: Path) -> list[dict[str, Any]]:
    """Let all contenders score the same items, round by round, so that a busy moment hits them alike."""
    chosen = [
        one for one in CONTENDERS if one.metric == metric and any(one.name.startswith(name) for name in args.only)
    ]
    rows: dict[str, dict[str, Any]] = {}
    for turn in range(args.rounds):
        for one in chosen:
            row = rows.setdefault(one.name, {"name": one.name, "metric": metric, "wall": [], "cpu": []})
            if row.get("error") or (one.slow and turn):
                continue
            print(f"{metric}: round {turn + 1} of {args.rounds}, {one.name}", file=sys.stderr)
            given = items[:1] if one.slow else items
            try:  # a process of its own in each round: two models do not share the memory
                process = Scoring(one, peers, models, args.threads)
                process.ask([items[0]] if metric == "clip_score" else ["A warm up."])
                answer = process.ask(given)
                process.close()
            except RuntimeError as error:
                row["error"] = str(error)
                continue
            pairs = len(given) if metric == "perplexity" else sum(len(item) - 1 for item in given)
            row["wall"].append(answer["wall"] / pairs)
            row["cpu"].append(answer["cpu"] / pairs)
            row |= {"scores": answer["scores"], "peak": answer["peak"], "version": process.version}
    return list(rows.values())


def stride_agreement(args: argparse.Namespace, peers: Path, models: Path) -> dict[str, Any]:
    """Return how the approximation ranks texts, beside the exact value: Spearman's correlation, mean difference."""
    texts = [text[: 40 + 12 * number] for number, text in enumerate(long_texts(args.ranked, args.seed + 1))]
    found = {}
    for stride in (1, STRIDE):
        process = Scoring(
            Contender("ours", "perplexity", "ours_metrics", f"perplexity,bfloat16,{stride}"), peers, models
        )
        answer = process.ask(texts)
        process.close()
        found[stride] = np.array([-np.mean(values) / np.log(10) for values in answer["scores"]])
    ranks = [np.argsort(np.argsort(values)) for values in found.values()]
    return {
        "texts": len(texts),
        "spearman": float(np.corrcoef(*ranks)[0, 1]) if len(texts) > 1 else None,
        "mean_difference_log10": float(np.mean(found[STRIDE] - found[1])),
    }


def peers_python(cache: Path) -> Path:
    """Return the interpreter of the peers' environment under `cache`; it is made on the first call."""
    folder = cache / "peers-metrics"
    python, mark = folder / "bin" / "python", folder / "packages.json"
    if not mark.is_file() or json.loads(mark.read_text()) != list(PACKAGES):
        print(f"making the peers' environment in {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run(install, check=True)
        mark.write_text(json.dumps(PACKAGES))
    return python


def make_models(peers: Path, cache: Path) -> Path:
    """Return the folder with the weights; they are made on the first call, and when what makes them changed."""
    folder, script = cache / "metric-models", PEERS / "make_models.py"
    mark, version = folder / "made-by.txt", hashlib.sha256(script.read_bytes()).hexdigest()
    if not mark.is_file() or mark.read_text() != version:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "words.txt").write_text("\n".join(_sentences()), encoding="utf-8")
        subprocess.run([str(peers), str(script), str(folder)], check=True)
        mark.write_text(version)
    return folder


def _sentences() -> list[str]:
    """The captions of the sample papers."""
    expected = json.loads((papers_folder().parent / "expected.json").read_text(encoding="utf-8"))
    found: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, str) and " " in value:
            found.append(value)
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            walk(item)

    walk(expected)
    return found


def long_texts(count: int, seed: int) -> list[str]:
    """Return texts of the words of the sample papers' captions, of about `CHARACTERS` each, no two alike."""
    words = sorted({word for sentence in _sentences() for word in sentence.split()})
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=400))[: CHARACTERS + draw.randint(-60, 60)] for _ in range(count)]


def draw_figures(folder: Path, count: int, seed: int) -> list[list[str]]:
    """Draw plots of 1200 x 900 pixels, half as PNG, half as JPEG, each with two captions that the model reads whole."""
    from PIL import Image, ImageDraw

    draw = random.Random(seed)
    sentences = [sentence for sentence in _sentences() if 20 < len(sentence) < 140]
    items = []
    for number in range(count):
        image = Image.new("RGB", (1200, 900), "white")
        pen = ImageDraw.Draw(image)
        for _ in range(6):
            points = [(x, draw.randint(60, 840)) for x in range(60, 1140, 12)]
            pen.line(points, fill=tuple(draw.choices(range(256), k=3)), width=3)
        path = folder / f"{number}.{'png' if number % 2 else 'jpg'}"
        image.save(path)
        items.append([str(path), *(f"{draw.choice(sentences)} {number}" for _ in range(2))])
    return items


def markdown(result: dict[str, Any], args: argparse.Namespace) -> str:
    """Return the results as tables; the others are held to each metric's first row.

    On a busy machine the processor seconds are the ones to compare.
    """
    lines = [f"{result['machine']}; best of {args.rounds} rounds.", ""]
    for metric, unit in (("perplexity", "captions/s"), ("clip_score", "pairs/s")):
        rows = [row for row in result["rows"] if row["metric"] == metric]
        lines += [f"| {metric} | {unit} | times the first | processor seconds each | times | peak GB | off by |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for row in rows:
            if row.get("error"):
                lines.append(f"| {row['name']} | {row['error'][:80]} | | | | | |")
                continue
            first = rows[0] if rows[0].get("wall") else row
            ratio, effort = (min(first[clock]) / min(row[clock]) for clock in ("wall", "cpu"))
            lines.append(
                f"| {row['name']} | {1 / min(row['wall']):.3g} | {ratio:.2f} | {min(row['cpu']):.3g} "
                f"| {effort:.2f} | {row['peak'] / 2**30:.1f} | {_off(rows[0], row)} |"
            )
        lines += ["", *sorted({row["version"] for row in rows if "version" in row}), ""]
    stride = result["stride"]
    lines.append(
        f"stride={STRIDE} against exact, {stride['texts']} texts of many lengths: Spearman {stride['spearman']:.3f}, "
        f"mean difference of log10 {stride['mean_difference_log10']:+.3f}"
    )
    return "\n".join(lines)


def _off(first: dict[str, Any], row: dict[str, Any]) -> str:
    """The largest difference of a score (of a token's log P) from the first contender's."""
    if row is first or "scores" not in first or row["name"].startswith("floor"):
        return ""
    if isinstance(first["scores"][0], list) != isinstance(row["scores"][0], list):
        return "per text only"
    try:
        pairs = zip(first["scores"], row["scores"], strict=False)
        return f"{max(float(np.abs(np.subtract(one, other)).max()) for one, other in pairs):.1e}"
    except ValueError:
        return "other tokens"


def _machine() -> str:
    cpus, load = os.cpu_count(), os.getloadavg()[0]
    return f"{platform.system()} {platform.machine()}, {cpus} CPUs, load {load:.1f}, Python {platform.python_version()}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--captions", type=int, default=2, help=f"texts of about {CHARACTERS} characters")
    parser.add_argument("--figures", type=int, default=16, help="images, each with two captions")
    parser.add_argument("--ranked", type=int, default=24, help="texts for the rank correlation of stride")
    parser.add_argument("--rounds", type=int, default=3, help="the best of so many counts")
    parser.add_argument("--threads", type=int, default=0, help="of each process; 0: as many as there are processors")
    parser.add_argument("--seed", type=int, default=0)
    names = ["minicons", "lmppl", "torchmetrics", "ours", "floor"]
    parser.add_argument("--only", type=lambda text: text.split(","), default=names, help=f"some of {','.join(names)}")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "s1-mmalign-benchmarks")
    parser.add_argument("--json", type=Path, default=Path("metrics.json"))
    args = parser.parse_args()
    if set(args.only) - set(names):
        parser.error(f"--only {','.join(args.only)}: some of {','.join(names)} are expected")
    return args


if __name__ == "__main__":
    main()
