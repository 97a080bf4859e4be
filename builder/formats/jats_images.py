"""From the name that an article gives a picture to the member of the package that holds it.

Publishers deposit `F1.large.jpg` for `F1`, `elife-00353-fig1-v1.tif` for `elife-00353-fig1`, a JPEG where the
XML says TIFF, or no extension at all. Names are compared ever more loosely, and always as whole names:
`fig1` never finds `fig10`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from urllib.parse import unquote, urlsplit

IMAGE_SUFFIXES: tuple[str, ...] = (
    "tif", "tiff", "png", "jpg", "jpeg", "jpe", "jp2", "eps", "svg", "bmp", "webp", "gif", "wmf", "emf", "ps", "pdf",
)  # fmt: skip
"""Extensions of picture files, the one to prefer first: full prints before previews (PMC's GIFs are thumbnails)."""

_SUFFIX = re.compile(rf"\.({'|'.join(IMAGE_SUFFIXES)})$", re.IGNORECASE)
_ANY_SUFFIX = re.compile(r"\.[A-Za-z][A-Za-z0-9]{1,4}$")
_SIZES = {"large": 0, "lrg": 0, "lg": 0, "hires": 0, "html": 1, "print": 1, "web": 2, "medium": 2, "small": 3,
          "sml": 3, "thumb": 3, "thumbnail": 3, "tn": 3}  # fmt: skip
_SIZE = re.compile(rf"[._-]({'|'.join(_SIZES)})$")
_VERSION = re.compile(r"[._-]v\d+$")
_UNMARKED_SIZE = 1


class MemberIndex:
    """The picture files of a package, found by the names that an article uses for them."""

    def __init__(self, names: Sequence[str], article: str) -> None:
        """Index `names`, all members of the package; those beside `article` come first where a name is not unique."""
        self._exact = frozenset(names)
        self._folder = article.rpartition("/")[0]
        self._by_name: defaultdict[str, list[str]] = defaultdict(list)
        self._by_stem: defaultdict[str, list[str]] = defaultdict(list)
        self._by_key: defaultdict[str, list[str]] = defaultdict(list)
        for name in names:
            base = _base(name).lower()
            self._by_name[base].append(name)
            if _SUFFIX.search(base) or not _ANY_SUFFIX.search(base):
                self._by_stem[_SUFFIX.sub("", base)].append(name)
                self._by_key[picture_key(base)].append(name)

    def find(self, href: str) -> str | None:
        """Return the member that `href` means, None where the package has none."""
        for spelled in dict.fromkeys((href, unquote(href))):
            path = _path_of(spelled)
            if not path:
                continue
            for name in (f"{self._folder}/{path}" if self._folder else path, path):
                if name in self._exact:
                    return name
            base = _base(path).lower()
            for found in (
                self._by_name.get(base),
                self._by_stem.get(base),
                self._by_stem.get(_SUFFIX.sub("", base)),
                self._by_key.get(picture_key(base)),
            ):
                if found:
                    return self._nearest(found, path)
        return None

    def best(self, hrefs: Iterable[str]) -> str | None:
        """Return the best member that any of `hrefs`, forms of one picture, means."""
        found = [name for href in hrefs if (name := self.find(href))]
        return min(found, key=quality) if found else None

    def _nearest(self, names: list[str], path: str) -> str:
        """Of members that a name fits, the one in the folder of `path`, then beside the article, then the best."""
        folder = path.rpartition("/")[0].lower()

        def distance(name: str) -> tuple[bool, bool, tuple[int, int]]:
            own = name.rpartition("/")[0]
            return not own.lower().endswith(folder), not own.startswith(self._folder), quality(name)

        return min(names, key=distance)


def quality(name: str) -> tuple[int, int]:
    """Rank a picture file by its name: size words first, then format; the smallest is the best."""
    base = _base(name).lower()
    suffix = _SUFFIX.search(base)
    size = _SIZE.search(_SUFFIX.sub("", base))
    return (
        _SIZES[size.group(1)] if size else _UNMARKED_SIZE,
        IMAGE_SUFFIXES.index(suffix.group(1)) if suffix else 2,
    )


def picture_key(name: str) -> str:
    """Return what all files of one picture share: the base name less extension, size word, version, `journal.`."""
    stem = _SUFFIX.sub("", _base(name).lower())
    while shorter := _SIZE.sub("", _VERSION.sub("", stem)):
        if shorter == stem:
            break
        stem = shorter
    return stem.removeprefix("journal.")


def _base(path: str) -> str:
    return path.rpartition("/")[2]


def _path_of(href: str) -> str:
    """Return the path that an href spells: no scheme, host, query, `./` or leading `/`."""
    href = href.strip().replace("\\", "/")
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", href):
        try:
            parts = urlsplit(href)
        except ValueError:
            return _base(href)
        href = parts.path.rpartition(":")[2] if parts.scheme == "urn" else parts.path
    return re.sub(r"^(?:\.{0,2}/)+", "", href)
