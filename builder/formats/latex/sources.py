"""The files of a package as TeX sees them: which one is the paper, and what `\\input` finds."""

from __future__ import annotations

import json
import posixpath
import re
from itertools import islice

from s1_mmalign.builder.archives import Archive
from s1_mmalign.builder.formats.latex.encoding import declared_codec, decode
from s1_mmalign.builder.records import PackageError

MAX_SOURCE_BYTES = 8 << 20
"""Source read for one paper, in bytes: a longer one is data, not text."""
MAX_INPUT_DEPTH = 15
MAX_NAME = 300
"""Characters that a file's name may have before it is taken for something else."""

_ROOT = re.compile(rb"\\document(?:class|style)\b")
_BODY = re.compile(rb"\\begin\s*\{document\}")
_PART = re.compile(rb"\\documentclass\s*(?:\[[^\]]*\])?\s*\{\s*(?:subfiles|standalone)\s*\}")
_INPUT = re.compile(rb"\\(?:input|include|subfile)\s*\{?\s*([^\s{}%\\]+)")
_PLAIN = re.compile(rb"\\(?:bye\b|magnification|input\s+\w*(?:mac|tex)\b)")
_ANY_TEX = re.compile(rb"\\(?:section|begin\s*\{|end\b|par\b|input\b|title)")
_TEX_ENDINGS = (".tex", ".ltx", ".latex", ".tex.txt")
_OTHER_ENDINGS = (
    ".sty", ".cls", ".bst", ".bib", ".bbl", ".eps", ".ps", ".pdf", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".tif",
    ".aux", ".log", ".clo", ".def", ".cfg", ".fd", ".dtx", ".ins", ".pgf", ".tikz", ".csv", ".dat", ".md", ".rst",
    ".json", ".xml", ".html", ".py", ".m", ".c", ".zip", ".gz", ".xlsx", ".docx", ".mp4", ".bmp", ".toc", ".out",
)  # fmt: skip
_MAIN_NAMES = ("ms", "main", "paper", "article", "manuscript", "arxiv", "root", "thesis", "draft", "text")
_VERSION = re.compile(r"(?:v|ver|version|rev|r)[-_.]?(\d{1,3})(?!\d)")
_SIDE_NAMES = re.compile(
    r"supp|(?:^|[-_.])si(?:[-_.]|$)|append|response|reply|rebuttal|cover|letter(?!s)|template|example|sample|"
    r"test|readme|figure|diff|highlights|checklist|instruction|guide|poster|slides|talk",
    re.IGNORECASE,
)


