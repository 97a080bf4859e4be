"""Which file an image command means, and what its options do to the picture."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable

from s1_mmalign.builder.formats.latex.sources import MAX_NAME, SourceTree

IMAGE_ENDINGS = (
    ".pdf", ".png", ".jpg", ".jpeg", ".eps", ".ps", ".svg", ".tif", ".tiff", ".gif", ".bmp", ".webp",
    ".jp2", ".epsf", ".epsi", ".mps", ".ppm", ".pgm", ".wmf", ".emf", ".pstex", ".eps.gz", ".ps.gz",
)  # fmt: skip
"""File name endings of pictures, in the order in which pdfTeX and then others try them."""

_CONVERTED = "-eps-converted-to.pdf"
_UNITS = {
    "bp": 1.0, "pt": 72 / 72.27, "in": 72.0, "cm": 72 / 2.54, "mm": 72 / 25.4, "pc": 12 * 72 / 72.27,
    "px": 1.0, "dd": 72 / 72.27 * 1238 / 1157, "cc": 12 * 72 / 72.27 * 1238 / 1157, "sp": 72 / 72.27 / 65536, "": 1.0,
}  # fmt: skip
"""TeX's units in PDF points (The TeXbook, chapter 10); a bare number in `trim` is in PDF points (grfguide)."""
_LENGTH = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*(?:true)?\s*([a-z]{2})?(?=\s|$)")


class GraphicsFinder:
    """Finds the archive's name of an image as the source spells it."""

    def __init__(self, files: SourceTree) -> None:
        self._files = files
        names = [name for name in files.names if "__MACOSX" not in name]
        self._exact = frozenset(names)
        self._by_lower: dict[str, str] = {}
        self._by_base: dict[str, list[str]] = {}
        for name in names:
            self._by_lower.setdefault(_key(name), name)
            self._by_base.setdefault(posixpath.basename(_key(name)), []).append(name)
        self.folders: list[str] = []
        """What `\\graphicspath` lists."""
        self.endings: tuple[str, ...] = IMAGE_ENDINGS

    @property
    def declared(self) -> bool:
        """Whether anything has been declared about the order of endings."""
        return self.endings is not IMAGE_ENDINGS

    def declare_endings(self, declared: str) -> None:
        """Try the endings of `\\DeclareGraphicsExtensions` first."""
        own = tuple(ending.strip().lower() for ending in declared.split(",") if ending.strip().startswith("."))
        self.endings = tuple(dict.fromkeys(own + IMAGE_ENDINGS))

    def find(self, asked: str) -> str | None:
        """Return the archive's name of the image that the source calls `asked`, None if the package lacks it.

        First the folders that TeX would look in, the name as it is, with each ending, and with the ending
        replaced by another (EPS asked for, PDF shipped); then, as packages are flattened and renamed on
        upload, the same by file name alone anywhere in the package.
        """
        asked = clean_name(asked)
        if not asked or asked.endswith("/") or len(asked) > MAX_NAME:
            return None
        spellings = list(self._spellings(asked))
        for folder in self._search_folders():
            for spelling in spellings:
                path = posixpath.normpath(posixpath.join(folder, spelling))
                if path in self._exact:
                    return path
        for folder in self._search_folders():
            for spelling in spellings:
                found = self._by_lower.get(_key(posixpath.normpath(posixpath.join(folder, spelling))))
                if found:
                    return found
        for spelling in spellings:
            if alike := self._by_base.get(posixpath.basename(_key(spelling))):
                return min(alike, key=lambda name: (-_shared_tail(name, spelling), name.count("/"), len(name)))
        return None

    def _search_folders(self) -> list[str]:
        imported = [*reversed(self._files.import_folders)]
        roots = [*imported, self._files.folder]
        listed = [posixpath.join(root, folder) for folder in self.folders for root in roots]
        return list(dict.fromkeys([*roots, *listed, "", *self.folders]))

    def _spellings(self, asked: str) -> Iterable[str]:
        stem, ending = posixpath.splitext(asked)
        known = ending.lower() in IMAGE_ENDINGS
        if known:
            yield asked
            yield stem + _CONVERTED
            yield from (stem + other for other in self.endings if other != ending.lower())
            yield asked + ".pdf"
            yield asked + ".gz"
        else:
            yield from (asked + other for other in self.endings)
            yield asked + _CONVERTED
            yield from (asked + "_svg-tex.pdf", asked + "_svg-raw.pdf")
            yield asked
            if ending:
                yield from (stem + other for other in self.endings)


def _key(name: str) -> str:
    """Return a name as it is compared: in small letters, accents composed (Macs decompose them)."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).lower()


def clean_name(asked: str) -> str:
    """Spell a file name as the source means it, without TeX's quotes, braces and escapes."""
    name = asked.strip().strip('"').replace("{", "").replace("}", "").replace("\\_", "_").replace("\\space", " ")
    name = re.sub(r"\\(?:detokenize|string|protect)\s*", "", name).replace("\\", "/").replace('"', "").strip()
    while name.startswith("./"):
        name = name[2:].lstrip("/")
    return name.lstrip("/")


def _shared_tail(name: str, spelling: str) -> int:
    """Count the folders that two paths share, from the file upwards."""
    count = 0
    for mine, theirs in zip(
        reversed(name.lower().split("/")[:-1]), reversed(spelling.lower().split("/")[:-1]), strict=False
    ):
        if mine != theirs:
            break
        count += 1
    return count


def parse_options(text: str) -> dict[str, str]:
    """Split `key=value, key` at commas outside braces; a key without value is `true`."""
    options: dict[str, str] = {}
    for part in split_outside_braces(text):
        key, _, value = part.partition("=")
        if key.strip():
            options[key.strip().lower()] = value.strip().strip("{}").strip() if value else "true"
    return options


def split_outside_braces(text: str, separator: str = ",") -> list[str]:
    """Split `text` at `separator`, but not within braces."""
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        if char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
        elif char == separator and depth <= 0:
            parts.append(text[start:index])
            start = index + 1
    return [*parts, text[start:]]


def parse_lengths(text: str) -> tuple[float, float, float, float] | None:
    """Return four lengths in PDF points; None where one depends on the layout (`\\width`, `\\textwidth`)."""
    lengths: list[float] = []
    position = 0
    text = text.replace(",", " ").rstrip()
    while position < len(text):
        match = _LENGTH.match(text, position)
        if not match or (match[2] or "") not in _UNITS:
            return None
        lengths.append(float(match[1]) * _UNITS[match[2] or ""])
        position = match.end()
    if len(lengths) != 4:
        return None
    return lengths[0], lengths[1], lengths[2], lengths[3]


def parse_angle(text: str) -> float:
    """Return an angle in degrees, 0 where it is none."""
    try:
        angle = float(text.strip().removesuffix("°"))
    except ValueError:
        return 0.0
    return angle % 360.0 if abs(angle) < 1e6 else 0.0
