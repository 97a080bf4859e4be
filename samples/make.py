"""Write the sample papers: `python samples/make.py [FOLDER]` (default: `papers/` beside this file).

Every figure and every number in the texts is computed here; the texts stand in `sources/` with the numbers as
`@name@`. The same versions of the libraries give the same bytes: `made_with()` names those that matter, and
`made_with.json` those that made the files at hand. Needs matplotlib; reading the papers does not.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_SOURCES = _HERE / "sources"
_LICENCE = "http://creativecommons.org/publicdomain/zero/1.0/"
_AUTHOR = "The S1-MMAlign project"

LOGISTIC, TRANSIT, GRAY_SCOTT, ARRHENIUS = "2601.00000", "2602.00000", "sample-gray-scott", "sample-arrhenius"
"""The papers' ids. arXiv numbers the papers of a month from 00001, so no paper ever bears 00000."""


def made_with() -> dict[str, str | None]:
    """Return the versions that decide the bytes, None for what is not installed."""
    import zlib

    versions: dict[str, str | None] = {"zlib": zlib.ZLIB_RUNTIME_VERSION}
    for name in ("matplotlib", "numpy", "pillow", "pymupdf", "fonttools"):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    return versions


def fill(text: str, numbers: dict[str, str], name: str) -> str:
    """Put numbers in place of `@name@`; ValueError for a name that was not computed or a number nobody quotes."""
    quoted = set(re.findall(r"@(\w+)@", text))
    if quoted != set(numbers):
        raise ValueError(f"{name}: not computed: {quoted - set(numbers)}, not quoted: {set(numbers) - quoted}")
    return re.sub(r"@(\w+)@", lambda match: numbers[match[1]], text)


def make() -> dict[str, bytes]:
    """Return the files of `papers/` by name."""
    from s1_mmalign.samples import arrhenius, gray_scott, logistic, packing, transit, typeset

    tex = fill(_read("logistic/main.tex"), logistic.numbers(), "logistic")
    files = {
        f"{LOGISTIC}.tar.gz": packing.tar_gz(
            {"main.tex": tex.encode(), "macros.tex": _read("logistic/macros.tex").encode()} | logistic.images()
        )
    }
    ms = fill(_read("transit/ms.tex"), transit.numbers(), "transit")
    files[f"{TRANSIT}.tar"] = packing.tar({"ms.tex": ms.encode()} | transit.images())
    xml = fill(_read("gray_scott/paper.xml"), gray_scott.numbers(), "gray_scott")
    manifest = {"manifest.xml": _read("gray_scott/manifest.xml").encode(), "content/gs.xml": xml.encode()}
    files[f"{GRAY_SCOTT}.meca"] = packing.meca(manifest | gray_scott.images())
    numbers = arrhenius.numbers()
    parts = (_read(f"arrhenius/{name}.html") for name in ("head", "body"))
    joined = fill("\f".join(parts), numbers, "arrhenius")
    head, body = joined.split("\f")
    captions = _read("arrhenius/captions.html").splitlines()
    record = json.loads(_read("arrhenius/record.json"))
    record["abstract"] = _plain(head.split("</b>", 1)[1])
    files[f"{ARRHENIUS}.pdf"] = typeset.typeset(
        head,
        body,
        _read("arrhenius/style.css"),
        list(arrhenius.images().values()),
        captions,
        {"title": record["title"], "author": _AUTHOR},
    )
    files[f"{ARRHENIUS}.json"] = _json(record, indent=1)
    snapshot = (
        _snapshot(LOGISTIC, tex, "math.DS nlin.CD", "Mon, 5 Jan 2026 09:00:00 GMT"),
        _snapshot(TRANSIT, ms, "astro-ph.EP astro-ph.IM", "Mon, 2 Feb 2026 09:00:00 GMT"),
    )
    files["metadata.jsonl"] = b"".join(map(_json, snapshot))
    return files


def main(folder: Path) -> None:
    """Write all files into `folder`, and `made_with.json` beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in make().items():
        (folder / name).write_bytes(data)
        print(f"{len(data):>9,}  {folder / name}")
    (folder.parent / "made_with.json").write_bytes(_json(made_with(), indent=1))


def _read(name: str) -> str:
    return (_SOURCES / name).read_text(encoding="utf-8")


def _json(value: dict[str, Any], indent: int | None = None) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=indent) + "\n").encode()


def _snapshot(paper_id: str, tex: str, categories: str, created: str) -> dict[str, Any]:
    """Return a paper's line in the format of arXiv's metadata snapshot, which keeps LaTeX as it is."""
    for command, meaning in (("\\logmap{}", "logistic map"), ("\\rinf", "r_{\\infty}"), ("\\,\\%", " %"), ("~", " ")):
        tex = tex.replace(command, meaning)  # submitters write no commands of their own
    title = re.search(r"\\title\{(.*?)\}\n\n?\\author", tex, re.DOTALL)
    abstract = re.search(r"\\begin\{abstract\}(.*?)\\end\{abstract\}", tex, re.DOTALL)
    if not (title and abstract):
        raise ValueError(f"{paper_id}: no title or abstract in the source")
    return {
        "id": paper_id,
        "submitter": _AUTHOR,
        "authors": _AUTHOR,
        "title": title[1].replace("\\\\", "").replace("\n", "\n "),
        "comments": "Sample paper shipped with S1-MMAlign. Not on arXiv: this identifier is never given out",
        "journal-ref": None,
        "doi": f"10.5555/s1-mmalign.sample.{1 if paper_id == LOGISTIC else 2}",
        "report-no": None,
        "categories": categories,
        "license": _LICENCE,
        "abstract": "  " + abstract[1].strip() + "\n",
        "versions": [{"version": "v1", "created": created}],
        "update_date": f"20{paper_id[:2]}-{paper_id[2:4]}-06",
        "authors_parsed": [[_AUTHOR, "", ""]],
    }


def _plain(html: str) -> str:
    """Return the text of HTML that holds no more than `sub`, `sup`, `i`, `b`, `p` and character references."""
    from html import unescape

    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE / "papers")
