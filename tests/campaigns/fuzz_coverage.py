"""Fuzz the readers, led by the code that an input reaches (atheris, libFuzzer).

    pip install atheris
    python tests/campaigns/fuzz_coverage.py TARGET [--seconds 600] [--keep FOLDER] [--again FILE]

TARGET is `latex` (the bytes are main.tex), `jats` (article.xml), `archive` (a package as handed out, whatever it is) or
`metadata` (a file of JSON lines). It begins with the real papers that are at hand, and goes on from inputs that reach
code which none before had reached. A fault is an error that a reader does not foresee, more than 60 s for one input
(code that is watched is ten times as slow), or more than 2 GB: libFuzzer then ends with a code that is not 0, and the
input is kept in FOLDER (default: fuzz-TARGET/ below the system's temporary folder); `--again FILE` reads that one input
once more. `tests/campaigns/fuzz.py` is the other kind: whole papers with random faults, read by the workers of a build.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import atheris

with atheris.instrument_imports(include=["s1_mmalign.builder"]):
    from s1_mmalign.builder.archives import ArchiveLimits, open_bytes
    from s1_mmalign.builder.extract import read_paper
    from s1_mmalign.builder.options import ExtractOptions
    from s1_mmalign.builder.records import PackageError
    from s1_mmalign.builder.sources.errors import InputError
    from s1_mmalign.builder.sources.metadata import join_metadata

from tests.hostile.mutants import WORDS, seeds

LIMITS = ArchiveLimits(max_bytes=32 << 20)
SUFFIXES = (".tar.gz", ".tar", ".gz", ".zip", ".meca")
LIBFUZZER = ["-timeout=60", "-rss_limit_mb=2048", "-max_len=65536", "-print_final_stats=1"]
"""-timeout: seconds an input; -rss_limit_mb: of the process."""


def read_package(name: str, data: bytes) -> None:
    """Read a package as a worker does, without drawing."""
    try:
        _, paper = read_paper(open_bytes(data, name, LIMITS), ExtractOptions())
    except PackageError as error:
        assert error.detail or error.reason
        return
    for figure in paper.figures:
        assert isinstance(figure.caption, str) and isinstance(figure.figure_id, str)


def latex(data: bytes) -> None:
    """The bytes are the source of a paper that has two pictures."""
    read_package("2301.00001.zip", _zip({"main.tex": data, "fig1.png": b"png", "figs/b.pdf": b"pdf"}))


def jats(data: bytes) -> None:
    """The bytes are the article of a package that has two pictures."""
    read_package("article.zip", _zip({"article.xml": data, "F1.large.jpg": b"jpg", "fig2.tif": b"tif"}))


def archive(data: bytes) -> None:
    """The first byte chooses the suffix; the others are the package."""
    read_package("2301.00001" + SUFFIXES[data[0] % len(SUFFIXES)] if data else "2301.00001.gz", data[1:])


def metadata(data: bytes) -> None:
    """The bytes are the lines of a metadata file."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        file.write(data)
        file.flush()
        try:
            join_metadata([Path(file.name)], ["2301.00001"])
        except InputError as error:
            assert file.name in str(error)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "latex": latex,
    "jats": jats,
    "archive": archive,
    "metadata": metadata,
}


def beginnings(target: str) -> Iterator[bytes]:
    """What the fuzzer begins with: parts of the papers that are at hand."""
    if target == "metadata":
        yield b'{"id": "2301.00001", "title": "T", "categories": "cs.CL", "versions": [{"version": "v1"}]}\n'
        yield b'{"doi": "10.1101/2301.00001", "title": ["T"], "license": [{"URL": "http://creativecommons.org/"}]}\n'
        return
    for kind in ("latex", "jats") if target == "archive" else (target,):
        for name, data in seeds()[kind]:
            if target == "archive":
                suffix = next((index for index, suffix in enumerate(SUFFIXES) if name.endswith(suffix)), 2)
                yield bytes([suffix]) + data[: 60 << 10]
                continue
            package = open_bytes(data, name)
            for member in package.names():
                if member.endswith((".tex", ".xml", ".nxml")) and package.size(member) <= 64 << 10:
                    yield package.read(member)


def main() -> None:
    """Fuzz one target; libFuzzer ends the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("target", choices=sorted(TARGETS))
    parser.add_argument("--seconds", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--again", type=Path)
    options = parser.parse_args()
    if options.again:
        TARGETS[options.target](options.again.read_bytes())
        return
    keep = options.keep or Path(tempfile.gettempdir()) / f"fuzz-{options.target}"
    corpus = keep / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(beginnings(options.target)):
        (corpus / f"beginning-{number}").write_bytes(data)
    limits = [
        *LIBFUZZER,
        *_dictionary(keep, WORDS.get(options.target, [])),
        f"-max_total_time={options.seconds}",
        f"-seed={options.seed}",
        f"-artifact_prefix={keep}/",
    ]
    atheris.Setup([sys.argv[0], *limits, str(corpus)], TARGETS[options.target])
    atheris.Fuzz()


def _dictionary(keep: Path, words: Sequence[bytes]) -> list[str]:
    """Return the option that names the words of a format; libFuzzer ends at a dictionary without any."""
    if not words:
        return []
    path = keep / "words.txt"
    path.write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    return [f"-dict={path}"]


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _zip(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        for name, data in members.items():
            package.writestr(name, data)
    return out.getvalue()


if __name__ == "__main__":
    main()