class SourceTree:
    """The package's files. Paths that lead outside it find nothing."""

    def __init__(self, archive: Archive) -> None:
        self.archive = archive
        self.names = archive.names()
        self._exact = frozenset(self.names)
        self._by_lower = {name.lower(): name for name in reversed(self.names)}
        self._left = MAX_SOURCE_BYTES
        self.declared: str | None = None
        self.folder = ""
        """The main file's folder, from which TeX resolves names."""
        self.import_folders: list[str] = []
        """Folders that `\\import` and `\\subfile` read in, innermost last."""
        self.open_files: list[str] = []

    def roots(self) -> list[str]:
        """Return the main files: one, or several where the package's 00README lists several.

        Raises:
            PackageError: `no_source` where no file is a TeX document.
        """
        listed = [name for name in self._listed_roots() if self._looks_like_tex(name)]
        if listed:
            return listed
        data = {name: self._head(name) for name in self._candidates()}
        headed = [name for name in data if _uncommented(_ROOT, data[name])]
        roots = [n for n in data if (n in headed or _uncommented(_BODY, data[n])) and not _PART.search(data[n])]
        if len(roots) == 1:
            return roots
        if not roots:
            roots = headed or [n for n in data if _uncommented(_PLAIN, data[n])]
        if not roots:
            roots = [n for n in data if n.lower().endswith(_TEX_ENDINGS) and _ANY_TEX.search(data[n])]
        if not roots:
            raise PackageError("no_source", "no TeX file among the package's files")
        inputs = {name: self._inputs(data[name]) for name in roots}
        read_by_others = set().union(*inputs.values())
        complete = {name for name in roots if name in headed or not inputs[name].isdisjoint(headed)}
        return [min(roots, key=lambda name: self._rank(name, data[name], name in read_by_others, name in complete))]

    def _inputs(self, data: bytes) -> set[str]:
        found = (self.find(match[1].decode("latin-1")) for match in _uncommented(_INPUT, data))
        return {name for name in found if name}

    def _rank(self, name: str, data: bytes, is_input: bool, is_complete: bool) -> tuple[object, ...]:
        stem = posixpath.splitext(posixpath.basename(name))[0].lower()
        return (
            is_input,
            not is_complete,
            not _uncommented(_BODY, data),
            bool(_SIDE_NAMES.search(stem)),
            stem not in _MAIN_NAMES,
            posixpath.splitext(name)[0] + ".bbl" not in self.names,
            name.count("/"),
            [-int(number) for number in _VERSION.findall(stem)],
            -len(data),
        )

    def _head(self, name: str) -> bytes:
        """Return a file's bytes in a form that byte patterns can search: no UTF-16, no old line ends."""
        data = self.archive.read(name)
        if b"\0" in data[:2000]:
            data = decode(data).encode("utf-8", "replace")
        return data.replace(b"\r", b"\n") if b"\r" in data else data

    def _candidates(self) -> list[str]:
        tex = [name for name in self.names if name.lower().endswith(_TEX_ENDINGS)]
        if not any(_uncommented(_ROOT, self._head(name)) for name in tex):
            tex += [n for n in self.names if not n.lower().endswith((*_TEX_ENDINGS, *_OTHER_ENDINGS))]
        return [n for n in tex if self.archive.size(n) <= MAX_SOURCE_BYTES and "__MACOSX" not in n]

    def _listed_roots(self) -> list[str]:
        """Return the files that arXiv's 00README names as top level, in its three forms."""
        for name in self.names:
            base = posixpath.basename(name).lower()
            if not base.startswith("00readme") or self.archive.size(name) > 1 << 20:
                continue
            text = decode(self.archive.read(name))
            listed = _json_roots(text) if base.endswith(".json") else _line_roots(text)
            found = [self._by_lower.get(posixpath.join(posixpath.dirname(name), entry).lower()) for entry in listed]
            return [entry for entry in dict.fromkeys(found) if entry]
        return []

    def _looks_like_tex(self, name: str) -> bool:
        return bool(_ANY_TEX.search(self._head(name)))

    def open_root(self, name: str) -> str:
        """Return the text of a main file, and take its folder and encoding for all others.

        Raises:
            PackageError: `source_unreadable` where it is no text.
        """
        data = self.archive.read(name)[:MAX_SOURCE_BYTES]
        self.folder = posixpath.dirname(name)
        self.import_folders = []
        self.declared = declared_codec(data)
        self.open_files = [name]
        text = decode(data, self.declared)
        if text.count("\0") > len(text) // 100 or not text.strip():
            raise PackageError("source_unreadable", f"{name} is no text")
        return text

    def find(self, name: str, endings: tuple[str, ...] = (".tex", "")) -> str | None:
        """Return the archive's name of the file that `\\input{name}` reads, None if there is none.

        Only names inside the package are found, and only exactly or in another case; an absolute name or one
        that climbs out is looked for by its last parts, as authors flatten their folders on upload.
        """
        name = name.strip().strip('"').replace("\\", "/")
        if len(name) > MAX_NAME:
            return None
        for folder in (*reversed(self.import_folders), self.folder, ""):
            for ending in endings:
                path = posixpath.normpath(posixpath.join(folder, name + ending))
                if found := path if path in self._exact else self._by_lower.get(path.lower()):
                    return found
        parts = [part for part in name.split("/") if part not in ("", ".", "..")]
        while parts and (len(parts) > 1 or name.startswith(("/", ".."))):
            for ending in endings:
                if found := self._by_lower.get(posixpath.join(self.folder, *parts).lower() + ending):
                    return found
            parts.pop(0)
        return None

    def text_of(self, path: str) -> str | None:
        """Return a file's text; None where reading it would go in circles, too deep, or over the limit."""
        if path in self.open_files or len(self.open_files) > MAX_INPUT_DEPTH:
            return None
        size = self.archive.size(path)
        if size > self._left:
            return None
        self._left -= size + 1000  # a file of no bytes still costs
        return decode(self.archive.read(path), self.declared)


_MOST_MATCHES = 500
"""Commands of one kind that a file is searched for before the choice of the main file."""


def _uncommented(pattern: re.Pattern[bytes], data: bytes) -> list[re.Match[bytes]]:
    """Return the matches of a pattern before which no `%` stands on their line."""
    found = islice(pattern.finditer(data), _MOST_MATCHES)
    return [m for m in found if data.find(b"%", data.rfind(b"\n", 0, m.start()) + 1, m.start()) < 0]


def _json_roots(text: str) -> list[str]:
    try:
        listing = json.loads(text)
        sources = listing.get("sources", []) if isinstance(listing, dict) else []
        return [
            str(entry["filename"]) for entry in sources
            if isinstance(entry, dict) and entry.get("usage", "toplevel") == "toplevel" and entry.get("filename")
        ]  # fmt: skip
    except (ValueError, RecursionError):
        return []


def _line_roots(text: str) -> list[str]:
    """Read `paper.tex toplevelfile` lines (arXiv's old form) or the `- filename:` items of the YAML form."""
    old = re.findall(r"^\s*(\S+)[ \t]+toplevelfile\b", text, re.MULTILINE)
    if old:
        return old
    roots = []
    for item in re.split(r"^\s*-\s", text, flags=re.MULTILINE)[1:]:
        name = re.search(r"filename\s*:\s*[\"']?([^\"'\n]+?)[\"']?\s*$", item, re.MULTILINE)
        usage = re.search(r"usage\s*:\s*(\w+)", item)
        if name and (not usage or usage[1] == "toplevel"):
            roots.append(name[1])
    return roots
